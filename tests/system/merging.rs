//! Visitors turn out to be one person: by the shop's server, by a signed link in a mail. And what of a person's events was
//! refused.

use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::{Value, json};
use tests::{
    body::Page,
    environment::{Environment, ORIGIN, SITE, Setup, visitor_id},
    waiting,
};

use crate::{
    contract::Contract,
    disk,
    exchange::{Framing, Request},
    explain::EXPLAIN,
};

const OTHER: &str = "other";
const MERGE: &str = "/v1/server/merge";
const LINKS: &str = "/v1/server/links";
const VERIFY: &str = "/v1/server/coupons/verify";
const REDEEM: &str = "/v1/server/coupons/redeem";
const URL: &str = "https://shop.example/";
const SOON: Duration = Duration::from_secs(10);
/// One point for every event, for ever: a score is a count.
const COUNTING: &str = r#"
version = 1
name = "counting"
half_life = "none"
[[stages]]
name = "cold"
[[rules]]
id = "each"
title = "Each event"
when = { field = "event", exists = true }
points = 1
"#;

fn counting() -> Setup {
    let setup = Setup::default().site(OTHER, &["https://other.example"]);
    setup.model(COUNTING).set("sites.0.page_may_see_score", true)
}

/// A visitor's page, with the signed id that it keeps.
struct Visitor {
    page: Page,
    signed: Value,
    /// Whether the browser says that a program drives it.
    driven: bool,
    /// Whether somebody has used the page.
    used: bool,
}

impl Visitor {
    fn new(number: u64) -> Self {
        Self { page: Page::of_visitor(SITE, number), signed: Value::Null, driven: false, used: true }
    }

    /// Sends events of a page at `url`, each with what else is in it, and asks for a decision. Keeps the id that is given.
    async fn does(&mut self, environment: &Environment, url: &str, events: &[(&str, Value)]) -> Value {
        let events = events.iter().map(|(name, more)| self.page.event(name, more.clone())).collect();
        let mut body = self.page.envelope(url, events);
        body["id"] = self.signed.clone();
        body["decide"] = json!({ "slots": ["popup"] });
        body["driven"] = json!(self.driven);
        body["person"] = json!(self.used);
        let answer = environment.post("/v1/events", &body).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        let answer = answer.json().unwrap();
        if answer["id"].is_string() {
            self.signed = answer["id"].clone();
        }
        answer
    }

    fn signed(&self) -> &str {
        self.signed.as_str().unwrap()
    }

    fn id(&self) -> &str {
        self.signed().split('.').nth(1).unwrap()
    }
}

async fn post(environment: &Environment, path: &str, mut body: Value) -> (u16, Value) {
    body["v"] = json!(1);
    let answer = environment.with_server_key(Method::POST, SITE, path, Some(&body)).await.unwrap();
    (answer.status.as_u16(), answer.json().unwrap())
}

async fn merged(environment: &Environment, body: Value) -> Value {
    let (status, answer) = post(environment, MERGE, body).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

async fn link(environment: &Environment, body: Value) -> Value {
    let (status, answer) = post(environment, LINKS, body).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

async fn read(environment: &Environment, id: &str) -> Value {
    let answer = environment.visitor(SITE, id).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json().unwrap()
}

async fn tell(environment: &Environment, person: &str, event: Value) -> String {
    let mut told = json!({ "id": "1", "person": person });
    told.as_object_mut().unwrap().extend(event.as_object().unwrap().clone());
    let answer = environment.server_events(SITE, vec![told]).await.unwrap().json().unwrap();
    answer["receipts"][0]["visitor"].as_str().unwrap_or_else(|| panic!("not accepted: {answer}")).to_owned()
}

async fn counted(environment: &Environment, outcome: &str) -> f64 {
    environment.metric(&format!("gloed_links_total{{outcome=\"{outcome}\"}}")).await.unwrap()
}

/// What a marketer sees at an address of the private listener: where a redirect leads, and the page there.
async fn looked_at(environment: &Environment, path: &str) -> (Option<String>, String) {
    let password = environment.admin_password().unwrap();
    let form = Request::post("/login?next=/leads", format!("password={password}"))
        .set("content-type", "application/x-www-form-urlencoded");
    let entered = form.send(environment.private()).await;
    let cookie = entered.header("set-cookie").unwrap_or_else(|| panic!("{entered:?}")).split(';').next().unwrap();
    let get = async |path: &str| Request::get(path).with("cookie", cookie).send(environment.private()).await;
    let answer = get(path).await;
    match answer.header("location") {
        None => (None, answer.body),
        Some(led) => (Some(led.to_owned()), get(led).await.body),
    }
}

#[tokio::test]
async fn exact_who_came_by_a_search_ad_is_known_by_the_form_and_the_anonymous_touches_come_along() {
    // Given the programme `exact`, and a person to whom a mail was sent
    let setup = Setup::default().set("sites.0.model", vec!["exact"]).set("sites.0.page_may_see_score", true);
    let environment = setup.start().await.unwrap();
    let person = tell(&environment, "customer-1017", json!({ "name": "email_open", "source": "mail-tool" })).await;

    // When somebody searches for SEPA, comes by the advertisement, downloads, and fills in the form
    let mut visitor = Visitor::new(1);
    let events = vec![
        visitor.page.event("page_view", json!({})),
        visitor.page.event("file_download", json!({ "properties": { "file": "sepa-gids.pdf" } })),
        visitor.page.event("generate_lead", json!({ "properties": { "form": "download" } })),
    ];
    let mut landing = visitor
        .page
        .envelope("https://shop.example/sepa/gids?utm_source=google&utm_medium=cpc&utm_campaign=sepa-2026", events);
    landing["page"]["referrer"] = json!("https://www.google.nl/search?q=sepa");
    landing["page"]["title"] = json!("De gids voor SEPA");
    let first = environment.post("/v1/events", &landing).await.unwrap().json().unwrap();
    visitor.signed = first["id"].clone();
    let anonymous = visitor.id().to_owned();
    assert_ne!(anonymous, person);
    // and the shop's server, which got the form, says who it was
    let answer = merged(&environment, json!({ "visitor": visitor.signed(), "person": "customer-1017" })).await;

    // Then the person's lead has it all at once: mail, advertisement, interest; with marketing, since it was a download
    assert_eq!((&answer["id"], &answer["merged"]), (&json!(person), &json!([anonymous])));
    assert_eq!((&answer["stage"], &answer["labels"]), (&json!("mql"), &json!(["sepa"])));
    // a point for the mail, and one for the advertisement
    assert_eq!((&answer["score"], &answer["visits"]), (&json!("2"), &json!(1)));
    // and the page has the person's id with its next answer, which decides about the person
    let next = visitor.does(&environment, URL, &[]).await;
    assert_eq!(visitor_id(&next), Some(person.as_str()));
    assert_eq!(next["decision"]["lead"], json!({ "score": "2", "stage": "mql" }));
    assert_eq!(visitor.does(&environment, URL, &[("page_view", json!({}))]).await["id"], Value::Null, "kept already");
    // and whatever comes by either id goes on there
    let click = json!({ "id": "2", "name": "email_click", "visitor": anonymous, "source": "mail-tool" });
    environment.server_events(SITE, vec![click]).await.unwrap();
    for id in [&anonymous, &person] {
        let read = read(&environment, id).await;
        assert_eq!((&read["id"], &read["score"]), (&json!(person), &json!("5")), "{read}");
    }
    environment.applied().await.unwrap();
    // and the marketer, by an address of before, sees where they came from
    let (led, page) = looked_at(&environment, &format!("/sites/{SITE}/leads/{anonymous}?lang=en")).await;
    assert!(led.is_some_and(|led| led.contains(&person)));
    for fact in ["/sepa/gids", "De gids voor SEPA", "sepa-2026", "google", "sepa-gids.pdf", &anonymous] {
        assert!(page.contains(fact), "{fact} is not on the lead's page");
    }
}

#[tokio::test]
async fn exact_a_signed_link_in_the_confirmation_mail_adds_labels_and_can_say_who_it_is() {
    let mut environment = counting().start().await.unwrap();
    let person = tell(&environment, "customer-1", json!({ "name": "email_sent" })).await;
    // Given a mail that asks for interests, and one that is its reader's own business
    let interests = link(
        &environment,
        json!({ "person": "customer-1", "labels": ["seo", "fietsen & meer"], "url": "https://shop.example/dank?a=1&gloed_link=x" }),
    )
    .await;
    let own =
        link(&environment, json!({ "person": "customer-1", "labels": ["klant"], "merge": true, "valid_for": "1d" }))
            .await;
    let with = |link: &Value| format!("https://shop.example/?gloed_link={}", link["token"].as_str().unwrap());
    assert_eq!(
        interests["url"],
        format!("https://shop.example/dank?a=1&gloed_link={}", interests["token"].as_str().unwrap())
    );

    // When somebody opens the first, twice
    let mut visitor = Visitor::new(1);
    for _ in 0..2 {
        let url = interests["url"].as_str().unwrap();
        let view = json!({ "properties": { "page_location": url } });
        visitor.does(&environment, url, &[("page_view", view)]).await;
    }
    // Then they have its labels, each given once, and are nobody else
    let lead = read(&environment, visitor.id()).await;
    assert_eq!((&lead["labels"], &lead["score"]), (&json!(["fietsen & meer", "seo"]), &json!("4")), "{lead}");
    assert_ne!(visitor.id(), person);
    let anonymous = visitor.id().to_owned();

    // When they open the second, with nothing used yet, the same answer says who they are, and its decision is about that
    // person
    visitor.used = false;
    let answer = visitor.does(&environment, &with(&own), &[("page_view", json!({}))]).await;
    visitor.used = true;
    assert_eq!(visitor_id(&answer), Some(person.as_str()));
    assert_eq!(answer["decision"]["lead"]["score"], "7", "three views, three labels, a mail");
    let lead = read(&environment, &anonymous).await;
    assert_eq!((&lead["id"], &lead["labels"]), (&json!(person), &json!(["fietsen & meer", "klant", "seo"])));
    // and again it says nothing new
    assert_eq!(visitor.does(&environment, &with(&own), &[("page_view", json!({}))]).await["id"], Value::Null);
    assert_eq!(read(&environment, &person).await["score"], "8");

    // A link that is forged, of another site, too old, or not of a page view gives nothing; its page view counts
    let body = json!({ "v": 1, "person": "customer-1", "merge": true });
    let foreign = environment.with_server_key(Method::POST, OTHER, LINKS, Some(&body)).await.unwrap().json().unwrap();
    let foreign = foreign["token"].as_str().unwrap();
    let token = own["token"].as_str().unwrap();
    let mut forged = token.to_owned();
    let last = forged.pop().unwrap();
    forged.push(if last == 'A' { 'Q' } else { 'A' });
    let mut stranger = Visitor::new(2);
    for odd in ["", "l1", "l1.AAAA.AAAA", &forged, foreign, visitor.signed(), &"x".repeat(1_900)] {
        let url = format!("https://shop.example/?gloed_link={odd}");
        stranger.does(&environment, &url, &[("page_view", json!({}))]).await;
    }
    stranger.does(&environment, &with(&own), &[("add_to_cart", json!({}))]).await;
    let lead = read(&environment, stranger.id()).await;
    assert_eq!((&lead["labels"], &lead["score"], &lead["merged"]), (&json!([]), &json!("8"), &json!([])));
    assert_eq!(counted(&environment, "forged").await, 7.0);

    // And no file, no output and no answer has the token
    environment.applied().await.unwrap();
    environment.collector.stop().await.unwrap();
    for made in [interests["token"].as_str().unwrap(), token] {
        for part in made.split('.').skip(1) {
            assert_eq!(disk::find(&environment.data(), part), Vec::<String>::new());
            assert!(!environment.collector.output().contains(part));
        }
    }
}

#[tokio::test]
async fn a_program_that_follows_a_link_becomes_nobody_and_its_labels_wait_for_a_person() {
    // given a link that says who its reader is
    let environment = counting().start().await.unwrap();
    let person = tell(&environment, "customer-1", json!({ "name": "email_sent" })).await;
    let made = link(&environment, json!({ "person": "customer-1", "labels": ["seo"], "merge": true })).await;
    let url = format!("{URL}?gloed_link={}", made["token"].as_str().unwrap());

    // when the scanner of a mail server opens it in a browser that it drives
    let mut scanner = Visitor { driven: true, ..Visitor::new(1) };
    scanner.does(&environment, &url, &[("page_view", json!({}))]).await;

    // then it is not that person, and what it was given is held
    assert_ne!(scanner.id(), person);
    assert_eq!(counted(&environment, "suspect").await, 1.0);
    let lead = read(&environment, scanner.id()).await;
    assert_eq!((&lead["labels"], &lead["score"]), (&json!([]), &json!("0")), "{lead}");
    assert_eq!(read(&environment, &person).await["merged"], json!([]));

    // and the reader, who opens it later, is
    let mut reader = Visitor::new(2);
    reader.does(&environment, &url, &[("page_view", json!({}))]).await;
    assert_eq!(reader.id(), person);
    assert_eq!(read(&environment, &person).await["labels"], json!(["seo"]));
}

#[tokio::test]
async fn a_link_is_good_for_as_long_as_it_says_and_makes_nobody_two_persons() {
    let environment = counting().test_clock().start().await.unwrap();
    let token = async |person: &str, valid_for: &str| {
        let made = link(&environment, json!({ "person": person, "merge": true, "valid_for": valid_for })).await;
        format!("https://shop.example/?gloed_link={}", made["token"].as_str().unwrap())
    };
    let (short, long, theirs) = (token("a", "2m").await, token("a", "90d").await, token("b", "90d").await);
    let persons = [
        tell(&environment, "a", json!({ "name": "call_outcome" })).await,
        tell(&environment, "b", json!({ "name": "call_outcome" })).await,
    ];
    environment.advance("3m").await.unwrap();

    let mut visitor = Visitor::new(1);
    visitor.does(&environment, &short, &[("page_view", json!({}))]).await;
    assert!(!persons.contains(&visitor.id().to_owned()), "it has expired");
    assert_eq!(counted(&environment, "expired").await, 1.0);
    visitor.does(&environment, &long, &[("page_view", json!({}))]).await;
    assert_eq!(visitor.id(), persons[0]);

    // A mail that was passed on to somebody who is known makes them nobody else
    visitor.does(&environment, &theirs, &[("page_view", json!({}))]).await;
    assert_eq!(visitor.id(), persons[0]);
    assert_eq!(counted(&environment, "other_person").await, 1.0);
    assert_eq!(read(&environment, &persons[1]).await["merged"], json!([]));
    // and the shop's server is told the same; after the logout the next one is somebody new, and may be the other person
    let (status, answer) = post(&environment, MERGE, json!({ "visitor": visitor.signed(), "person": "b" })).await;
    assert_eq!((status, &answer["code"]), (409, &json!("other_person")));
    let mut after = Visitor::new(2);
    after.does(&environment, &theirs, &[("page_view", json!({}))]).await;
    assert_eq!(after.id(), persons[1]);
}

#[tokio::test]
async fn a_merge_survives_a_kill_at_any_moment_and_the_loss_of_the_store() {
    let mut environment = counting().set("limits.request_burst", 10_000).start().await.unwrap();
    // Given merges that are each answered just before a kill: in the log, applied, or somewhere between
    for round in 0..8_u64 {
        let mut visitor = Visitor::new(round);
        let person = tell(&environment, &format!("customer-{round}"), json!({ "name": "email_open" })).await;
        visitor.does(&environment, URL, &[("page_view", json!({})), ("add_to_cart", json!({}))]).await;
        if round % 2 == 0 {
            environment.applied().await.unwrap();
        }
        let body = json!({ "visitor": visitor.signed(), "person": format!("customer-{round}") });
        assert_eq!(merged(&environment, body.clone()).await["score"], "3");
        tokio::time::sleep(Duration::from_millis(round * 4)).await;

        environment.collector.kill_9().await.unwrap();
        if round == 1 {
            std::fs::remove_dir_all(environment.data().join("store")).unwrap();
        }
        environment.collector.restart().await.unwrap();

        // Then it is one lead, whoever asks, and saying it again changes nothing
        for when in ["at once", "again"] {
            let lead = read(&environment, visitor.id()).await;
            assert_eq!((&lead["id"], &lead["score"]), (&json!(person), &json!("3")), "round {round}, {when}");
            merged(&environment, body.clone()).await;
        }
        // and the page, whose collector has forgotten everything, gets the person's id with the next decision
        visitor.does(&environment, URL, &[("page_view", json!({}))]).await;
        assert_eq!(visitor.id(), person);
    }
    environment.applied().await.unwrap();
    for round in 0..8 {
        let person = tell(&environment, &format!("customer-{round}"), json!({ "name": "email_open" })).await;
        assert_eq!(read(&environment, &person).await["score"], "4", "round {round}");
    }
}

#[tokio::test]
async fn erasing_one_id_of_a_person_leaves_nothing_of_any() {
    const DEEDS: [&str; 3] = ["eerste-verlangen-naar-jas", "tweede-verlangen-naar-jas", "derde-verlangen-naar-jas"];
    let mut environment = counting().start().await.unwrap();
    let mut visitors = [Visitor::new(1), Visitor::new(2)];
    let deed = |deed: &str| json!({ "properties": { "deed": deed } });
    for (visitor, name) in visitors.iter_mut().zip(DEEDS) {
        visitor
            .does(
                &environment,
                URL,
                &[("page_view", deed(name)), ("sign_up", json!({ "email": "jan.jansen@voorbeeld.example" }))],
            )
            .await;
    }
    let mut event = deed(DEEDS[2]);
    event["name"] = json!("chat");
    let person = tell(&environment, "customer-1", event).await;
    let ids = [visitors[0].id().to_owned(), visitors[1].id().to_owned(), person];
    for visitor in &visitors {
        merged(&environment, json!({ "visitor": visitor.signed(), "person": "customer-1" })).await;
    }

    // When one of the two devices' ids is erased
    let begin = Instant::now();
    assert_eq!(environment.erase(SITE, &ids[0]).await.unwrap().status, 204);

    // Then nobody is read by any of the three, after a crash neither, and their bytes go
    for when in ["at once", "after a kill"] {
        for id in &ids {
            assert_eq!(environment.visitor(SITE, id).await.unwrap().status, 404, "{when}");
        }
        environment.collector.kill_9().await.unwrap();
        environment.collector.restart().await.unwrap();
    }
    let left = Duration::from_secs(60).saturating_sub(begin.elapsed());
    waiting::until("the erased bytes to be gone from every file", left, async || {
        let found: Vec<String> =
            DEEDS.iter().chain(&["jan.jansen"]).flat_map(|bytes| disk::find(&environment.data(), bytes)).collect();
        if found.is_empty() { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await
    .unwrap();
    // and who comes back by either is somebody new
    for visitor in &mut visitors {
        visitor.does(&environment, URL, &[("page_view", json!({}))]).await;
        assert!(!ids.contains(&visitor.id().to_owned()));
        let lead = read(&environment, visitor.id()).await;
        assert_eq!((&lead["score"], &lead["merged"]), (&json!("1"), &json!([])));
    }
}

#[tokio::test]
async fn why_not_the_last_events_that_were_refused_stand_on_the_lead_and_survive_a_kill() {
    let mut environment = counting().start().await.unwrap();
    let mut visitor = Visitor::new(1);
    let refusals = async |environment: &Environment, id: &str| -> Vec<String> {
        let lead = read(environment, id).await;
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let rows = lead["refused"].as_array().unwrap().iter();
        rows.map(|one| format!("{} {} {}", text(&one["event"]), text(&one["code"]), text(&one["field"]))).collect()
    };

    // Given events that are wrong in themselves, beside good ones, and one that comes too late
    visitor.does(&environment, URL, &[("page_view", json!({})), ("purchase", json!({ "value": "geheim-1,95" }))]).await;
    let late = tests::body::now() - 8 * 86_400_000;
    visitor.does(&environment, URL, &[("search", json!({ "time": late }))]).await;
    // and a request in which nothing is good
    let wrong = [("geheim woord", json!({})), ("add_to_cart", json!({ "items": [{ "id": "1", "price": 7 }] }))];
    visitor.does(&environment, URL, &wrong).await;

    // Then the lead says which, newest first, and nothing of what was in them
    let expected =
        ["add_to_cart wrong_type items[0].price", "- bad_name name", "search stale -", "purchase bad_amount value"];
    let all = async |environment: &Environment| {
        waiting::until("the refused events", SOON, async || {
            let mut found = refusals(environment, visitor.id()).await;
            // Two of one request have one time.
            let both = found.len().min(2);
            found[..both].sort_by(|left, right| right.cmp(left));
            if found == expected { Ok(()) } else { Err(format!("{found:#?}")) }
        })
        .await
        .unwrap();
    };
    all(&environment).await;
    environment.collector.kill_9().await.unwrap();
    environment.collector.restart().await.unwrap();
    all(&environment).await;
    assert_eq!(disk::find(&environment.data(), "geheim"), Vec::<String>::new());
    // and the marketer reads it, and the command line
    let (_, page) = looked_at(&environment, &format!("/sites/{SITE}/leads/{}?lang=nl", visitor.id())).await;
    for words in ["Wat niet meetelde", "het bedrag klopt niet", "kwam meer dan zeven dagen te laat", "items[0].price"] {
        assert!(page.contains(words), "{words}");
    }
    let explained = environment
        .admin(&json!({ "command": "model_explain", "site": SITE, "model": "in_force", "visitor": visitor.id() }))
        .await
        .unwrap();
    assert_eq!(explained["refused"].as_array().map(Vec::len), Some(4), "{explained}");

    // Of somebody of whom nothing else is known nothing is kept
    let mut nobody = Visitor::new(2);
    nobody.does(&environment, URL, &[("", json!({}))]).await;
    environment.collector.restart().await.unwrap();
    assert_eq!(environment.visitor(SITE, nobody.id()).await.unwrap().status, 404);
    // and erasing takes it away
    assert_eq!(environment.erase(SITE, visitor.id()).await.unwrap().status, 204);
    assert_eq!(environment.visitor(SITE, visitor.id()).await.unwrap().status, 404);
}

#[tokio::test]
async fn on_the_same_site_the_cookie_becomes_the_persons() {
    let environment = counting().start().await.unwrap();
    let mut visitor = Visitor::new(1);
    visitor.does(&environment, URL, &[("page_view", json!({}))]).await;
    let person = merged(&environment, json!({ "visitor": visitor.signed(), "person": "customer-1" })).await;
    let event = visitor.page.event("page_view", json!({}));
    let body = visitor.page.envelope(URL, vec![event]);
    let cookie = format!("gloed_shop={}", visitor.signed());
    let headers = [("origin", ORIGIN), ("sec-fetch-site", "same-site"), ("cookie", cookie.as_str())];

    // With events alone, which wait for no store
    let answer = environment.post_with("/v1/events", &headers, &body).await.unwrap();

    let set = answer.header("set-cookie").unwrap();
    assert!(set.starts_with(&format!("gloed_shop=g1.{}.", person["id"].as_str().unwrap())), "{set}");
    let cookie = set.split(';').next().unwrap();
    let headers = [("origin", ORIGIN), ("sec-fetch-site", "same-site"), ("cookie", cookie)];
    let event = visitor.page.event("page_view", json!({}));
    let answer = environment.post_with("/v1/events", &headers, &visitor.page.envelope(URL, vec![event])).await.unwrap();
    assert_eq!(answer.header("set-cookie"), None);
    assert_eq!(read(&environment, visitor.id()).await["score"], "3");
}

/// A good request about to be spoiled.
fn draft(path: &str, key: &str, body: &Value) -> Request {
    Request::post(path, body.to_string())
        .set("content-type", "application/json")
        .with("authorization", &format!("Bearer {key}"))
}

/// Everything that is refused on these addresses, and on the one that explains.
pub(crate) async fn refusals(environment: &Environment, contract: &mut Contract) {
    let key = environment.server_key(SITE).unwrap();
    let private = environment.private();
    let visitor = tell(environment, "merging-1", json!({ "name": "email_open" })).await;
    let merge = json!({ "v": 1, "visitor": visitor, "person": "merging-2" });
    let link = json!({ "v": 1, "person": "merging-1", "labels": ["seo"] });
    let changed = |good: &Value, change: Value| {
        let mut body = good.clone();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        body
    };

    let redeem = json!({ "v": 1, "code": "WARM10", "transaction_id": "T-1", "visitor": visitor });
    let explain = json!({ "v": 1, "person": "merging-1" });
    let all = [(MERGE, &merge), (LINKS, &link), (VERIFY, &redeem), (REDEEM, &redeem), (EXPLAIN, &explain)];
    for (path, good) in all {
        for wrong in ["", "gsk_x", &key[..key.len() - 1]] {
            let request = Request { framing: Framing::OnlyDeclared(100), ..draft(path, wrong, good) };
            contract.refused("a wrong key", &request.send(private).await, "unauthorized");
        }
        contract.refused("in public", &draft(path, &key, good).send(environment.public()).await, "not_found");
        let get = Request { method: "GET", ..draft(path, &key, good) };
        contract.refused("GET", &get.send(private).await, "method_not_allowed");
        let bytes = |body: &str| Request { body: body.as_bytes().to_vec(), ..draft(path, &key, good) };
        for (what, code, request) in [
            ("not JSON", "malformed_json", bytes("{")),
            ("a list", "bad_envelope", bytes("[]")),
            ("no version", "bad_envelope", draft(path, &key, &changed(good, json!({ "v": null })))),
            ("version 2", "unsupported_version", draft(path, &key, &changed(good, json!({ "v": 2 })))),
            ("a form", "unsupported_media_type", draft(path, &key, good).set("content-type", "multipart/form-data")),
            (
                "too large",
                "body_too_large",
                Request { framing: Framing::OnlyDeclared(65_537), ..draft(path, &key, good) },
            ),
            ("no body", "request_timeout", Request { framing: Framing::OnlyDeclared(9), ..draft(path, &key, good) }),
        ] {
            contract.refused(&format!("{path} {what}"), &request.send(private).await, code);
        }
    }
    for (what, change) in [
        ("no visitor", json!({ "visitor": null })),
        ("a visitor that is a number", json!({ "visitor": 1 })),
        ("a visitor that is none", json!({ "visitor": "somebody" })),
        ("a forged visitor", json!({ "visitor": "g1.AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA" })),
        ("nobody to become", json!({ "person": null })),
        ("two to become", json!({ "into": visitor })),
        ("an empty person", json!({ "person": "" })),
        ("a person that is too long", json!({ "person": "p".repeat(129) })),
        ("a person that is a list", json!({ "person": [] })),
        ("into that is none", json!({ "person": null, "into": "x" })),
    ] {
        let answer = draft(MERGE, &key, &changed(&merge, change)).send(private).await;
        contract.refused(what, &answer, "bad_envelope");
    }
    for (what, change) in [
        ("no person", json!({ "person": null })),
        ("labels that are text", json!({ "labels": "seo" })),
        ("an empty label", json!({ "labels": [""] })),
        ("a label that is too long", json!({ "labels": ["l".repeat(65)] })),
        ("eleven labels", json!({ "labels": vec!["l"; 11] })),
        ("nothing to say", json!({ "labels": [] })),
        ("merge as text", json!({ "merge": "yes" })),
        ("a time that is none", json!({ "valid_for": "soon" })),
        ("too short a time", json!({ "valid_for": "59s" })),
        ("too long a time", json!({ "valid_for": "91d" })),
        ("an address that is none", json!({ "url": "/welkom" })),
        ("an address elsewhere", json!({ "url": "https://evil.example/welkom" })),
        ("an address that is too long", json!({ "url": format!("{URL}{}", "x".repeat(2_048)) })),
    ] {
        let answer = draft(LINKS, &key, &changed(&link, change)).send(private).await;
        contract.refused(what, &answer, "bad_envelope");
    }
    for (what, change) in [
        ("no code", json!({ "code": null })),
        ("a code that is a number", json!({ "code": 10 })),
        ("a visitor that is none", json!({ "visitor": "somebody" })),
        ("no order", json!({ "transaction_id": null })),
        ("an order of no bytes", json!({ "transaction_id": "" })),
        ("an order that is too long", json!({ "transaction_id": "T".repeat(65) })),
        ("an order of two lines", json!({ "transaction_id": "T\n1" })),
    ] {
        let answer = draft(REDEEM, &key, &changed(&redeem, change)).send(private).await;
        contract.refused(what, &answer, "bad_envelope");
    }
    for (what, change) in [
        ("two to explain to", json!({ "visitor": visitor })),
        ("nobody to explain to", json!({ "person": null })),
        ("a question that is text", json!({ "decide": "popup" })),
        ("a visitor to explain to that is none", json!({ "person": null, "visitor": "somebody" })),
    ] {
        let answer = draft(EXPLAIN, &key, &changed(&explain, change)).send(private).await;
        contract.refused(what, &answer, "bad_envelope");
    }
    who_is_not_merged(environment, contract, &key, &visitor).await;
}

async fn who_is_not_merged(environment: &Environment, contract: &mut Contract, key: &str, visitor: &str) {
    let private = environment.private();
    let merge = async |visitor: &str, who: Value| {
        let mut body = json!({ "v": 1, "visitor": visitor });
        body.as_object_mut().unwrap().extend(who.as_object().unwrap().clone());
        draft(MERGE, key, &body).send(private).await
    };
    contract.refused("nobody", &merge("AAAAAAAAAAAAAAAAAAAAAA", json!({ "person": "merging-2" })).await, "not_found");
    contract.refused("into nobody", &merge(visitor, json!({ "into": "AAAAAAAAAAAAAAAAAAAAAA" })).await, "not_found");
    assert_eq!(merge(visitor, json!({ "person": "merging-2" })).await.status, 200);
    contract.refused("another person", &merge(visitor, json!({ "person": "merging-3" })).await, "other_person");

    // One person of more than a hundred ids
    for from in [0, 50] {
        let events = (from..from + 50)
            .map(|number| json!({ "id": "1", "name": "email_open", "person": format!("crowd-{number}") }));
        let answer = environment.server_events(SITE, events.collect()).await.unwrap().json().unwrap();
        for receipt in answer["receipts"].as_array().unwrap() {
            let answer = merge(receipt["visitor"].as_str().unwrap(), json!({ "person": "crowd" })).await;
            if answer.status != 200 {
                assert_eq!(from, 50, "{answer:?}");
                contract.refused("a crowd", &answer, "too_many_ids");
            }
        }
    }
    // And who was erased
    let gone = tell(environment, "merging-4", json!({ "name": "email_open" })).await;
    assert_eq!(environment.erase(SITE, &gone).await.unwrap().status, 204);
    contract.refused("an erased visitor", &merge(&gone, json!({ "person": "merging-5" })).await, "not_found");
    let alive = tell(environment, "merging-6", json!({ "name": "email_open" })).await;
    contract.refused("an erased person", &merge(&alive, json!({ "person": "merging-4" })).await, "not_found");
}
