//! Who a request of the shop's own systems comes from.

use std::sync::Arc;

use axum::http::{HeaderMap, header};

use crate::app::App;
use crate::problem::Problem;
use crate::site::Site;

/// The site of the server key in a request: no key reaches another site's visitors.
///
/// # Errors
/// [`Problem::Unauthorized`] when the key is missing or wrong.
pub(super) fn site(app: &App, headers: &HeaderMap) -> Result<Arc<Site>, Problem> {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let given = authorization.strip_prefix("Bearer ").unwrap_or_default();
    app.sites.with_server_key(given).cloned().ok_or(Problem::Unauthorized)
}
