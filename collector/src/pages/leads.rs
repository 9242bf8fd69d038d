//! The list of leads, hottest first.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use engine::{Evaluation, Model, StageIndex};

use super::offer_words::Texts;
use super::offers;
use super::shell::Shell;
use super::stage::{Badge, heat};
use super::when::{Times, When};
use super::words::Words;
use crate::app::App;
use crate::heat::{End, Filter, HotLead, hottest};
use crate::problem::Problem;
use crate::site::Site;

/// Leads on the first page, and how many more each "show more" adds.
const STEP: usize = 50;
/// The longest list.
const MOST: usize = 500;
/// Labels of one lead that the list shows.
const LABELS: usize = 3;

#[derive(Template)]
#[template(path = "leads.html")]
struct Page<'a> {
    shell: &'a Shell,
    words: &'static Words,
    texts: &'static Texts,
    offers: String,
    site: SiteView,
    sites: Vec<SiteView>,
    stages: Vec<Choice>,
    labels: Vec<Choice>,
    filtered: bool,
    clear: String,
    counts: Vec<(Badge, usize)>,
    counted: String,
    sweeping: Option<String>,
    note: Option<String>,
    rows: Vec<Row>,
    /// Whether any of them carries a mark that wants explaining.
    marked: bool,
    more: Option<String>,
    full: bool,
    tag: Tag,
}

/// A site in the switch.
struct SiteView {
    name: String,
    link: String,
    current: bool,
}

/// One choice of a filter.
struct Choice {
    value: String,
    shown: String,
    selected: bool,
}

/// The line to paste, while there is nobody to show.
struct Tag {
    key: String,
    address: String,
    origins: String,
}

/// One lead in the list.
struct Row {
    link: String,
    visitor: String,
    badge: Badge,
    score: String,
    exact: String,
    heat: i64,
    since: When,
    /// Whether it is warm or hotter by the word of browsers alone.
    browser_only: bool,
    last_seen: Option<When>,
    country: Option<String>,
    device: Option<&'static str>,
    visits: u32,
    labels: Vec<String>,
    more_labels: usize,
}

/// `GET /leads`: of the first site.
pub(super) async fn first_site(State(app): State<Arc<App>>, shell: Shell) -> Response {
    match in_order(&app).next() {
        Some(site) => respond(&app, &shell, site).await,
        None => no_site(&shell),
    }
}

/// `GET /sites/{site}/leads`
pub(super) async fn of_site(State(app): State<Arc<App>>, Path(site): Path<String>, shell: Shell) -> Response {
    match app.sites.get(&site) {
        Some(site) => respond(&app, &shell, site).await,
        None => no_site(&shell),
    }
}

/// The sites as the configuration lists them.
pub(super) fn in_order(app: &App) -> impl Iterator<Item = &Arc<Site>> {
    app.config.sites.iter().filter_map(|site| app.sites.get(site.key.as_str()))
}

/// The page that says that no site has this key.
pub(super) fn no_site(shell: &Shell) -> Response {
    shell.message(StatusCode::NOT_FOUND, shell.words().no_site_title, shell.words().no_site_text)
}

/// The address of a site's list.
pub(super) fn list_link(shell: &Shell, site: &Site) -> String {
    shell.link(&format!("/sites/{}/leads", site.name))
}

async fn respond(app: &App, shell: &Shell, site: &Site) -> Response {
    match page(app, shell, site).await {
        Ok(page) => shell.render(StatusCode::OK, &page),
        Err(problem) => shell.problem(problem),
    }
}

async fn page<'a>(app: &App, shell: &'a Shell, site: &Site) -> Result<Page<'a>, Problem> {
    let now = app.clock.now();
    let model = site.model();
    let language = shell.language;
    let filter = Filter {
        stage: shell.parameter("stage").map(str::to_owned),
        label: shell.parameter("label").map(str::to_owned),
    };
    let asked = shell.parameter("limit").and_then(|limit| limit.parse::<usize>().ok());
    let limit = asked.unwrap_or(STEP).clamp(1, MOST);
    // One more than shown, to know whether there are more.
    let heat = hottest(app, site, &filter, limit + 1, now).await?;
    let (looked_at, more) = (heat.looked_at(), heat.leads.len() > limit);

    let times = Times { zone: &site.config.time_zone, now, language };
    let view = RowView { shell, site, model: &model, times };
    let selected = |wanted: &Option<String>, value: &str| wanted.as_deref() == Some(value);
    let choice =
        |badge: Badge| Choice { selected: selected(&filter.stage, &badge.name), value: badge.name, shown: badge.shown };
    // Those of the model; what a server told of, as far as leads in sight have it; and whatever is asked for.
    let held = heat.leads.iter().flat_map(|lead| lead.evaluation.labels.iter().map(|held| held.label.to_string()));
    let asked_for = filter.label.clone().filter(|label| !label.is_empty());
    let mut labels: Vec<String> =
        model.labels.iter().map(|rule| rule.label.to_string()).chain(held).chain(asked_for).collect();
    labels.sort();
    labels.dedup();
    let labels = labels.into_iter();
    let rows: Vec<Row> = heat.leads.iter().take(limit).map(|lead| view.row(lead)).collect();
    Ok(Page {
        words: shell.words(),
        texts: language.offer_texts(),
        offers: offers::link(shell, site),
        sites: in_order(app).map(|other| site_view(shell, other, other.name == site.name)).collect(),
        site: site_view(shell, site, true),
        stages: Badge::all(&model, language).into_iter().map(choice).collect(),
        labels: labels
            .map(|label| Choice { selected: selected(&filter.label, &label), shown: label.clone(), value: label })
            .collect(),
        filtered: !filter.is_empty(),
        clear: list_link(shell, site),
        counts: Badge::all(&model, language).into_iter().zip(heat.stages.iter().rev().copied()).collect(),
        counted: language.counted(looked_at, heat.end == End::Everything),
        sweeping: sweeping(site).map(|done| language.sweeping(done)),
        note: (heat.end == End::TooMany).then(|| language.too_many(looked_at)),
        marked: rows.iter().any(|row| row.browser_only),
        rows,
        more: (more && limit < MOST).then(|| shell.here_with(&[("limit", &(limit + STEP).min(MOST).to_string())])),
        full: more && limit >= MOST,
        tag: Tag {
            key: site.config.key.as_str().to_owned(),
            address: format!("http://{}", app.config.public),
            origins: site.config.origins.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        },
        shell,
    })
}

/// How many hundredths of the order are those of the model in force; `None` when all are.
fn sweeping(site: &Site) -> Option<u16> {
    let left = u32::from(site.sweep_left.load(Ordering::Relaxed));
    (left > 0).then(|| u16::try_from((256 - left.min(256)) * 100 / 256).unwrap_or_default())
}

fn site_view(shell: &Shell, site: &Site, current: bool) -> SiteView {
    SiteView { name: site.config.name.clone(), link: list_link(shell, site), current }
}

/// What rows are made with.
struct RowView<'a> {
    shell: &'a Shell,
    site: &'a Site,
    model: &'a Model,
    times: Times<'a>,
}

impl RowView<'_> {
    fn row(&self, lead: &HotLead) -> Row {
        let evaluation = &lead.evaluation;
        let language = self.shell.language;
        Row {
            link: self.shell.link(&format!("/sites/{}/leads/{}", self.site.name, lead.key.visitor)),
            visitor: short(&lead.key.visitor),
            badge: Badge::of(self.model, evaluation.stage, language),
            score: language.points(evaluation.score),
            exact: evaluation.score.to_string(),
            heat: heat(self.model, evaluation.score),
            since: self.times.at(evaluation.since),
            browser_only: by_browsers_alone(evaluation),
            last_seen: evaluation.last_seen.map(|at| self.times.at(at)),
            country: evaluation.country.as_ref().map(ToString::to_string),
            device: evaluation.device.map(|device| language.device(device)),
            visits: evaluation.visits,
            labels: evaluation.labels.iter().take(LABELS).map(|held| held.label.to_string()).collect(),
            more_labels: evaluation.labels.len().saturating_sub(LABELS),
        }
    }
}

/// Whether a lead has left the lowest stage by the word of browsers alone: then it carries a mark. In the lowest stage there is
/// nothing yet to be wary of.
pub(super) fn by_browsers_alone(evaluation: &Evaluation) -> bool {
    evaluation.browser_only && evaluation.stage > StageIndex::default()
}

/// The beginning of a visitor's id: enough to tell those of one list apart. The lead's own page has all of it.
pub(super) fn short(visitor: &store::VisitorId) -> String {
    visitor.to_string().chars().take(8).collect()
}
