//! The pages: what each route shows.

mod account;
mod browse;
mod buy;

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

pub(crate) use account::{ask, log_in, log_out, login, newsletter, service, subscribe};
pub(crate) use browse::{advice, article, category, home, product, search};
pub(crate) use buy::{add, cart, change, checkout, order, redeem, thanks};

use crate::language::Text;
use crate::visit::{Frame, Visit};

/// Renders a page.
fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct Problem {
    f: Frame,
    text: &'static str,
}

fn problem(visit: &Visit, status: StatusCode, title: Text, text: Text) -> Response {
    let language = visit.language();
    let f = visit.frame(title.say(language), text).at_home();
    page(status, &Problem { f, text: text.say(language) })
}

/// What is not there.
pub(crate) async fn not_found(visit: Visit) -> Response {
    missing(&visit)
}

fn missing(visit: &Visit) -> Response {
    problem(
        visit,
        StatusCode::NOT_FOUND,
        Text::new("Deze pagina is weggespoeld", "This page has been washed away"),
        Text::new(
            "Het adres klopt niet (meer). Zoek verder, of begin opnieuw bij de jassen.",
            "The address is not right, or not any more. Search on, or start again with the coats.",
        ),
    )
}

/// What is there, but not to be done so.
pub(crate) async fn method_not_allowed(visit: Visit) -> Response {
    problem(
        &visit,
        StatusCode::METHOD_NOT_ALLOWED,
        Text::new("Dat kan hier niet", "That cannot be done here"),
        Text::new("Deze pagina kun je alleen bekijken.", "This page can only be looked at."),
    )
}
