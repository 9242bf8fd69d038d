//! The marketer's pages: log in, see who is warm, and why.
//!
//! ```text
//! request ─► same origin? (POST) ─► session? (all but login and assets) ─► Shell (language, address) ─► page ─► template
//! ```
//!
//! Rendered on the server, without a line of script. Everything a browser ever sent (titles, paths, labels, names of
//! properties) is hostile: templates escape it, `<bdi>` keeps its direction to itself, the policy in `router.rs` lets no
//! script run and no form leave. Texts stand in `words.rs`; a page's view is built beside its handler.

mod assets;
mod attempts;
mod chart;
mod door;
mod explanation;
mod language;
mod lead;
mod lead_offers;
mod leads;
mod login;
mod names;
mod offer_words;
mod offers;
mod reasons;
mod session;
mod shell;
mod stage;
mod timeline;
mod titles;
mod when;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};

use crate::app::App;
use shell::Shell;

pub use session::Sessions;

/// The routes of the pages. Whatever stands in `inside` needs a session; that is said once, here.
pub fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    let inside = Router::new()
        .route("/", get(home))
        .route("/leads", get(leads::first_site))
        .route("/sites/{site}/leads", get(leads::of_site))
        .route("/sites/{site}/leads/{visitor}", get(lead::get))
        .route("/offers", get(offers::first_site))
        .route("/sites/{site}/offers", get(offers::of_site))
        .route("/logout", post(login::out))
        .route_layer(from_fn_with_state(app.clone(), door::session));
    let outside =
        Router::new().route("/login", get(login::form).post(login::enter)).route("/assets/{file}", get(assets::get));
    inside.merge(outside).route_layer(from_fn(door::same_origin))
}

async fn home(shell: Shell) -> impl IntoResponse {
    Redirect::to(&shell.link("/leads"))
}
