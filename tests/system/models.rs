//! Models at work: the programme of the strictest case from events to notices, and what people do about models at a terminal.

use std::fs;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tests::{
    binaries,
    environment::{Environment, SITE, Setup},
    waiting,
};

use crate::exchange::SOON;

const OLD: &str = r#"
version = 1
name = "calls"
half_life = "none"
[[stages]]
name = "cold"
[[stages]]
name = "warm"
enter = ">= 30"
[[stages]]
name = "hot"
enter = "> 70"
[[rules]]
id = "call"
title = "Called"
points = 40
per = { times = 1, every = "1h" }
when = { field = "event", eq = "call" }
"#;

/// What somebody who is not at home tells of a person.
async fn tell(environment: &Environment, person: &str, id: &str, event: Value) -> String {
    let mut told = json!({ "id": id, "person": person });
    told.as_object_mut().unwrap().extend(event.as_object().unwrap().clone());
    let answer = environment.server_events(SITE, vec![told]).await.unwrap().json().unwrap();
    environment.applied().await.unwrap();
    answer["receipts"][0]["visitor"].as_str().unwrap_or_else(|| panic!("not accepted: {answer}")).to_owned()
}

async fn stands(environment: &Environment, visitor: &str) -> (String, String) {
    let visitor = environment.visitor(SITE, visitor).await.unwrap().json().unwrap();
    let text = |key: &str| visitor[key].as_str().unwrap_or_default().to_owned();
    (text("score"), text("stage"))
}

/// `gloed model …` beside the running collector.
fn model(environment: &Environment, arguments: &[&str]) -> Output {
    let mut command = Command::new(binaries::gloed().unwrap());
    command
        .arg("model")
        .args(arguments)
        .arg("--config")
        .arg(environment.config())
        .arg("--data")
        .arg(environment.data());
    command.output().unwrap()
}

#[track_caller]
fn printed(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn exact_from_the_first_mail_to_the_second_notice() {
    // given a site with the preset, and a clock that the test moves
    let setup = Setup::default().set("sites.0.model", vec!["exact".to_owned()]).test_clock();
    let environment = setup.start().await.unwrap();
    let page = json!({ "page": { "url": "https://shop.example/prijzen" } });
    let with = |name: &str, more: Value| {
        let mut event = json!({ "name": name });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    };
    let property = |name: &str, value: &str| json!({ "properties": { name: value } });
    let steps = [
        (with("email_sent", json!({})), "0", "mql"),
        (with("email_open", json!({})), "1", "mql"),
        (with("email_sent", json!({})), "0", "mql"),
        (with("email_click", property("link", "white-paper")), "3", "mql"),
        (with("page_view", page), "12", "sql"),
        (with("call_outcome", property("outcome", "fruitless")), "0", "mql"),
        (with("email_open", json!({})), "1", "mql"),
        (with("email_click", property("link", "call-back")), "9", "mql"),
        (with("email_open", json!({})), "10", "mql"),
        (with("email_click", property("link", "white-paper")), "13", "sql"),
    ];

    // when the programme runs, a step each ten minutes
    let mut visitor = String::new();
    for (number, (event, score, stage)) in steps.into_iter().enumerate() {
        visitor = tell(&environment, "crm-17", &format!("step-{number}"), event.clone()).await;
        // then score and stage are as the programme has them
        assert_eq!(
            stands(&environment, &visitor).await,
            (score.to_owned(), stage.to_owned()),
            "after {number}: {event}"
        );
        environment.advance("10m").await.unwrap();
    }

    // and sales was told twice, exactly
    let messages = environment.outbox().await.unwrap();
    let told: Vec<&str> = messages
        .iter()
        .filter(|message| message["visitor"] == visitor.as_str() && message["to"] == "sql")
        .map(|message| message["score"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(told, ["12", "13"]);
}

#[tokio::test]
async fn a_model_is_tried_on_history_published_and_rolled_back() {
    // given a caller under a model by which one call is not hot, and a marketer's better one
    let environment = Setup::default().model(OLD).test_clock().start().await.unwrap();
    let visitor = tell(&environment, "anna", "1", json!({ "name": "call" })).await;
    tell(&environment, "anna", "2", json!({ "name": "call" })).await;
    let messages = environment.outbox().await.unwrap().len();
    let new = environment.config().with_file_name("new.toml");
    fs::write(&new, OLD.replace("points = 40", "points = 80").replace("version = 1", "version = 2")).unwrap();
    let new = new.to_str().unwrap();

    // then it is good, a broken one says what is wrong and where, and the caller is explained
    let checked = Command::new(binaries::gloed().unwrap()).args(["model", "check", new]).output().unwrap();
    assert!(printed(&checked).contains("is good: calls 2, 1 rule, 3 stages"));
    let rest = environment.config().with_file_name("rest.toml");
    fs::write(&rest, "[[offers]]\nid = \"first\"\nslot = 5\nwhen = { all = [] }\ncontent.en = { title = \"x\" }\n")
        .unwrap();
    let broken = environment.config().with_file_name("broken.toml");
    fs::write(&broken, OLD.replace("points = 40", "point = 40")).unwrap();
    let broken = Command::new(binaries::gloed().unwrap()).args(["model", "check"]).arg(&broken).output().unwrap();
    let said = String::from_utf8_lossy(&broken.stderr).into_owned();
    assert_eq!(broken.status.code(), Some(64), "{said}");
    assert!(said.contains("rules[0].point (line 16): found an unknown key, allowed: id, title"), "{said}");
    // also where it is several texts: the file is named, and the line in it
    let both = Command::new(binaries::gloed().unwrap()).args(["model", "check", "b2c"]).arg(&rest).output().unwrap();
    let said = String::from_utf8_lossy(&both.stderr).into_owned();
    assert!(said.contains("rest.toml: offers[0].slot (line 3): found"), "{said}");
    let explained = printed(&model(&environment, &["explain", "in-force", &visitor]));
    for part in ["calls 1: warm since", "engagement 40", "30.000001 points to hot (> 70)", "1× more than 1 within 1h"]
    {
        assert!(explained.contains(part), "{part:?} is not in:\n{explained}");
    }

    // and the backtest tells who would move
    let tested = printed(&model(&environment, &["backtest", "in-force", new, "--since", "7d"]));
    for part in ["1 lead\n", "warm", "hot", "warm 40", "hot 80"] {
        assert!(tested.contains(part), "{part:?} is not in:\n{tested}");
    }
    // and a model of several parts is tried as one
    let part = environment.config().with_file_name("part.toml");
    fs::write(&part, "[[labels]]\nlabel = \"x\"\nwhen = { field = \"event\", eq = \"chat\" }\n").unwrap();
    let parts = format!("{new}+{}", part.display());
    assert!(printed(&model(&environment, &["explain", &parts, &visitor])).contains("calls 2: hot since"));
    let calibrated = printed(&model(&environment, &["calibrate"]));
    assert!(calibrated.contains("not enough data for thresholds: at least 30 purchases"), "{calibrated}");

    // when it is published, then it holds at once, for the past too, and nobody is told of what did not happen
    printed(&model(&environment, &["publish", new]));
    assert_eq!(stands(&environment, &visitor).await, ("80".to_owned(), "hot".to_owned()));
    waiting::until("the sweep", SOON, async || {
        let output = environment.collector.output();
        if output.contains("every lead was looked at under the new model") { Ok(()) } else { Err(output) }
    })
    .await
    .unwrap();
    assert_eq!(environment.outbox().await.unwrap().len(), messages);
    let listed = printed(&model(&environment, &["list"]));
    assert!(listed.contains("retired") && listed.contains("in force"), "{listed}");

    // and an earlier number rolls back, also over a restart
    printed(&model(&environment, &["publish", "1"]));
    let mut environment = environment;
    environment.collector.restart().await.unwrap();
    assert_eq!(stands(&environment, &visitor).await, ("40".to_owned(), "warm".to_owned()));
    let unknown = model(&environment, &["publish", "9"]);
    let said = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(!unknown.status.success() && said.contains("version 9 is not there; there are 1, 2"), "{said}");
    // and who publishes a model that lacks what there was is told what, and how to get it back
    let fewer = environment.config().with_file_name("fewer.toml");
    fs::write(&fewer, OLD.replace("id = \"call\"", "id = \"phone\"")).unwrap();
    let said = printed(&model(&environment, &["publish", fewer.to_str().unwrap()]));
    assert!(said.contains("no longer there: 1 rule (call)\n`gloed model publish 1` brings version 1 back"), "{said}");
    let unknown = model(&environment, &["publish", "newest"]);
    let said = String::from_utf8_lossy(&unknown.stderr).into_owned();
    let allowed = "a model is `in-force`, a version's number, a preset (b2c, b2b, exact), or a file";
    assert!(unknown.status.code() == Some(64) && said.contains(allowed), "{said}");
}
