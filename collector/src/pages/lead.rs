//! A lead's own page: how warm, why, since when, what comes next, and everything that happened.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use engine::{Evaluation, Lead, Millis, Model, StageCause, Suspicion};
use store::{LeadKey, VisitorId};

use super::chart::{self, Chart};
use super::explanation::{self, Amount, Digits, Section};
use super::language::Language;
use super::lead_offers::{self, OfferRow};
use super::leads::{by_browsers_alone, list_link, no_site, short};
use super::names::Name;
use super::shell::Shell;
use super::stage::{Badge, heat};
use super::timeline::{self, Day};
use super::when::{Times, When};
use super::words::Words;
use crate::app::App;
use crate::log_record::KeptLead;
use crate::person::{self, Person};
use crate::problem::Problem;
use crate::refused::Refused;
use crate::site::Site;

/// Touches of the timeline, unless all are asked for.
const TOUCHES: usize = 200;

#[derive(Template)]
#[template(path = "lead.html")]
struct Page<'a> {
    shell: &'a Shell,
    words: &'static Words,
    back: String,
    site: String,
    short: String,
    id: String,
    badge: Badge,
    score: Amount,
    heat: i64,
    since: When,
    browser_only: bool,
    why: Why,
    next: Next,
    first_seen: Option<When>,
    last_seen: Option<When>,
    facts: Vec<(&'static str, String)>,
    labels: Vec<(String, When, Option<When>)>,
    attributes: Vec<(Name, String)>,
    chart: Option<Chart>,
    sections: Vec<Section>,
    every_digit: bool,
    digits_link: String,
    overflowed: bool,
    /// What is said of touches that count for nothing.
    held: Option<String>,
    refused: Vec<RefusedRow>,
    merged: Vec<String>,
    offers: Vec<OfferRow>,
    offers_text: String,
    days: Vec<Day>,
    shown_of: Option<String>,
    all_link: String,
}

/// Why the stage is what it is.
struct Why {
    words: String,
    /// Title and path of the page that it happened on.
    page: Option<(String, String)>,
}

/// What becomes of the stage if nothing happens.
struct Next {
    words: String,
    at: Option<When>,
    suffix: &'static str,
}

/// An event that became no touch.
struct RefusedRow {
    at: When,
    event: String,
    /// A name that is the shop's own.
    custom: bool,
    why: &'static str,
    code: String,
    field: Option<String>,
}

/// `GET /sites/{site}/leads/{visitor}`
pub(super) async fn get(
    State(app): State<Arc<App>>,
    Path((site, visitor)): Path<(String, String)>,
    shell: Shell,
) -> Response {
    let Some(site) = app.sites.get(&site) else { return no_site(&shell) };
    let nobody = || shell.message(StatusCode::NOT_FOUND, shell.words().not_found_title, shell.words().not_found_text);
    let Ok(visitor) = VisitorId::parse(&visitor) else { return nobody() };
    let Person { key, kept } = match person::known(&app, &LeadKey::new(site.name.clone(), visitor)).await {
        Ok(person) if person.kept.lead.is_empty() => return nobody(),
        Ok(person) => person,
        Err(problem) => return shell.problem(problem),
    };
    if key.visitor != visitor {
        // A message about them may be older than their merge.
        return Redirect::to(&shell.link(&format!("/sites/{}/leads/{}", site.name, key.visitor))).into_response();
    }
    let (site, now) = (site.clone(), app.clock.now());
    // A long ledger takes milliseconds: not on a thread that others wait for.
    let rendered = tokio::task::spawn_blocking(move || {
        let page = page(&shell, &site, visitor, &kept, now);
        shell.render(StatusCode::OK, &page)
    });
    rendered.await.unwrap_or_else(|error| Problem::Internal(error.to_string()).into_response())
}

fn page<'a>(shell: &'a Shell, site: &Site, visitor: VisitorId, kept: &KeptLead, now: Millis) -> Page<'a> {
    let lead = &kept.lead;
    let language = shell.language;
    let model = site.model();
    let evaluation = engine::evaluate(lead, &model, now);
    let times = Times { zone: &site.config.time_zone, now: evaluation.at, language };
    let every_digit = shell.parameter("digits") == Some("all");
    let digits = Digits { language, every: every_digit };
    let all = shell.parameter("events") == Some("all");
    let (touches, most) = (lead.touches().len(), if all { usize::MAX } else { TOUCHES });
    Page {
        words: shell.words(),
        back: list_link(shell, site),
        site: site.config.name.clone(),
        short: short(&visitor),
        id: visitor.to_string(),
        badge: Badge::of(&model, evaluation.stage, language),
        score: digits.amount(evaluation.score),
        heat: heat(&model, evaluation.score),
        since: times.at(evaluation.since),
        browser_only: by_browsers_alone(&evaluation),
        why: why(&evaluation, lead, &model, &times),
        next: next(lead, &evaluation, &model, &times),
        first_seen: lead.first_seen().map(|at| times.at(at)),
        last_seen: evaluation.last_seen.map(|at| times.at(at)),
        facts: facts(&evaluation, shell),
        labels: evaluation
            .labels
            .iter()
            .map(|held| (held.label.to_string(), times.at(held.since), held.until.map(|until| times.at(until))))
            .collect(),
        attributes: evaluation
            .attributes
            .iter()
            .map(|(name, value)| (Name::of(name.as_str(), language), language.scalar(value)))
            .collect(),
        chart: chart::draw(lead, &model, &times),
        sections: explanation::sections(&evaluation, &model, &times, digits),
        every_digit,
        digits_link: shell.here_with(&[("digits", if every_digit { "" } else { "all" })]) + "#why",
        overflowed: !lead.overflowed().is_empty(),
        held: held(&evaluation, language),
        refused: kept.refused.iter().rev().map(|one| refused(one, &times)).collect(),
        merged: kept.sources.iter().map(ToString::to_string).collect(),
        offers: lead_offers::rows(lead, &model, site.pools.empty(now.0), now, &times),
        offers_text: language.offers_text(lead_offers::last_page(lead)),
        days: timeline::days(lead, &evaluation, &times, most),
        shown_of: (touches > most).then(|| language.shown_of(most, touches)),
        all_link: shell.here_with(&[("events", "all")]) + "#timeline",
        shell,
    }
}

/// How many touches are held, and until when.
fn held(evaluation: &Evaluation, language: Language) -> Option<String> {
    let held = &evaluation.quarantined;
    let forgiven = held.iter().any(|(_, why)| *why != Suspicion::Scanner);
    let until = if forgiven { language.words().held_until } else { "" };
    (!held.is_empty()).then(|| format!("{} {until}", language.held_notice(held.len())))
}

fn refused(one: &Refused, times: &Times<'_>) -> RefusedRow {
    let known = one.event.as_deref().and_then(|name| times.language.event(name));
    let words = times.language.words();
    RefusedRow {
        at: times.at(one.at),
        event: known.map(str::to_owned).or_else(|| one.event.clone()).unwrap_or_else(|| words.unknown.to_owned()),
        custom: known.is_none() && one.event.is_some(),
        why: times.language.refusal(&one.code),
        code: one.code.clone(),
        field: one.field.clone(),
    }
}

fn why(evaluation: &Evaluation, lead: &Lead, model: &Model, times: &Times<'_>) -> Why {
    let titled =
        |rule: &engine::RuleId| model.rule(rule.as_str()).map_or(rule.to_string(), |rule| rule.title.to_string());
    match &evaluation.why {
        StageCause::State { rule } => Why { words: times.language.because_state(&titled(rule)), page: None },
        StageCause::HandBack { rule, .. } => {
            Why { words: times.language.because_handed_back(&titled(rule)), page: None }
        }
        StageCause::Initial => Why { words: times.language.because_initial().to_owned(), page: None },
        StageCause::Cooling => Why { words: times.language.because_cooling().to_owned(), page: None },
        StageCause::Touch { touch, rule } => {
            let page = lead.touch(touch).and_then(|touch| touch.page.as_ref());
            Why {
                words: times.language.because_touch(&titled(rule)),
                page: page.map(|page| {
                    (page.title.as_ref().map(ToString::to_string).unwrap_or_default(), page.path.to_string())
                }),
            }
        }
    }
}

fn next(lead: &Lead, evaluation: &Evaluation, model: &Model, times: &Times<'_>) -> Next {
    match engine::next_change(lead, model, evaluation.at) {
        Some(change) => Next {
            words: times.language.becomes(model.stages.name(change.to_stage)),
            at: Some(times.at(change.at)),
            suffix: times.language.if_nothing(),
        },
        None => Next { words: times.language.stays(&evaluation.stage_name), at: None, suffix: "" },
    }
}

/// What is known of the visitor, by name.
fn facts(evaluation: &Evaluation, shell: &Shell) -> Vec<(&'static str, String)> {
    let (words, language) = (shell.words(), shell.language);
    let unknown = || words.unknown.to_owned();
    let cart = match (evaluation.cart.quantity, evaluation.cart.value) {
        (0, _) => words.empty.to_owned(),
        (quantity, None) => language.pieces(quantity),
        (quantity, Some(value)) => format!("{}, {}", language.pieces(quantity), language.money(value)),
    };
    vec![
        (words.visits, evaluation.visits.to_string()),
        (words.touchpoints, evaluation.touchpoints.to_string()),
        (words.channel, evaluation.channel.map_or_else(unknown, |channel| language.channel(channel).to_owned())),
        (words.country, evaluation.country.as_ref().map_or_else(unknown, ToString::to_string)),
        (words.device, evaluation.device.map_or_else(unknown, |device| language.device(device).to_owned())),
        (words.language, evaluation.language.as_ref().map_or_else(unknown, ToString::to_string)),
        (words.cart, cart),
        (words.bought, if evaluation.purchased { words.yes } else { words.not_yet }.to_owned()),
    ]
}
