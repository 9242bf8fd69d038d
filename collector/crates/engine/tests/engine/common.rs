//! What the tests build ledgers from. Each test file uses the parts that it needs.

use engine::{
    Currency, Decision, DecisionId, EventName, Lead, LedgerLimits, Millis, Model, Moment, OfferId, PageFacts, Points,
    Scalar, SiteFacts, Slot, Span, StreamId, Text, Touch, TouchId, Trust, decide, evaluate, record,
};

/// 2026-09-21T13:46:40Z, a Monday: the first instant of every story.
pub(crate) const START: Millis = Millis(1_790_000_000_000);

/// A site in euros whose zone is UTC.
pub(crate) fn site() -> SiteFacts {
    SiteFacts { currency: Currency::EUR, offsets: Vec::new() }
}

/// A model that must be right.
pub(crate) fn model(text: &str) -> Model {
    match Model::parse(text, &site()) {
        Ok(model) => model,
        Err(faults) => panic!("{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}

/// A touch of the browser.
pub(crate) fn touch(id: &str, name: &str, time: Millis) -> Touch {
    let stream = StreamId::parse("stream-1").unwrap();
    Touch::new(TouchId::parse(id).unwrap(), EventName::parse(name).unwrap(), stream, time)
}

/// The same, from the server.
pub(crate) fn server_touch(id: &str, name: &str, time: Millis) -> Touch {
    Touch { trust: Trust::Server, ..touch(id, name, time) }
}

/// The same, on a page.
pub(crate) fn on_page(path: &str, touch: Touch) -> Touch {
    let page = PageFacts { host: Text::cut("shop.example"), path: Text::cut(path), title: None };
    Touch { page: Some(page), ..touch }
}

/// A ledger of these touches.
pub(crate) fn lead(touches: impl IntoIterator<Item = Touch>) -> Lead {
    let mut lead = Lead::default();
    for touch in touches {
        record(&mut lead, touch, &LedgerLimits::default());
    }
    lead
}

/// So many minutes after the start.
pub(crate) fn minute(count: i64) -> Millis {
    START + Span::minutes(count)
}

/// A touch about an offer, under a decision; our own where its name says so.
pub(crate) fn offer_touch(id: &str, name: &str, offer: &str, decision: &str, time: Millis) -> Touch {
    Touch {
        trust: if name.starts_with("gloed_") { Trust::Product } else { Trust::Browser },
        offer: Some(OfferId::parse(offer).unwrap()),
        decision: Some(DecisionId::parse(decision).unwrap()),
        ..touch(id, name, time)
    }
}

/// A moment on a page that has room for a popup and a bar.
pub(crate) fn at_page(path: &str) -> Moment {
    Moment {
        page: Some(PageFacts { host: Text::cut("shop.example"), path: Text::cut(path), title: None }),
        slots: ["popup", "bar"].map(|slot| Slot::parse(slot).unwrap()).into(),
        ..Moment::default()
    }
}

/// What is decided at an instant.
pub(crate) fn decide_at(lead: &Lead, model: &Model, moment: &Moment, now: Millis) -> Decision {
    decide(lead, &evaluate(lead, model, now), model, moment, now)
}

/// A touch with these properties.
pub(crate) fn with<const N: usize>(properties: [(&str, Scalar); N], touch: Touch) -> Touch {
    Touch { properties: properties.into_iter().map(|(name, value)| (name.into(), value)).collect(), ..touch }
}

/// Text as the value of a property.
pub(crate) fn text(value: &str) -> Scalar {
    Scalar::Text(value.into())
}

/// Adds a touch to a ledger.
pub(crate) fn add(lead: &mut Lead, touch: Touch) {
    record(lead, touch, &LedgerLimits::default());
}

/// Score and stage at an instant.
pub(crate) fn stands(lead: &Lead, model: &Model, now: Millis) -> (String, String) {
    let evaluation = evaluate(lead, model, now);
    let sum: Points = evaluation.lines.iter().filter(|line| line.score == 0).map(|line| line.points_now).sum();
    assert_eq!(sum, evaluation.score, "the lines are the score");
    (evaluation.score.to_string(), evaluation.stage_name)
}
