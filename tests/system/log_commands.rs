//! `gloed log`: what somebody sees of the log of a collector that runs, and does about what it could not apply.

use std::process::{Command, Output};

use serde_json::{Value, json};
use tests::{
    binaries,
    body::Page,
    environment::{Environment, SITE, Setup, visitor_id},
    waiting,
};

const OTHER: &str = "other";
const OTHER_ORIGIN: &str = "https://other.example";
const ADDRESS: &str = "jan.jansen@voorbeeld.example";

fn log(environment: &Environment, arguments: &[&str]) -> Output {
    let mut command = Command::new(binaries::gloed().unwrap());
    command.arg("log").args(arguments).current_dir(environment.collector.folder()).output().unwrap()
}

/// Runs `gloed log quarantine …` or `replay`, which find the collector by its configuration.
fn asked(environment: &Environment, arguments: &[&str]) -> Output {
    let config = environment.config().display().to_string();
    log(environment, &[arguments, &["--config", &config]].concat())
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

async fn send(environment: &Environment, site: &str, origin: &str, number: u64, events: u64) -> Value {
    let mut page = Page::of_visitor(site, number);
    let mut all: Vec<Value> = (1..events).map(|_| page.event("add_to_cart", json!({}))).collect();
    all.push(page.event("sign_up", json!({ "email": ADDRESS })));
    let body = page.envelope(&format!("{origin}/"), all);
    let answer = environment.post_with("/v1/events", &[("origin", origin)], &body).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json().unwrap()
}

#[tokio::test]
async fn a_log_is_inspected_beside_its_collector_without_telling_of_anybody() {
    // Given a collector that runs, with 3 records of 6 events and an erasure in its log
    let environment = Setup::default().site(OTHER, &[OTHER_ORIGIN]).start().await.unwrap();
    let first = send(&environment, SITE, tests::environment::ORIGIN, 1, 3).await;
    send(&environment, SITE, tests::environment::ORIGIN, 2, 2).await;
    send(&environment, OTHER, OTHER_ORIGIN, 3, 1).await;
    environment.applied().await.unwrap();
    environment.erase(SITE, visitor_id(&first).unwrap()).await.unwrap();

    // When its files are looked at
    let data = environment.data().display().to_string();
    let output = log(&environment, &["inspect", &data, "--json", "--records"]);

    // Then all of it is said
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<Value> = text(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let found = lines.last().unwrap();
    assert_eq!((&found["kinds"]["touches"]["records"], &found["kinds"]["touches"]["events"]), (&json!(3), &json!(6)));
    assert_eq!(found["kinds"]["erasure"]["records"], 1);
    assert_eq!((&found["sites"][SITE]["records"], &found["sites"][OTHER]["events"]), (&json!(3), &json!(1)));
    assert_eq!((found["damage"].as_array().map(Vec::len), &found["segments"][0]["end"]), (Some(0), &json!(5)));
    assert!(found["checkpoint"]["position"].is_u64(), "{found}");
    assert_eq!(lines[0]["events"], json!(["add_to_cart", "add_to_cart", "sign_up"]));
    // And nothing of whom
    for output in [output, log(&environment, &["inspect", &data, "--records"])] {
        let said = text(&output);
        assert!(!said.contains(ADDRESS) && !said.contains(visitor_id(&first).unwrap()), "{said}");
        assert!(said.contains("sign_up") && said.contains(OTHER), "{said}");
    }
    // And the collector goes on
    send(&environment, SITE, tests::environment::ORIGIN, 4, 1).await;
}

#[tokio::test]
async fn damage_is_told_by_the_exit_code_and_its_positions() {
    let mut environment = Setup::default().start().await.unwrap();
    for number in 1..4 {
        send(&environment, SITE, tests::environment::ORIGIN, number, 2).await;
    }
    environment.collector.stop().await.unwrap();
    let segment = environment.data().join("log/00000001.log");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[64 + 17 + 3] ^= 1;
    std::fs::write(&segment, bytes).unwrap();

    let output = log(&environment, &["inspect", &environment.data().display().to_string()]);

    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("records 1 to before 2 are lost"), "{}", text(&output));
}

#[tokio::test]
async fn a_folder_without_a_log_is_none() {
    let environment = Setup::default().start().await.unwrap();
    let empty = tempfile::tempdir().unwrap();
    let path = empty.path().display().to_string();

    let output = log(&environment, &["inspect", &path]);

    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(&path) && said.contains("no log here"), "{said}");
}

#[tokio::test]
async fn what_could_not_be_applied_is_listed_shown_tried_again_and_dropped() {
    // Given a site that is no longer in the configuration, and the log with its events applied again
    let mut environment = Setup::default().site(OTHER, &[OTHER_ORIGIN]).start().await.unwrap();
    let answer = send(&environment, OTHER, OTHER_ORIGIN, 1, 2).await;
    let id = visitor_id(&answer).unwrap().to_owned();
    environment.applied().await.unwrap();
    let whole = std::fs::read_to_string(environment.config()).unwrap();
    let mut config: toml::Table = whole.parse().unwrap();
    config["sites"].as_array_mut().unwrap().pop();
    std::fs::write(environment.config(), config.to_string()).unwrap();
    environment.collector.restart().await.unwrap();
    let replayed = asked(&environment, &["replay"]);
    assert!(text(&replayed).contains("2 put_aside"), "{}", text(&replayed));

    // Then they are in quarantine, with the reason
    let listed = text(&asked(&environment, &["quarantine", "list", "--json"]));
    let one: Value = serde_json::from_str(listed.trim()).unwrap();
    let name = one["id"].as_str().unwrap();
    assert_eq!((&one["kind"], &one["reason"]), (&json!("touches"), &json!("its site is not in the configuration")));
    let shown = text(&asked(&environment, &["quarantine", "show", name]));
    assert!(shown.contains("add_to_cart") && shown.contains(&id) && !shown.contains(ADDRESS), "{shown}");
    assert_eq!(environment.get_private("/readyz").await.unwrap().json().unwrap()["quarantined"], 1);
    waiting::until("the metric", std::time::Duration::from_secs(5), async || {
        let found = environment.metric("gloed_quarantined_records").await.map_err(|fault| fault.to_string())?;
        if (found - 1.0).abs() < 0.1 { Ok(()) } else { Err(found.to_string()) }
    })
    .await
    .unwrap();
    // And are not applied as long as the cause is there
    let again = asked(&environment, &["quarantine", "replay", name]);
    assert_eq!(again.status.code(), Some(1), "{}", text(&again));
    assert!(text(&again).contains("back in quarantine"), "{}", text(&again));

    // And when the site is there again, they are
    std::fs::write(environment.config(), &whole).unwrap();
    environment.collector.restart().await.unwrap();
    let again = asked(&environment, &["quarantine", "replay"]);
    assert_eq!((again.status.code(), text(&again)), (Some(0), format!("{name} applied\n")));
    assert_eq!(environment.visitor(OTHER, &id).await.unwrap().status, 200);
    assert_eq!(text(&asked(&environment, &["quarantine", "list"])), "");
    let dropped = asked(&environment, &["quarantine", "drop", name]);
    assert_eq!(dropped.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&dropped.stderr).contains("is not in quarantine"));
}

#[tokio::test]
async fn how_much_the_loss_of_a_disk_would_lose_and_how_long_the_log_reaches_back_is_measured() {
    let environment = Setup::default().start().await.unwrap();
    send(&environment, SITE, tests::environment::ORIGIN, 1, 3).await;
    environment.applied().await.unwrap();
    waiting::until("every metric", std::time::Duration::from_secs(10), async || {
        let metrics = environment.metrics().await.map_err(|fault| fault.to_string())?;
        let value = |name: &str| metrics.get(name).copied();
        let unapplied = ["gloed_unapplied_records", "gloed_unapplied_bytes", "gloed_unapplied_age_seconds"].map(value);
        let retained = value("gloed_log_retained_seconds");
        let all = unapplied == [Some(0.0); 3] && retained.is_some_and(|seconds| seconds >= 1.0);
        if all { Ok(()) } else { Err(format!("{unapplied:?} {retained:?}")) }
    })
    .await
    .unwrap();
}
