//! What format 1 looked like: read, never written again.

use serde::Deserialize;

use crate::money::Money;
use crate::text::Text;
use crate::time::Millis;
use crate::touch::{
    self, DecisionId, Device, EventName, Item, OfferId, PageFacts, Properties, PropertyName, SourceFacts, StreamId,
    TouchId, Trust,
};

/// A touch of format 1: the same without a suspicion. Also what log records of that time hold.
#[derive(Debug, Deserialize)]
pub struct Touch {
    id: TouchId,
    time: Millis,
    received: Millis,
    name: EventName,
    stream: StreamId,
    trust: Trust,
    page: Option<PageFacts>,
    source: SourceFacts,
    country: Option<Text<8>>,
    region: Option<Text<64>>,
    device: Option<Device>,
    language: Option<Text<16>>,
    value: Option<Money>,
    transaction: Option<Text<64>>,
    items: Vec<Item>,
    offer: Option<OfferId>,
    decision: Option<DecisionId>,
    properties: Properties,
    removed: Vec<PropertyName>,
}

impl From<Touch> for touch::Touch {
    fn from(old: Touch) -> Self {
        Self {
            id: old.id,
            time: old.time,
            received: old.received,
            name: old.name,
            stream: old.stream,
            trust: old.trust,
            page: old.page,
            source: old.source,
            country: old.country,
            region: old.region,
            device: old.device,
            language: old.language,
            value: old.value,
            transaction: old.transaction,
            items: old.items,
            offer: old.offer,
            decision: old.decision,
            properties: old.properties,
            removed: old.removed,
            suspect: None,
        }
    }
}

/// A lead of format 1.
#[derive(Debug, Deserialize)]
pub(crate) struct Lead {
    overflowed: Vec<i64>,
    touches: Vec<Touch>,
}

impl From<Lead> for crate::lead::Lead {
    fn from(old: Lead) -> Self {
        let touches = old.touches.into_iter().map(Into::into).collect();
        Self { overflowed: old.overflowed, touches, ..Self::default() }
    }
}
