//! Speaking with the shop: login, newsletter, questions, service. Nothing that is typed is kept.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::page;
use crate::language::Text;
use crate::visit::{Cookie, Frame, Visit};

/// The query of a page that thanks for a form that was sent without scripts.
#[derive(Debug, Deserialize)]
pub(crate) struct Sent {
    verzonden: Option<String>,
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    f: Frame,
}

/// `GET /inloggen`.
pub(crate) async fn login(visit: Visit) -> Response {
    let title = Text::new("Inloggen · Miezer", "Log in · Miezer").say(visit.language());
    let f = visit.frame(title, Text::new("Je account bij Miezer.", "Your account at Miezer."));
    page(StatusCode::OK, &LoginPage { f })
}

/// `POST /inloggen`: any address and password will do.
pub(crate) async fn log_in(visit: Visit) -> Response {
    visit.done("/inloggen", json!({}), &[Cookie::Account.set("1")])
}

/// `POST /uitloggen`.
pub(crate) async fn log_out(visit: Visit) -> Response {
    visit.done("/inloggen", json!({}), &[Cookie::Account.clear()])
}

#[derive(Template)]
#[template(path = "newsletter.html")]
struct NewsletterPage {
    f: Frame,
    sent: bool,
}

/// `GET /nieuwsbrief`.
pub(crate) async fn newsletter(visit: Visit, Query(query): Query<Sent>) -> Response {
    let title = Text::new("Nieuwsbrief · Miezer", "Newsletter · Miezer").say(visit.language());
    let f = visit.frame(title, Text::new("Eens per maand, als het regent.", "Once a month, when it rains."));
    page(StatusCode::OK, &NewsletterPage { f, sent: query.verzonden.is_some() })
}

/// `POST /nieuwsbrief`.
pub(crate) async fn subscribe(visit: Visit) -> Response {
    visit.done("/nieuwsbrief?verzonden=1", json!({}), &[])
}

#[derive(Template)]
#[template(path = "service.html")]
struct ServicePage {
    f: Frame,
    sent: bool,
}

/// `GET /service`.
pub(crate) async fn service(visit: Visit, Query(query): Query<Sent>) -> Response {
    let title = Text::new("Service · Miezer", "Service · Miezer").say(visit.language());
    let f =
        visit.frame(title, Text::new("Bezorgen, ruilen, privacy, vragen.", "Delivery, returns, privacy, questions."));
    page(StatusCode::OK, &ServicePage { f, sent: query.verzonden.is_some() })
}

/// `POST /service`: a question to the shop.
pub(crate) async fn ask(visit: Visit) -> Response {
    visit.done("/service?verzonden=1", json!({}), &[])
}
