//! Experiments: what each offer brings, beside those who would have seen it and did not.
//!
//! A visitor belongs to the variant that the collector noted in the reservation of the decision that was first shown; what a
//! page says of variants is not looked at. They count as soon as the offer *would* have been shown, whether or not anything
//! counts of them otherwise: a popup brings evidence of a person, so to ask for it would make the groups unlike. What they did
//! counts once the window after that is over, so that no number changes afterwards and looking early does not lie.
//!
//! Only visitors who were divided as the model divides them now are compared: a holdout that grew meanwhile would be of
//! other days than the rest.

mod group;
mod verdict;
mod worth;

use std::collections::BTreeMap;

use engine::decide::Noted;
use engine::model::{CouponCost, HOLDOUT, Offer, Shares};
use engine::{DecisionId, Evaluation, Lead, Millis, Model, Money, Scalar, Span, Touch, Trust, touch::event};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::group::{Group, Outcome};
use self::verdict::part;
use self::worth::Worth;
use super::statistics::{ERROR, SampleRatio, number};

pub use self::group::{Comparison, GroupRow};
pub use self::verdict::{ENOUGH, Verdict};

/// What all variants but the holdout are called together.
pub const SHOWN: &str = "shown";
/// Half a day: what is folded stands at noon.
const HALF_A_DAY: Span = Span::minutes(12 * 60);

/// What the offers of a site bring.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExperimentsReport {
    /// ISO 4217; every amount is in it.
    pub currency: String,
    /// How long after an offer what a visitor does counts for it.
    pub window: String,
    /// Whether the model names a margin: then that decides, else revenue does.
    pub by_margin: bool,
    /// In the order of the model.
    pub offers: Vec<ExperimentReport>,
}

/// What one offer brings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExperimentReport {
    /// Its id.
    pub offer: String,
    /// The event that it is meant to bring about.
    pub goal: Option<String>,
    /// What is to be said of it.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The holdout first, then the variants in the order of the model.
    pub groups: Vec<GroupRow>,
    /// All variants together, where there are several.
    pub together: Option<GroupRow>,
    /// The same by the visitor's stage when they met it, lowest first; stages in which nobody met it are left out.
    pub bands: Vec<Band>,
    /// Whether the groups are as large as they should be.
    pub sample_ratio: SampleRatio,
    /// Visitors who were divided otherwise than the model does now, and so are left out.
    pub divided_otherwise: u64,
    /// Visitors who met several variants, since they turned out to be one person. They count where they came first.
    pub met_several: u64,
    /// Orders without a value in the site's currency: they count as orders, and bring nothing.
    pub orders_without_value: u64,
}

/// Visitors who were in one stage when they met the offer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Band {
    /// The stage.
    pub stage: String,
    /// The holdout first, then all others together.
    pub groups: Vec<GroupRow>,
}

/// What is known of one offer so far.
struct Tried<'a> {
    offer: &'a Offer,
    shares: Shares,
    /// By stage, then by place in the shares.
    groups: BTreeMap<String, Vec<Group>>,
    divided_otherwise: u64,
    met_several: u64,
    orders_without_value: u64,
}

/// A report under way: leads are added one by one.
pub struct Experiments<'a> {
    model: &'a Model,
    from: Millis,
    now: Millis,
    tried: Vec<Tried<'a>>,
}

/// When a visitor first met an offer.
struct Exposure<'l> {
    at: Millis,
    noted: Noted<'l>,
    several: bool,
}

impl<'a> Experiments<'a> {
    /// A report of visitors who first met an offer within `[from, now]`.
    #[must_use]
    pub fn new(model: &'a Model, from: Millis, now: Millis) -> Self {
        let tried = model.offers.iter().map(|offer| Tried {
            offer,
            shares: Shares::of(offer, &model.offers_policy),
            groups: BTreeMap::new(),
            divided_otherwise: 0,
            met_several: 0,
            orders_without_value: 0,
        });
        Self { model, from, now, tried: tried.collect() }
    }

    /// Looks at one lead.
    pub fn add(&mut self, lead: &Lead) {
        if !lead.touches().iter().any(|touch| touch.is(event::OFFER_SHOWN)) {
            return;
        }
        let evaluation = engine::evaluate(lead, self.model, self.now);
        for tried in &mut self.tried {
            let Some(exposure) = exposure(lead, tried.offer) else { continue };
            if exposure.at < self.from || exposure.at > self.now {
                continue;
            }
            if exposure.noted.shares != tried.shares.to_string() {
                tried.divided_otherwise += 1;
                continue;
            }
            let Some(place) = tried.shares.iter().position(|(name, _)| name == exposure.noted.variant) else {
                continue;
            };
            tried.met_several += u64::from(exposure.several);
            let is_over = exposure.at.plus(self.model.economics.window) <= self.now;
            let outcome = is_over.then(|| tried.outcome(lead, &evaluation, self.model, exposure.at));
            let count = tried.shares.iter().count();
            let groups = tried.groups.entry(exposure.noted.stage.to_owned());
            let groups = groups.or_insert_with(|| vec![Group::default(); count]);
            if let Some(group) = groups.get_mut(place) {
                group.add(outcome.as_ref());
            }
        }
    }

    /// What was found.
    #[must_use]
    pub fn finish(self) -> ExperimentsReport {
        let by_margin = self.model.economics.margin.is_some();
        let stages: Vec<&str> = self.model.stages.iter().map(|stage| stage.name.as_str()).collect();
        ExperimentsReport {
            currency: self.model.currency.to_string(),
            window: self.model.economics.window.to_string(),
            by_margin,
            offers: self.tried.into_iter().map(|tried| tried.report(by_margin, &stages)).collect(),
        }
    }
}

/// When a visitor first met an offer under the seed that it has, and what was noted of it.
fn exposure<'l>(lead: &'l Lead, offer: &Offer) -> Option<Exposure<'l>> {
    let seed = offer.experiment.seed.as_ref().map_or("", |seed| seed.as_str());
    let noted =
        lead.touches().iter().filter_map(|touch| Some((touch.decision.as_ref()?, Noted::of(touch, &offer.id)?)));
    let noted: BTreeMap<&DecisionId, Noted<'_>> = noted.filter(|(_, noted)| noted.seed == seed).collect();
    let of_it = |touch: &&Touch| touch.is(event::OFFER_SHOWN) && touch.offer.as_ref() == Some(&offer.id);
    let shown = lead.touches().iter().filter(of_it);
    let mut shown = shown.filter_map(|touch| Some((touch.time, *noted.get(touch.decision.as_ref()?)?)));
    let (at, noted) = shown.next()?;
    let several = shown.any(|(_, later)| later.variant != noted.variant);
    Some(Exposure { at, noted, several })
}

impl Tried<'_> {
    /// What a visitor did within the window.
    fn outcome(&mut self, lead: &Lead, evaluation: &Evaluation, model: &Model, met: Millis) -> Outcome {
        let end = met.plus(model.economics.window);
        let counts = |(place, touch): &(usize, &Touch)| {
            // Of what is folded the day alone is known.
            let latest = if touch.is_fold() { touch.time.plus(HALF_A_DAY) } else { touch.time };
            latest >= met && touch.time <= end && evaluation.uncounted.binary_search(place).is_err()
        };
        let touches: Vec<&Touch> = lead.touches().iter().enumerate().filter(counts).map(|(_, touch)| touch).collect();
        let told = |name: &'static str| {
            touches.iter().copied().filter(move |touch| touch.is(name) && touch.trust == Trust::Server)
        };
        let mut outcome = Outcome { margin: model.economics.margin.map(|_| 0), ..Outcome::default() };
        for order in told(event::PURCHASE) {
            outcome.orders += 1;
            let Some(value) = order.value.filter(|value| value.currency == model.currency) else {
                self.orders_without_value += 1;
                continue;
            };
            let back =
                told(event::REFUND).filter(|back| order.transaction.is_some() && back.transaction == order.transaction);
            // A refund that names no amount is of all.
            let back = back.map(|back| back.value.map_or(value.minor, |back: Money| back.minor));
            let worth = Worth::of(order, value, back.sum(), self.cost(lead, order), &model.economics);
            outcome.revenue = outcome.revenue.saturating_add(worth.revenue);
            outcome.cost = outcome.cost.saturating_add(worth.cost);
            outcome.margin = outcome.margin.zip(worth.margin).map(|(sum, more)| sum.saturating_add(more));
        }
        if let Some(goal) = &self.offer.goal {
            // Money is a server's word, whatever an offer is for.
            let is_money = [event::PURCHASE, event::REFUND].contains(&goal.as_str());
            let reached =
                touches.iter().filter(|touch| touch.name == *goal && (touch.trust == Trust::Server || !is_money));
            outcome.goal = reached.clone().next().is_some();
            outcome.through_offer = reached.clone().any(|touch| touch.offer.as_ref() == Some(&self.offer.id));
        }
        outcome
    }

    /// What the code of this offer costs, if an order was placed with it.
    fn cost(&self, lead: &Lead, order: &Touch) -> Option<CouponCost> {
        let coupon = self.offer.coupon.as_ref()?;
        let used = order.properties.get("coupon").and_then(Scalar::text)?.trim();
        let granted = engine::decide::granted(lead, &self.offer.id);
        let granted = granted.as_ref().and_then(|grant| grant.code.known());
        let is_used = granted.into_iter().chain(coupon.code.known()).any(|code| code.eq_ignore_ascii_case(used));
        coupon.cost.filter(|_| is_used)
    }

    fn report(self, by_margin: bool, stages: &[&str]) -> ExperimentReport {
        let names: Vec<(&str, u16)> = self.shares.iter().collect();
        let mut all = vec![Group::default(); names.len()];
        for groups in self.groups.values() {
            all = all.iter().zip(groups).map(|(sum, group)| sum.and(*group)).collect();
        }
        let sizes: Vec<(u64, f64)> =
            all.iter().zip(&names).map(|(group, (_, share))| (group.exposed(), part(*share))).collect();
        let sample_ratio = SampleRatio::of(&sizes);
        let has_holdout = names.first().is_some_and(|(name, _)| *name == HOLDOUT);
        let judge = Judge { by_margin, has_holdout, broken: sample_ratio.mismatch };

        let variants = names.len() - usize::from(has_holdout);
        let groups = judge.rows(&names, &all, variants);
        let (holdout, shown) = judge.halves(&all);
        let verdict = judge.verdict(&shown, holdout, ERROR);
        let mut together = shown.row(SHOWN, None, by_margin);
        together.verdict = Some(verdict);
        together.against_holdout = holdout.map(|holdout| shown.against(holdout, by_margin, ERROR));

        let mut bands: Vec<(&String, &Vec<Group>)> = self.groups.iter().collect();
        bands.sort_by_key(|(stage, _)| stages.iter().position(|known| known == stage).unwrap_or(usize::MAX));
        let count = bands.len();
        let bands = bands.into_iter().map(|(stage, groups)| {
            let (holdout, shown) = judge.halves(groups);
            let halves: Vec<Group> = holdout.copied().into_iter().chain([shown]).collect();
            let names = if has_holdout { vec![(HOLDOUT, 0), (SHOWN, 0)] } else { vec![(SHOWN, 0)] };
            let mut groups = judge.rows(&names, &halves, count);
            groups.iter_mut().for_each(|group| group.share = None);
            Band { stage: stage.clone(), groups }
        });
        ExperimentReport {
            offer: self.offer.id.to_string(),
            goal: self.offer.goal.as_ref().map(ToString::to_string),
            verdict,
            groups,
            together: (variants > 1).then_some(together),
            bands: bands.collect(),
            sample_ratio,
            divided_otherwise: self.divided_otherwise,
            met_several: self.met_several,
            orders_without_value: self.orders_without_value,
        }
    }
}

/// How the groups of an offer are judged.
struct Judge {
    by_margin: bool,
    has_holdout: bool,
    /// Whether the groups are not as large as they should be.
    broken: bool,
}

impl Judge {
    /// The holdout, which stands first, and all others together.
    fn halves<'g>(&self, groups: &'g [Group]) -> (Option<&'g Group>, Group) {
        let (holdout, others) = groups.split_at(usize::from(self.has_holdout).min(groups.len()));
        (holdout.first(), others.iter().fold(Group::default(), |sum, group| sum.and(*group)))
    }

    fn verdict(&self, shown: &Group, holdout: Option<&Group>, error: f64) -> Verdict {
        match holdout {
            None => Verdict::NoHoldout,
            Some(_) if self.broken => Verdict::SampleRatio,
            Some(holdout) => Verdict::of(shown.deciding(self.by_margin), holdout.deciding(self.by_margin), error),
        }
    }

    /// Each group as it is told. `comparisons`: how many there are, which share the error among them.
    fn rows(&self, names: &[(&str, u16)], groups: &[Group], comparisons: usize) -> Vec<GroupRow> {
        let error = ERROR / number(u64::try_from(comparisons.max(1)).unwrap_or(1));
        let (holdout, _) = self.halves(groups);
        let rows = names.iter().zip(groups).map(|((name, share), group)| {
            let mut row = group.row(name, Some(*share), self.by_margin);
            if *name != HOLDOUT {
                row.verdict = Some(self.verdict(group, holdout, error));
                row.against_holdout = holdout.map(|holdout| group.against(holdout, self.by_margin, error));
            }
            row
        });
        rows.collect()
    }
}
