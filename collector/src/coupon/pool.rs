//! Leases of codes. Each code of a site is a counted resource of which there is one, so that the store itself keeps it from
//! being with two visitors, whichever collectors ask, and whichever pools of the site have it.
//!
//! A code may be told only when the ledger has it as granted, and whoever asks again is answered from there
//! (`engine::decide::granted`). [`Pool::lease`] is for who has none yet; [`keep`] follows when the grant is applied. It needs nothing
//! but the grant, so that applying the log on an empty store brings back who has which code.

use std::collections::BTreeSet;

use engine::Span;
use sha2::{Digest as _, Sha256};
use store::{
    Confirmed, Holder, LeadKey, Reservation, Reserved, ResourceName, SiteName, Store, StoreError, UnixMillis,
    Unparsable,
};

use super::codes::Code;
use super::register::CodeName;
use super::taken::Taken;

/// How long a code stays set aside for whoever was chosen for it. What grants it waits in the log until the store takes it, and
/// a store may be away for a night; whose lease ends meanwhile may find the code with somebody else. Longer costs only that a
/// code comes back later where a collector died, or its log failed, between the lease and the log.
pub const LEASE: Span = Span::minutes(12 * 60);
/// Codes that one decision asks for, at most.
const MOST_ASKED: usize = 128;

/// Codes of which each is for one visitor, and which of them are known to be with somebody.
#[derive(Debug)]
pub struct Pool {
    codes: Box<[Code]>,
    /// What each is called in the register.
    names: BTreeSet<String>,
    taken: Taken,
}

/// What became of asking for a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leased {
    /// Set aside for this visitor until the lease ends, or theirs already.
    Code(Code),
    /// Every code is with somebody else.
    Empty,
    /// As many were asked for as one decision may, and all are with others. There may be free ones.
    NotFound,
}

/// What became of keeping a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is the visitor's for good; also when it was before.
    Kept,
    /// The lease had ended, and somebody else has the code.
    WithAnother,
}

/// A code could not be leased or kept.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The store's fault. A code may be set aside all the same, until the lease ends.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The code's name in the store is none.
    #[error("a code has no name in the store")]
    Name(#[source] Unparsable),
}

/// When a lease is asked for, and when it ends unless it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// Now.
    pub now: UnixMillis,
    /// From when the code is free again.
    pub until: UnixMillis,
}

impl Pool {
    /// A pool of these codes.
    #[must_use]
    pub fn of(codes: Vec<Code>) -> Self {
        let name = |code: &Code| CodeName::of(code.as_str()).map(|name| name.as_str().to_owned());
        Self { taken: Taken::none_of(codes.len()), names: codes.iter().filter_map(name).collect(), codes: codes.into() }
    }

    /// Whether it has this code.
    #[must_use]
    pub fn holds(&self, code: &CodeName) -> bool {
        self.names.contains(code.as_str())
    }

    /// Whether every code is known to be with somebody.
    #[must_use]
    pub fn is_known_empty(&self, now: UnixMillis) -> bool {
        self.taken.are_all_believed(now)
    }

    /// Sets a code aside for a visitor: the first free one, from a place on that differs by visitor, so that those who ask at
    /// once seldom want the same, and that is the same for a visitor whichever collector is asked. Asks the store once for each
    /// code on the way that is not known to be taken.
    ///
    /// # Errors
    /// [`PoolError::Store`]: a code may be set aside then, until the lease ends.
    pub async fn lease(&self, store: &dyn Store, key: &LeadKey, term: Term) -> Result<Leased, PoolError> {
        let (before, after) = self.codes.split_at(first_place(key, self.codes.len()));
        let after = after.iter().zip(before.len()..);
        let mut asked = 0;
        for (code, place) in after.chain(before.iter().zip(0..)) {
            if self.taken.is_believed(place, term.now) {
                continue;
            }
            if asked == MOST_ASKED {
                return Ok(Leased::NotFound);
            }
            asked += 1;
            if reserve(store, code, key, term).await? {
                return Ok(Leased::Code(code.clone()));
            }
            self.taken.found(place, term.now);
        }
        Ok(Leased::Empty)
    }
}

/// Makes a code a visitor's for good. Can be repeated. Where the store knows of no lease (it ended, or the store was lost), the
/// code is taken anew if nobody else has it.
///
/// # Errors
/// [`PoolError::Store`]: to be tried again where it is transient.
pub async fn keep(store: &dyn Store, code: &Code, key: &LeadKey, term: Term) -> Result<Kept, PoolError> {
    let resource = resource(&key.site, code)?;
    let confirmed = match store.confirm(&resource, holder(key)).await? {
        Confirmed::Lapsed if reserve(store, code, key, term).await? => store.confirm(&resource, holder(key)).await?,
        confirmed => confirmed,
    };
    Ok(match confirmed {
        Confirmed::Confirmed => Kept::Kept,
        Confirmed::Lapsed => Kept::WithAnother,
    })
}

/// Gives a leased code back, unless it was kept. Can be repeated.
///
/// # Errors
/// [`PoolError::Store`]: the code is free again when the lease ends.
pub async fn give_back(store: &dyn Store, code: &Code, key: &LeadKey) -> Result<(), PoolError> {
    Ok(store.release(&resource(&key.site, code)?, holder(key)).await?)
}

/// Whether the code is the visitor's now.
async fn reserve(store: &dyn Store, code: &Code, key: &LeadKey, term: Term) -> Result<bool, PoolError> {
    let reservation = Reservation {
        resource: resource(&key.site, code)?,
        holder: holder(key),
        amount: 1,
        limit: 1,
        expires: term.until,
    };
    let reserved = store.reserve(&reservation, term.now).await?;
    Ok(matches!(reserved, Reserved::Held | Reserved::Confirmed))
}

/// By site and code, not by pool: a code that stands in two pools is one code at the till.
fn resource(site: &SiteName, code: &Code) -> Result<ResourceName, PoolError> {
    let name = format!("coupon/{}/{}", site.as_str(), hexadecimal(&digest(&[code.as_str().as_bytes()])));
    ResourceName::parse(&name).map_err(PoolError::Name)
}

/// A digest of the visitor: who is erased leaves their codes taken, and no id behind.
fn holder(key: &LeadKey) -> Holder {
    Holder(digest(&[b"holder", key.site.as_str().as_bytes(), key.visitor.as_bytes()]))
}

/// Where a visitor's search begins; 0 in an empty pool.
fn first_place(key: &LeadKey, codes: usize) -> usize {
    let digest = digest(&[key.site.as_str().as_bytes(), key.visitor.as_bytes()]);
    let number = digest.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    // An index below `codes` fits.
    usize::try_from(number.checked_rem(codes as u64).unwrap_or(0)).unwrap_or(0)
}

/// The first 128 bits of SHA-256 over the parts, each with its length before it.
pub(crate) fn digest(parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let mut cut = [0; 16];
    cut.copy_from_slice(&hasher.finalize()[..16]);
    cut
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use store::VisitorId;
    use store::embedded::{EmbeddedStore, Settings};

    use super::*;

    const TERM: Term = Term { now: 1_000, until: 2_000 };
    const LATER: Term = Term { now: 2_000, until: 3_000 };

    fn visitor(number: u64) -> LeadKey {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        LeadKey::new(SiteName::parse("shop").unwrap(), VisitorId::from_bytes(bytes))
    }

    fn pool(count: usize) -> Pool {
        Pool::of((0..count).map(|number| Code::parse(&format!("CODE-{number}")).unwrap()).collect())
    }

    fn store() -> (tempfile::TempDir, Arc<EmbeddedStore>) {
        let folder = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(folder.path(), Settings::default()).unwrap();
        (folder, Arc::new(store))
    }

    async fn leased(store: &EmbeddedStore, pool: &Pool, number: u64, term: Term) -> Option<Code> {
        match pool.lease(store, &visitor(number), term).await.unwrap() {
            Leased::Code(code) => Some(code),
            Leased::Empty | Leased::NotFound => None,
        }
    }

    /// Seen red with a limit of two for each code.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_hundred_codes_are_with_a_hundred_visitors_who_ask_at_once() {
        let (_folder, store) = store();
        let pool = Arc::new(pool(100));
        let asked: Vec<_> = (0..150)
            .map(|number| {
                let (store, pool) = (store.clone(), pool.clone());
                tokio::spawn(async move { leased(&store, &pool, number, TERM).await })
            })
            .collect();
        let mut given = Vec::new();
        for one in asked {
            given.extend(one.await.unwrap());
        }
        let different: BTreeSet<_> = given.iter().collect();
        assert_eq!((given.len(), different.len()), (100, 100));
    }

    /// Seen red with a holder that differs from call to call.
    #[tokio::test]
    async fn who_asks_fifty_times_has_one_code() {
        let (_folder, store) = store();
        let pool = pool(100);
        let mut given = BTreeSet::new();
        for _ in 0..50 {
            given.extend(leased(&store, &pool, 7, TERM).await);
        }
        assert_eq!(given.len(), 1);
    }

    #[tokio::test]
    async fn a_code_that_is_not_kept_returns_and_one_that_is_kept_does_not() {
        // Given a pool of two codes, both leased, and one of them kept.
        let (_folder, store) = store();
        let pool = pool(2);
        let kept = leased(&store, &pool, 1, TERM).await.unwrap();
        let free = leased(&store, &pool, 2, TERM).await.unwrap();
        assert_eq!(keep(&*store, &kept, &visitor(1), TERM).await.unwrap(), Kept::Kept);
        assert_eq!(leased(&store, &pool, 3, TERM).await, None);
        // When the leases have ended, then the other one is free for one visitor, and its first holder is told.
        assert_eq!(leased(&store, &pool, 3, LATER).await, Some(free.clone()));
        assert_eq!(leased(&store, &pool, 4, LATER).await, None);
        assert_eq!(keep(&*store, &free, &visitor(2), LATER).await.unwrap(), Kept::WithAnother);
        assert_eq!(keep(&*store, &kept, &visitor(1), LATER).await.unwrap(), Kept::Kept);
    }

    #[tokio::test]
    async fn a_code_that_is_given_back_is_free_and_one_that_is_kept_is_not() {
        let (_folder, store) = store();
        let pool = pool(1);
        let code = leased(&store, &pool, 1, TERM).await.unwrap();
        give_back(&*store, &code, &visitor(1)).await.unwrap();
        assert_eq!(leased(&store, &pool, 2, TERM).await, Some(code.clone()));
        keep(&*store, &code, &visitor(2), TERM).await.unwrap();
        give_back(&*store, &code, &visitor(2)).await.unwrap();
        assert_eq!(leased(&store, &pool, 3, TERM).await, None);
    }

    /// Seen red with a `keep` that confirms and does not take anew.
    #[tokio::test]
    async fn who_has_which_code_is_brought_back_on_an_empty_store() {
        // Given ten codes that are kept, and the store is lost.
        let (_folder, before) = store();
        let pool = pool(10);
        let mut granted = Vec::new();
        for number in 0..10 {
            let code = leased(&before, &pool, number, TERM).await.unwrap();
            keep(&*before, &code, &visitor(number), TERM).await.unwrap();
            granted.push((number, code));
        }
        let (_folder, after) = store();
        // When the grants are applied on another one, each twice.
        for (number, code) in granted.iter().chain(&granted) {
            assert_eq!(keep(&*after, code, &visitor(*number), LATER).await.unwrap(), Kept::Kept);
        }
        // Then nobody else gets one of them, and each visitor has their own.
        assert_eq!(leased(&after, &pool, 99, LATER).await, None);
        for (number, code) in granted {
            assert_eq!(leased(&after, &pool, number, LATER).await, Some(code));
        }
    }

    #[tokio::test]
    async fn a_pool_without_codes_is_empty() {
        let (_folder, store) = store();
        assert_eq!(leased(&store, &pool(0), 1, TERM).await, None);
    }

    /// Seen red with a bound that is left out, and with codes that are believed at once.
    #[tokio::test]
    async fn a_large_pool_is_searched_a_part_at_a_time_until_all_is_known() {
        // Given a pool of which every code is with somebody, and nobody here knows
        let (_folder, store) = store();
        let there = pool(300);
        let until = TERM.now + LEASE.0;
        for code in &there.codes {
            assert!(reserve(&*store, code, &visitor(1_000), Term { until, ..TERM }).await.unwrap());
        }
        // When one visitor asks, and again a minute later
        let here = pool(300);
        let ask = async |number: u64, minute: i64| {
            let term = Term { now: TERM.now + minute * 60_000, until };
            here.lease(&*store, &visitor(number), term).await.unwrap()
        };
        let mut answers = Vec::new();
        for minute in 0..3 {
            answers.push(ask(1, minute).await);
        }
        // Then each asks for what is not known, until nothing is left to ask for
        assert_eq!(answers, [Leased::NotFound, Leased::NotFound, Leased::Empty]);
        assert!(!here.is_known_empty(TERM.now + 120_000));
        assert!(here.is_known_empty(TERM.now + 180_000));
        // and within a moment what others have is asked for again
        let moment = pool(300);
        for _ in 0..3 {
            assert_eq!(moment.lease(&*store, &visitor(1), TERM).await.unwrap(), Leased::NotFound);
        }
    }
}
