//! People who make up what costs them nothing: sites, visitors, the addresses that they are forwarded for. What they can make
//! the shop's servers do and keep is bounded, and whoever was there before them notices nothing.
//!
//! Seen red: 1.9 commands a request with a store that is asked before a refusal; 8,000 visitors of 953 with a budget of 10,000
//! a second; 6,400 requests of 3,700 with every neighbour trusted to say whom it forwards for.

use std::{env, time::Duration};

use serde_json::json;
use servers::{Persistence, Server, Settings};
use tests::{
    bar::{Bar, Verdict},
    body::Page,
    environment::{Environment, ORIGIN, SITE, Setup},
    load::{Load, Record, Turn},
};

/// Visitors of the shop who come back: the collector has given each of them an id.
const HONEST: u32 = 50;
/// New visitors whom the shop lets in, a second and at once.
const NEW_A_SECOND: i64 = 50;
const NEW_AT_ONCE: i64 = 500;
/// What Redis may take, in MiB. It must not throw anything away, so beyond that it refuses writes.
const REDIS_CAP: u64 = 32;
/// Requests that an address may make, a second and at once.
const REQUESTS_A_SECOND: i64 = 50;
const REQUESTS_AT_ONCE: i64 = 200;
/// From so many addresses come those who say that they come from others.
const FORWARDING: u32 = 4;
/// For how long the store is watched with nobody there.
const IDLE: Duration = Duration::from_secs(4);

#[derive(Default)]
struct Pages(Option<Page>);

/// Whoever comes back, under the id that they were given.
fn known(ids: Vec<String>) -> impl Fn(&mut Pages, Turn) -> Vec<u8> + Send + Sync + 'static {
    move |pages, turn| {
        let page = pages.0.get_or_insert_with(|| Page::of_visitor(SITE, u64::from(turn.visitor)));
        let events = vec![page.event("page_view", json!({}))];
        let mut body = page.envelope("https://shop.example/regenjas", events);
        body["id"] = json!(ids[turn.visitor as usize]);
        body.to_string().into_bytes()
    }
}

/// Somebody new in each request, at a site of this name.
fn made_up(site: impl Fn(Turn) -> String + Send + Sync + 'static) -> impl Fn(&mut (), Turn) -> Vec<u8> + Send + Sync {
    move |(), turn| {
        let number = u64::from(turn.turn) << 32 | u64::from(turn.visitor) << 8 | 0xf;
        let mut page = Page::of_visitor(&site(turn), number);
        let events = vec![page.event("page_view", json!({}))];
        page.envelope("https://shop.example/", events).to_string().into_bytes()
    }
}

/// From `visitors` addresses of a network of their own, `rate` requests a second.
fn load(environment: &Environment, network: u8, visitors: u32, rate: u32, duration: Duration) -> Load {
    Load {
        headers: vec![("origin".to_owned(), ORIGIN.to_owned())],
        visitors,
        events_per_second: rate,
        batch: 1,
        duration,
        network,
        ..Load::bench(environment.public())
    }
}

async fn ids(environment: &Environment) -> Vec<String> {
    let mut ids = Vec::new();
    for visitor in 0..HONEST {
        let mut page = Page::of_visitor(SITE, u64::from(visitor));
        let events = vec![page.event("page_view", json!({}))];
        let answer = environment.post("/v1/events", &page.envelope("https://shop.example/", events)).await.unwrap();
        ids.push(answer.json().unwrap()["id"].as_str().unwrap().to_owned());
    }
    environment.applied().await.unwrap();
    ids
}

fn number(server: &Server, field: &str) -> i64 {
    server.info(field).unwrap().parse().unwrap()
}

/// Commands of the store that come of what happens meanwhile. That it is asked costs one each.
async fn commands<R>(server: &Server, meanwhile: impl Future<Output = R>) -> (i64, R) {
    let before = number(server, "total_commands_processed");
    let result = meanwhile.await;
    (number(server, "total_commands_processed") - before - 1, result)
}

#[tokio::test(flavor = "multi_thread")]
async fn bar_who_makes_up_sites_visitors_and_addresses_fills_no_memory_and_keeps_nobody_out() {
    // Given a collector on a Redis with a cap, a budget of new visitors, and visitors who were there before
    let long = env::var_os("GLOED_LONG").is_some();
    let duration = Duration::from_secs(if long { 60 } else { 8 });
    let settings = Settings::new().persistence(Persistence::AppendEverySecond).line(format!("maxmemory {REDIS_CAP}mb"));
    let server = Server::start(&settings).unwrap();
    let environment = Setup::default()
        .set("limits.new_visitors_per_second", NEW_A_SECOND)
        .set("limits.new_visitor_burst", NEW_AT_ONCE)
        .set("limits.requests_per_second", REQUESTS_A_SECOND)
        .set("limits.request_burst", REQUESTS_AT_ONCE)
        .redis(server.url())
        .start()
        .await
        .unwrap();
    let ids = ids(&environment).await;
    let memory = environment.collector.memory().unwrap();

    // When nobody is there, and then somebody asks for sites that are none
    let (idle, ()) = commands(&server, tokio::time::sleep(IDLE)).await;
    let sites = load(&environment, 30, 200, 2_000, IDLE);
    let fake = |turn: Turn| format!("gl_fake{:x}x{:x}", turn.turn, turn.visitor);
    let (asked, refused) = commands(&server, sites.run(made_up(fake))).await;
    let refused = refused.unwrap();

    // Then the store is not asked for them
    let seconds = refused.took.as_secs_f64();
    let by_itself = idle as f64 * seconds.max(IDLE.as_secs_f64()) / IDLE.as_secs_f64();
    println!("{} requests in {seconds} s: {asked} commands, {idle} in {IDLE:?} of nobody", refused.sent.len());
    let each = ((asked as f64 - by_itself) / refused.sent.len() as f64).max(0.0);
    assert!(refused.statuses().keys().all(|status| matches!(status, Some(404 | 429))), "{:?}", refused.statuses());
    // What the collector does by itself does not come at even intervals: hundredths of a command, rounded down.
    assert_eq!(
        Bar::at_most("flood_unknown_site_commands", (each * 100.0).floor() / 100.0, "commands/request", 0.0).print(),
        Verdict::Ok
    );

    // When all of it comes at once, beside those who were there before
    let before = number(&server, "used_memory");
    let running = async {
        let honest = load(&environment, 2, HONEST, 100, duration);
        let new = load(&environment, 40, 200, 1_000, duration);
        let sites = load(&environment, 30, 200, 500, duration);
        // Under ids that were given: no budget of new visitors stands before the one that is meant.
        let forwarded = Load { forwarded: true, ..load(&environment, 50, FORWARDING, 800, duration) };
        let shop = |_: Turn| SITE.to_owned();
        tokio::join!(
            honest.run(known(ids.clone())),
            new.run(made_up(shop)),
            sites.run(made_up(fake)),
            forwarded.run(known(ids)),
        )
    };
    let mut running = Box::pin(running);
    let (mut most, mut most_kept) = (memory, before);
    let (honest, new, _, forwarded) = loop {
        tokio::select! {
            records = &mut running => break records,
            () = tokio::time::sleep(Duration::from_millis(200)) => {
                most = most.max(environment.collector.memory().unwrap_or_default());
                most_kept = most_kept.max(number(&server, "used_memory"));
            }
        }
    };
    let (honest, new, forwarded) = (honest.unwrap(), new.unwrap(), forwarded.unwrap());
    environment.applied().await.unwrap();
    most_kept = most_kept.max(number(&server, "used_memory"));

    // Then they were answered, no more were let in than may be, and who says that they come from others is who they are
    println!("honest {:?}, new {:?}, forwarded {:?}", honest.statuses(), new.statuses(), forwarded.statuses());
    let answered = |record: &Record| record.statuses().get(&Some(200)).copied().unwrap_or_default();
    let share = answered(&honest) as f64 * 100.0 / honest.sent.len() as f64;
    let may = |a_second: i64, at_once: i64, record: &Record| {
        (at_once as f64 + a_second as f64 * (record.took.as_secs_f64() + 1.0)).floor()
    };
    let new_may = may(NEW_A_SECOND, NEW_AT_ONCE, &new);
    let forwarded_may = f64::from(FORWARDING) * may(REQUESTS_A_SECOND, REQUESTS_AT_ONCE, &forwarded);
    let mebibytes = |bytes: i64| bytes as f64 / f64::from(1 << 20);
    let grown = mebibytes(most.saturating_sub(memory).try_into().unwrap());
    let verdicts = [
        Bar::at_least("flood_honest_answered", share, "%", 99.0).print(),
        Bar::at_most("flood_new_visitors", answered(&new) as f64, "visitors", new_may).print(),
        Bar::at_most("flood_forwarded", answered(&forwarded) as f64, "requests", forwarded_may).print(),
        Bar::at_most("flood_collector_memory", grown, "MiB", 64.0).print(),
        Bar::at_most("flood_redis_memory", mebibytes(most_kept), "MiB", REDIS_CAP as f64).print(),
    ];
    assert!(!verdicts.contains(&Verdict::Short), "{verdicts:?}");
}
