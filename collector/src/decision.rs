//! Decide: what a visitor sees now.
//!
//! ```text
//! person::known ─► Lead ─ evaluate ─► Evaluation ─ decide ─► reserve (log) ─► DecisionAnswer
//! ```

use std::collections::BTreeMap;

use engine::decide::Grant;
use engine::model::{OfferContent, Trigger};
use engine::touch::event;
use engine::{
    DecisionId, Evaluation, EventName, Lead, Model, Moment, OfferId, PropertyName, Scalar, Slot, StreamId, Suspicion,
    Text, Touch, TouchId, Trust,
};
use wire::{Ask, Claimed, Considered, DecisionAnswer, LeadView, OfferAnswer};

use crate::accept::{self, Address, Admitted};
use crate::app::App;
use crate::identity::random_id;
use crate::metric::Metric;
use crate::person::{self, Person};
use crate::problem::Problem;

/// Places that a page can fill when it names none.
const DEFAULT_SLOTS: [&str; 2] = ["popup", "bar"];

/// Answers a request for a decision, reserving what it shows.
///
/// # Errors
/// [`Problem::StoreUnavailable`] and [`Problem::LogUnavailable`]: then the page shows nothing.
pub async fn decide(app: &App, admitted: &mut Admitted, ask: &Ask) -> Result<DecisionAnswer, Problem> {
    match admitted.suspect {
        None => offered(app, admitted, ask).await,
        Some(why) => withheld(app, admitted, ask, why).await,
    }
}

/// The answer to who may be no person: nothing is offered, reserved or granted, so that no program takes a code, uses up
/// a holdout or a cap, or puts an offer into a search engine's index. A person asks again, without the suspicion.
async fn withheld(app: &App, admitted: &Admitted, ask: &Ask, why: Suspicion) -> Result<DecisionAnswer, Problem> {
    let site = &admitted.site;
    let lead = match site.config.page_may_see_score {
        false => None,
        true => {
            let lead = person::known(app, &admitted.key).await?.kept.lead;
            Some(lead_view(&engine::evaluate(&lead, &site.model(), app.clock.now())))
        }
    };
    Metric::Decision.count("withheld");
    let refused = |id: &String| Claimed { id: id.clone(), code: None, refused: Some(why.name().to_owned()) };
    Ok(DecisionAnswer {
        v: 1,
        decision: random_id().map_err(|error| Problem::Internal(error.to_string()))?,
        offers: Vec::new(),
        reasons: vec![why.name().to_owned()],
        claimed: ask.claim.as_ref().map(refused),
        considered: Vec::new(),
        lead,
        id: None,
    })
}

async fn offered(app: &App, admitted: &mut Admitted, ask: &Ask) -> Result<DecisionAnswer, Problem> {
    // Until what this decision reserves is in the tail, no other decision of this person may run.
    let (_alone, lead) = loop {
        let alone = app.deciding.enter(&admitted.key).await;
        let Person { key, kept } = person::known(app, &admitted.key).await?;
        let same = key == admitted.key;
        // Merged meanwhile: the page is to have that id.
        admitted.becomes(key, kept.person);
        if same {
            break (alone, kept.lead);
        }
    };
    let (key, site) = (&admitted.key, &admitted.site);
    let model = site.model();
    let now = app.clock.now();
    let evaluation = engine::evaluate(&lead, &model, now);
    let internal = |error: String| Problem::Internal(error);
    let decision = random_id().map_err(|error| internal(error.to_string()))?;

    let explain = ask.explain && site.config.page_may_explain;
    let moment = moment(admitted, ask, explain);
    let decided = engine::decide(&lead, &evaluation, &model, &moment, now);

    let stream = StreamId::parse(admitted.envelope.stream.as_str()).map_err(|error| internal(error.to_string()))?;
    let mut own = OwnTouches { decision: &decision, stream, now, touches: Vec::new() };
    for chosen in &decided.offers {
        own.add(event::RESERVED, &chosen.offer, None).map_err(internal)?;
        if let Some(code) = &chosen.code {
            own.add(event::GRANTED, &chosen.offer, Some(code)).map_err(internal)?;
            Metric::CouponGranted.count("shown");
        }
    }
    let claimed = match &ask.claim {
        None => None,
        Some(id) => Some(claim(&lead, &evaluation, &model, id, now, &mut own).map_err(internal)?),
    };
    // A grant is answered only when it is durable, and the tail makes it count for every later decision.
    accept::append(app, key, own.touches, None).await?;

    Metric::Decision.count(if decided.offers.is_empty() { "empty" } else { "offer" });
    let considered = decided.considered.iter().map(|considered| Considered {
        id: considered.offer.to_string(),
        shown: considered.shown,
        reason: considered.reason.code().to_owned(),
        detail: considered.detail.clone(),
    });
    Ok(DecisionAnswer {
        v: 1,
        offers: decided.offers.into_iter().map(answer).collect(),
        reasons: Vec::new(),
        claimed,
        considered: considered.collect(),
        lead: site.config.page_may_see_score.then(|| lead_view(&evaluation)),
        id: None,
        decision,
    })
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
        None => DEFAULT_SLOTS.iter().filter_map(|slot| Slot::parse(slot).ok()).collect(),
    };
    Moment {
        page: address.and_then(|address| address.page),
        slots,
        properties: accept::context(&ask.properties),
        language: page.and_then(|page| page.language.clone()),
        explain,
    }
}

fn claim(
    lead: &Lead,
    evaluation: &Evaluation,
    model: &Model,
    id: &str,
    now: engine::Millis,
    own: &mut OwnTouches<'_>,
) -> Result<Claimed, String> {
    let refused = |reason: &str| Claimed { id: id.to_owned(), code: None, refused: Some(reason.to_owned()) };
    let Ok(offer) = OfferId::parse(id) else { return Ok(refused(engine::Reason::UnknownOffer.code())) };
    match engine::claim(lead, evaluation, model, &offer, now) {
        Err(reason) => Ok(refused(reason.code())),
        Ok(Grant { code, already_granted }) => {
            if !already_granted {
                own.add(event::GRANTED, &offer, Some(&code))?;
                Metric::CouponGranted.count("claimed");
            }
            Ok(Claimed { id: id.to_owned(), code: Some(code), refused: None })
        }
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
    fn add(&mut self, name: &str, offer: &OfferId, code: Option<&str>) -> Result<(), String> {
        let text = |error: engine::TextError| error.to_string();
        let id = TouchId::parse(&format!("{}.{}", self.decision, self.touches.len())).map_err(text)?;
        let name = EventName::parse(name).map_err(text)?;
        let mut touch = Touch::new(id, name, self.stream.clone(), self.now);
        touch.trust = Trust::Product;
        touch.offer = Some(offer.clone());
        touch.decision = Some(DecisionId::parse(self.decision).map_err(text)?);
        let code = code.map(|code| (PropertyName::cut(event::CODE_PROPERTY), Scalar::Text(Text::cut(code))));
        touch.properties = code.into_iter().collect();
        self.touches.push(touch);
        Ok(())
    }
}

fn answer(chosen: engine::Chosen) -> OfferAnswer {
    OfferAnswer {
        id: chosen.offer.to_string(),
        slot: chosen.slot.to_string(),
        variant: chosen.variant.to_owned(),
        content: content(chosen.content, chosen.field),
        trigger: match chosen.trigger {
            Trigger::Now => wire::Trigger::Now,
            Trigger::Delay { seconds } => wire::Trigger::Delay { seconds },
        },
        goal: chosen.goal.map(|goal| goal.to_string()),
        code: chosen.code,
        reasons: chosen.reasons.iter().map(|reason| reason.code().to_owned()).collect(),
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
