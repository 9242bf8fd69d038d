//! What every page owes its visitor.

use std::collections::{BTreeMap, BTreeSet};

use web_demo::advice::ARTICLES;
use web_demo::catalog::{CATEGORIES, PRODUCTS};
use web_demo::settings::Tag;

use crate::browser::{Answer, Browser, COLLECTOR, links, settings};

const POLICY: &str = "default-src 'none'; script-src 'self' http://127.0.0.1:7070 'wasm-unsafe-eval'; \
    connect-src 'self' http://127.0.0.1:7070; img-src 'self' data:; style-src 'self'; font-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The addresses that the rest of the project relies on.
fn pages() -> Vec<String> {
    let fixed = ["/", "/winkelwagen", "/afrekenen", "/bedankt", "/advies", "/zoeken?q=regen", "/inloggen"];
    let more = ["/nieuwsbrief", "/nieuwsbrief?verzonden=1", "/service", "/service?verzonden=1", "/zoeken"];
    let mut paths: Vec<String> = fixed.iter().chain(&more).map(|path| (*path).to_owned()).collect();
    paths.extend(CATEGORIES.iter().map(|category| format!("/categorie/{}", category.slug)));
    paths.extend(PRODUCTS.iter().map(|product| format!("/product/{}", product.slug)));
    paths.extend(ARTICLES.iter().map(|article| format!("/advies/{}", article.slug)));
    let english: Vec<String> = paths.iter().map(|path| format!("/en{path}")).collect();
    paths.extend(english);
    paths
}

/// Every answer that the shop's links lead to, by address.
async fn crawl(browser: &mut Browser) -> BTreeMap<String, Answer> {
    let mut waiting: BTreeSet<String> = pages().into_iter().collect();
    let mut seen = BTreeMap::new();
    while let Some(address) = waiting.pop_first() {
        let answer = browser.get(&address).await;
        if answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
            waiting.extend(links(&answer.text()).into_iter().filter(|link| !seen.contains_key(link)));
        }
        seen.insert(address, answer);
    }
    seen
}

#[tokio::test]
async fn every_page_answers_in_its_language() {
    let mut browser = Browser::open(settings()).await;
    for path in pages() {
        let answer = browser.get(&path).await;

        let language = if path.starts_with("/en") { "en" } else { "nl" };
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.text().contains(&format!("<html lang=\"{language}\">")), "{path} is not in {language}");
        assert!(answer.text().contains("data-test=\"language\""), "{path} has no language switch");
    }
}

#[tokio::test]
async fn every_link_leads_somewhere() {
    let mut browser = Browser::open(settings()).await;

    let seen = crawl(&mut browser).await;

    for (address, answer) in &seen {
        assert_eq!(answer.status, 200, "{address}");
        assert!(!answer.body.is_empty(), "{address} is empty");
    }
    let pictures = seen.iter().filter(|(address, _)| address.contains(".svg"));
    let pictures: Vec<&Answer> = pictures.map(|(_, answer)| answer).collect();
    assert!(pictures.len() >= PRODUCTS.len() + ARTICLES.len(), "only {} pictures are shown", pictures.len());
    for picture in pictures {
        assert_eq!(picture.header("content-type"), Some("image/svg+xml"));
        assert!(picture.text().starts_with("<svg "));
        assert_eq!(picture.header("cache-control"), Some("public, max-age=31536000, immutable"));
    }
}

#[tokio::test]
async fn every_brochure_is_a_pdf_in_each_language() {
    let mut browser = Browser::open(settings()).await;

    let seen = crawl(&mut browser).await;

    let brochures: Vec<_> = seen.iter().filter(|(address, _)| address.starts_with("/downloads/")).collect();
    assert_eq!(brochures.len(), 2 * ARTICLES.len());
    for (address, answer) in brochures {
        assert_eq!(answer.header("content-type"), Some("application/pdf"), "{address}");
        assert!(answer.header("content-disposition").unwrap().starts_with("attachment;"), "{address}");
        assert!(answer.body.starts_with(b"%PDF-"), "{address} is no PDF");
    }
}

#[tokio::test]
async fn the_tag_is_the_only_line_about_us() {
    let mut browser = Browser::open(settings()).await;
    let tag = format!("<script async src=\"{COLLECTOR}/gloed.js\" data-site=\"demo-shop\"></script>");
    for path in pages() {
        let html = browser.get(&path).await.text();

        assert_eq!(html.matches(&tag).count(), 1, "{path}");
        let rest = html.replace(&tag, "").to_lowercase();
        assert!(!rest.contains("gloed"), "{path} speaks of us outside the tag");
        assert!(!rest.contains("127.0.0.1"), "{path} names the collector outside the tag");
    }
}

#[tokio::test]
async fn consent_stands_in_the_tag_when_asked_for() {
    let mut browser = Browser::open(web_demo::settings::Settings { consent_in_tag: true, ..settings() }).await;

    let html = browser.get("/").await.text();

    assert!(html.contains("data-site=\"demo-shop\" data-consent=\"granted\"></script>"));
}

#[tokio::test]
async fn a_shop_without_the_tag_has_none_and_allows_none() {
    let mut browser = Browser::open(web_demo::settings::Settings { tag: Tag::None, ..settings() }).await;

    let answer = browser.get("/").await;

    assert!(!answer.text().to_lowercase().contains("gloed"));
    assert!(!answer.header("content-security-policy").unwrap().contains(COLLECTOR));
}

#[tokio::test]
async fn every_answer_carries_the_policy() {
    let mut browser = Browser::open(settings()).await;
    for path in ["/", "/en/", "/niets", "/en/niets", "/assets/shop.css", "/assets/niets", "/healthz"] {
        let answer = browser.get(path).await;

        assert_eq!(answer.header("content-security-policy"), Some(POLICY), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
    let refused = browser.ask("DELETE", "/", &[], "").await;
    assert_eq!(refused.header("content-security-policy"), Some(POLICY));
}

#[tokio::test]
async fn wasm_can_be_forbidden() {
    let mut browser = Browser::open(web_demo::settings::Settings { allow_wasm: false, ..settings() }).await;

    let answer = browser.get("/").await;

    let policy = answer.header("content-security-policy").unwrap();
    assert_eq!(policy, POLICY.replace(" 'wasm-unsafe-eval'", ""));
}

#[tokio::test]
async fn no_page_needs_what_its_policy_forbids() {
    let mut browser = Browser::open(settings()).await;
    for path in pages() {
        let html = browser.get(&path).await.text();

        for script in html.split("<script").skip(1) {
            let opening = script.split('>').next().unwrap();
            let data = opening.contains("type=\"application/json\"");
            assert!(opening.contains("src=\"") || data, "{path} has an inline script: {opening}");
        }
        assert!(!html.contains("<style") && !html.contains(" style=\""), "{path} has an inline style");
        assert!(!html.contains(" onclick=") && !html.contains(" onsubmit="), "{path} has an inline handler");
    }
}

#[tokio::test]
async fn facts_of_a_page_cannot_end_their_element() {
    let mut browser = Browser::open(settings()).await;

    let html = browser.get("/zoeken?q=%3C%2Fscript%3E%3Cscript%3Ealert(1)").await.text();

    assert!(!html.contains("</script><script>alert"));
    assert!(html.contains(r#"\u003c/script>\u003cscript>alert(1)"#), "the search is reported as it was typed");
}

#[tokio::test]
async fn what_is_not_there_is_said_in_the_visitors_language() {
    let mut browser = Browser::open(settings()).await;
    let cases = [
        ("/niets", "weggespoeld"),
        ("/product/niets", "weggespoeld"),
        ("/categorie/niets", "weggespoeld"),
        ("/en/niets", "washed away"),
        ("/en/advies/niets", "washed away"),
    ];
    for (path, words) in cases {
        let answer = browser.get(path).await;

        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text().contains(words), "{path}");
    }
    for path in ["/downloads/niets.pdf", "/assets/niets.js", "/assets/downloads/onderhoud-brochure.pdf"] {
        assert_eq!(browser.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn odd_methods_are_refused_and_head_is_not() {
    let mut browser = Browser::open(settings()).await;

    let posted = browser.post("/", "").await;
    let deleted = browser.ask("DELETE", "/en/winkelwagen", &[], "").await;
    let head = browser.ask("HEAD", "/", &[], "").await;
    let got = browser.get("/uitloggen").await;

    assert_eq!(posted.status, 405);
    assert_eq!(posted.header("allow"), Some("GET,HEAD"));
    assert_eq!(deleted.status, 405);
    assert!(deleted.text().contains("That cannot be done here"));
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(got.status, 405, "a link must not log anybody out");
}

#[tokio::test]
async fn a_kept_file_is_not_sent_again() {
    let mut browser = Browser::open(settings()).await;
    let first = browser.get("/assets/shop.css").await;
    let tag = first.header("etag").unwrap().to_owned();

    let second = browser.ask("GET", "/assets/shop.css", &[("if-none-match", &tag)], "").await;

    assert_eq!(first.header("cache-control"), Some("no-cache"));
    assert_eq!((second.status, second.body.len()), (304, 0));
}
