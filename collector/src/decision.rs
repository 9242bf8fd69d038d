//! Decide: what a visitor sees now.
//!
//! ```text
//! person::for_decision ─► Lead ─ evaluate ─► Evaluation ─ decide ─► reserve (log) ─► DecisionAnswer
//!                                                              └─ a new code ─► read again, committed (`grant`)
//! ```

use std::collections::BTreeMap;

use engine::decide::{EXPIRES_PROPERTY, Grant, POOL_PROPERTY};
use engine::model::{OfferContent, Trigger};
use engine::touch::event;
use engine::{
    Chosen, CouponCode, Decision, DecisionId, Evaluation, EventName, Lead, Millis, Model, Moment, OfferId, PageFacts,
    PoolName, PropertyName, Reason, Scalar, Slot, StreamId, Suspicion, Text, Touch, TouchId, Trust,
};
use wire::{Ask, Claimed, Considered, DecisionAnswer, LeadView, OfferAnswer};

use crate::accept::{self, Admitted};
use crate::app::App;
use crate::budget::asking::{Budgets, Step};
use crate::budget::{Kind, Part};
use crate::coupon::leasing::{Codes, Given};
use crate::grant::{self, UNAVAILABLE};
use crate::identity::random_id;
use crate::leads::Age;
use crate::log_record::KeptLead;
use crate::metric::Metric;
use crate::person::{self, Person};
use crate::problem::Problem;

/// Answers a request for a decision, reserving what it shows. While the store is away it is made of what is remembered, and
/// nothing is offered to whom nothing is remembered of.
///
/// # Errors
/// [`Problem::LogUnavailable`]: then the page shows nothing. [`Problem::StoreUnavailable`] where a lead does not read.
pub async fn decide(app: &App, admitted: &mut Admitted, ask: &Ask) -> Result<DecisionAnswer, Problem> {
    let decided = match admitted.suspect {
        None => offered(app, admitted, ask).await,
        Some(why) => withheld(app, admitted, ask, why).await,
    };
    match decided {
        Err(Problem::StoreUnavailable(error)) if error.is_transient() => {
            Metric::DecisionWithoutStore.count("fallback");
            nothing(ask, UNAVAILABLE, None)
        }
        decided => decided,
    }
}

/// An answer without an offer, and why.
fn nothing(ask: &Ask, why: &str, lead: Option<LeadView>) -> Result<DecisionAnswer, Problem> {
    let refused = |id: &String| Claimed { id: id.clone(), code: None, refused: Some(why.to_owned()), until: None };
    Ok(DecisionAnswer {
        v: 1,
        decision: random_id().map_err(|error| Problem::Internal(error.to_string()))?,
        offers: Vec::new(),
        reasons: vec![why.to_owned()],
        claimed: ask.claim.as_ref().map(refused),
        considered: Vec::new(),
        lead,
        id: None,
    })
}

/// The answer to who may be no person: nothing is offered, reserved or granted, so that no program takes a code, uses up
/// a holdout or a cap, or puts an offer into a search engine's index. A person asks again, without the suspicion.
async fn withheld(app: &App, admitted: &Admitted, ask: &Ask, why: Suspicion) -> Result<DecisionAnswer, Problem> {
    let site = &admitted.site;
    let lead = match site.config.page_may_see_score {
        false => None,
        true => {
            let (person, _) = person::for_decision(app, &admitted.key).await?;
            Some(lead_view(&engine::evaluate(&person.kept.lead, &site.model(), app.clock.now())))
        }
    };
    Metric::Decision.count("withheld");
    nothing(ask, why.name(), lead)
}

/// The page that asks.
struct Asker {
    stream: StreamId,
    /// Whether somebody has used it.
    used: bool,
}

/// What a lead comes to at one moment.
struct Worked {
    evaluation: Evaluation,
    decided: Decision,
    claim: Option<Result<Grant, Reason>>,
}

impl Worked {
    fn of(lead: &Lead, model: &Model, moment: &Moment, asker: &Asker, claimed: Option<&OfferId>, now: Millis) -> Self {
        let evaluation = engine::evaluate_for(lead, model, &asker.stream, asker.used, now);
        let decided = engine::decide(lead, &evaluation, model, moment, now);
        let claim = claimed.map(|offer| engine::claim(lead, &evaluation, model, offer, now));
        Self { evaluation, decided, claim }
    }

    /// Whether it gives a code that the ledger does not hold, or refuses one that another collector may have given.
    fn needs_the_store(&self, lead: &Lead) -> bool {
        let is_granted = |claim: &Result<Grant, Reason>| matches!(claim, Ok(grant) if grant.already_granted);
        grant::gives_new(&self.decided, lead) || self.claim.as_ref().is_some_and(|claim| !is_granted(claim))
    }

    /// A pool that it wants a code of, and that was not asked yet.
    fn unasked(&self, codes: &Codes) -> Option<PoolName> {
        let shown = self.decided.offers.iter().filter_map(|chosen| chosen.code.as_ref());
        let claimed = self.claim.iter().flatten().map(|grant| &grant.code);
        shown.chain(claimed).filter_map(CouponCode::pool).find(|pool| !codes.asked(pool)).cloned()
    }

    /// What budgets are to be asked for, and were not yet.
    fn unbudgeted(&self, lead: &Lead, claimed: Option<&OfferId>, budgets: &Budgets<'_>) -> Option<(OfferId, Step)> {
        let shown = self.decided.offers.iter().map(|chosen| (&chosen.offer, Step::Shown));
        let claims = matches!(&self.claim, Some(Ok(grant)) if !grant.already_granted);
        let claimed = claimed.filter(|_| claims).map(|offer| (offer, Step::Claimed));
        let (offer, step) = shown.chain(claimed).find(|(offer, step)| budgets.is_open_question(lead, offer, *step))?;
        Some((offer.clone(), step))
    }
}

async fn offered(app: &App, admitted: &mut Admitted, ask: &Ask) -> Result<DecisionAnswer, Problem> {
    let carried = accept::acknowledged(admitted)?;
    // Until what this decision reserves is in the tail, no other decision of this person may run.
    let (_alone, mut kept) = loop {
        let alone = app.deciding.enter(&admitted.key).await;
        let (Person { key, kept }, age) = person::for_decision(app, &admitted.key).await?;
        let same = key == admitted.key;
        // Merged meanwhile: the page is to have that id.
        admitted.becomes(key, kept.person);
        if same {
            if age == Age::Before {
                Metric::DecisionWithoutStore.count("remembered");
            }
            break (alone, KeptLead::shared_with(kept, carried.clone(), &app.config.ledger));
        }
    };
    let (key, site) = (&admitted.key, &admitted.site);
    let model = site.model();
    let now = app.clock.now();
    let internal = |error: String| Problem::Internal(error);
    let decision = random_id().map_err(|error| internal(error.to_string()))?;

    let explain = ask.explain && site.config.page_may_explain;
    let stream = StreamId::parse(admitted.envelope.stream.as_str()).map_err(|error| internal(error.to_string()))?;
    let language = admitted.envelope.page.as_ref().and_then(|page| page.language.clone());
    let mut moment = moment(admitted.address().page.clone(), language, Some(stream.clone()), ask, explain);
    moment.empty_pools = site.pools.empty(now.0);
    let asker = Asker { stream, used: admitted.trust == Trust::Page };
    let claimed = ask.claim.as_deref().and_then(|id| OfferId::parse(id).ok());
    let mut worked = Worked::of(&kept.lead, &model, &moment, &asker, claimed.as_ref(), now);
    let (mut budgets, mut codes) = (Budgets::of(app, key, &model, now), Codes::default());
    let (mut open, mut read) = (true, false);
    loop {
        let changed = if open && !read && worked.needs_the_store(&kept.lead) {
            // Another collector may have given one a moment ago.
            match grant::read_again(app, key).await {
                Some(person) => {
                    kept = KeptLead::shared_with(person.kept, carried.clone(), &app.config.ledger);
                    read = true;
                }
                None => {
                    open = false;
                    budgets.close();
                }
            }
            true
        } else if let Some((offer, step)) = worked.unbudgeted(&kept.lead, claimed.as_ref(), &budgets) {
            let withholds = budgets.ask(&kept.lead, &offer, step).await;
            moment.withheld = budgets.withheld().to_vec();
            withholds
        } else if let Some(pool) = worked.unasked(&codes).filter(|_| open) {
            let empty = codes.ask(app, site, key, pool.clone()).await;
            moment.empty_pools.extend(Some(pool).filter(|_| empty));
            empty
        } else {
            break;
        };
        if changed {
            worked = Worked::of(&kept.lead, &model, &moment, &asker, claimed.as_ref(), now);
        }
    }
    if !open {
        grant::withhold_new(&mut worked.decided, &kept.lead);
    }
    let Worked { evaluation, mut decided, claim } = worked;
    let shown = decided.offers.iter().filter_map(|chosen| Some((&chosen.offer, chosen.code.as_ref()?)));
    let claimed_code = claim.iter().flatten().map(|grant| &grant.code);
    shown.chain(claimed.iter().zip(claimed_code)).for_each(|(offer, code)| codes.sign(site, key, offer, code, now));
    decided.offers.retain(|chosen| chosen.code.as_ref().is_none_or(|code| codes.given(code).is_ok()));
    let lead = &kept.lead;

    let mut own = OwnTouches { decision: &decision, stream: asker.stream, now, touches: Vec::new() };
    let mut given = Vec::new();
    for chosen in &decided.offers {
        own.reserve(chosen).map_err(internal)?;
        own.took(budgets.time(&chosen.offer));
        if let Some(Ok(code)) = chosen.code.as_ref().map(|code| codes.given(code))
            && grant::is_new(lead, &chosen.offer)
        {
            given.push(own.add(event::GRANTED, &chosen.offer, Some(&code)).map_err(internal)?);
            own.took(budgets.money(&chosen.offer, Step::Shown));
        }
    }
    let shown = given.len();
    let is_given =
        |offer: &OfferId| decided.offers.iter().any(|chosen| chosen.offer == *offer && chosen.code.is_some());
    let over_budget = claimed.as_ref().and_then(|offer| budgets.refuses(offer));
    let claim = claim.as_ref().map(|claim| match over_budget {
        Some((reason, _)) if claim.is_ok() => Err(reason.code()),
        _ => ClaimedCode::of(claim, &codes),
    });
    let mut claims = false;
    if let (Some(Ok(ClaimedCode { code, is_new: true })), Some(offer)) = (&claim, &claimed)
        && open
        && !is_given(offer)
    {
        given.push(own.add(event::GRANTED, offer, Some(code)).map_err(internal)?);
        own.took(budgets.money(offer, Step::Claimed));
        claims = true;
    }
    let own_codes = own.own_codes();
    let is_shown = |offer: &OfferId| decided.offers.iter().any(|chosen| chosen.offer == *offer);
    let used = |offer: &OfferId, kind: Kind| match kind {
        Kind::Time => is_shown(offer),
        Kind::Money(_) => is_given(offer) || (claims && claimed.as_ref() == Some(offer)),
    };
    budgets.give_back(used).await;
    budgets.keep(used).await;
    if let Err(problem) = accept::append(app, key, own.touches, None).await {
        budgets.give_back(|_, _| false).await;
        return Err(problem);
    }
    if !given.is_empty() {
        // A code is answered only when it is durable and every collector sees it.
        open = grant::committed(app, key, &given).await && grant::holds(app, key, &own_codes).await;
        if !open {
            grant::withhold_new(&mut decided, lead);
        }
        Metric::CouponGranted.counts(if open { "shown" } else { UNAVAILABLE }, shown as u64);
        Metric::CouponGranted.counts(if open { "claimed" } else { UNAVAILABLE }, (given.len() - shown) as u64);
    }
    let empty = claim.as_ref().is_some_and(|claim| matches!(claim, Err(why) if *why == Reason::PoolEmpty.code()));
    if decided.pool_empty || empty {
        Metric::CouponGranted.count(Reason::PoolEmpty.code());
    }
    let until = over_budget.and_then(|(_, until)| until).map(|until| until.0);
    let claimed = ask.claim.as_ref().map(|id| Claimed { until, ..claim_answer(id, claim, open) });

    Metric::Decision.count(if decided.offers.is_empty() { "empty" } else { "offer" });
    let considered = decided.considered.iter().map(|considered| Considered {
        id: considered.offer.to_string(),
        shown: considered.shown,
        reason: considered.reason.code().to_owned(),
        detail: considered.detail.clone(),
        until: considered.until.map(|until| until.0),
    });
    let unavailable = moment.withheld.iter().any(|withheld| withheld.reason == Reason::Unavailable);
    let reasons = [
        (decided.pool_empty, Reason::PoolEmpty),
        (decided.budget_spent, Reason::BudgetSpent),
        (unavailable, Reason::Unavailable),
    ];
    let reasons = reasons.into_iter().filter(|(holds, _)| *holds).map(|(_, reason)| reason.code().to_owned()).collect();
    Ok(DecisionAnswer {
        v: 1,
        offers: decided.offers.into_iter().map(|chosen| answer(chosen, &codes)).collect(),
        reasons,
        claimed,
        considered: considered.collect(),
        lead: site.config.page_may_see_score.then(|| lead_view(&evaluation)),
        id: None,
        decision,
    })
}

/// The code that was asked for, and whether the ledger does not hold it yet.
struct ClaimedCode<'a> {
    code: Given<'a>,
    is_new: bool,
}

impl<'a> ClaimedCode<'a> {
    /// The code of a claim, or why there is none.
    fn of(claim: &'a Result<Grant, Reason>, codes: &'a Codes) -> Result<Self, &'static str> {
        match claim {
            Err(reason) => Err(reason.code()),
            Ok(grant) => codes.given(&grant.code).map(|code| Self { code, is_new: !grant.already_granted }),
        }
    }
}

/// What became of a claim. `open`: whether new codes are given.
fn claim_answer(id: &str, claim: Option<Result<ClaimedCode<'_>, &'static str>>, open: bool) -> Claimed {
    let refused =
        |reason: &str| Claimed { id: id.to_owned(), code: None, refused: Some(reason.to_owned()), until: None };
    match claim {
        // What is no offer's id.
        None => refused(Reason::UnknownOffer.code()),
        Some(Ok(claimed)) if !open && claimed.is_new => refused(UNAVAILABLE),
        Some(Err(_)) if !open => refused(UNAVAILABLE),
        Some(Err(reason)) => refused(reason),
        Some(Ok(claimed)) => {
            Claimed { id: id.to_owned(), code: Some(claimed.code.code.to_owned()), refused: None, until: None }
        }
    }
}

/// Score and stage as people read them.
fn lead_view(evaluation: &Evaluation) -> LeadView {
    LeadView { score: evaluation.score.shown(), stage: evaluation.stage_name.clone() }
}

/// The moment that a page asks about.
pub(crate) fn moment(
    page: Option<PageFacts>,
    language: Option<String>,
    stream: Option<StreamId>,
    ask: &Ask,
    explain: bool,
) -> Moment {
    let slots = match &ask.slots {
        Some(slots) => slots.iter().filter_map(|slot| Slot::parse(slot).ok()).collect(),
        None => Slot::OVER_THE_PAGE.iter().filter_map(|slot| Slot::parse(slot).ok()).collect(),
    };
    Moment {
        page,
        slots,
        stream,
        empty_pools: Vec::new(),
        withheld: Vec::new(),
        properties: accept::context(&ask.properties),
        language,
        explain,
    }
}

/// What the product itself does in one decision.
struct OwnTouches<'a> {
    decision: &'a str,
    /// Of the page that asked: its next page view ends what is reserved here.
    stream: StreamId,
    now: engine::Millis,
    touches: Vec<Touch>,
}

impl OwnTouches<'_> {
    /// Reserves what was chosen, with what there is to say of the variant.
    fn reserve(&mut self, chosen: &Chosen) -> Result<(), String> {
        self.add(event::RESERVED, &chosen.offer, None)?;
        self.touches.last_mut().into_iter().for_each(|touch| touch.properties = chosen.noted.clone());
        Ok(())
    }

    /// Adds one, and says its id.
    fn add(&mut self, name: &str, offer: &OfferId, code: Option<&Given<'_>>) -> Result<TouchId, String> {
        let text = |error: engine::TextError| error.to_string();
        let id = TouchId::parse(&format!("{}.{}", self.decision, self.touches.len())).map_err(text)?;
        let name = EventName::parse(name).map_err(text)?;
        let mut touch = Touch::new(id.clone(), name, self.stream.clone(), self.now);
        touch.trust = Trust::Product;
        touch.offer = Some(offer.clone());
        touch.decision = Some(DecisionId::parse(self.decision).map_err(text)?);
        let property = |name, value| (PropertyName::cut(name), Scalar::Text(Text::cut(value)));
        let pool = code.and_then(|code| code.pool).map(|pool| property(POOL_PROPERTY, pool.as_str()));
        let last_day = code.and_then(|code| code.last_day).map(|day| property(EXPIRES_PROPERTY, day));
        let code = code.map(|given| property(event::CODE_PROPERTY, given.code));
        touch.properties = code.into_iter().chain(pool).chain(last_day).collect();
        self.touches.push(touch);
        Ok(id)
    }

    /// Notes in the last one what it took from budgets.
    fn took(&mut self, part: Option<Part>) {
        if let (Some(part), Some(touch)) = (part, self.touches.last_mut()) {
            touch.properties = touch.properties.pairs().iter().cloned().chain(part.properties()).collect();
        }
    }

    /// The codes that it grants of which each is one visitor's, by offer.
    fn own_codes(&self) -> Vec<(OfferId, String)> {
        let marks = [POOL_PROPERTY, EXPIRES_PROPERTY];
        let own = |touch: &&Touch| marks.iter().any(|mark| touch.properties.get(mark).is_some());
        let code = |touch: &Touch| match touch.properties.get(event::CODE_PROPERTY) {
            Some(Scalar::Text(code)) => Some((touch.offer.clone()?, code.as_str().to_owned())),
            _ => None,
        };
        self.touches.iter().filter(own).filter_map(code).collect()
    }
}

fn answer(chosen: Chosen, codes: &Codes) -> OfferAnswer {
    let code = chosen.code.as_ref().and_then(|code| codes.given(code).ok());
    let code = code.map(|given| given.code.to_owned());
    OfferAnswer {
        id: chosen.offer.to_string(),
        slot: chosen.slot.to_string(),
        variant: chosen.variant,
        content: chosen.content.map(|words| content(words, chosen.field)),
        trigger: trigger(chosen.trigger),
        price_personalised: chosen.price_personalised,
        goal: chosen.goal.map(|goal| goal.to_string()),
        code,
        reasons: chosen.reasons.iter().map(|reason| reason.code().to_owned()).collect(),
    }
}

fn trigger(trigger: Trigger) -> wire::Trigger {
    match trigger {
        Trigger::Now => wire::Trigger::Now,
        Trigger::Delay { seconds } => wire::Trigger::Delay { seconds },
        Trigger::Scroll { percent } => wire::Trigger::Scroll { percent },
        Trigger::Inactivity { seconds } => wire::Trigger::Inactivity { seconds },
        Trigger::Exit => wire::Trigger::Exit,
        Trigger::Click { selector } => wire::Trigger::Click { selector: selector.as_str().to_owned() },
        Trigger::Event { event } => wire::Trigger::Event { event: event.to_string() },
    }
}

/// Texts by name, the absent ones left out.
fn content(content: OfferContent, field: Option<String>) -> BTreeMap<String, String> {
    let OfferContent { title, text, button, decline, placeholder, success_title, success_text, link, disclosure } =
        content;
    let optional = [
        ("button", button),
        ("decline", decline),
        ("placeholder", placeholder),
        ("success_title", success_title),
        ("success_text", success_text),
        ("link", link),
        ("disclosure", disclosure),
        ("field", field),
    ];
    let required = [("title", Some(title)), ("text", Some(text))];
    let all = required.into_iter().chain(optional);
    all.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
