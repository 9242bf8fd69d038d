//! Folds: buckets of touches that look alike to a model and are too old to be joined by a copy.
//!
//! A bucket is all touches of one local day with equal name, path, channel, trust, item categories and value, and of which
//! the same was lost. In the ledger one touch stands for it, at local noon of that day, with nothing else filled in; how many
//! it stands for is kept beside it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::digest::fnv1a;
use crate::lead::Lead;
use crate::lost::Lost;
use crate::money::Money;
use crate::text::Text;
use crate::time::Millis;
use crate::touch::{Channel, EventName, Item, PageFacts, SourceFacts, StreamId, Suspicion, Touch, TouchId, Trust};

/// The most touches that one bucket counts; more are not told apart from these. It bounds the work of a replay.
pub const MOST_FOLDED: u32 = 100_000;

/// How many touches a bucket holds, and what of them cannot be read from the touch that stands for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// Id of the touch that stands for it.
    pub id: TouchId,
    /// How many touches, at least one.
    pub count: u32,
    /// When the first of them happened.
    pub first: Millis,
    /// When the last of them happened.
    pub last: Millis,
    /// Sessions that began with one of them and that no touch in the ledger begins.
    pub(crate) visits: u32,
    /// Likewise, things that a server told of as a distinct touch.
    pub(crate) told: u32,
    /// Digests of the ids of those that a server sent, ascending: they may be sent again at any time.
    pub(crate) ids: Vec<u64>,
}

impl Fold {
    /// Puts another one of the same bucket in. What both hold, a server's event that was folded in two ledgers, counts once.
    pub(crate) fn absorb(&mut self, other: &Self) {
        let twice = other.ids.iter().filter(|id| self.ids.binary_search(id).is_ok()).count();
        let new = other.count.saturating_sub(u32::try_from(twice).unwrap_or(u32::MAX));
        self.count = self.count.saturating_add(new).min(MOST_FOLDED);
        self.visits = self.visits.saturating_add(other.visits).min(MOST_FOLDED);
        self.told = self.told.saturating_add(other.told).min(MOST_FOLDED);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.ids.extend(&other.ids);
        self.ids.sort_unstable();
        self.ids.dedup();
    }

    /// Whether decoded bytes can be a fold.
    pub(crate) fn is_sound(&self) -> bool {
        let most = [self.count, self.visits, self.told].into_iter().max().unwrap_or_default();
        let in_calendar = self.first.is_in_calendar() && self.last.is_in_calendar();
        self.count > 0 && most <= MOST_FOLDED && in_calendar && self.ids.is_sorted_by(|left, right| left < right)
    }

    /// Whether a server's touch with this id is in it.
    pub(crate) fn holds(&self, id: &TouchId) -> bool {
        self.ids.binary_search(&id_digest(id)).is_ok()
    }
}

/// What the id of a folded touch is remembered by.
pub(crate) fn id_digest(id: &TouchId) -> u64 {
    fnv1a(id.as_str().as_bytes())
}

/// What the touches of a bucket have in common, and so what a model can still see of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bucket {
    /// Local noon of the day.
    pub(crate) noon: Millis,
    pub(crate) name: EventName,
    pub(crate) path: Option<Text<128>>,
    pub(crate) channel: Channel,
    pub(crate) trust: Trust,
    /// Ascending, each once.
    pub(crate) categories: Vec<Text<128>>,
    pub(crate) value: Option<Money>,
    /// Why they are held, and of which stream they are, where they are.
    pub(crate) held: Option<(Suspicion, Option<StreamId>)>,
    /// What they had besides, which no condition can be asked of any more.
    pub(crate) lost: Lost,
}

impl Bucket {
    /// The bucket of a touch. Of what is held the stream is kept, since it may yet turn out to be a person's; what the engine
    /// found to be a mail scanner's (`suspect` says nothing of it) never does.
    pub(crate) fn of(touch: &Touch, noon: Millis, held: Option<Suspicion>) -> Self {
        let mut categories: Vec<_> = touch.items.iter().filter_map(|item| item.category.clone()).collect();
        categories.sort_unstable();
        categories.dedup();
        Self {
            noon,
            name: touch.name.clone(),
            path: touch.page.as_ref().map(|page| page.path.clone()),
            channel: touch.source.channel,
            trust: touch.trust,
            categories,
            value: touch.value,
            held: held.map(|why| (why, (touch.suspect == Some(why)).then(|| touch.stream.clone()))),
            lost: Lost::of(touch),
        }
    }

    /// The touch that stands for it.
    pub(crate) fn touch(&self) -> Touch {
        let stream = match &self.held {
            Some((_, Some(stream))) => stream.clone(),
            _ => StreamId::of_folds(),
        };
        #[expect(
            clippy::expect_used,
            reason = "writing to memory fails only for sequences of unknown length: none here"
        )]
        let bytes = postcard::to_allocvec(self).expect("a bucket has no sequence of unknown length");
        let id = TouchId::of_fold(self.noon, fnv1a(&bytes), self.lost);
        let item = |category: &Text<128>| Item {
            id: Text::default(),
            name: None,
            category: Some(category.clone()),
            variant: None,
            price: None,
            quantity: 0,
        };
        Touch {
            trust: self.trust,
            page: self.path.as_ref().map(|path| PageFacts { path: path.clone(), ..PageFacts::default() }),
            source: SourceFacts { channel: self.channel, ..SourceFacts::default() },
            value: self.value,
            items: self.categories.iter().map(item).collect(),
            suspect: self.held.as_ref().map(|(why, _)| *why),
            ..Touch::new(id, self.name.clone(), stream, self.noon)
        }
    }

    /// The bucket that a touch stands for.
    fn stood_for(touch: &Touch) -> Self {
        let stream = Some(&touch.stream).filter(|stream| **stream != StreamId::of_folds());
        let held = touch.suspect.map(|why| (why, stream.cloned()));
        Self { held, lost: touch.lost(), ..Self::of(touch, touch.time, None) }
    }
}

/// A fold as it is stored.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredFold<'a> {
    pub(crate) bucket: Bucket,
    pub(crate) count: u32,
    pub(crate) first: Millis,
    pub(crate) last: Millis,
    pub(crate) visits: u32,
    pub(crate) told: u32,
    pub(crate) ids: Cow<'a, [u64]>,
}

impl StoredFold<'_> {
    /// The same without what it was read from.
    pub(crate) fn into_owned(self) -> StoredFold<'static> {
        let Self { bucket, count, first, last, visits, told, ids } = self;
        StoredFold { bucket, count, first, last, visits, told, ids: Cow::Owned(ids.into_owned()) }
    }
}

/// The folds of a lead as they are stored; the touches that stand for them follow from these, and are not.
pub(crate) fn stored_folds<'a>(lead: &'a Lead) -> Vec<StoredFold<'a>> {
    let stored = |(place, fold): (usize, &'a Fold)| {
        let Fold { id: _, count, first, last, visits, told, ids } = fold;
        let bucket = Bucket::stood_for(lead.touches.get(place)?);
        let (count, visits, told) = (*count, *visits, *told);
        Some(StoredFold { bucket, count, first: *first, last: *last, visits, told, ids: Cow::Borrowed(ids) })
    };
    if lead.folds.is_empty() { Vec::new() } else { lead.folds_by_place().into_iter().filter_map(stored).collect() }
}

/// A stored lead as it is read; as it stands in format 3.
#[derive(Debug, Deserialize)]
pub(crate) struct Content {
    pub(crate) overflowed: Vec<i64>,
    pub(crate) touches: Vec<Touch>,
    pub(crate) folds: Vec<StoredFold<'static>>,
    pub(crate) persons: Vec<u64>,
}

impl Content {
    /// The lead; what is out of order stays so, for its reader to refuse.
    ///
    /// # Errors
    /// When a fold is none.
    pub(crate) fn lead(self) -> Result<Lead, &'static str> {
        let Self { overflowed, touches, folds, persons } = self;
        let mut lead = Lead { overflowed, touches, folds: Vec::with_capacity(folds.len()), persons };
        for stored in folds {
            let StoredFold { bucket, count, first, last, visits, told, ids } = stored;
            let touch = bucket.touch();
            let fold = Fold { id: touch.id.clone(), count, first, last, visits, told, ids: ids.into_owned() };
            if bucket != Bucket::stood_for(&touch) || !fold.is_sound() {
                return Err("a fold that is none");
            }
            lead.folds.push(fold);
            let place = lead.touches.partition_point(|held| held.canonical() < touch.canonical());
            lead.touches.insert(place, touch);
        }
        if lead.folds_by_place().len() < lead.folds.len() {
            return Err("folds out of canonical order");
        }
        Ok(lead)
    }
}
