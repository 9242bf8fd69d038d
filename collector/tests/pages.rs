//! The marketer's pages, through a running collector: real listeners, real events, pages read as a browser gets them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use collector::app::App;
use collector::clock::{Clock as _, SetClock};
use collector::config::{Config, Environment, Overrides};
use collector::heat::{End, Filter, MOST_EVALUATED, hottest};
use collector::{serve, start};
use engine::{Millis, Points, Span};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket};

/// 2026-11-21T12:00:00Z, a Saturday.
const NOON: Millis = Millis(1_795_262_400_000);
const PASSWORD: &str = "a test's password";
const ORIGIN: &str = "https://shop.example";

/// Interests for the preset, so that leads have labels.
const LABELS: &str = r#"
[[labels]]
label = "regen"
when = { field = "page.path", glob = "/jassen/**" }
expires = "90d"
"#;

/// A collector of one test. Its folder and its listeners go with it.
struct Shop {
    app: Arc<App>,
    clock: SetClock,
    public: SocketAddr,
    private: SocketAddr,
    /// Events so far.
    sent: AtomicU64,
    _data: tempfile::TempDir,
}

/// An answer, read whole.
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

impl Shop {
    /// A collector with two shops, or one whose model is `model`.
    async fn open(model: Option<&str>) -> Self {
        let data = tempfile::tempdir().unwrap();
        let parts = if let Some(model) = model {
            std::fs::write(data.path().join("model.toml"), model).unwrap();
            r#"["model.toml"]"#
        } else {
            std::fs::write(data.path().join("labels.toml"), LABELS).unwrap();
            r#"["b2c", "labels.toml"]"#
        };
        let site = |key: &str, name: &str| {
            format!(
                "[[sites]]\nkey = \"{key}\"\nname = \"{name}\"\norigins = [\"{ORIGIN}\"]\ncurrency = \"EUR\"\nmodel = {parts}\n"
            )
        };
        let text = format!(
            "[server]\ntrusted_proxies = [\"127.0.0.9\"]\n[limits]\nrequest_burst = 10000\n{}{}",
            site("shop", "De Regenwinkel"),
            site("other", "Other & Co")
        );
        let environment: Environment = [("GLOED_ADMIN_PASSWORD".to_owned(), PASSWORD.to_owned())].into_iter().collect();
        let overrides = Overrides { data: Some(data.path().join("data")), ..Overrides::default() };
        let config = Config::parse(&text, data.path(), &environment, &overrides).unwrap();
        let metrics = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle();
        let clock = SetClock::at(NOON);
        let started = start::start(config, &environment, Arc::new(clock.clone()), metrics).await.unwrap();
        let app = started.app.clone();
        let listen = async || TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (public, private) = (listen().await, listen().await);
        let addresses = (public.local_addr().unwrap(), private.local_addr().unwrap());
        tokio::spawn(serve::serve(app.clone(), public, private, std::future::pending()));
        Self { app, clock, public: addresses.0, private: addresses.1, sent: AtomicU64::new(0), _data: data }
    }

    /// One visitor's events, acknowledged and applied.
    async fn send(&self, seed: &str, page: Value, events: &[Value]) {
        let now = self.clock.now().0;
        let numbered = events.iter().map(|event| {
            let mut event = event.clone();
            // No number twice, whatever the stream.
            event["n"] = json!(self.sent.fetch_add(1, Ordering::Relaxed) + 1);
            event["time"] = json!(now);
            event
        });
        let body = json!({ "v": 1, "site": "shop", "seed": format!("{seed:A<22}"), "stream": format!("{seed:A<16}"),
            "sent": now, "consent": { "state": "granted" }, "person": true, "page": page, "events": numbered.collect::<Vec<_>>() });
        let headers = [("content-type", "application/json"), ("origin", ORIGIN)];
        let answer = request(self.public, "POST", "/v1/events", &headers, &body.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(!answer.body.contains("rejected"), "{}", answer.body);
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.app.tail.is_empty() {
            assert!(Instant::now() < deadline, "events are not applied");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// A visitor who put a raincoat into the cart.
    async fn visit(&self, seed: &str) {
        let page = json!({ "url": "https://shop.example/jassen/regenjas?utm_source=nieuwsbrief&utm_medium=email&utm_campaign=herfst",
            "title": "Regenjas", "language": "nl-NL", "viewport": 390 });
        let item = json!({ "id": "J-17", "name": "Regenjas", "category": "jassen", "price": "79.95", "quantity": 2 });
        self.send(
            seed,
            page,
            &[
                json!({ "name": "page_view" }),
                json!({ "name": "view_item", "items": [item] }),
                json!({ "name": "add_to_cart", "value": "159.90", "currency": "EUR", "items": [item] }),
                json!({ "name": "set_attributes", "properties": { "newsletter": true, "city": "Utrecht" } }),
            ],
        )
        .await;
    }

    async fn get(&self, path: &str, cookie: &str) -> Answer {
        request(self.private, "GET", path, &[("cookie", cookie)], "").await
    }

    async fn try_password(&self, password: &str, headers: &[(&str, &str)]) -> Answer {
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let headers: Vec<_> = form.iter().chain(headers).copied().collect();
        let body = format!("password={}", password.replace(' ', "+").replace('\'', "%27"));
        request(self.private, "POST", "/login?next=/leads", &headers, &body).await
    }

    /// Logs in; the cookie to send.
    async fn log_in(&self) -> String {
        let answer = self.try_password(PASSWORD, &[]).await;
        assert_eq!((answer.status, answer.header("location")), (303, "/leads"));
        answer.header("set-cookie").split(';').next().unwrap().to_owned()
    }

    /// The address of the only lead's page.
    async fn only_lead(&self, cookie: &str) -> String {
        let list = self.get("/leads?lang=en", cookie).await;
        let leads: Vec<String> = links(&list.body).into_iter().filter(|link| link.contains("/leads/")).collect();
        assert_eq!(leads.len(), 1, "{}", list.body);
        leads[0].clone()
    }
}

/// One request on its own connection.
async fn request(to: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    request_from("127.0.0.1:0", to, method, path, headers, body).await
}

/// One request from an address of loopback.
async fn request_from(
    from: &str,
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut head =
        format!("{method} {path} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| *name == "user-agent") {
        // As a person's browser: what a program tells is held.
        head.push_str("user-agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/150.0.0.0\r\n");
    }
    for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(from.parse().unwrap()).unwrap();
    let mut stream = socket.connect(to).await.unwrap();
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers =
        lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    Answer { status, headers: headers.collect(), body: body.to_owned() }
}

/// The values of an attribute, with entities decoded.
fn attributes(html: &str, name: &str) -> Vec<String> {
    let marker = format!(" {name}=\"");
    let values = html.split(&marker).skip(1).filter_map(|rest| rest.split('"').next());
    values.map(|value| value.replace("&#38;", "&").replace("&amp;", "&")).collect()
}

fn links(html: &str) -> Vec<String> {
    attributes(html, "href")
}

/// The parts of a page between two marks.
fn between<'a>(html: &'a str, start: &str, end: &str) -> Vec<&'a str> {
    html.split(start).skip(1).filter_map(|rest| rest.split(end).next()).collect()
}

#[tokio::test]
async fn every_page_but_the_login_needs_a_session() {
    // given everything that somebody logged in can reach from the first page
    let shop = Shop::open(None).await;
    shop.visit("a").await;
    let cookie = shop.log_in().await;
    let mut waiting = vec!["/".to_owned(), "/leads".to_owned()];
    let mut seen = BTreeSet::new();
    while let Some(path) = waiting.pop() {
        let path = path.split('#').next().unwrap().to_owned();
        // Everything exists in two languages; one more of each is enough.
        if !path.starts_with('/') || !seen.insert(path.clone()) {
            continue;
        }
        let answer = shop.get(&path, &cookie).await;
        assert!(matches!(answer.status, 200 | 303), "{path}: {}", answer.status);
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("script-src"), "{path}: {policy}");
        if !path.starts_with("/assets/") && answer.status == 200 {
            assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        }
        waiting.extend(links(&answer.body));
        waiting.extend(answer.headers.get("location").cloned());
    }
    for part in ["/sites/shop/leads/", "/sites/other/leads", "lang=nl", "lang=en", "digits=all", "/assets/pages.css?v="]
    {
        assert!(seen.iter().any(|path| path.contains(part)), "{part} in {seen:?}");
    }
    seen.insert("/sites/unknown/leads".to_owned());
    seen.insert("/sites/shop/leads/AAAAAAAAAAAAAAAAAAAAAA".to_owned());
    // when it is asked for without a session, or with one that never was
    for path in seen.iter().filter(|path| !path.starts_with("/assets/") && !path.starts_with("/login")) {
        for cookie in ["", "gloed_session=", "gloed_session=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            let answer = shop.get(path, cookie).await;
            // then there is nothing but the way to the login page
            assert_eq!(answer.status, 303, "{path}");
            assert!(answer.header("location").starts_with("/login"), "{path}: {}", answer.header("location"));
            assert_eq!(answer.body, "", "{path}");
        }
    }
    let out = request(shop.private, "POST", "/logout", &[], "").await;
    assert_eq!(out.status, 303);
    assert!(out.header("location").starts_with("/login"));
}

#[tokio::test]
async fn a_wrong_password_is_told_and_only_so_often() {
    let shop = Shop::open(None).await;
    // given nine wrong passwords
    for _ in 0..9 {
        let answer = shop.try_password("wrong", &[("accept-language", "nl")]).await;
        assert_eq!(answer.status, 401);
        assert!(answer.body.contains("Dat wachtwoord klopt niet.") && !answer.headers.contains_key("set-cookie"));
    }
    // when the right one comes, then it is let in, and the wrong ones are forgotten
    shop.log_in().await;
    for _ in 0..10 {
        assert_eq!(shop.try_password("wrong", &[]).await.status, 401);
    }
    // and after ten wrong ones even the right one has to wait, for five minutes
    let answer = shop.try_password(PASSWORD, &[]).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, "301"));
    shop.clock.set(NOON + Span::minutes(5));
    shop.log_in().await;
}

#[tokio::test]
async fn a_session_is_a_strict_cookie_and_ends_at_log_out() {
    let shop = Shop::open(None).await;
    let answer = shop.try_password(PASSWORD, &[("x-forwarded-proto", "https")]).await;
    let set = answer.header("set-cookie").to_owned();
    // Nobody believes a proxy that is not configured, so the cookie also works without TLS.
    assert!(set.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{set}");
    let cookie = set.split(';').next().unwrap();
    assert_eq!(shop.get("/leads", cookie).await.status, 200);
    // Behind one that is, the cookie never travels without TLS.
    let headers = [("x-forwarded-proto", "https"), ("x-forwarded-for", "198.51.100.7")];
    let form = "password=a+test%27s+password";
    let proxied = request_from("127.0.0.9:0", shop.private, "POST", "/login", &headers, form).await;
    assert!(proxied.header("set-cookie").ends_with("; SameSite=Strict; Secure"), "{}", proxied.header("set-cookie"));

    let out = request(shop.private, "POST", "/logout", &[("cookie", cookie)], "").await;
    assert_eq!((out.status, out.header("location")), (303, "/login"));
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(shop.get("/leads", cookie).await.status, 303);
    // and a session that nobody uses for twelve hours is over too
    let cookie = shop.log_in().await;
    shop.clock.set(NOON + Span::minutes(12 * 60));
    assert_eq!(shop.get("/leads", &cookie).await.status, 303);
}

#[tokio::test]
async fn a_form_on_another_site_does_nothing() {
    let shop = Shop::open(None).await;
    let cookie = shop.log_in().await;
    for foreign in
        [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "https://evil.example")]
    {
        assert_eq!(shop.try_password(PASSWORD, &[foreign]).await.status, 403, "{foreign:?}");
        let out = request(shop.private, "POST", "/logout", &[("cookie", &cookie), foreign], "").await;
        assert_eq!(out.status, 403);
    }
    assert_eq!(shop.get("/leads", &cookie).await.status, 200, "still logged in");
    let own = format!("http://{}", shop.private);
    assert_eq!(shop.try_password(PASSWORD, &[("origin", &own)]).await.status, 303);
    // and the way back after logging in leads nowhere else
    let form = [("content-type", "application/x-www-form-urlencoded")];
    for next in ["//evil.example", "https://evil.example", "/%5Cevil.example", "/logout"] {
        let path = format!("/login?next={next}");
        let answer = request(shop.private, "POST", &path, &form, "password=a+test%27s+password").await;
        assert_eq!((answer.status, answer.header("location")), (303, "/leads"), "{next}");
    }
}

#[tokio::test]
async fn an_empty_shop_is_told_what_to_paste() {
    let shop = Shop::open(None).await;
    let cookie = shop.log_in().await;
    let page = shop.get("/leads?lang=nl", &cookie).await.body;
    assert!(page.contains("Nog geen leads"), "{page}");
    assert!(page.contains("&lt;script async src=\"http://127.0.0.1:7070/gloed.js\" data-site=\"shop\"&gt;"), "{page}");
    assert!(page.contains(ORIGIN));
}

#[tokio::test]
async fn the_lines_of_a_lead_add_up_to_its_score_exactly() {
    // given a visitor whose points have cooled for a day and a bit, and who came back
    let shop = Shop::open(None).await;
    shop.visit("a").await;
    shop.clock.set(NOON + Span::minutes(1_500));
    shop.visit("a").await;
    shop.clock.set(NOON + Span::minutes(1_700));
    let cookie = shop.log_in().await;
    let lead = shop.only_lead(&cookie).await;
    // when the lead's page is read
    let page = shop.get(&lead, &cookie).await.body;
    // then its lines, every digit of them, are the score, which is also shown above and below the table
    let exact = |part: &str| Points::parse(&attributes(part, "value")[0]).unwrap();
    let table = between(&page, "id=\"lines\"", "</table>")[0];
    let lines: Vec<Points> = between(table, "<data class=\"now\"", ">").into_iter().map(exact).collect();
    let score = exact(between(&page, "id=\"score\"", ">")[0]);
    assert_eq!(lines.len(), 7, "three events that give points, twice, and the cart that was left");
    assert_eq!(lines.iter().copied().sum::<Points>(), score);
    assert_eq!(exact(between(&page, "<tr class=\"total\">", "</tr>")[0]), score);
    let bars = between(&page, "<ul class=\"rules\"", "</ul>")[0];
    let bars: Points = between(bars, "<data", ">").into_iter().map(exact).sum();
    assert_eq!(bars, score, "the same by rule");
    assert!(score > Points::whole(14) && score < Points::whole(38), "cooled: {score}");
    assert_ne!(score.0 % engine::points::ONE_POINT, 0, "a score with digits to lose");
    // and the list says the same
    let list = shop.get("/leads", &cookie).await.body;
    assert_eq!(exact(between(&list, "<td class=\"score\"><data", ">")[0]), score);
    // and so does the engine, asked directly
    let site = shop.app.sites.get("shop").unwrap();
    let heat = hottest(&shop.app, site, &Filter::default(), 10, shop.clock.now()).await.unwrap();
    assert_eq!(heat.leads[0].evaluation.score, score);
    // and every digit is shown when asked for
    let digits = shop.get(&format!("{}&digits=all", lead), &cookie).await.body;
    assert!(digits.contains(&format!(">{score}</data>")), "{score}");
}

#[tokio::test]
async fn a_leads_page_says_what_is_known_and_what_comes_next() {
    let shop = Shop::open(None).await;
    shop.visit("a").await;
    shop.clock.set(NOON + Span::minutes(10));
    shop.send(
        "a",
        json!({ "url": "https://shop.example/mand", "title": "Winkelmand" }),
        &[
            json!({ "name": "view_cart" }),
            json!({ "name": "sign_up", "email": "jan@voorbeeld.nl", "offer": "cart-newsletter" }),
            json!({ "name": "offer_shown", "offer": "cart-newsletter" }),
            json!({ "name": "Own.Event", "properties": { "colour": "blue" } }),
        ],
    )
    .await;
    let cookie = shop.log_in().await;
    let lead = shop.only_lead(&cookie).await;
    let page = shop.get(&lead, &cookie).await.body;
    let id = lead.split('/').next_back().unwrap().split('?').next().unwrap();
    for expected in [
        // 1 + 3 + 20 + 10 + 15, ten minutes old at most
        ">warm</span>",
        "Becomes cold",
        "if nothing happens",
        "because of ‘Signed up’",
        "regen",
        "newsletter",
        "Utrecht",
        "2 pieces, €159.90",
        "phone",
        "nl-NL",
        "mail (nieuwsbrief)",
        "campaign herfst",
        "Added to the cart",
        "2 × Regenjas (€79.95)",
        "/jassen/regenjas",
        "Offer shown",
        "cart-newsletter",
        "Own.Event",
        "colour",
        "Saturday 21 November 2026",
        "Visit 1",
        "13:10",
        id,
    ] {
        assert!(page.contains(expected), "{expected} in {page}");
    }
    // The address was typed, not confirmed: the pages never have it.
    assert!(!page.contains("voorbeeld.nl"));
    // and in the other language
    let page = shop.get(&lead.replace("lang=en", "lang=nl"), &cookie).await.body;
    for expected in [
        "Wordt koud",
        "als er niets gebeurt",
        "door ‘Aangemeld’",
        "2 stuks, €\u{a0}159,90",
        "Aanbieding getoond",
        "zaterdag 21 november 2026",
    ] {
        assert!(page.contains(expected), "{expected} in {page}");
    }
}

#[tokio::test]
async fn an_unknown_visitor_has_a_page_that_says_so() {
    let shop = Shop::open(None).await;
    let cookie = shop.log_in().await;
    for id in ["AAAAAAAAAAAAAAAAAAAAAA", "x", "%3Cscript%3E"] {
        let answer = shop.get(&format!("/sites/shop/leads/{id}?lang=en"), &cookie).await;
        assert_eq!(answer.status, 404);
        assert!(answer.body.contains("There is no such visitor") && !answer.body.contains("<script"));
    }
    assert_eq!(shop.get("/sites/nobody/leads", &cookie).await.status, 404);
}

#[tokio::test]
async fn what_a_browser_sent_is_text_on_every_page() {
    // given markup, quotes, direction marks and endless text in every field that a page can fill
    let shop = Shop::open(None).await;
    let evil = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>\u{202e}&lt;";
    let long = "W".repeat(5_000);
    let item = json!({ "id": evil, "name": evil, "category": evil, "variant": evil, "price": "1.00" });
    let page = json!({ "url": "https://shop.example/%22%3E%3Cscript%3E/jassen/'\"><script>alert(1)</script>?utm_source=%3Cscript%3E&utm_medium=%22%3E&utm_campaign=%3Cscript%3Ealert(1)",
        "referrer": "https://evil.example/<script>", "title": evil, "language": "<script>", "viewport": 1200 });
    shop.send(
        "a",
        page.clone(),
        &[
            json!({ "name": "page_view", "properties": { evil: evil, "long": long, (long.as_str()): "x" } }),
            json!({ "name": "add_to_cart", "value": "1.00", "currency": "EUR", "items": [item] }),
            json!({ "name": "set_attributes", "properties": { evil: evil, "gone": null } }),
            json!({ "name": "purchase", "transaction_id": evil, "value": "1.00", "currency": "EUR", "items": [item] }),
            json!({ "name": "offer_shown", "offer": evil, "decision": evil }),
        ],
    )
    .await;
    shop.send("a", json!({ "url": "https://shop.example/x", "title": long }), &[json!({ "name": "page_view" })]).await;
    let cookie = shop.log_in().await;
    let lead = shop.only_lead(&cookie).await;
    let query = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E";
    let pages = [
        lead.clone(),
        format!("{lead}&digits={query}&events=all&x={query}"),
        format!("/leads?stage={query}&label={query}&limit={query}&{query}={query}"),
        format!("/sites/{query}/leads"),
        format!("/sites/shop/leads/{query}"),
        format!("/login?next={query}&lang={query}"),
    ];
    for path in pages {
        // when any page is read, then none of it is markup
        let answer = shop.get(&path, &cookie).await;
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'; style-src 'self'"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        let body = answer.body;
        for markup in ["<script", "<img src=x", "\"'>", "'\">", "javascript:"] {
            assert!(!body.contains(markup), "{markup} on {path}: {body}");
        }
        for word in ["onerror=", " style=", " onclick="] {
            let inside_tags = body.split('<').skip(1).filter_map(|tag| tag.split('>').next());
            assert!(!inside_tags.into_iter().any(|tag| tag.contains(word)), "{word} in a tag on {path}");
        }
    }
    // and all of it can be read, each with its direction kept to itself
    let page = shop.get(&lead, &cookie).await.body;
    assert!(page.contains("&#60;script&#62;alert(1)&#60;/script&#62;"), "{page}");
    let marked = page.matches('\u{202e}').count();
    let isolated = between(&page, "<bdi", "</bdi>").iter().filter(|inside| inside.contains('\u{202e}')).count();
    assert!(marked >= 5 && isolated == marked, "{isolated} of {marked}");
}

#[tokio::test]
async fn the_list_filters_counts_and_goes_on() {
    // given sixty visitors, one of them warm, one interested in rain
    let shop = Shop::open(None).await;
    for number in 0..59 {
        let page = json!({ "url": "https://shop.example/", "viewport": 1200 });
        shop.send(&format!("v{number}"), page, &[json!({ "name": "page_view" })]).await;
    }
    shop.visit("rain").await;
    shop.send(
        "rain",
        json!({ "url": "https://shop.example/mand" }),
        &[
            json!({ "name": "page_view" }),
            json!({ "name": "page_view" }),
            json!({ "name": "page_view" }),
            json!({ "name": "page_view" }),
            json!({ "name": "view_cart" }),
            json!({ "name": "view_cart" }),
        ],
    )
    .await;
    let cookie = shop.log_in().await;
    let rows = async |query: &str| {
        let page = shop.get(&format!("/leads?lang=en{query}"), &cookie).await.body;
        (page.matches("<tr class=\"lead\">").count(), page)
    };
    // when the list is read, then it shows fifty, the warmest first, and the way to the rest
    let (count, page) = rows("").await;
    assert_eq!(count, 50);
    assert!(between(&page, "<tr class=\"lead\">", "</tr>")[0].contains("regen"));
    let more = links(&page).into_iter().find(|link| link.contains("limit=100")).unwrap();
    assert_eq!(shop.get(&more, &cookie).await.body.matches("<tr class=\"lead\">").count(), 60);
    assert!(page.contains("All 60 leads with points."), "{page}");
    // and filters are exact, and keep what they count honest
    for (query, expected) in
        [("&stage=warm", 1), ("&stage=hot", 0), ("&label=regen", 1), ("&stage=cold&limit=500", 59), ("&label=none", 0)]
    {
        let (count, page) = rows(query).await;
        assert_eq!(count, expected, "{query}");
        assert!(page.contains("All 60 leads with points."), "{query}");
        assert_eq!(page.contains("No lead matches this filter"), expected == 0, "{query}");
    }
}

/// Two rules that cool at very different speeds.
const FAST_AND_SLOW: &str = r#"
version = 1
name = "test"

[[stages]]
name = "cold"

[[stages]]
name = "hot"
enter = ">= 1000"

[[rules]]
id = "fast"
title = "Fast"
when = { field = "event", eq = "fast" }
points = 50
half_life = "1h"

[[rules]]
id = "slow"
title = "Slow"
when = { field = "event", eq = "slow" }
points = 40
half_life = "30d"

[[rules]]
id = "little"
title = "Little"
when = { field = "event", eq = "little" }
points = 1
"#;

#[tokio::test]
async fn the_hottest_are_exact_and_the_rest_is_not_looked_at() {
    // given more than one reading of the index of those whose points go fast, behind them one whose points last, and
    // many who hardly matter
    let shop = Shop::open(Some(FAST_AND_SLOW)).await;
    let page = json!({ "url": "https://shop.example/" });
    for (name, count) in [("fast", 140), ("slow", 1), ("little", 200)] {
        for number in 0..count {
            shop.send(&format!("{name}{number}"), page.clone(), &[json!({ "name": name })]).await;
        }
    }
    let site = shop.app.sites.get("shop").unwrap();
    let all = Filter::default();
    let hot = async |filter: &Filter, limit, now| hottest(&shop.app, site, filter, limit, now).await.unwrap();
    let first = |heat: &collector::heat::Heat| {
        let evaluation = &heat.leads[0].evaluation;
        evaluation.title(&evaluation.lines[0]).to_owned()
    };
    // when they are looked at at once, and three hours later, when the index still has the old order
    let (at_once, later) = (hot(&all, 1, NOON).await, hot(&all, 1, NOON + Span::minutes(180)).await);
    // then the order is that of the scores, and the little ones were not all evaluated
    assert_eq!((first(&at_once).as_str(), first(&later).as_str()), ("Fast", "Slow"));
    for heat in [&at_once, &later] {
        assert_eq!((heat.leads.len(), heat.end), (1, End::Enough));
        assert!(heat.looked_at() < 300, "{}", heat.looked_at());
    }
    // and a filter that nobody passes ends at the end, not before the bound on work
    let nobody = Filter { stage: Some("hot".to_owned()), label: None };
    let heat = hot(&nobody, 10, NOON).await;
    assert_eq!((heat.leads.len(), heat.looked_at(), heat.end), (0, 341, End::Everything));
    assert!(heat.looked_at() <= MOST_EVALUATED);
    // and everything is in order
    let heat = hot(&all, 500, NOON + Span::minutes(180)).await;
    assert!(heat.leads.is_sorted_by(|left, right| left.evaluation.score >= right.evaluation.score));
    assert_eq!(heat.leads.len(), 341);
}

#[tokio::test]
async fn assets_are_kept_for_ever_under_their_digest() {
    let shop = Shop::open(None).await;
    let login = shop.get("/login", "").await;
    assert_eq!(login.header("content-language"), "en");
    let style = links(&login.body).into_iter().find(|link| link.contains("pages.css")).unwrap();
    let answer = shop.get(&style, "").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/css; charset=utf-8"));
    assert!(answer.header("cache-control").contains("immutable"));
    let again =
        request(shop.private, "GET", "/assets/pages.css", &[("if-none-match", answer.header("etag"))], "").await;
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    assert!(!again.header("cache-control").contains("immutable"));
    assert_eq!(shop.get("/assets/nothing.css", "").await.status, 404);
    // Nothing in the repository's style sheet reaches for another address.
    let sheet = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/pages.css")).unwrap();
    assert!(!sheet.contains("url(") && !sheet.contains("@import"));
}
