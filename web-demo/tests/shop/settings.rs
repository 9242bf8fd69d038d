//! What the shop lets itself be started with.

use std::path::PathBuf;

use web_demo::settings::{DiscountCode, Origin, Settings, SettingsError, SiteKey, Stub, Tag};

use crate::browser::{Browser, settings};

fn manifest(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// `printf 'window.x=1' | openssl dgst -sha256 -binary | base64`
const HASH: &str = "sha256-hUmDl3yY/7GaaX+Zuy8aEy8IzxgpBs7xccqYHs2/7kQ=";

#[tokio::test]
async fn the_stub_stands_before_the_tag_and_its_hash_in_the_policy() {
    let path = manifest(
        "stub.json",
        &format!(r#"{{ "stub": "window.x=1", "stub_csp": "'{HASH}'", "loader": "other things" }}"#),
    );
    let tag = Tag::Stub(Stub::from_manifest(&path).unwrap());
    let mut browser = Browser::open(Settings { tag, ..settings() }).await;

    let answer = browser.get("/").await;

    assert!(answer.text().contains("<script>window.x=1</script><script async src=\"http://127.0.0.1:7070/gloed.js\""));
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.contains(&format!("script-src 'self' http://127.0.0.1:7070 '{HASH}' 'wasm-unsafe-eval';")));
}

#[test]
fn a_stub_that_the_browser_would_refuse_is_refused_at_once() {
    let wrong = manifest("wrong.json", r#"{ "stub": "window.x=2", "stub_csp": "sha256-AAAA" }"#);
    let partial = manifest("partial.json", r#"{ "stub": "window.x=2" }"#);
    let markup = manifest("markup.json", r#"{ "stub": "</script><b>", "stub_csp": "sha256-AAAA" }"#);

    assert!(matches!(Stub::from_manifest(&wrong), Err(SettingsError::StubHash { .. })));
    assert!(matches!(Stub::from_manifest(&partial), Err(SettingsError::StubIllFormed { .. })));
    assert!(matches!(Stub::from_manifest(&markup), Err(SettingsError::StubMarkup { .. })));
    assert!(matches!(Stub::from_manifest(&wrong.join("none")), Err(SettingsError::StubUnreadable { .. })));
}

#[test]
fn an_origin_is_a_scheme_a_host_and_a_port() {
    for good in ["http://127.0.0.1:7070", "https://track.shop.example", "http://[::1]:7070", "http://localhost:7070/"] {
        assert_eq!(Origin::parse(good).unwrap().to_string(), good.trim_end_matches('/'));
    }
    for bad in ["", "http://", "127.0.0.1:7070", "ftp://x", "http://x/y", "http://x;script-src *", "http://x\"><b>"] {
        assert!(Origin::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn keys_and_codes_are_checked() {
    assert!(SiteKey::parse("demo-shop").is_ok());
    for bad in ["", "demo shop", "demo\"shop", &"x".repeat(65)] {
        assert!(SiteKey::parse(bad).is_err(), "{bad}");
    }
    let code = DiscountCode::parse("WARM10=10").unwrap();
    assert_eq!((code.code(), code.percent()), ("WARM10", 10));
    for bad in ["", "WARM10", "WARM10=", "WARM10=0", "WARM10=91", "warm=10", "=10", "A B=10"] {
        assert!(DiscountCode::parse(bad).is_err(), "{bad}");
    }
}
