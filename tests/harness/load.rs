//! The load is what it says: its rate, its visitors, and a true record of what was acknowledged.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Json, Router, extract::ConnectInfo, http::StatusCode, routing::post};
use serde_json::{Value, json};
use tests::{
    body::Page,
    load::{Load, Turn},
    reference_server,
};
use tokio::{net::TcpListener, sync::Mutex};

#[derive(Default)]
struct Visitor(Option<Page>);

fn ten_page_views(visitor: &mut Visitor, turn: Turn) -> Vec<u8> {
    let page = visitor.0.get_or_insert_with(|| Page::of_visitor("shop", u64::from(turn.visitor)));
    let events = (0..10).map(|_| page.event("page_view", json!({}))).collect();
    page.envelope("https://shop.example/", events).to_string().into_bytes()
}

fn short(address: SocketAddr) -> Load {
    Load { visitors: 20, events_per_second: 1_000, duration: Duration::from_secs(2), ..Load::bench(address) }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rate_is_kept_and_every_event_is_acknowledged_once() {
    let (address, _server) = reference_server::start().await.unwrap();

    let record = short(address).run(ten_page_views).await.unwrap();

    // 1,000 events a second for 2 s in tens are 200 requests.
    assert_eq!(record.statuses(), [(Some(200), 200)].into());
    assert!(record.took >= Duration::from_millis(1_900) && record.took < Duration::from_secs(5), "{:?}", record.took);
    assert!(record.latency(0.5) > Duration::ZERO && record.latency(0.5) <= record.latency(0.99));
    let acknowledged = record.acknowledged().unwrap();
    let mut ids: Vec<_> =
        acknowledged.iter().map(|event| (event.visitor, event.event["n"].as_u64().unwrap())).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 2_000);
    assert_eq!((ids[0], ids[1_999]), ((0, 1), (19, 100)));
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_come_from_addresses_of_their_own_and_send_again_what_was_refused() {
    // Given: a server that refuses the first request of every client and accepts half of each batch afterwards.
    let clients = Arc::new(Mutex::new(Vec::<SocketAddr>::new()));
    let seen = Arc::clone(&clients);
    let answer = async move |ConnectInfo(client): ConnectInfo<SocketAddr>, body: String| {
        let known = {
            let mut seen = seen.lock().await;
            let known = seen.contains(&client);
            seen.push(client);
            known
        };
        let body: Value = serde_json::from_str(&body).unwrap();
        let receipt = |at: usize| json!({ "status": if at < 5 { "accepted" } else { "rejected" } });
        let receipts: Vec<Value> = (0..body["events"].as_array().unwrap().len()).map(receipt).collect();
        (if known { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(json!({ "receipts": receipts })))
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/v1/events", post(answer));
    tokio::spawn(axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).into_future());

    let load =
        Load { visitors: 10, events_per_second: 200, duration: Duration::from_secs(1), again: true, ..short(address) };
    let record = load.run(ten_page_views).await.unwrap();

    assert_eq!(record.statuses(), [(Some(200), 20)].into());
    assert_eq!(record.sent.iter().filter(|exchange| exchange.tries == 2).count(), 10);
    assert_eq!(record.acknowledged().unwrap().len(), 100);
    let addresses: std::collections::BTreeSet<_> = clients.lock().await.iter().map(SocketAddr::ip).collect();
    assert_eq!(addresses.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "30 s; shows what the machine can do"]
async fn the_bench_load_against_the_reference() {
    let (address, server) = reference_server::start().await.unwrap();
    let before = server.processor_time().unwrap();

    let record = Load::bench(address).run(ten_page_views).await.unwrap();

    let processor = server.processor_time().unwrap() - before;
    let (p50, p99) = (record.latency(0.5), record.latency(0.99));
    println!("p50 {p50:?}, p99 {p99:?}, processor {processor:?} for {} requests", record.sent.len());
    assert_eq!(record.statuses(), [(Some(200), 6_000)].into());
}
