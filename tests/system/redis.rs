//! A collector whose leads lie on a Redis server.

use std::time::Duration;

use servers::{Persistence, Server, Settings};
use tests::{
    body::Page,
    environment::{ORIGIN, SITE, Setup},
    load::{Load, Turn},
};

use crate::oracle;

#[derive(Default)]
struct Visitor(Option<Page>);

fn body(visitor: &mut Visitor, turn: Turn) -> Vec<u8> {
    let page = visitor.0.get_or_insert_with(|| Page::of_visitor(SITE, u64::from(turn.visitor)));
    let events = oracle::events(page, turn);
    page.envelope("https://shop.example/", events).to_string().into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_become_leads_on_redis_and_are_there_after_a_restart_of_the_collector() {
    // Given a collector whose leads lie on a server that syncs every write
    let server = Server::start(&Settings::new().persistence(Persistence::AppendAlways)).unwrap();
    let mut environment = Setup::default().model(oracle::MODEL).redis(server.url()).start().await.unwrap();

    // When a load has been taken in
    let load = Load {
        headers: vec![("origin".to_owned(), ORIGIN.to_owned())],
        visitors: 50,
        events_per_second: 500,
        duration: Duration::from_secs(2),
        ..Load::bench(environment.public())
    };
    let record = load.run(body).await.unwrap();

    // Then every visitor is what a plain replay of the acknowledged events makes of them
    assert_eq!(record.statuses().into_keys().collect::<Vec<_>>(), [Some(200)], "{:?}", record.statuses());
    let expected = oracle::Difference { acknowledged: record.sent.len() * 10, ..Default::default() };
    assert_eq!(oracle::difference(&environment, &record).await, expected);
    // And the leads are on the server: also after an orderly end, which leaves nothing to replay
    environment.collector.restart().await.unwrap();
    assert_eq!(oracle::difference(&environment, &record).await.scores, Vec::<String>::new());
    assert!(!environment.data().join("store").exists());
}
