//! The browser is a real visitor's: pointer, keys, console, storage, offers behind a closed shadow root.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use axum::{Router, response::Html, routing::get};
use tests::{
    Fault,
    browser::{Browser, Look},
};
use tokio::net::TcpListener;

const SOON: Duration = Duration::from_secs(10);

const PAGE: &str = r#"<!doctype html><html lang="nl"><title>Winkel</title>
<button id="add">In winkelwagen</button> <input id="search"> <p id="said"></p>
<script>
  add.addEventListener('click', event => { said.textContent = 'clicked ' + event.isTrusted });
  const host = document.body.appendChild(document.createElement('div'));
  const root = host.attachShadow({ mode: 'closed' });
  root.innerHTML = `<style>p { color: red }</style>
    <section role="dialog" style="position:fixed;inset:30% 20%;background:#ffd">
      <p>Blijf op de hoogte</p><p hidden>Verborgen</p>
      <input type="email"><button>Aanmelden</button><button aria-label="Sluiten">x</button></section>`;
  const dialog = root.querySelector('section');
  root.querySelector('button').onclick = event =>
    { dialog.querySelector('p').textContent = 'Welkom ' + root.querySelector('input').value + ' ' + event.isTrusted };
  dialog.onkeydown = event => { if (event.key === 'Escape') dialog.remove() };
</script>"#;

async fn site() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let router = Router::new().route("/", get(Html(PAGE))).route("/other", get(Html("<title>Elders</title>elders")));
    tokio::spawn(axum::serve(listener, router).into_future());
    format!("http://{address}")
}

#[tokio::test]
async fn a_visitor_clicks_types_and_leaves_a_picture() {
    let (site, browser) = (site().await, Browser::start(&Look::default()).await.unwrap());

    browser.goto(&format!("{site}/")).await.unwrap();
    browser.press("Escape").await.unwrap();
    browser.execute("document.querySelector('div').remove()", &[]).await.unwrap();
    browser.click("#add").await.unwrap();
    browser.type_into("#search", "regenjas").await.unwrap();
    let typed = browser.wait_for_script("search.value", SOON).await.unwrap();
    let picture = browser.screenshot("harness").await.unwrap();

    assert_eq!(browser.text("#said").await.unwrap(), "clicked true");
    assert_eq!(typed, "regenjas");
    assert!(std::fs::metadata(picture).unwrap().len() > 1_000);
}

#[tokio::test]
async fn pages_see_an_ordinary_dutch_browser() {
    let (site, browser) = (site().await, Browser::start(&Look::default()).await.unwrap());
    let phone = Browser::start(&Look::phone()).await.unwrap();
    let script = "return [navigator.webdriver, navigator.userAgent, navigator.language, innerWidth]";

    browser.goto(&format!("{site}/")).await.unwrap();
    phone.goto(&format!("{site}/")).await.unwrap();
    let desktop = browser.execute(script, &[]).await.unwrap();
    let phone_agent = phone.execute("return navigator.userAgent + ' ' + screen.width", &[]).await.unwrap();

    assert_eq!((&desktop[0], &desktop[2], &desktop[3]), (&false.into(), &"nl-NL".into(), &1280.into()));
    assert!(!desktop[1].as_str().unwrap().contains("Headless"), "{desktop}");
    let phone_agent = phone_agent.as_str().unwrap();
    assert!(phone_agent.contains("Android") && phone_agent.contains("Mobile") && phone_agent.ends_with(" 390"));
}

#[tokio::test]
async fn an_offer_in_a_closed_shadow_root_is_read_typed_into_and_clicked() {
    let (site, browser) = (site().await, Browser::start(&Look::default()).await.unwrap());
    browser.goto(&format!("{site}/")).await.unwrap();

    let offer = browser.wait_for_offer("Blijf op de hoogte", SOON).await.unwrap();
    browser.offer_type("a@b.example").await.unwrap();
    let typing = browser.offers().await.unwrap();
    browser.offer_click("Aanmelden").await.unwrap();
    let welcomed = browser.wait_for_offer("Welkom", SOON).await.unwrap();
    browser.press("Escape").await.unwrap();
    browser.wait_for_no_offer(SOON).await.unwrap();

    assert_eq!((offer.role.as_str(), offer.fields), ("dialog", 1));
    assert_eq!(offer.buttons, ["Aanmelden", "Sluiten"]);
    assert!(!offer.text.contains("Verborgen") && !offer.text.contains("color"), "{}", offer.text);
    assert_eq!(typing[0].focus, "input");
    assert!(welcomed.text.contains("Welkom a@b.example true"), "{}", welcomed.text);
    let missing = browser.offer_click("Aanmelden").await;
    assert!(matches!(missing, Err(Fault::NotOnPage { .. })), "{missing:?}");
}

#[tokio::test]
async fn an_offer_that_something_covers_cannot_be_clicked() {
    let (site, browser) = (site().await, Browser::start(&Look::default()).await.unwrap());
    browser.goto(&format!("{site}/")).await.unwrap();
    let cover =
        "document.body.insertAdjacentHTML('beforeend', '<div style=\"position:fixed;inset:0;z-index:9\"></div>')";
    browser.execute(cover, &[]).await.unwrap();

    let clicked = browser.offer_click("Aanmelden").await;

    assert!(matches!(clicked, Err(Fault::NotOnPage { .. })), "{clicked:?}");
}

#[tokio::test]
async fn errors_of_the_page_are_seen_and_other_machines_are_out_of_reach() {
    let (site, browser) = (site().await, Browser::start(&Look::default()).await.unwrap());
    browser.goto(&format!("{site}/other")).await.unwrap();
    let before = browser.console_errors().await.unwrap();

    browser.execute("setTimeout(() => { throw new Error('broken on purpose') })", &[]).await.unwrap();
    let outside =
        browser.execute("return fetch('http://gloed.example/').then(() => 'reached', () => 'not reached')", &[]);
    let outside = outside.await.unwrap();
    let errors = browser
        .wait_until("the error on the console", SOON, async || {
            let errors = browser.console_errors().await.unwrap();
            if errors.iter().any(|line| line.contains("broken on purpose")) {
                Ok(errors)
            } else {
                Err(format!("{errors:?}"))
            }
        })
        .await
        .unwrap();

    assert!(before.iter().all(|line| line.contains("favicon")), "{before:?}");
    assert_eq!(outside, "not reached");
    assert!(errors.iter().any(|line| line.contains("ERR_NAME_NOT_RESOLVED")), "{errors:?}");
}

#[tokio::test]
async fn a_visitor_who_leaves_early_stays_as_long_as_said_and_can_be_forgotten() {
    let look = Look { wait_for_load: false, slower: 4, ..Look::default() };
    let (site, browser) = (site().await, Browser::start(&look).await.unwrap());
    let (home, other) = (format!("{site}/"), format!("{site}/other"));
    browser.before_every_page("localStorage.visits = 1 + +(localStorage.visits || 0)").await.unwrap();

    let begin = Instant::now();
    browser.visit_and_leave(&home, Duration::from_millis(300), &other).await.unwrap();
    let stayed = begin.elapsed();
    let visits = browser.wait_for_script("localStorage.visits", SOON).await.unwrap();
    browser.forget(&[&site]).await.unwrap();
    let forgotten = browser.execute("return localStorage.visits || 'none'", &[]).await.unwrap();
    browser.goto(&home).await.unwrap();
    browser.wait_for("#add", SOON).await.unwrap();

    assert!(stayed >= Duration::from_millis(300), "{stayed:?}");
    assert_eq!((visits, forgotten), ("2".into(), "none".into()));
    assert_eq!(browser.address().await.unwrap(), home, "the next visit stays");
}

#[tokio::test]
async fn a_wait_that_fails_says_what_was_there_and_leaves_a_picture() {
    let (site, browser) = (site().await, Browser::start(&Look::default()).await.unwrap());
    browser.goto(&format!("{site}/")).await.unwrap();

    let waited = browser.wait_for("#no-such-thing", Duration::from_millis(100)).await;

    let Err(Fault::Deadline { last, .. }) = waited else { panic!("{waited:?}") };
    assert!(last.contains("nothing matches") && last.contains("failure-_no-such-thing.png"), "{last}");
}

#[tokio::test]
async fn a_slow_processor_stays_slow_from_page_to_page() {
    let busy = "let best = Infinity; for (let round = 0; round < 7; round++) { const begin = performance.now();\
        let sum = 0; for (let i = 0; i < 3e6; i++) { sum += i % 7 } best = Math.min(best, performance.now() - begin) }\
        return best";
    let site = site().await;
    let mut milliseconds = Vec::new();

    for slower in [1, 4] {
        let browser = Browser::start(&Look { slower, ..Look::default() }).await.unwrap();
        browser.goto(&format!("{site}/other")).await.unwrap();
        browser.goto(&format!("{site}/")).await.unwrap();
        milliseconds.push(browser.execute(busy, &[]).await.unwrap().as_f64().unwrap());
    }

    assert!(milliseconds[1] > 2.0 * milliseconds[0], "{milliseconds:?}");
}
