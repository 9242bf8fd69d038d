//! A lead's stage changes, with or without an event: it is announced, once, at the moment that was predicted.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
    time::Duration,
};

use engine::{
    Currency, EventName, Lead, LedgerLimits, Millis, Model, SiteFacts, StreamId, Touch, TouchId, Trust, next_change,
    record,
};
use hyper::Method;
use serde_json::{Value, json};
use tests::{
    binaries,
    body::{Page, now},
    environment::{Environment, SITE, Setup, visitor_id},
    waiting, workspace,
};

use crate::{contract::Contract, exchange::Request};

const OTHER: &str = "other";
const URL: &str = "https://shop.example/jassen/regenjas";
const OUTBOX: &str = "/v1/server/outbox";
const HOUR: i64 = 3_600_000;
const SOON: Duration = Duration::from_secs(10);
/// Thirty points are warm, more than seventy hot. One rule cools, one ends.
const MODEL: &str = r#"
version = 7
name = "cooling"
half_life = "1h"
[[stages]]
name = "cold"
[[stages]]
name = "warm"
enter = ">= 30"
[[stages]]
name = "hot"
enter = "> 70"
[[rules]]
id = "cart"
title = "Put into the cart"
when = { field = "event", eq = "add_to_cart" }
points = 100
[[rules]]
id = "open"
title = "Opened a mail"
when = { field = "event", eq = "email_open" }
points = 40
half_life = "none"
expires = "1h"
[[rules]]
id = "blink"
title = "Looked up"
when = { field = "event", eq = "blink" }
points = 40
half_life = "none"
expires = "2s"
[[labels]]
label = "jassen"
when = { field = "page.path", glob = "/jassen/**" }
"#;

fn setup() -> Setup {
    let models = |setup: Setup| setup.model(MODEL).set("sites.1.model", vec!["model.toml".to_owned()]);
    models(Setup::default().site(OTHER, &["https://other.example"]))
}

/// Tells one event of a person; gives the visitor's id once it is applied.
async fn tell(environment: &Environment, site: &str, person: &str, event: Value) -> String {
    let mut told = json!({ "id": "1", "person": person });
    told.as_object_mut().unwrap().extend(event.as_object().unwrap().clone());
    let answer = environment.server_events(site, vec![told]).await.unwrap();
    let answer = answer.json().unwrap();
    environment.applied().await.unwrap();
    answer["receipts"][0]["visitor"].as_str().unwrap_or_else(|| panic!("not accepted: {answer}")).to_owned()
}

/// The message in WIRE.md's example of the outbox.
fn promised() -> Value {
    let text = fs::read_to_string(workspace::root().join("collector/crates/wire/WIRE.md")).unwrap();
    let after = text.split_once("\n## `GET /v1/server/outbox`").unwrap().1;
    let example = after.split_once("```json\n").unwrap().1.split_once("```").unwrap().0;
    serde_json::from_str::<Value>(example).unwrap()["messages"][0].take()
}

/// The names of a message's fields, and of what is in it.
fn fields(message: &Value) -> Vec<String> {
    let names = |value: &Value, before: &str| -> Vec<String> {
        value.as_object().into_iter().flatten().map(|(name, _)| format!("{before}{name}")).collect()
    };
    let inner = ["why", "model"].into_iter().flat_map(|name| names(&message[name], name));
    let first = ["lines", "touches"].into_iter().flat_map(|name| names(&message[name][0], name));
    names(message, "").into_iter().chain(inner).chain(first).collect()
}

/// From, to and when of each message, oldest first: `cold hot 1790000001000`.
fn crossings(messages: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    messages.iter().map(|one| format!("{} {} {}", text(&one["from"]), text(&one["to"]), one["at"])).collect()
}

#[tokio::test]
async fn a_lead_that_becomes_warm_is_announced_once_with_all_that_a_reader_needs() {
    // Given a visitor of a page
    let environment = setup().start().await.unwrap();
    let mut page = Page::of_visitor(SITE, 1);
    let events = vec![page.event("page_view", json!({})), page.event("add_to_cart", json!({}))];
    let body = page.envelope(URL, events);

    // When they put something into the cart, and that is sent again
    let mut id = String::new();
    for _ in 0..3 {
        let answer = environment.post("/v1/events", &body).await.unwrap().json().unwrap();
        visitor_id(&answer).unwrap().clone_into(&mut id);
        environment.applied().await.unwrap();
    }

    // Then there is one message
    let messages = environment.outbox().await.unwrap();
    let [message] = messages.as_slice() else { panic!("not one message: {messages:#?}") };
    assert_eq!(message["type"], "stage_changed");
    assert_eq!((&message["site"], &message["visitor"]), (&json!(SITE), &json!(id)));
    assert_eq!(
        (&message["from"], &message["to"], &message["direction"]),
        (&json!("cold"), &json!("hot"), &json!("up"))
    );
    assert_eq!(message["at"], body["events"][1]["time"]);
    assert!(message["announced_at"].as_i64() >= message["at"].as_i64(), "{message}");
    let why = json!({ "cause": "touch", "rule": "cart", "title": "Put into the cart", "event": "add_to_cart",
        "touch": message["why"]["touch"] });
    assert_eq!(message["why"], why);
    assert_eq!(message["model"], json!({ "name": "cooling", "version": 7 }));
    assert_eq!(message["lines"][0]["rule"], "cart");
    assert_eq!(message["touches"][0]["name"], "add_to_cart");
    assert_eq!(message["touches"][1]["path"], "/jassen/regenjas");
    assert_eq!(message["labels"], json!(["jassen"]));
    assert_eq!(message["url"], format!("/sites/{SITE}/leads/{id}"));
    assert_eq!(message["id"].as_str().unwrap().len(), 22);
    assert_eq!(fields(message), fields(&promised()), "the fields of WIRE.md's example, and no others");
    assert_eq!(environment.metric("gloed_outbox_messages_total").await.unwrap(), 1.0);
}

#[tokio::test]
async fn after_a_kill_and_after_the_loss_of_the_store_it_is_the_same_message() {
    let mut environment = setup().start().await.unwrap();
    let event = json!({ "name": "add_to_cart" });
    tell(&environment, SITE, "customer-1", event.clone()).await;
    let before = environment.outbox().await.unwrap();
    assert_eq!(before.len(), 1, "{before:#?}");

    environment.collector.kill_9().await.unwrap();
    environment.collector.restart().await.unwrap();
    tell(&environment, SITE, "customer-1", event.clone()).await;
    assert_eq!(environment.outbox().await.unwrap(), before, "the log was applied again");

    environment.collector.kill_9().await.unwrap();
    fs::remove_dir_all(environment.data().join("store")).unwrap();
    environment.collector.restart().await.unwrap();
    tell(&environment, SITE, "customer-1", event).await;
    let after = environment.outbox().await.unwrap();
    assert_eq!(after.len(), 1, "{after:#?}");
    assert_eq!((&after[0]["id"], &after[0]["at"]), (&before[0]["id"], &before[0]["at"]), "a receiver can tell");
}

/// The instants at which a lead of one server's event leaves its stages, as the engine predicts them.
fn predicted(event: &str, time: i64) -> Vec<i64> {
    let site = SiteFacts { currency: Currency::EUR, offsets: Vec::new() };
    let model = Model::parse(MODEL, &site).unwrap();
    let mut touch = Touch::new(
        TouchId::parse("1").unwrap(),
        EventName::parse(event).unwrap(),
        StreamId::parse("server00").unwrap(),
        Millis(time),
    );
    touch.trust = Trust::Server;
    let mut lead = Lead::default();
    record(&mut lead, touch, &LedgerLimits::default());
    let after = |at: &Millis| next_change(&lead, &model, *at).map(|change| change.at);
    std::iter::successors(after(&Millis(time)), after).map(|at| at.0).collect()
}

#[tokio::test]
async fn left_alone_a_hot_lead_is_warm_and_then_cold_at_the_predicted_moments() {
    // Given a hot lead
    let mut environment = setup().test_clock().start().await.unwrap();
    let id = tell(&environment, SITE, "customer-1", json!({ "name": "add_to_cart" })).await;
    let visitor = environment.visitor(SITE, &id).await.unwrap().json().unwrap();
    let time = visitor["lines"][0]["time"].as_i64().unwrap();
    let [warm, cold] = predicted("add_to_cart", time)[..] else { panic!("two changes") };
    assert!(warm > time && cold > warm + HOUR);
    // and the visitor's page says beforehand why, and what follows
    assert_eq!(visitor["next_stage"], json!({ "at": warm, "stage": "warm" }));
    assert_eq!((&visitor["why"]["rule"], &visitor["why"]["event"]), (&json!("cart"), &json!("add_to_cart")));
    let line = &visitor["lines"][0];
    assert_eq!((&line["cause"], &line["touch"]), (&json!("touch"), &visitor["why"]["touch"]));
    assert!(line["next_change"]["at"].as_i64() > Some(time), "{line}");

    // When time passes by just too little, and then by more than enough
    let first = environment.advance("10m").await.unwrap();
    assert!(first < warm, "the first step is before the change");
    assert_eq!(crossings(&environment.outbox().await.unwrap()), [format!("cold hot {time}")]);
    let last = environment.advance("30d").await.unwrap();
    assert!((30 * 24 * HOUR..30 * 24 * HOUR + 60_000).contains(&(last - first)), "what was asked, and what passed");

    // Then each transition is announced once, with the predicted moment, as cooling
    let messages = environment.outbox().await.unwrap();
    let expected = [format!("cold hot {time}"), format!("hot warm {warm}"), format!("warm cold {cold}")];
    assert_eq!(crossings(&messages), expected);
    assert_eq!(messages[2]["why"], json!({ "cause": "cooling" }));
    assert_eq!(messages[2]["direction"], "down");
    for message in &messages[1..] {
        let late = message["announced_at"].as_i64().unwrap() - message["at"].as_i64().unwrap();
        assert!((0..1_500).contains(&late), "{late} ms late");
    }
    // And nothing comes after it, nor a second time after a restart, when the clock goes on from where it was
    environment.advance("30d").await.unwrap();
    environment.collector.kill_9().await.unwrap();
    environment.collector.restart().await.unwrap();
    assert!(environment.advance("1s").await.unwrap() > last + 30 * 24 * HOUR);
    assert_eq!(environment.outbox().await.unwrap(), messages);
}

#[tokio::test]
async fn without_any_event_and_without_a_moved_clock_a_lead_wakes_by_itself() {
    let environment = setup().start().await.unwrap();

    tell(&environment, SITE, "customer-1", json!({ "name": "blink" })).await;

    let found = waiting::until("the lead to be cold again", SOON, async || {
        let messages = environment.outbox().await.map_err(|fault| fault.to_string())?;
        if messages.len() == 2 { Ok(messages) } else { Err(format!("{messages:#?}")) }
    });
    let messages = found.await.unwrap();
    let at = messages[0]["at"].as_i64().unwrap();
    assert_eq!(crossings(&messages), [format!("cold warm {at}"), format!("warm cold {}", at + 2_000)]);
    let late = messages[1]["announced_at"].as_i64().unwrap() - messages[1]["at"].as_i64().unwrap();
    assert!((0..3_000).contains(&late), "{late} ms late");
}

#[tokio::test]
async fn a_crossing_that_lies_wholly_in_the_past_is_not_announced_and_one_that_lasts_is() {
    let environment = setup().start().await.unwrap();

    // Given mails that were opened some time ago and are told of now: one whose points have ended, one whose have not
    let (over, lasting) = (now() - 2 * HOUR, now() - HOUR / 2);
    tell(&environment, SITE, "customer-1", json!({ "name": "email_open", "time": over })).await;
    let id = tell(&environment, SITE, "customer-2", json!({ "name": "email_open", "time": lasting })).await;

    let messages = environment.outbox().await.unwrap();
    assert_eq!(crossings(&messages), [format!("cold warm {lasting}")]);
    assert_eq!(messages[0]["visitor"], id);
    assert!(messages[0]["announced_at"].as_i64().unwrap() >= lasting + HOUR / 2);
}

async fn read(environment: &Environment, site: &str, query: &str) -> Value {
    let answer = environment.with_server_key(Method::GET, site, &format!("{OUTBOX}{query}"), None).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json().unwrap()
}

async fn acknowledge(environment: &Environment, site: &str, ids: &[&Value]) -> Value {
    let path = format!("{OUTBOX}/acknowledge");
    let body = json!({ "ids": ids });
    environment.with_server_key(Method::POST, site, &path, Some(&body)).await.unwrap().json().unwrap()
}

#[tokio::test]
async fn the_outbox_is_read_page_by_page_and_acknowledged_by_the_site_alone() {
    // Given three messages of one site and one of another
    let environment = setup().start().await.unwrap();
    for (site, person) in [(SITE, "1"), (OTHER, "1"), (SITE, "2"), (SITE, "3")] {
        tell(&environment, site, person, json!({ "name": "add_to_cart" })).await;
    }
    let all = environment.outbox().await.unwrap();
    assert_eq!(all.len(), 4);

    // When a site reads in pages of two, it gets its own, each once
    let first = read(&environment, SITE, "?limit=2").await;
    let second = read(&environment, SITE, &format!("?limit=2&after={}", first["next"].as_str().unwrap())).await;
    let own: Vec<&Value> = [&first, &second].iter().flat_map(|page| page["messages"].as_array().unwrap()).collect();
    let expected: Vec<&Value> = all.iter().filter(|message| message["site"] == SITE).collect();
    assert_eq!(own, expected);
    assert_eq!(second["next"], Value::Null);

    // And what it acknowledges is gone; the other site's is not
    let named_twice = all[..3].iter().chain(&all[..1]);
    let ids: Vec<&Value> = named_twice.map(|message| &message["outbox_id"]).collect();
    assert_eq!(acknowledge(&environment, SITE, &ids).await, json!({ "acknowledged": 2 }));
    assert_eq!(acknowledge(&environment, SITE, &ids).await, json!({ "acknowledged": 0 }), "again");
    assert_eq!(read(&environment, SITE, "").await["messages"], json!([all[3]]));
    assert_eq!(read(&environment, OTHER, "").await["messages"], json!([all[1]]));

    // And an erased visitor's message goes with them
    let visitor = all[3]["visitor"].as_str().unwrap();
    assert_eq!(environment.erase(SITE, visitor).await.unwrap().status, 204);
    assert_eq!(read(&environment, SITE, "").await["messages"], json!([]));
    assert_eq!(environment.outbox().await.unwrap(), [all[1].clone()]);
}

#[tokio::test]
async fn what_is_no_good_question_to_the_outbox_is_refused() {
    let environment = setup().start().await.unwrap();
    let mut contract = Contract::read();
    let bearer = format!("Bearer {}", environment.server_key(SITE).unwrap());
    let acknowledged = format!("{OUTBOX}/acknowledge");
    let get = |query: &str| Request::get(&format!("{OUTBOX}{query}")).with("authorization", &bearer);
    let post = |body: &str| Request::post(&acknowledged, body).with("authorization", &bearer);

    for (what, code, request) in [
        ("no key", "unauthorized", Request::get(OUTBOX)),
        ("no key to acknowledge", "unauthorized", Request::post(&acknowledged, r#"{"ids":[]}"#)),
        ("a limit of 0", "bad_parameter", get("?limit=0")),
        ("a limit of 1001", "bad_parameter", get("?limit=1001")),
        ("a limit that is none", "bad_parameter", get("?limit=all")),
        ("an unknown parameter", "bad_parameter", get("?befor=1")),
        ("a place that is none", "bad_parameter", get("?after=last")),
        ("no JSON", "malformed_json", post("{")),
        ("no ids", "bad_parameter", post("{}")),
        ("an unknown field", "bad_parameter", post(r#"{"ids":[],"all":true}"#)),
        ("an id that is none", "bad_parameter", post(r#"{"ids":["1"]}"#)),
        ("a form", "unsupported_media_type", post("").set("content-type", "application/x-www-form-urlencoded")),
    ] {
        contract.refused(what, &request.send(environment.private()).await, code);
    }
}

#[tokio::test]
async fn the_command_line_prints_the_outbox_and_follows_it() {
    let mut environment = setup().start().await.unwrap();
    for (site, person) in [(SITE, "1"), (OTHER, "1"), (SITE, "2")] {
        tell(&environment, site, person, json!({ "name": "add_to_cart" })).await;
    }
    let all = environment.outbox().await.unwrap();
    let command = |arguments: &[&str]| {
        let mut command = Command::new(binaries::gloed().unwrap());
        command.arg("outbox").arg("--config").arg(environment.config()).arg("--data").arg(environment.data());
        command.args(arguments);
        command
    };
    let printed = |arguments: &[&str]| -> Vec<Value> {
        let output = command(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };

    // One message a line; of one site, behind one, at most so many
    assert_eq!(printed(&[]), all);
    assert_eq!(printed(&["--site", OTHER]), all[1..2]);
    assert_eq!(printed(&["--after", all[0]["outbox_id"].as_str().unwrap(), "--limit", "1"]), all[1..2]);

    // Followed, it prints what comes
    let mut following = command(&["--follow", "--site", SITE]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    let mut next = move || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    let reading = tokio::task::spawn_blocking(move || [next(), next(), next()]);
    let id = tell(&environment, SITE, "3", json!({ "name": "add_to_cart" })).await;
    let followed = tokio::time::timeout(SOON, reading).await.unwrap().unwrap();
    following.kill().unwrap();
    following.wait().unwrap();
    assert_eq!(followed[..2], [all[0].clone(), all[2].clone()]);
    assert_eq!(followed[2]["visitor"], id);

    // What it cannot do, it says
    for (arguments, part) in [(["--after", "last"], "18 hexadecimal digits"), (["--site", "a b"], "site name")] {
        let output = command(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains(part), "{output:?}");
    }
    let mut absent = command(&[]);
    environment.collector.stop().await.unwrap();
    let output = absent.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no collector runs on this data folder"), "{output:?}");
}

#[tokio::test]
async fn the_admin_socket_is_this_users_alone_and_goes_with_the_process() {
    let mut environment = setup().start().await.unwrap();
    let socket = environment.data().join("admin.sock");

    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    // What it does not understand it refuses in words, and goes on
    for (command, part) in [
        (json!({ "command": "advance", "by": "90m" }), "--test-clock"),
        (json!({ "command": "outbox", "behind": 1 }), "behind"),
        (json!({ "command": "erase" }), "erase"),
        (json!([]), ""),
    ] {
        let answer = environment.admin(&command).await.unwrap();
        assert_eq!(answer["error"]["code"], "bad_command", "{answer}");
        assert!(answer["error"]["detail"].as_str().unwrap().contains(part), "{command}: {answer}");
    }
    let long = environment.admin(&json!({ "command": "x".repeat(4 * 1024 * 1024) })).await.unwrap();
    assert_eq!(long["error"]["code"], "too_long");
    // After a crash it is there again, after an orderly end it is gone
    environment.collector.kill_9().await.unwrap();
    assert!(socket.exists());
    environment.collector.restart().await.unwrap();
    assert_eq!(environment.outbox().await.unwrap(), Vec::<Value>::new());
    environment.collector.stop().await.unwrap();
    assert!(!socket.exists());
}

#[tokio::test]
async fn a_test_clock_is_hidden_said_aloud_and_only_where_nobody_else_is() {
    let gloed = |arguments: &[&str], folder: &std::path::Path| {
        let output = Command::new(binaries::gloed().unwrap()).args(arguments).current_dir(folder).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let folder = setup().set("server.public", "0.0.0.0:0").written().unwrap();

    let (code, said) = gloed(&["serve", "--test-clock"], folder.path());
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("--test-clock: server.public is 0.0.0.0:0; allowed is a loopback address"), "{said}");
    assert!(!gloed(&["serve", "--help"], folder.path()).1.contains("test-clock"));

    let environment = setup().test_clock().start().await.unwrap();
    assert!(environment.collector.output().contains("TEST CLOCK"));
    for by in ["", "1", "-1h", "1y", "1.5h"] {
        let answer = environment.admin(&json!({ "command": "advance", "by": by })).await.unwrap();
        assert!(answer["error"]["detail"].as_str().unwrap().contains("allowed is"), "{by}: {answer}");
    }
}
