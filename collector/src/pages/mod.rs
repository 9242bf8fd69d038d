//! The marketer's pages: log in, see who is warm and why.

mod session;

use std::sync::Arc;

use axum::Router;

use crate::app::App;

pub use session::Sessions;

/// The routes of the pages.
pub fn routes(_app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
}
