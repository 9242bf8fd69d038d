//! Where a visitor is: from a real database, by the address that counts.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::{AtomicBool, Ordering},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{
    Fault, binaries,
    body::Page,
    environment::{Environment, SITE, Setup, visitor_id},
    waiting, workspace,
};

use crate::exchange::{Request, SOON};

/// An address of the Dutch research network, and one of a resolver in the United States.
const DUTCH: &str = "145.100.1.1";
const AMERICAN: &str = "8.8.8.8";

/// A label for each of the two countries, and one for a known one at all.
const MODEL: &str = r#"
version = 1
name = "geo"
[[stages]]
name = "cold"
[[labels]]
label = "dutch"
when = { field = "country", eq = "NL" }
[[labels]]
label = "american"
when = { field = "country", eq = "US" }
[[labels]]
label = "somewhere"
when = { field = "country", exists = true }
"#;

/// The database that the tests fetch.
fn database() -> Result<String, Fault> {
    fetched("geo-whois-asn-country.mmdb").map(|path| path.display().to_string())
}

/// A file of the package that the tests fetch. There is one with both kinds of addresses, and one of each alone.
fn fetched(name: &str) -> Result<PathBuf, Fault> {
    let file = format!("tests/fetched/node_modules/@ip-location-db/geo-whois-asn-country-mmdb/{name}");
    let path = workspace::root().join(&file);
    if path.is_file() {
        Ok(path)
    } else {
        Err(Fault::Missing { what: file, remedy: "run .ci/prerequisites test".to_owned() })
    }
}

fn trusting() -> Setup {
    Setup::default().model(MODEL).set("server.trusted_proxies", vec!["127.3.0.0/16".to_owned()])
}

/// The labels of a new visitor whose one request comes over `peer` and says that it was forwarded for `forwarded`.
async fn labels(environment: &Environment, number: u64, peer: [u8; 4], forwarded: &str) -> Value {
    let mut page = Page::of_visitor(SITE, number);
    let event = page.event("page_view", json!({}));
    let body = page.envelope("https://shop.example/", vec![event]).to_string();
    let request = Request::post("/v1/events", body).from(peer).with("x-forwarded-for", forwarded);
    let answer = request.send(environment.public()).await.json();
    environment.applied().await.unwrap();
    let visitor = environment.visitor(SITE, visitor_id(&answer).unwrap()).await.unwrap();
    visitor.json().unwrap()["labels"].clone()
}

#[tokio::test]
async fn the_country_is_that_of_the_address_which_a_trusted_proxy_names() {
    let environment = trusting().set("geo.database", database().unwrap()).start().await.unwrap();
    let proxy = [127, 3, 0, 1];

    assert_eq!(labels(&environment, 1, proxy, DUTCH).await, json!(["dutch", "somewhere"]));
    assert_eq!(labels(&environment, 2, proxy, AMERICAN).await, json!(["american", "somewhere"]));
    // The right-most address that is not ours counts; what stands left of it is the client's own word.
    assert_eq!(
        labels(&environment, 3, proxy, &format!("{AMERICAN}, {DUTCH}, 127.3.0.9")).await,
        json!(["dutch", "somewhere"])
    );
    // Nobody else is believed, and the peer itself is nowhere.
    assert_eq!(labels(&environment, 4, [127, 4, 0, 1], DUTCH).await, json!([]));
}

#[tokio::test]
async fn without_a_database_nobody_is_anywhere() {
    let environment = trusting().start().await.unwrap();

    assert_eq!(labels(&environment, 1, [127, 3, 0, 1], DUTCH).await, json!([]));
}

#[tokio::test]
async fn a_database_that_is_none_is_said_at_the_start() {
    let broken = tempfile::NamedTempFile::new().unwrap();
    let path = broken.path().display().to_string();

    let started = trusting().set("geo.database", path.clone()).start().await;

    let Err(Fault::Ended { status, output, .. }) = started else { panic!("{started:?}") };
    assert!(status.contains("64") && output.contains("geo.database") && output.contains(&path), "{status}: {output}");
}

const LOADED: &str = "gloed_geo_reloads_total{outcome=\"loaded\"}";
const REFUSED: &str = "gloed_geo_reloads_total{outcome=\"refused\"}";

/// A collector with a database of its own, which holds no addresses of version 4 yet, and the database's folder.
async fn with_other_addresses() -> (Environment, TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("country.mmdb");
    fs::copy(fetched("geo-whois-asn-country-ipv6.mmdb").unwrap(), &file).unwrap();
    // The pages of these tests ask as fast as they are answered, from one address.
    let setup = trusting().set("limits.requests_per_second", 100_000).set("limits.request_burst", 100_000);
    let environment = setup.set("geo.database", file.display().to_string()).start().await.unwrap();
    (environment, folder, file)
}

/// Waits until a metric has reached a value.
async fn reached(environment: &Environment, metric: &str, value: f64) {
    let look = async || {
        let found = environment.metric(metric).await.map_err(|fault| fault.to_string())?;
        if found >= value { Ok(()) } else { Err(format!("{metric} is {found}, {}", environment.collector.output())) }
    };
    waiting::until("the database to be read", SOON, look).await.unwrap();
}

/// `gloed geo reload` beside the running collector.
fn reload(environment: &Environment) -> (i32, String) {
    let mut gloed = Command::new(binaries::gloed().unwrap());
    gloed.args(["geo", "reload", "--config"]).arg(environment.config()).arg("--data").arg(environment.data());
    let Output { status, stdout, stderr } = gloed.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    (status.code().unwrap(), said)
}

/// Puts a whole file in the place of another, as those do who update databases.
fn rename_over(file: &Path, bytes: &[u8]) {
    let beside = file.with_extension("new");
    fs::write(&beside, bytes).unwrap();
    fs::rename(&beside, file).unwrap();
}

#[tokio::test]
async fn a_database_that_is_replaced_is_used_without_a_restart_and_no_request_is_lost() {
    // given a collector whose database knows nothing of these addresses, and pages that go on asking
    let (environment, _folder, file) = with_other_addresses().await;
    let proxy = [127, 3, 0, 1];
    assert_eq!(labels(&environment, 1, proxy, DUTCH).await, json!([]));
    let done = AtomicBool::new(false);
    let pages = async {
        let mut asked = 0_u64;
        while !done.load(Ordering::Relaxed) {
            asked += 1;
            let mut page = Page::of_visitor(SITE, 1_000 + asked);
            let event = page.event("page_view", json!({}));
            let request = Request::post("/v1/events", page.envelope("https://shop.example/", vec![event]).to_string());
            let answer = request.from(proxy).with("x-forwarded-for", DUTCH).send(environment.public()).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(answer.json()["receipts"][0]["status"], "accepted", "{answer:?}");
        }
        asked
    };
    // when another takes its place
    let replaced = async {
        rename_over(&file, &fs::read(database().unwrap()).unwrap());
        reached(&environment, LOADED, 2.0).await;
        done.store(true, Ordering::Relaxed);
    };
    let (asked, ()) = tokio::join!(pages, replaced);
    // then it is used, and was used beside all those requests
    assert!(asked > 1, "{asked}");
    assert_eq!(labels(&environment, 2, proxy, DUTCH).await, json!(["dutch", "somewhere"]));
    assert_eq!(labels(&environment, 3, proxy, AMERICAN).await, json!(["american", "somewhere"]));
    assert_eq!(environment.metric(REFUSED).await.unwrap(), 0.0);
    assert!(environment.metric("gloed_geo_loaded_timestamp_seconds").await.unwrap() > 1_790_000_000.0);
    assert!(environment.metric("gloed_geo_built_timestamp_seconds").await.unwrap() > 1_600_000_000.0);
    assert!(environment.collector.output().contains("the database of places was read again and is in use"));
}

#[tokio::test]
async fn a_database_that_is_half_written_is_refused_and_taken_when_it_is_whole() {
    // given a collector with a good database
    let (environment, _folder, file) = with_other_addresses().await;
    let proxy = [127, 3, 0, 1];
    let old = fs::read(&file).unwrap();
    let new = fs::read(database().unwrap()).unwrap();
    // when another is written over it, and the writer stops in the middle: the end is that of a whole database
    let half = [&new[..new.len() / 3], &old[new.len() / 3..]].concat();
    fs::write(&file, &half).unwrap();
    reached(&environment, REFUSED, 1.0).await;
    // then the old one stays in use, and the log says so
    assert_eq!(labels(&environment, 1, proxy, DUTCH).await, json!([]));
    let output = environment.collector.output();
    assert!(output.contains("the one before stays") && output.contains("is no whole MaxMind database"), "{output}");
    // and also when the end is missing
    fs::write(&file, &new[..new.len() / 2]).unwrap();
    reached(&environment, REFUSED, 2.0).await;
    assert_eq!(environment.metric(LOADED).await.unwrap(), 1.0);
    // when the rest comes, then it is used
    fs::write(&file, &new).unwrap();
    reached(&environment, LOADED, 2.0).await;
    assert_eq!(labels(&environment, 2, proxy, DUTCH).await, json!(["dutch", "somewhere"]));
}

#[tokio::test]
async fn a_reload_that_is_asked_for_says_what_is_in_use_or_why_not() {
    // given a database in the place of another, and one that is none after it
    let (environment, _folder, file) = with_other_addresses().await;
    rename_over(&file, &fs::read(database().unwrap()).unwrap());
    // when a person asks for it, then it is in use when they are answered
    let (code, said) = reload(&environment);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains(&*file.to_string_lossy()) && said.contains("is in use: ") && said.contains(" networks"),
        "{said}"
    );
    assert_eq!(labels(&environment, 1, [127, 3, 0, 1], DUTCH).await, json!(["dutch", "somewhere"]));
    // and is told what is wrong with one that is none
    rename_over(&file, b"no database");
    let (code, said) = reload(&environment);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("is no whole MaxMind database"), "{said}");
    assert_eq!(labels(&environment, 2, [127, 3, 0, 1], DUTCH).await, json!(["dutch", "somewhere"]));
    // or that there is none
    let without = trusting().start().await.unwrap();
    let (code, said) = reload(&without);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("geo.database is not set"), "{said}");
}
