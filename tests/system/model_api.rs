//! Models over HTTP: handed in as TOML or JSON, read back, published, rolled back; and everything that is refused of it.

use std::fs;

use serde_json::{Value, json};
use tests::{
    environment::{DEMO_SITE, Environment, SITE, Setup},
    waiting, workspace,
};

use crate::{
    contract::Contract,
    exchange::{Answer, Framing, Request, SOON},
};

const MODEL: &str = "/v1/server/model";
const MODELS: &str = "/v1/server/models";
const CHECK: &str = "/v1/server/models/check";
const JSON: &str = "application/json";
const TOML: &str = "application/toml";

const OLD: &str = r#"
version = 1
name = "calls"      # a comment, which stays
half_life = "none"
[[stages]]
name = "cold"
[[stages]]
name = "hot"
enter = "> 70"
[[rules]]
id = "call"
title = "Called"
points = 40
when = { field = "event", eq = "call" }
"#;

/// Twice the points, and a rule that gives none, of which is warned.
fn better() -> Value {
    json!({
        "version": 2, "name": "calls", "half_life": "none",
        "stages": [{ "name": "cold" }, { "name": "hot", "enter": "> 70" }],
        "rules": [
            { "id": "call", "title": "Called", "points": 80.50, "when": { "field": "event", "eq": "call" } },
            { "id": "chat", "title": "Chatted", "points": 0, "when": { "field": "event", "eq": "chat" } },
        ],
    })
}

/// A site's systems, with its server key.
struct Server<'a> {
    environment: &'a Environment,
    key: String,
}

impl<'a> Server<'a> {
    fn of(environment: &'a Environment, site: &str) -> Self {
        Self { environment, key: environment.server_key(site).unwrap() }
    }

    fn with_key(&self, request: Request) -> Request {
        request.with("authorization", &format!("Bearer {}", self.key))
    }

    fn draft(&self, path: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Request {
        self.with_key(Request::post(path, body).set("content-type", content_type))
    }

    async fn post(&self, path: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Answer {
        self.draft(path, content_type, body).send(self.environment.private()).await
    }

    async fn get(&self, path: &str, accept: &str) -> Answer {
        self.with_key(Request::get(path)).with("accept", accept).send(self.environment.private()).await
    }

    async fn publish(&self, version: &Value, body: Value) -> Answer {
        self.post(&format!("{MODELS}/{version}/publish"), JSON, body.to_string()).await
    }
}

/// An existing visitor, who called once.
async fn caller(environment: &Environment) -> String {
    let call = json!({ "id": "1", "name": "call", "person": "anna" });
    let answer = environment.server_events(SITE, vec![call]).await.unwrap().json().unwrap();
    environment.applied().await.unwrap();
    answer["receipts"][0]["visitor"].as_str().unwrap().to_owned()
}

async fn stands(environment: &Environment, visitor: &str) -> (String, String) {
    let visitor = environment.visitor(SITE, visitor).await.unwrap().json().unwrap();
    let text = |key: &str| visitor[key].as_str().unwrap_or_default().to_owned();
    (text("score"), text("stage"))
}

#[tokio::test]
async fn a_model_is_handed_in_as_json_read_as_toml_published_and_rolled_back() {
    // given a caller who is cold under the model in force
    let environment = Setup::default().model(OLD).start().await.unwrap();
    let server = Server::of(&environment, SITE);
    let visitor = caller(&environment).await;
    assert_eq!(stands(&environment, &visitor).await, ("40".to_owned(), "cold".to_owned()));
    let first = server.get(MODEL, JSON).await;
    let messages = environment.outbox().await.unwrap().len();

    // when another one is handed in as JSON
    let draft = server.post(&format!("{MODELS}?by=anna"), JSON, better().to_string()).await;

    // then it is a draft, with what is doubtful about it, and changes nothing
    let about = draft.json();
    assert_eq!((draft.status, draft.header("location")), (201, Some("/v1/server/models/2")), "{about}");
    assert_eq!(
        (&about["version"], &about["state"], &about["imported"]["by"]),
        (&json!(2), &json!("draft"), &json!("anna"))
    );
    let warning = &about["warnings"][0];
    assert_eq!((&warning["path"], &warning["line"]), (&json!("rules[1].points"), &json!(1)), "{warning}");
    assert_eq!(stands(&environment, &visitor).await, ("40".to_owned(), "cold".to_owned()));

    // and it reads as TOML, which handed in again is the same version, as the same JSON is
    let text = server.get("/v1/server/models/2", TOML).await;
    assert_eq!(text.header("content-type"), Some("application/toml; charset=utf-8"));
    assert!(text.body.contains("[[rules]]\n") && text.body.contains("points = 80.5\n"), "{}", text.body);
    for (content_type, body) in [(TOML, text.body), (JSON, better().to_string())] {
        let again = server.post(MODELS, content_type, body).await;
        let version = again.json()["version"].clone();
        assert_eq!((again.status, again.header("location"), version), (200, None, json!(2)), "{content_type}");
    }

    // when it is published, instead of the one that was read
    let instead = server.draft("/v1/server/models/2/publish", JSON, r#"{"by":"anna"}"#);
    let instead = instead.with("if-match", first.header("etag").unwrap());
    let published = instead.send(environment.private()).await;

    // then it holds at once, for the past too, and nobody is told of what did not happen
    assert_eq!((published.status, &published.json()["state"]), (200, &json!("in_force")), "{published:?}");
    assert_eq!(stands(&environment, &visitor).await, ("80.5".to_owned(), "hot".to_owned()));
    waiting::until("the sweep", SOON, async || {
        let output = environment.collector.output();
        if output.contains("every lead was looked at under the new model") { Ok(()) } else { Err(output) }
    })
    .await
    .unwrap();
    assert_eq!(environment.outbox().await.unwrap().len(), messages);
    let current = server.get(MODEL, JSON).await;
    assert_eq!(current.header("etag"), published.header("etag"));
    let about = current.json();
    let publication = &about["published"][0];
    assert_eq!((&publication["by"], &publication["notify"]), (&json!("anna"), &json!(false)));
    assert!(publication["at"].as_i64().is_some_and(|at| at > 1_700_000_000_000), "{about}");
    assert_eq!((&about["title"], &about["model"]["name"]), (&json!("calls 2"), &json!("calls")));

    // and who still has the old one in mind is told so, and changes nothing
    assert_eq!(
        server
            .draft("/v1/server/models/1/publish", JSON, "{}")
            .with("if-match", first.header("etag").unwrap())
            .send(environment.private())
            .await
            .status,
        412
    );

    // when the earlier one is published again, then everything is as it was, its comments too
    assert_eq!(server.publish(&json!(1), json!({})).await.status, 200);
    assert_eq!(stands(&environment, &visitor).await, ("40".to_owned(), "cold".to_owned()));
    let text = server.get(MODEL, TOML).await;
    assert!(text.body.contains("# a comment, which stays"), "{}", text.body);
    assert_eq!(text.header("content-location"), Some("/v1/server/models/1"));
    let listed = server.get(MODELS, JSON).await.json();
    let row = |one: &Value| (one["version"].clone(), one["state"].clone(), one["published"].as_array().unwrap().len());
    let rows: Vec<_> = listed["models"].as_array().unwrap().iter().map(row).collect();
    assert_eq!(rows, [(json!(2), json!("retired"), 1), (json!(1), json!("in_force"), 2)], "{listed}");
}

#[tokio::test]
async fn who_asks_to_be_told_of_what_publishing_changes_is() {
    let environment = Setup::default().model(OLD).start().await.unwrap();
    let server = Server::of(&environment, SITE);
    let visitor = caller(&environment).await;
    let draft = server.post(MODELS, JSON, better().to_string()).await.json();

    assert_eq!(server.publish(&draft["version"], json!({ "notify": true })).await.status, 200);

    waiting::until("the announcement", SOON, async || {
        let messages = environment.outbox().await.unwrap();
        let told = |message: &&Value| message["visitor"] == visitor.as_str() && message["to"] == "hot";
        if messages.iter().any(|message| told(&message)) { Ok(()) } else { Err(format!("{messages:?}")) }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn what_goes_out_as_json_comes_back_as_the_same_version() {
    // given the demo shop's model and every preset on its shelf
    let environment = Setup::demo().start().await.unwrap();
    let server = Server::of(&environment, DEMO_SITE);
    for preset in engine::presets::NAMES {
        let draft = server.post(MODELS, TOML, engine::preset(preset).unwrap()).await;
        assert_eq!(draft.status, 201, "{preset}: {draft:?}");
    }

    for version in 1..=4 {
        // when a program reads one and hands it in, with the keys in the order that it keeps them in
        let read = server.get(&format!("{MODELS}/{version}"), JSON).await.json();
        let back = server.post(MODELS, JSON, read["model"].to_string()).await;

        // then it is the same version, by what it says
        let back = back.json();
        assert_eq!((&back["version"], &back["digest"]), (&json!(version), &read["digest"]), "{back}");
        assert_eq!(back["warnings"], json!([]));
    }
    assert_eq!(server.get(MODELS, JSON).await.json()["models"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_broken_model_is_told_all_its_faults_at_once() {
    // given the broken models of the engine, with what it says of them
    let environment = Setup::default().start().await.unwrap();
    let server = Server::of(&environment, SITE);
    let engine = workspace::root().join("collector/crates/engine/tests/engine");
    let mut broken = 0;
    for entry in fs::read_dir(engine.join("broken")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let snapshot = engine.join(format!("snapshots/engine__faults__broken-{name}.snap"));
        let snapshot = fs::read_to_string(&snapshot).unwrap_or_else(|error| panic!("{}: {error}", snapshot.display()));
        let told = snapshot.splitn(3, "---\n").nth(2).unwrap().trim_end();

        for path_of_api in [MODELS, CHECK] {
            let answer = server.post(path_of_api, TOML, fs::read(&path).unwrap()).await;

            // then each is in the answer, with its parts apart
            assert_eq!((answer.status, &answer.json()["code"]), (422, &json!("bad_model")), "{name}: {answer:?}");
            let faults = answer.json()["faults"].as_array().unwrap().iter().map(said).collect::<Vec<_>>();
            assert_eq!(faults.join("\n"), told, "{name}");
        }
        broken += 1;
    }
    assert!(broken > 20, "{broken}");

    // and of JSON too, with the lines of what was sent
    let json = "{\n\"version\": 0,\n\"name\": \"x\",\n\"stages\": [{ \"name\": \"cold\" }],\n\"rule\": []\n}";
    let answer = server.post(MODELS, JSON, json).await;
    let lines: Vec<(String, Value)> = answer.json()["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| (fault["path"].as_str().unwrap().to_owned(), fault["line"].clone()))
        .collect();
    assert_eq!(lines, [("version".to_owned(), json!(2)), ("rule".to_owned(), json!(5))], "{answer:?}");
    let kept = server.get(MODELS, JSON).await.json();
    assert_eq!(kept["models"].as_array().unwrap().len(), 1, "nothing of it is kept: {kept}");
}

/// A fault as the command line tells it.
fn said(fault: &Value) -> String {
    let text = |key: &str| fault[key].as_str().unwrap();
    let line = fault["line"].as_i64().map(|line| format!(" (line {line})")).unwrap_or_default();
    format!("{}{line}: found {}, allowed: {}", text("path"), text("found"), text("allowed"))
}

#[tokio::test]
async fn the_schema_that_editors_read_is_served_as_it_stands_in_the_documents() {
    let environment = Setup::default().start().await.unwrap();

    let served = Request::get("/v1/model.schema.json").send(environment.private()).await;

    let file = fs::read_to_string(workspace::root().join("collector/docs/model.schema.json")).unwrap();
    assert_eq!((served.status, served.header("content-type")), (200, Some("application/schema+json")));
    assert_eq!(served.body, file);
}

/// Everything that is refused on these addresses.
pub(crate) async fn refusals(environment: &Environment, contract: &mut Contract, other: &str) {
    let server = Server::of(environment, SITE);
    let private = environment.private();
    let publish = "/v1/server/models/1/publish";
    let model = server.get(MODEL, TOML).await.body;
    let posts = [(MODELS, TOML, model.as_str()), (CHECK, TOML, &model), (publish, JSON, "{}")];
    let gets = [MODEL, MODELS, "/v1/server/models/1"];

    // Without the key nothing is looked at
    for wrong in ["", "gsk_x", &server.key[..server.key.len() - 1]] {
        let stranger = Server { environment, key: wrong.to_owned() };
        for path in gets {
            contract.refused(path, &stranger.get(path, JSON).await, "unauthorized");
        }
        for (path, content_type, _) in posts {
            let request = Request { framing: Framing::OnlyDeclared(100), ..stranger.draft(path, content_type, "") };
            contract.refused(path, &request.send(private).await, "unauthorized");
        }
    }
    for path in gets {
        contract.refused(path, &Request::get(path).send(private).await, "unauthorized");
        contract.refused(path, &server.with_key(Request::get(path)).send(environment.public()).await, "not_found");
        let delete = Request { method: "DELETE", ..server.with_key(Request::get(path)) };
        contract.refused(path, &delete.send(private).await, "method_not_allowed");
    }

    // Requests with a body, as a whole
    for (path, content_type, good) in posts {
        let with = |body: &[u8]| server.draft(path, content_type, body);
        let limit = if path == publish { 64 << 10 } else { 512 << 10 };
        for (what, code, request) in [
            ("a form", "unsupported_media_type", with(good.as_bytes()).set("content-type", "multipart/form-data")),
            ("brotli", "unsupported_encoding", with(good.as_bytes()).with("content-encoding", "br")),
            ("too large", "body_too_large", Request { framing: Framing::OnlyDeclared(limit + 1), ..with(b"") }),
            (
                "too large, in chunks",
                "body_too_large",
                Request { framing: Framing::Chunked, ..with(&vec![b' '; limit + 1]) },
            ),
            (
                "a body that does not come",
                "request_timeout",
                Request { framing: Framing::OnlyDeclared(9), ..with(b"") },
            ),
            ("no JSON", "malformed_json", with(b"{").set("content-type", JSON)),
            ("no UTF-8", "malformed_json", with(b"{\"name\":\"\xff\"}").set("content-type", JSON)),
        ] {
            contract.refused(&format!("{path} {what}"), &request.send(private).await, code);
        }
        let mut answers = tokio::task::JoinSet::new();
        for _ in 0..3 {
            let request = Request { framing: Framing::OnlyDeclared(9), ..with(b"") };
            answers.spawn(async move { request.send(private).await });
        }
        let first = tokio::time::timeout(SOON, answers.join_next()).await.unwrap().unwrap().unwrap();
        contract.refused(&format!("{path} one too many"), &first, "overloaded");
        answers.join_all().await;
    }
    for path in [MODELS, CHECK] {
        contract.refused(path, &server.post(path, "text/plain", model.as_str()).await, "unsupported_media_type");
        contract.refused(path, &server.post(path, TOML, *b"name = \"\xff\"").await, "bad_model");
        contract.refused(path, &server.post(path, JSON, "[".repeat(65)).await, "malformed_json");
        contract.refused(path, &server.post(path, JSON, "[]").await, "bad_model");
        contract.refused(path, &server.post(path, TOML, "").await, "bad_model");
    }

    // Parts of the address, and what publishing is told
    for query in ["by=", "by=a%00b", "who=anna", &format!("by={}", "a".repeat(101))] {
        let answer = server.post(&format!("{MODELS}?{query}"), TOML, model.as_str()).await;
        contract.refused(query, &answer, "bad_parameter");
    }
    for version in ["0", "x", "-1", "1.0", "4294967296"] {
        contract.refused(version, &server.get(&format!("{MODELS}/{version}"), JSON).await, "bad_parameter");
        let answer = server.post(&format!("{MODELS}/{version}/publish"), JSON, "{}").await;
        contract.refused(version, &answer, "bad_parameter");
    }
    for body in
        [json!([]), json!({ "by": "" }), json!({ "by": 7 }), json!({ "notify": "no" }), json!({ "who": "anna" })]
    {
        contract.refused(&body.to_string(), &server.publish(&json!(1), body).await, "bad_parameter");
    }
    contract.refused("no such version", &server.get(&format!("{MODELS}/9"), JSON).await, "not_found");
    contract.refused("no such version", &server.publish(&json!(9), json!({})).await, "not_found");

    // Another site's key shows and publishes that site's models only
    let draft = server.post(MODELS, JSON, better().to_string()).await.json();
    assert_eq!(draft["version"], 2);
    let elsewhere = Server::of(environment, other);
    contract.refused("another site", &elsewhere.get(&format!("{MODELS}/2"), JSON).await, "not_found");
    contract.refused("another site", &elsewhere.publish(&json!(2), json!({})).await, "not_found");

    // Who publishes without having seen the last publication, and who does so while somebody else does
    for tag in ["\"1.9\"", "W/\"1.1\"", "\"2.1\", nonsense"] {
        let request = server.draft(publish, JSON, "{}").with("if-match", tag);
        contract.refused(tag, &request.send(private).await, "precondition_failed");
    }
    conflict(&server, contract).await;
    assert_eq!(server.publish(&json!(1), json!({})).await.status, 200);
}

/// Two publish in turn and all the time, until they meet: one is told so, and the other is not.
async fn conflict(server: &Server<'_>, contract: &mut Contract) {
    let met = waiting::until("two publications to meet", SOON, async || {
        let (one, two) = (json!(1), json!(2));
        let (one, two) = tokio::join!(server.publish(&one, json!({})), server.publish(&two, json!({})));
        let refused: Vec<Answer> = [one, two].into_iter().filter(|answer| answer.status != 200).collect();
        if refused.is_empty() { Err("both came through".to_owned()) } else { Ok(refused) }
    });
    let refused = met.await.unwrap();
    assert_eq!(refused.len(), 1, "one of them is published: {refused:?}");
    contract.refused("two at once", &refused[0], "model_conflict");
}
