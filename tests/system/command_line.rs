//! What a person at a terminal, a service manager and a shell script see of `gloed`.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use rustix::process::Signal;
use serde_json::{Value, json};
use tests::{
    Fault, binaries,
    body::Page,
    environment::{SITE, Setup, visitor_id},
    ports,
    raw::Raw,
    waiting,
};

use crate::exchange::{Answer, Request, SOON};

/// Runs a command that ends by itself, in `folder`.
fn gloed(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(binaries::gloed().unwrap()).args(arguments).current_dir(folder).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[track_caller]
fn assert_says(output: &Output, code: i32, parts: &[&str]) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
}

#[test]
fn a_good_configuration_is_said_to_be_good() {
    let folder = Setup::demo().set("sites.0.origins", vec!["https://shop.example".to_owned()]).written().unwrap();

    assert_says(&gloed(folder.path(), &["check-config"]), 0, &["gloed.toml is good: 1 site"]);
}

#[test]
fn every_fault_of_a_configuration_is_reported_at_once_with_its_path() {
    let setup = Setup::default()
        .set("server.public", "everywhere")
        .set("server.prot", 7070)
        .set("limits.request_burst", 0)
        .set("log.cap", "2 parsecs")
        .set("sites.0.currency", "euro")
        .set("sites.0.origins", vec!["shop.example/jassen".to_owned()])
        .set("typo.here", true);
    let folder = setup.written().unwrap();
    let faults = [
        "server.public: is \"everywhere\"; allowed is an address such as",
        "server.prot: is not a key; allowed here are public, private",
        "limits.request_burst: is 0",
        "log.cap: is \"2 parsecs\"",
        "sites[0].currency: is \"euro\"",
        "sites[0].origins[0]: is \"shop.example/jassen\"",
        "typo: is not a key",
    ];

    for command in ["check-config", "serve"] {
        let output = gloed(folder.path(), &[command]);
        assert_says(&output, 64, &faults);
        assert_says(&output, 64, &[&format!("gloed.toml: {} faults", faults.len())]);
    }
    assert!(!folder.path().join("data").exists(), "nothing was begun");
    assert_says(
        &gloed(folder.path(), &["check-config", "--config", "absent.toml"]),
        64,
        &["absent.toml", "cannot be read"],
    );
    fs::write(folder.path().join("broken.toml"), "[server]\npublic = \n").unwrap();
    let broken = gloed(folder.path(), &["check-config", "--config", "broken.toml"]);
    assert_says(&broken, 64, &["broken.toml: 1 fault", "line 2: "]);
    assert!(!said(&broken).contains("gloed.toml"), "a file that nobody named");
}

#[test]
fn a_broken_model_names_its_file_the_line_and_the_path() {
    let model = "[[offers]]\nid = \"x\"\ncolour = \"red\"\nslot = \"popup\"\nwhen = { field = \"shoe_size\", gte = 43 }\n[offers.content.nl]\ntitle = \"t\"\ntext = \"x\"\n";
    // On ports of its own: what else runs on this machine has the default ones.
    let address = || ports::free_address().unwrap().to_string();
    let setup = Setup::default().set("server.public", address()).set("server.private", address());
    let folder = setup.model(model).written().unwrap();
    // Behind a preset, so that the line is that of the file, and not of the text as a whole.
    let config = fs::read_to_string(folder.path().join("gloed.toml")).unwrap();
    fs::write(folder.path().join("gloed.toml"), config.replace("[\"model.toml\"]", "[\"b2c\", \"model.toml\"]"))
        .unwrap();

    for command in ["check-config", "serve"] {
        let output = gloed(folder.path(), &[command]);
        assert_says(&output, 64, &["sites.shop.model", "model.toml: offers[0].colour (line 3)"]);
        assert_says(&output, 64, &["offers[0].when.field (line 5)", "shoe_size"]);
    }
}

#[tokio::test]
async fn the_description_of_the_interface_names_every_route() {
    let folder = tempfile::tempdir().unwrap();
    let environment = Setup::default().start().await.unwrap();

    let output = gloed(folder.path(), &["openapi"]);

    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(printed["openapi"].as_str().unwrap().starts_with("3."));
    let paths: Vec<&String> = printed["paths"].as_object().unwrap().keys().collect();
    for (path, method) in [
        ("/v1/events", "post"),
        ("/v1/decide", "post"),
        ("/v1/visitors/{id}", "get"),
        ("/v1/visitors/{id}", "delete"),
        ("/v1/server/events", "post"),
        ("/v1/server/outbox", "get"),
        ("/v1/server/outbox/acknowledge", "post"),
        ("/v1/server/merge", "post"),
        ("/v1/server/links", "post"),
        ("/v1/server/coupons/verify", "post"),
        ("/v1/server/coupons/redeem", "post"),
        ("/v1/server/model", "get"),
        ("/v1/server/models", "get"),
        ("/v1/server/models", "post"),
        ("/v1/server/models/check", "post"),
        ("/v1/server/models/{version}", "get"),
        ("/v1/server/models/{version}/publish", "post"),
        ("/v1/model.schema.json", "get"),
        ("/{file}", "get"),
        ("/livez", "get"),
        ("/readyz", "get"),
        ("/metrics", "get"),
    ] {
        assert!(printed["paths"][path][method].is_object(), "{method} {path} is not among {paths:?}");
    }
    // Nothing in it points to what is not there.
    let text = printed.to_string();
    for reference in text.split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(printed["components"]["schemas"][reference].is_object(), "{reference} is not described");
    }
    let served = environment.get_private("/openapi.json").await.unwrap().json().unwrap();
    assert_eq!(served, printed);
}

#[tokio::test]
async fn health_tells_a_service_manager_whether_to_send_requests() {
    let mut environment = Setup::default().start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (public, private) = (environment.public().to_string(), environment.private().to_string());

    assert_says(&gloed(folder.path(), &["health", &public]), 0, &[]);
    assert_says(&gloed(folder.path(), &["health", &private]), 0, &[]);
    let config = environment.config().display().to_string();
    assert_says(&gloed(folder.path(), &["health", "--config", &config]), 0, &[]);
    assert_says(&gloed(folder.path(), &["health"]), 64, &["gloed.toml", "cannot be read"]);
    environment.collector.signal(Signal::STOP).unwrap();
    assert_says(&gloed(folder.path(), &["health", &public]), 1, &["does not answer within 2 s"]);
    environment.collector.signal(Signal::CONT).unwrap();
    environment.collector.stop().await.unwrap();
    assert_says(&gloed(folder.path(), &["health", &public]), 1, &[&public, "refused"]);
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let environment = Setup::default().start().await.unwrap();
    let taken = environment.public().to_string();

    for key in ["server.public", "server.private"] {
        let other = ports::free_address().unwrap().to_string();
        let (public, private) = if key == "server.public" { (&taken, &other) } else { (&other, &taken) };
        let setup = Setup::default().set("server.public", public.as_str()).set("server.private", private.as_str());
        let folder = setup.written().unwrap();
        assert_says(&gloed(folder.path(), &["serve"]), 1, &[key, &taken, "in use"]);
    }
}

#[tokio::test]
async fn a_second_collector_on_the_same_data_is_refused_and_the_first_goes_on() {
    let environment = Setup::default().start().await.unwrap();
    let data = environment.data().display().to_string();
    let (public, private) = (ports::free_address().unwrap(), ports::free_address().unwrap());
    let setup = Setup::default().set("server.public", public.to_string()).set("server.private", private.to_string());
    let folder = setup.written().unwrap();

    let output = gloed(folder.path(), &["serve", "--data", &data]);

    assert_says(&output, 1, &[&data, "another process"]);
    let mut page = Page::of_visitor(SITE, 1);
    let event = page.event("page_view", json!({}));
    let body = page.envelope("https://shop.example/", vec![event]);
    assert_eq!(environment.post("/v1/events", &body).await.unwrap().status, 200);
}

#[tokio::test]
async fn secrets_are_made_at_the_first_start_for_this_user_only_and_kept() {
    let mut environment = Setup::default().site("other", &["https://other.example"]).start().await.unwrap();
    let file = environment.data().join("secrets.toml");
    let first = fs::read_to_string(&file).unwrap();

    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(environment.admin_password().unwrap().len() >= 20);
    assert_ne!(environment.server_key(SITE).unwrap(), environment.server_key("other").unwrap());
    environment.collector.restart().await.unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), first);
    for secret in [environment.admin_password().unwrap(), environment.server_key(SITE).unwrap()] {
        assert!(!environment.collector.output().contains(&secret), "a secret is in the output");
    }
}

#[tokio::test]
async fn a_stop_signal_lets_what_is_in_flight_finish_and_applies_everything() {
    // Given a request of which half has arrived, and an idle connection
    let mut environment = Setup::default().start().await.unwrap();
    let mut page = Page::of_visitor(SITE, 1);
    let event = page.event("add_to_cart", json!({}));
    let request = Request::post("/v1/events", page.envelope("https://shop.example/", vec![event]).to_string());
    let (first, rest) = request.body.split_at(request.body.len() / 2);
    let idle = Raw::connect(environment.public()).await.unwrap();
    let mut connection = Raw::connect(environment.public()).await.unwrap();
    // The collector asks for the body when it begins to read it: from then on the request is in flight.
    connection.send(request.clone().with("expect", "100-continue").head()).await.unwrap();
    let asked = connection.read_some(SOON).await.unwrap();
    assert!(asked.starts_with("HTTP/1.1 100"), "{asked}");
    connection.send(first).await.unwrap();

    // When it is asked to stop, and has heard it
    environment.collector.signal(Signal::TERM).unwrap();
    let stopping = async || {
        let output = environment.collector.output();
        if output.contains("stopping") { Ok(()) } else { Err(output) }
    };
    waiting::until("the signal to be heard", SOON, stopping).await.unwrap();
    let closed = async || match Raw::connect(environment.public()).await {
        Err(Fault::System { .. }) => Ok(()),
        other => Err(format!("{other:?}")),
    };
    waiting::until("new connections to be refused", Duration::from_secs(2), closed).await.unwrap();

    // Then the request is answered, and the process ends well, and soon, with the event in its store
    connection.send(rest).await.unwrap();
    let answer = Answer::read(connection).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let begin = std::time::Instant::now();
    let status = environment.collector.stop().await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0), "{status}");
    assert!(begin.elapsed() < Duration::from_secs(8), "an idle connection held it up: {:?}", begin.elapsed());
    drop(idle);
    assert!(environment.collector.output().contains("everything is applied; stopped"));
    fs::remove_dir_all(environment.data().join("log")).unwrap();
    environment.collector.restart().await.unwrap();
    let id = answer.json();
    let visitor = environment.visitor(SITE, visitor_id(&id).unwrap()).await.unwrap().json().unwrap();
    assert_eq!(visitor["score"], "20");
}
