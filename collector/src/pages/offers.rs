//! What each offer brings, in plain words.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use engine::{Currency, Money};

use super::language::Language;
use super::leads::{in_order, list_link, no_site};
use super::offer_words::Texts;
use super::shell::Shell;
use super::words::Words;
use crate::app::App;
use crate::http::experiments::SINCE;
use crate::problem::Problem;
use crate::reports;
use crate::site::Site;
use crate::study::statistics::Difference;
use crate::study::{ExperimentReport, ExperimentsReport, GroupRow, Verdict};

#[derive(Template)]
#[template(path = "offers.html")]
struct Page<'a> {
    shell: &'a Shell,
    words: &'static Words,
    texts: &'static Texts,
    site: SiteView,
    sites: Vec<SiteView>,
    leads: String,
    period: String,
    offers: Vec<OfferView>,
    by_margin: bool,
}

/// A site in the switch.
struct SiteView {
    name: String,
    link: String,
    current: bool,
}

/// One offer.
struct OfferView {
    id: String,
    /// The colour of what is said: `good`, `bad`, or nothing.
    tone: &'static str,
    headline: String,
    /// What was seen, in a sentence; empty where nobody met it.
    story: String,
    warnings: Vec<String>,
    groups: Vec<Row>,
    bands: Vec<Row>,
}

/// One group of visitors.
struct Row {
    name: String,
    visitors: String,
    counted: String,
    bought: String,
    revenue: String,
    cost: String,
    margin: Option<String>,
    beside: Option<String>,
    between: Option<String>,
}

/// `GET /offers`: of the first site.
pub(super) async fn first_site(State(app): State<Arc<App>>, shell: Shell) -> Response {
    match in_order(&app).next() {
        Some(site) => respond(&app, &shell, site).await,
        None => no_site(&shell),
    }
}

/// `GET /sites/{site}/offers`
pub(super) async fn of_site(State(app): State<Arc<App>>, Path(site): Path<String>, shell: Shell) -> Response {
    match app.sites.get(&site) {
        Some(site) => respond(&app, &shell, site).await,
        None => no_site(&shell),
    }
}

/// The address of a site's page of offers.
pub(super) fn link(shell: &Shell, site: &Site) -> String {
    shell.link(&format!("/sites/{}/offers", site.name))
}

async fn respond(app: &Arc<App>, shell: &Shell, site: &Arc<Site>) -> Response {
    match page(app, shell, site).await {
        Ok(page) => shell.render(StatusCode::OK, &page),
        Err(problem) => shell.problem(problem),
    }
}

async fn page<'a>(app: &Arc<App>, shell: &'a Shell, site: &Arc<Site>) -> Result<Page<'a>, Problem> {
    let report = reports::experiments(app, site, SINCE).await?;
    let view = View { language: shell.language, currency: site.model().currency, report: &report };
    let site_view = |other: &Site| SiteView {
        name: other.config.name.clone(),
        link: link(shell, other),
        current: other.name == site.name,
    };
    Ok(Page {
        words: shell.words(),
        texts: shell.language.offer_texts(),
        site: site_view(site),
        sites: in_order(app).map(|other| site_view(other)).collect(),
        leads: list_link(shell, site),
        period: shell.language.period(SINCE, site.model().economics.window),
        offers: report.offers.iter().map(|offer| view.offer(offer)).collect(),
        by_margin: report.by_margin,
        shell,
    })
}

/// What offers are told with.
struct View<'a> {
    language: Language,
    currency: Currency,
    report: &'a ExperimentsReport,
}

impl View<'_> {
    fn offer(&self, offer: &ExperimentReport) -> OfferView {
        let language = self.language;
        let met = offer.groups.iter().any(|row| row.exposed > 0);
        let rows = offer.groups.iter().chain(&offer.together).filter(|_| met);
        let bands = offer.bands.iter().filter(|_| offer.bands.len() > 1).flat_map(|band| {
            let stage = language.stage(&band.stage);
            band.groups.iter().map(move |row| self.row(row, &format!("{stage}, {}", language.variant(&row.variant))))
        });
        OfferView {
            id: offer.offer.clone(),
            tone: match offer.verdict {
                Verdict::Earns => "good",
                Verdict::Costs | Verdict::SampleRatio => "bad",
                Verdict::NoHoldout | Verdict::TooEarly { .. } => "",
            },
            headline: if met || offer.verdict == Verdict::NoHoldout {
                language.verdict(&offer.verdict, self.report.by_margin)
            } else {
                language.offer_texts().nobody.to_owned()
            },
            story: self.story(offer).unwrap_or_default(),
            warnings: language.warnings(offer),
            groups: rows.map(|row| self.row(row, &language.variant(&row.variant))).collect(),
            bands: bands.collect(),
        }
    }

    /// `Of 1,900 who saw it 4.2 % bought; of 100 who did not, 3.0 %.`
    fn story(&self, offer: &ExperimentReport) -> Option<String> {
        let holdout = offer.groups.iter().find(|row| row.variant == engine::HOLDOUT)?;
        let mut shown = offer.together.iter().chain(&offer.groups).filter(|row| row.variant != engine::HOLDOUT);
        let shown = shown.next()?;
        let part = |row: &GroupRow| self.percent(row.buyers, row.settled);
        (shown.settled > 0 && holdout.settled > 0)
            .then(|| self.language.story((shown.settled, &part(shown)), (holdout.settled, &part(holdout))))
    }

    fn row(&self, row: &GroupRow, name: &str) -> Row {
        let language = self.language;
        let beside = row.against_holdout.as_ref();
        let beside = beside.and_then(|beside| if self.report.by_margin { beside.margin } else { beside.revenue });
        Row {
            name: name.to_owned(),
            visitors: language.count(row.exposed),
            counted: language.count(row.settled),
            bought: format!("{} ({})", language.count(row.buyers), self.percent(row.buyers, row.settled)),
            revenue: self.money(row.revenue),
            cost: self.money(row.cost),
            margin: row.margin.map(|margin| self.money(margin)),
            beside: beside.map(|difference| self.signed(difference.found)),
            between: beside.map(|difference| self.between(&difference)),
        }
    }

    fn between(&self, difference: &Difference) -> String {
        let Difference { sequential, .. } = difference;
        self.language.between(&self.signed(sequential.low), &self.signed(sequential.high))
    }

    fn money(&self, minor: i64) -> String {
        self.language.money(Money { minor, currency: self.currency })
    }

    /// An amount per visitor, in whole minor units, with its sign.
    fn signed(&self, minor: f64) -> String {
        #[expect(clippy::cast_possible_truncation, reason = "what is beyond i64 is shown as its end")]
        let minor = minor.round() as i64;
        let money = self.money(minor);
        if minor > 0 { format!("+{money}") } else { money }
    }

    /// A share with one digit after the point.
    fn percent(&self, part: u64, whole: u64) -> String {
        match (part * 1_000 + whole / 2).checked_div(whole) {
            Some(tenths) => format!("{}\u{a0}%", self.language.number(&format!("{}.{}", tenths / 10, tenths % 10))),
            None => "–".to_owned(),
        }
    }
}
