//! What format 2 looked like where it held folds: read, never written again. Its buckets did not say what they lost.

use serde::Deserialize;

use crate::fold;
use crate::lost::Lost;
use crate::money::Money;
use crate::text::Text;
use crate::time::Millis;
use crate::touch::{Channel, EventName, StreamId, Suspicion, Touch, Trust};

/// A bucket of format 2.
#[derive(Debug, Deserialize)]
struct Bucket {
    noon: Millis,
    name: EventName,
    path: Option<Text<128>>,
    channel: Channel,
    trust: Trust,
    categories: Vec<Text<128>>,
    value: Option<Money>,
    held: Option<(Suspicion, Option<StreamId>)>,
}

/// A fold of format 2.
#[derive(Debug, Deserialize)]
struct Fold {
    bucket: Bucket,
    count: u32,
    first: Millis,
    last: Millis,
    visits: u32,
    told: u32,
    ids: Vec<u64>,
}

/// A lead of format 2.
#[derive(Debug, Deserialize)]
pub(crate) struct Content {
    overflowed: Vec<i64>,
    touches: Vec<Touch>,
    folds: Vec<Fold>,
    persons: Vec<u64>,
}

impl From<Bucket> for fold::Bucket {
    fn from(old: Bucket) -> Self {
        let Bucket { noon, name, path, channel, trust, categories, value, held } = old;
        Self { noon, name, path, channel, trust, categories, value, held, lost: Lost::ALL }
    }
}

impl From<Content> for fold::Content {
    fn from(old: Content) -> Self {
        let fold = |old: Fold| fold::StoredFold {
            bucket: old.bucket.into(),
            count: old.count,
            first: old.first,
            last: old.last,
            visits: old.visits,
            told: old.told,
            ids: old.ids.into(),
        };
        let mut folds: Vec<_> = old.folds.into_iter().map(fold).collect();
        // What a bucket lost is part of its id, and ids are what those of one noon are ordered by.
        folds.sort_by_cached_key(|fold| (fold.bucket.noon, fold.bucket.touch().id));
        Self { overflowed: old.overflowed, touches: old.touches, folds, persons: old.persons }
    }
}
