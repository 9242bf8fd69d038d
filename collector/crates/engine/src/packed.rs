//! Format 4: a ledger that names each text once.
//!
//! ```text
//! texts            "stream00000000a1" "page_view" "shop.example" "/jassen" …   each once
//! circumstances    (stream 1, host 3, …)                                       what many touches have in common
//! touches          (.7, 400 ms later, page_view 2, circumstances 1, path 4)    by their places in the two
//! ```
//!
//! Touches of one visitor repeat stream, host, source, country, device and language. Each is written once, and read into one
//! shared text (ADR 24).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::fold::{Content, StoredFold, stored_folds};
use crate::lead::Lead;
use crate::money::Money;
use crate::text::{Text, TextError};
use crate::time::Millis;
use crate::touch::{
    Channel, DecisionId, Device, EventName, Item, OfferId, PageFacts, PropertyName, Scalar, SourceFacts, StreamId,
    Suspicion, Touch, TouchId, Trust,
};

/// How far back a text is looked for before it is written again: so writing a ledger costs the same a touch however large it
/// is. More than a visit of a person has.
const TEXTS_BACK: usize = 64;
/// The same of circumstances: a visitor has few devices at a time.
const CIRCUMSTANCES_BACK: usize = 8;

/// Where a text stands in the table, from 1; 0 is none.
type Place = u32;

/// What is written.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Packed<'a> {
    overflowed: Vec<i64>,
    #[serde(borrow)]
    texts: Vec<&'a str>,
    circumstances: Vec<Circumstances>,
    touches: Vec<PackedTouch<'a>>,
    folds: Vec<StoredFold<'a>>,
    persons: Vec<u64>,
}

/// What many touches of a visitor have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Circumstances {
    stream: Place,
    trust: Trust,
    /// 0: without a page.
    host: Place,
    channel: Channel,
    source: Place,
    medium: Place,
    campaign: Place,
    referrer_host: Place,
    country: Place,
    region: Place,
    device: Option<Device>,
    language: Place,
    suspect: Option<Suspicion>,
}

#[derive(Debug, Serialize, Deserialize)]
struct PackedTouch<'a> {
    #[serde(borrow)]
    id: PackedId<'a>,
    /// After the touch before, the first one after 1970.
    after: i64,
    /// From when it happened until it was received.
    under_way: i64,
    name: Place,
    /// From 0.
    circumstances: u32,
    path: Place,
    title: Place,
    more: Option<Box<More>>,
}

/// An id, which most pages make of their stream and a number.
#[derive(Debug, Serialize, Deserialize)]
enum PackedId<'a> {
    /// The stream, a dot, and this.
    Numbered(u64),
    Other(&'a str),
}

/// What few touches have.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct More {
    value: Option<Money>,
    transaction: Place,
    items: Vec<PackedItem>,
    offer: Place,
    decision: Place,
    properties: Vec<(Place, PackedScalar)>,
    removed: Vec<Place>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PackedItem {
    id: Place,
    name: Place,
    category: Place,
    variant: Place,
    price: Option<Money>,
    quantity: u32,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
enum PackedScalar {
    Text(Place),
    Integer(i64),
    Boolean(bool),
}

/// Texts as they are written.
#[derive(Default)]
struct Writing<'a> {
    texts: Vec<&'a str>,
    circumstances: Vec<Circumstances>,
    /// The touch before, and where its circumstances stand.
    before: Option<(&'a Touch, u32)>,
}

/// Whether two touches have all of their circumstances in common: texts that were read from one ledger are the same ones, which
/// is seen without comparing what stands in them.
fn under_the_same_circumstances(left: &Touch, right: &Touch) -> bool {
    left.stream == right.stream
        && (left.trust, left.device, left.suspect) == (right.trust, right.device, right.suspect)
        && left.page.as_ref().map(|page| &page.host) == right.page.as_ref().map(|page| &page.host)
        && left.source == right.source
        && (&left.country, &left.region, &left.language) == (&right.country, &right.region, &right.language)
}

impl<'a> Writing<'a> {
    fn text(&mut self, text: &'a str) -> Place {
        let known = self.texts.iter().rev().take(TEXTS_BACK).position(|known| *known == text);
        if known.is_none() {
            self.texts.push(text);
        }
        u32::try_from(self.texts.len() - known.unwrap_or(0)).unwrap_or(Place::MAX)
    }

    fn maybe<const LIMIT: usize>(&mut self, text: Option<&'a Text<LIMIT>>) -> Place {
        text.map_or(0, |text| self.text(text))
    }

    fn circumstances(&mut self, touch: &'a Touch) -> u32 {
        let known =
            self.before.filter(|(before, _)| under_the_same_circumstances(before, touch)).map(|(_, place)| place);
        let place = known.unwrap_or_else(|| self.own_circumstances(touch));
        self.before = Some((touch, place));
        place
    }

    fn own_circumstances(&mut self, touch: &'a Touch) -> u32 {
        let SourceFacts { channel, source, medium, campaign, referrer_host } = &touch.source;
        let own = Circumstances {
            stream: self.text(touch.stream.as_str()),
            trust: touch.trust,
            host: touch.page.as_ref().map_or(0, |page| self.text(&page.host)),
            channel: *channel,
            source: self.maybe(source.as_ref()),
            medium: self.maybe(medium.as_ref()),
            campaign: self.maybe(campaign.as_ref()),
            referrer_host: self.maybe(referrer_host.as_ref()),
            country: self.maybe(touch.country.as_ref()),
            region: self.maybe(touch.region.as_ref()),
            device: touch.device,
            language: self.maybe(touch.language.as_ref()),
            suspect: touch.suspect,
        };
        let known = self.circumstances.iter().rev().take(CIRCUMSTANCES_BACK).position(|known| *known == own);
        let place = known.map_or(self.circumstances.len(), |back| self.circumstances.len() - 1 - back);
        if known.is_none() {
            self.circumstances.push(own);
        }
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    fn touch(&mut self, touch: &'a Touch, before: Millis) -> PackedTouch<'a> {
        let page = touch.page.as_ref();
        PackedTouch {
            id: packed_id(&touch.id, &touch.stream),
            after: touch.time.0.wrapping_sub(before.0),
            under_way: touch.received.0.wrapping_sub(touch.time.0),
            name: self.text(touch.name.as_str()),
            circumstances: self.circumstances(touch),
            path: page.map_or(0, |page| self.text(&page.path)),
            title: self.maybe(page.and_then(|page| page.title.as_ref())),
            more: self.more(touch),
        }
    }

    fn more(&mut self, touch: &'a Touch) -> Option<Box<More>> {
        let more = More {
            value: touch.value,
            transaction: self.maybe(touch.transaction.as_ref()),
            items: touch.items.iter().map(|item| self.item(item)).collect(),
            offer: touch.offer.as_ref().map_or(0, |offer| self.text(offer.as_str())),
            decision: touch.decision.as_ref().map_or(0, |decision| self.text(decision.as_str())),
            properties: touch.properties.pairs().iter().map(|(name, value)| self.property(name, value)).collect(),
            removed: touch.removed.iter().map(|name| self.text(name)).collect(),
        };
        (more != More::default()).then(|| Box::new(more))
    }

    fn item(&mut self, item: &'a Item) -> PackedItem {
        PackedItem {
            id: self.text(&item.id),
            name: self.maybe(item.name.as_ref()),
            category: self.maybe(item.category.as_ref()),
            variant: self.maybe(item.variant.as_ref()),
            price: item.price,
            quantity: item.quantity,
        }
    }

    fn property(&mut self, name: &'a PropertyName, value: &'a Scalar) -> (Place, PackedScalar) {
        let value = match value {
            Scalar::Text(text) => PackedScalar::Text(self.text(text)),
            Scalar::Integer(number) => PackedScalar::Integer(*number),
            Scalar::Boolean(truth) => PackedScalar::Boolean(*truth),
        };
        (self.text(name), value)
    }
}

fn packed_id<'a>(id: &'a TouchId, stream: &StreamId) -> PackedId<'a> {
    let text = id.as_str();
    let digits = text.strip_prefix(stream.as_str()).and_then(|rest| rest.strip_prefix('.'));
    let written_so = |digits: &&str| digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    let number = digits.filter(written_so).and_then(|digits| digits.parse().ok());
    number.map_or(PackedId::Other(text), PackedId::Numbered)
}

impl<'a> Packed<'a> {
    pub(crate) fn of(lead: &'a Lead) -> Self {
        let mut writing = Writing::default();
        let mut before = Millis(0);
        let mut touches = Vec::with_capacity(lead.touches.len());
        for touch in lead.touches.iter().filter(|touch| !touch.is_fold()) {
            touches.push(writing.touch(touch, before));
            before = touch.time;
        }
        let Writing { texts, circumstances, before: _ } = writing;
        Self {
            overflowed: lead.overflowed.clone(),
            texts,
            circumstances,
            touches,
            folds: stored_folds(lead),
            persons: lead.persons.clone(),
        }
    }

    /// The ledger; what is out of order stays so, for its reader to refuse.
    ///
    /// # Errors
    /// Where a place is none, or a text is not what stands there.
    pub(crate) fn content(self) -> Result<Content, String> {
        let reading = Reading::of(&self.texts);
        let circumstances: Vec<Touch> =
            self.circumstances.iter().map(|one| reading.circumstances(one)).collect::<Result<_, _>>()?;
        let mut before = Millis(0);
        let mut touches = Vec::with_capacity(self.touches.len());
        for packed in self.touches {
            let place = usize::try_from(packed.circumstances).unwrap_or(usize::MAX);
            let shared = circumstances.get(place).ok_or_else(|| format!("no circumstances {place}"))?;
            let touch = reading.touch(packed, shared, before)?;
            before = touch.time;
            touches.push(touch);
        }
        let folds = self.folds.into_iter().map(StoredFold::into_owned).collect();
        Ok(Content { overflowed: self.overflowed, touches, folds, persons: self.persons })
    }
}

/// Texts as they are read.
struct Reading(Vec<Arc<str>>);

impl Reading {
    fn of(texts: &[&str]) -> Self {
        Self(texts.iter().map(|text| Arc::from(*text)).collect())
    }

    fn named(&self, place: Place) -> Result<Option<&Arc<str>>, String> {
        let Some(place) = place.checked_sub(1) else { return Ok(None) };
        let found = usize::try_from(place).ok().and_then(|place| self.0.get(place));
        found.map(Some).ok_or_else(|| format!("no text {place}"))
    }

    fn required(&self, place: Place) -> Result<&Arc<str>, String> {
        self.named(place)?.ok_or_else(|| "a text is required".to_owned())
    }

    fn text<const LIMIT: usize>(&self, place: Place) -> Result<Text<LIMIT>, String> {
        Text::shared(self.required(place)?).map_err(unfit)
    }

    fn maybe<const LIMIT: usize>(&self, place: Place) -> Result<Option<Text<LIMIT>>, String> {
        self.named(place)?.map(Text::shared).transpose().map_err(unfit)
    }

    /// A touch that has nothing but what these have in common: its id, name and path are not its own yet.
    fn circumstances(&self, one: &Circumstances) -> Result<Touch, String> {
        let stream = StreamId::parse(self.required(one.stream)?).map_err(unfit)?;
        let host = self.maybe(one.host)?;
        Ok(Touch {
            trust: one.trust,
            page: host.map(|host| PageFacts { host, ..PageFacts::default() }),
            source: SourceFacts {
                channel: one.channel,
                source: self.maybe(one.source)?,
                medium: self.maybe(one.medium)?,
                campaign: self.maybe(one.campaign)?,
                referrer_host: self.maybe(one.referrer_host)?,
            },
            country: self.maybe(one.country)?,
            region: self.maybe(one.region)?,
            device: one.device,
            language: self.maybe(one.language)?,
            suspect: one.suspect,
            ..Touch::new(TouchId::unnamed(), EventName::unnamed(), stream, Millis(0))
        })
    }

    fn touch(&self, packed: PackedTouch<'_>, shared: &Touch, before: Millis) -> Result<Touch, String> {
        let PackedTouch { id, after, under_way, name, circumstances: _, path, title, more } = packed;
        let mut touch = shared.clone();
        touch.id = match id {
            PackedId::Numbered(number) => TouchId::numbered(&touch.stream, number),
            PackedId::Other(text) => TouchId::parse(text),
        }
        .map_err(unfit)?;
        touch.time = Millis(before.0.wrapping_add(after));
        touch.received = Millis(touch.time.0.wrapping_add(under_way));
        touch.name = EventName::shared(self.required(name)?).map_err(unfit)?;
        match &mut touch.page {
            Some(page) => (page.path, page.title) = (self.text(path)?, self.maybe(title)?),
            None if path == 0 && title == 0 => {}
            None => return Err("a path without a page".to_owned()),
        }
        if let Some(more) = more {
            self.more(*more, &mut touch)?;
        }
        Ok(touch)
    }

    fn more(&self, more: More, touch: &mut Touch) -> Result<(), String> {
        touch.value = more.value;
        touch.transaction = self.maybe(more.transaction)?;
        touch.items = more.items.iter().map(|item| self.item(item)).collect::<Result<_, _>>()?;
        touch.offer = self.named(more.offer)?.map(|id| OfferId::parse(id)).transpose().map_err(unfit)?;
        touch.decision = self.named(more.decision)?.map(|id| DecisionId::parse(id)).transpose().map_err(unfit)?;
        let properties = more.properties.iter().map(|(name, value)| {
            let value = match value {
                PackedScalar::Text(text) => Scalar::Text(self.text(*text)?),
                PackedScalar::Integer(number) => Scalar::Integer(*number),
                PackedScalar::Boolean(truth) => Scalar::Boolean(*truth),
            };
            Ok((self.text(*name)?, value))
        });
        touch.properties = properties.collect::<Result<Vec<_>, String>>()?.into();
        touch.removed = more.removed.iter().map(|name| self.text(*name)).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn item(&self, item: &PackedItem) -> Result<Item, String> {
        Ok(Item {
            id: self.text(item.id)?,
            name: self.maybe(item.name)?,
            category: self.maybe(item.category)?,
            variant: self.maybe(item.variant)?,
            price: item.price,
            quantity: item.quantity,
        })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "handed to `map_err`")]
fn unfit(error: TextError) -> String {
    error.to_string()
}
