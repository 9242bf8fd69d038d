//! Decide: what a visitor sees now.
//!
//! ```text
//! person::for_decision ─► Lead ─ evaluate ─► Evaluation ─ decide ─► reserve (log) ─► DecisionAnswer
//!                                                              └─ a new code ─► read again, committed (`grant`)
//! ```

use std::collections::BTreeMap;

use engine::decide::{Grant, POOL_PROPERTY};
use engine::model::{OfferContent, Trigger};
use engine::touch::event;
use engine::{
    CouponCode, Decision, DecisionId, Evaluation, EventName, Lead, Millis, Model, Moment, OfferId, PoolName,
    PropertyName, Reason, Scalar, Slot, StreamId, Suspicion, Text, Touch, TouchId, Trust,
};
use wire::{Ask, Claimed, Considered, DecisionAnswer, LeadView, OfferAnswer};

use crate::accept::{self, Address, Admitted};
use crate::app::App;
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
    let refused = |id: &String| Claimed { id: id.clone(), code: None, refused: Some(why.to_owned()) };
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
    let mut moment = moment(admitted, ask, explain);
    moment.empty_pools = site.pools.empty(now.0);
    let stream = StreamId::parse(admitted.envelope.stream.as_str()).map_err(|error| internal(error.to_string()))?;
    let asker = Asker { stream, used: admitted.trust == Trust::Page };
    let claimed = ask.claim.as_deref().and_then(|id| OfferId::parse(id).ok());
    let mut worked = Worked::of(&kept.lead, &model, &moment, &asker, claimed.as_ref(), now);
    let mut open = true;
    if worked.needs_the_store(&kept.lead) {
        // Another collector may have given one a moment ago.
        match grant::read_again(app, key).await {
            Some(person) => {
                kept = KeptLead::shared_with(person.kept, carried, &app.config.ledger);
                worked = Worked::of(&kept.lead, &model, &moment, &asker, claimed.as_ref(), now);
            }
            None => {
                open = false;
                grant::withhold_new(&mut worked.decided, &kept.lead);
            }
        }
    }
    let mut codes = Codes::default();
    while open && let Some(pool) = worked.unasked(&codes) {
        if codes.ask(app, site, key, pool.clone()).await {
            moment.empty_pools.push(pool);
            worked = Worked::of(&kept.lead, &model, &moment, &asker, claimed.as_ref(), now);
        }
    }
    let Worked { evaluation, mut decided, claim } = worked;
    decided.offers.retain(|chosen| chosen.code.as_ref().is_none_or(|code| codes.given(code).is_ok()));
    let lead = &kept.lead;

    let mut own = OwnTouches { decision: &decision, stream: asker.stream, now, touches: Vec::new() };
    let mut given = Vec::new();
    for chosen in &decided.offers {
        own.add(event::RESERVED, &chosen.offer, None).map_err(internal)?;
        if let Some(Ok(code)) = chosen.code.as_ref().map(|code| codes.given(code))
            && grant::is_new(lead, &chosen.offer)
        {
            given.push(own.add(event::GRANTED, &chosen.offer, Some(&code)).map_err(internal)?);
        }
    }
    let shown = given.len();
    let is_given =
        |offer: &OfferId| decided.offers.iter().any(|chosen| chosen.offer == *offer && chosen.code.is_some());
    let claim = claim.as_ref().map(|claim| ClaimedCode::of(claim, &codes));
    if let (Some(Ok(ClaimedCode { code, is_new: true })), Some(offer)) = (&claim, &claimed)
        && open
        && !is_given(offer)
    {
        given.push(own.add(event::GRANTED, offer, Some(code)).map_err(internal)?);
    }
    let of_pools = own.codes_of_pools();
    accept::append(app, key, own.touches, None).await?;
    if !given.is_empty() {
        // A code is answered only when it is durable and every collector sees it.
        open = grant::committed(app, key, &given).await && grant::holds(app, key, &of_pools).await;
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
    let claimed = ask.claim.as_ref().map(|id| claim_answer(id, claim, open));

    Metric::Decision.count(if decided.offers.is_empty() { "empty" } else { "offer" });
    let considered = decided.considered.iter().map(|considered| Considered {
        id: considered.offer.to_string(),
        shown: considered.shown,
        reason: considered.reason.code().to_owned(),
        detail: considered.detail.clone(),
    });
    Ok(DecisionAnswer {
        v: 1,
        offers: decided.offers.into_iter().map(|chosen| answer(chosen, &codes)).collect(),
        reasons: decided.pool_empty.then(|| Reason::PoolEmpty.code().to_owned()).into_iter().collect(),
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
    let refused = |reason: &str| Claimed { id: id.to_owned(), code: None, refused: Some(reason.to_owned()) };
    match claim {
        // What is no offer's id.
        None => refused(Reason::UnknownOffer.code()),
        Some(Ok(claimed)) if !open && claimed.is_new => refused(UNAVAILABLE),
        Some(Err(_)) if !open => refused(UNAVAILABLE),
        Some(Err(reason)) => refused(reason),
        Some(Ok(claimed)) => Claimed { id: id.to_owned(), code: Some(claimed.code.code.to_owned()), refused: None },
    }
}

/// Score and stage as people read them.
fn lead_view(evaluation: &Evaluation) -> LeadView {
    LeadView { score: evaluation.score.shown(), stage: evaluation.stage_name.clone() }
}

fn moment(admitted: &Admitted, ask: &Ask, explain: bool) -> Moment {
    let page = admitted.envelope.page.as_ref();
    let address = page.map(|page| {
        Address::read(
            page.url.as_deref(),
            page.referrer.as_deref(),
            page.title.as_deref(),
            &admitted.site.config.allow_query,
            &admitted.site.own_hosts,
        )
    });
    let slots = match &ask.slots {
        Some(slots) => slots.iter().filter_map(|slot| Slot::parse(slot).ok()).collect(),
        None => Slot::OVER_THE_PAGE.iter().filter_map(|slot| Slot::parse(slot).ok()).collect(),
    };
    Moment {
        page: address.and_then(|address| address.page),
        slots,
        empty_pools: Vec::new(),
        properties: accept::context(&ask.properties),
        language: page.and_then(|page| page.language.clone()),
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
        let code = code.map(|given| property(event::CODE_PROPERTY, given.code));
        touch.properties = code.into_iter().chain(pool).collect();
        self.touches.push(touch);
        Ok(id)
    }

    /// The codes of pools that it grants, by offer.
    fn codes_of_pools(&self) -> Vec<(OfferId, String)> {
        let of_pool = |touch: &&Touch| touch.properties.get(POOL_PROPERTY).is_some();
        let code = |touch: &Touch| match touch.properties.get(event::CODE_PROPERTY) {
            Some(Scalar::Text(code)) => Some((touch.offer.clone()?, code.as_str().to_owned())),
            _ => None,
        };
        self.touches.iter().filter(of_pool).filter_map(code).collect()
    }
}

fn answer(chosen: engine::Chosen, codes: &Codes) -> OfferAnswer {
    let code = chosen.code.as_ref().and_then(|code| codes.given(code).ok());
    let code = code.map(|given| given.code.to_owned());
    OfferAnswer {
        id: chosen.offer.to_string(),
        slot: chosen.slot.to_string(),
        variant: chosen.variant.to_owned(),
        content: content(chosen.content, chosen.field),
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
