//! Every route of the shop, its layers and its limits.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};

use crate::language::Language;
use crate::settings::Settings;
use crate::visit::Shop;
use crate::{assets, pages};

/// Largest form that the shop reads, in bytes.
const LARGEST_FORM: usize = 16 * 1_024;

/// The pages of one language; the prefix is the caller's.
fn shop(shop: Shop) -> Router {
    Router::new()
        .route("/", get(pages::home))
        .route("/categorie/{slug}", get(pages::category))
        .route("/product/{slug}", get(pages::product))
        .route("/zoeken", get(pages::search))
        .route("/advies", get(pages::advice))
        .route("/advies/{slug}", get(pages::article))
        .route("/winkelwagen", get(pages::cart).post(pages::add))
        .route("/winkelwagen/wijzigen", post(pages::change))
        .route("/winkelwagen/code", post(pages::redeem))
        .route("/afrekenen", get(pages::checkout).post(pages::order))
        .route("/bedankt", get(pages::thanks))
        .route("/inloggen", get(pages::login).post(pages::log_in))
        .route("/uitloggen", post(pages::log_out))
        .route("/nieuwsbrief", get(pages::newsletter).post(pages::subscribe))
        .route("/service", get(pages::service).post(pages::ask))
        .method_not_allowed_fallback(pages::method_not_allowed)
        .fallback(pages::not_found)
        .with_state(shop)
}

/// The whole shop. The headers are outermost, so that refusals and unknown addresses carry them too.
pub(crate) fn router(settings: Settings) -> Router {
    let policy = settings.policy();
    let settings = Arc::new(settings);
    let tag: Arc<str> = settings.tag_html().into();
    let of = |language| Shop { language, settings: Arc::clone(&settings), tag: Arc::clone(&tag) };
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/assets/{*name}", get(assets::asset))
        .route("/downloads/{name}", get(assets::download))
        // A nested `/` answers `/en` only; the address that the pages link to has the slash.
        .route("/en/", get(pages::home).with_state(of(Language::English)))
        .nest("/en", shop(of(Language::English)))
        .merge(shop(of(Language::Dutch)))
        .layer(DefaultBodyLimit::max(LARGEST_FORM))
        .layer(middleware::from_fn_with_state(Headers::new(&policy), add_headers))
}

#[derive(Clone)]
struct Headers(Arc<[(HeaderName, HeaderValue)]>);

impl Headers {
    fn new(policy: &str) -> Self {
        // Everything in the policy was parsed from printable ASCII; should that ever change, no policy would be
        // worse than one that forbids everything.
        let policy = HeaderValue::from_str(policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"));
        Self(Arc::new([
            (CONTENT_SECURITY_POLICY, policy),
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (REFERRER_POLICY, HeaderValue::from_static("strict-origin-when-cross-origin")),
        ]))
    }
}

async fn add_headers(State(headers): State<Headers>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let answer = response.headers_mut();
    for (name, value) in headers.0.iter() {
        answer.insert(name, value.clone());
    }
    if !answer.contains_key(CACHE_CONTROL) {
        // Pages hold the cart. Not `no-store`, which would keep them out of the back-forward cache.
        answer.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        answer.insert(VARY, HeaderValue::from_static("cookie, accept"));
    }
    response
}
