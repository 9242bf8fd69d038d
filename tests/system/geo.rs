//! Where a visitor is: from a real database, by the address that counts.

use serde_json::{Value, json};
use tests::{
    Fault,
    body::Page,
    environment::{Environment, SITE, Setup, visitor_id},
    workspace,
};

use crate::exchange::Request;

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
    let file = "tests/fetched/node_modules/@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb";
    let path = workspace::root().join(file);
    if path.is_file() {
        Ok(path.display().to_string())
    } else {
        Err(Fault::Missing { what: file.to_owned(), remedy: "run .ci/prerequisites test".to_owned() })
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
