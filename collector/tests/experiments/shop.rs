//! A shop with one offer, and visitors as the collector records them.

use engine::decide::bucket;
use engine::{
    Currency, EventName, Lead, LedgerLimits, Millis, Model, Moment, Money, OfferId, Scalar, SiteFacts, Slot, Span,
    StreamId, Touch, TouchId, Trust, decide, evaluate, record,
};

/// When everybody comes.
pub(crate) const START: Millis = Millis(1_790_000_000_000);
/// A month later: everybody's time is up.
pub(crate) const LATER: Millis = Millis(1_790_000_000_000 + 30 * 86_400_000);

/// A model with a code of ten percent, and this besides. Whoever chats is hot.
pub(crate) fn model(offer: &str, more: &str) -> Model {
    let text = format!(
        "version = 1\nname = \"m\"\n[economics]\nmargin = \"40%\"\n[[stages]]\nname = \"cold\"\n[[stages]]\nname = \"hot\"\n\
         enter = \">= 50\"\n[[rules]]\nid = \"chat\"\nwhen = {{ field = \"event\", eq = \"chat\" }}\npoints = 60\n{more}\n\
         [[offers]]\nid = \"ten\"\nslot = \"popup\"\ngoal = \"sign_up\"\ncontent.nl = {{ title = \"10 %\" }}\n\
         coupon = {{ kind = \"fixed\", code = \"TEN\", reveal = \"shown\", cost = \"10%\" }}\n{offer}"
    );
    let site = SiteFacts { currency: Currency::EUR, offsets: Vec::new() };
    Model::parse(&text, &site).unwrap_or_else(|faults| panic!("{faults:?}"))
}

/// A visitor: what they did so far.
pub(crate) struct Visitor {
    stream: StreamId,
    pub(crate) lead: Lead,
    told: u32,
}

impl Visitor {
    /// Somebody new, by number. Who is hot has chatted.
    pub(crate) fn new(number: u64, hot: bool) -> Self {
        let mut visitor =
            Self { stream: StreamId::parse(&format!("stream-{number:08}")).unwrap(), lead: Lead::default(), told: 0 };
        visitor.does("page_view", 0, |_| ());
        if hot {
            visitor.does("chat", 0, |_| ());
        }
        visitor
    }

    /// The first numbers of visitors in these buckets of the offer.
    pub(crate) fn numbers(buckets: std::ops::Range<u16>) -> impl Iterator<Item = u64> {
        (0..).filter(move |number| buckets.contains(&bucket("ten", "", &format!("stream-{number:08}"))))
    }

    /// Something happens so many minutes after the start.
    pub(crate) fn does(&mut self, name: &str, minute: i64, change: impl FnOnce(&mut Touch)) {
        self.told += 1;
        let id = TouchId::parse(&format!("{}.{}", self.stream, self.told)).unwrap();
        let at = START + Span::minutes(minute);
        let mut touch = Touch::new(id, EventName::parse(name).unwrap(), self.stream.clone(), at);
        touch.trust = Trust::Page;
        change(&mut touch);
        record(&mut self.lead, touch, &LedgerLimits::default());
    }

    /// Asks for a decision, keeps what it reserves, and meets the offer: what it chose.
    pub(crate) fn meets(&mut self, model: &Model, minute: i64) -> Option<String> {
        let variant = self.asks(model, minute)?;
        self.is_told_to_have_met(&format!("d{minute}"), minute);
        Some(variant)
    }

    /// The page says that it showed the offer, under this decision.
    pub(crate) fn is_told_to_have_met(&mut self, decision: &str, minute: i64) {
        self.does("offer_shown", minute, |touch| {
            touch.offer = OfferId::parse("ten").ok();
            touch.decision = engine::DecisionId::parse(decision).ok();
        });
    }

    /// Asks for a decision and keeps what it reserves: what it chose.
    pub(crate) fn asks(&mut self, model: &Model, minute: i64) -> Option<String> {
        let now = START + Span::minutes(minute);
        let moment = Moment { slots: vec![Slot::parse("popup").unwrap()], ..Moment::default() };
        let decision = decide(&self.lead, &evaluate(&self.lead, model, now), model, &moment, now);
        let chosen = decision.offers.into_iter().next()?;
        self.does("gloed_reserved", minute, |touch| {
            touch.offer = OfferId::parse("ten").ok();
            touch.decision = engine::DecisionId::parse(&format!("d{minute}")).ok();
            touch.trust = Trust::Product;
            touch.properties = chosen.noted;
        });
        Some(chosen.variant)
    }

    /// The shop's server tells of an order.
    pub(crate) fn buys(&mut self, minor: i64, coupon: &str, minute: i64) {
        self.does("purchase", minute, |touch| {
            touch.trust = Trust::Server;
            touch.value = Some(Money { minor, currency: Currency::EUR });
            if !coupon.is_empty() {
                touch.properties = [("coupon".into(), Scalar::Text(coupon.into()))].into_iter().collect();
            }
        });
    }
}
