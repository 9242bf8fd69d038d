//! Leases of codes. Each code of a site is a counted resource of which there is one, so that the store itself keeps it from
//! being with two visitors, whichever collectors ask, and whichever pools of the site have it.
//!
//! A code may be told only when the ledger has it as granted, and whoever asks again is answered from there
//! (`engine::decide::granted`). [`lease`] is for who has none yet; [`keep`] follows when the grant is applied. It needs nothing
//! but the grant, so that applying the log on an empty store brings back who has which code.

use sha2::{Digest as _, Sha256};
use store::{
    Confirmed, Holder, LeadKey, Reservation, Reserved, ResourceName, SiteName, Store, StoreError, UnixMillis,
    Unparsable,
};

use super::codes::Code;

/// What became of asking for a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leased {
    /// Set aside for this visitor until the lease ends, or theirs already.
    Code(Code),
    /// Every code is with somebody else.
    Empty,
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

/// Sets a code aside for a visitor: the first free one, from a place on that differs by visitor, so that those who ask at once
/// seldom want the same. Asks the store once for each code that is taken on the way.
///
/// # Errors
/// [`PoolError::Store`]: a code may be set aside then, until the lease ends.
pub async fn lease(store: &dyn Store, codes: &[Code], key: &LeadKey, term: Term) -> Result<Leased, PoolError> {
    let (after, before) = codes.split_at(first_place(key, codes.len()));
    for code in before.iter().chain(after) {
        if reserve(store, code, key, term).await? {
            return Ok(Leased::Code(code.clone()));
        }
    }
    Ok(Leased::Empty)
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

fn holder(key: &LeadKey) -> Holder {
    Holder(*key.visitor.as_bytes())
}

/// Where a visitor's search begins; 0 in an empty pool.
fn first_place(key: &LeadKey, codes: usize) -> usize {
    let digest = digest(&[key.site.as_str().as_bytes(), key.visitor.as_bytes()]);
    let number = digest.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    // An index below `codes` fits.
    usize::try_from(number.checked_rem(codes as u64).unwrap_or(0)).unwrap_or(0)
}

/// The first 128 bits of SHA-256 over the parts, each with its length before it.
fn digest(parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let mut cut = [0; 16];
    cut.copy_from_slice(&hasher.finalize()[..16]);
    cut
}

fn hexadecimal(bytes: &[u8]) -> String {
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

    fn codes(count: usize) -> Vec<Code> {
        (0..count).map(|number| Code::parse(&format!("CODE-{number}")).unwrap()).collect()
    }

    fn store() -> (tempfile::TempDir, Arc<EmbeddedStore>) {
        let folder = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(folder.path(), Settings::default()).unwrap();
        (folder, Arc::new(store))
    }

    async fn leased(store: &EmbeddedStore, codes: &[Code], number: u64, term: Term) -> Option<Code> {
        match lease(store, codes, &visitor(number), term).await.unwrap() {
            Leased::Code(code) => Some(code),
            Leased::Empty => None,
        }
    }

    /// Seen red with a limit of two for each code.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_hundred_codes_are_with_a_hundred_visitors_who_ask_at_once() {
        let (_folder, store) = store();
        let codes: Arc<[Code]> = codes(100).into();
        let asked: Vec<_> = (0..150)
            .map(|number| {
                let (store, codes) = (store.clone(), codes.clone());
                tokio::spawn(async move { leased(&store, &codes, number, TERM).await })
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
        let codes = codes(100);
        let mut given = BTreeSet::new();
        for _ in 0..50 {
            given.extend(leased(&store, &codes, 7, TERM).await);
        }
        assert_eq!(given.len(), 1);
    }

    #[tokio::test]
    async fn a_code_that_is_not_kept_returns_and_one_that_is_kept_does_not() {
        // Given a pool of two codes, both leased, and one of them kept.
        let (_folder, store) = store();
        let codes = codes(2);
        let kept = leased(&store, &codes, 1, TERM).await.unwrap();
        let free = leased(&store, &codes, 2, TERM).await.unwrap();
        assert_eq!(keep(&*store, &kept, &visitor(1), TERM).await.unwrap(), Kept::Kept);
        assert_eq!(leased(&store, &codes, 3, TERM).await, None);
        // When the leases have ended, then the other one is free for one visitor, and its first holder is told.
        assert_eq!(leased(&store, &codes, 3, LATER).await, Some(free.clone()));
        assert_eq!(leased(&store, &codes, 4, LATER).await, None);
        assert_eq!(keep(&*store, &free, &visitor(2), LATER).await.unwrap(), Kept::WithAnother);
        assert_eq!(keep(&*store, &kept, &visitor(1), LATER).await.unwrap(), Kept::Kept);
    }

    /// Seen red with a `keep` that confirms and does not take anew.
    #[tokio::test]
    async fn who_has_which_code_is_brought_back_on_an_empty_store() {
        // Given ten codes that are kept, and the store is lost.
        let (_folder, before) = store();
        let codes = codes(10);
        let mut granted = Vec::new();
        for number in 0..10 {
            let code = leased(&before, &codes, number, TERM).await.unwrap();
            keep(&*before, &code, &visitor(number), TERM).await.unwrap();
            granted.push((number, code));
        }
        let (_folder, after) = store();
        // When the grants are applied on another one, each twice.
        for (number, code) in granted.iter().chain(&granted) {
            assert_eq!(keep(&*after, code, &visitor(*number), LATER).await.unwrap(), Kept::Kept);
        }
        // Then nobody else gets one of them, and each visitor has their own.
        assert_eq!(leased(&after, &codes, 99, LATER).await, None);
        for (number, code) in granted {
            assert_eq!(leased(&after, &codes, number, LATER).await, Some(code));
        }
    }

    #[tokio::test]
    async fn a_pool_without_codes_is_empty() {
        let (_folder, store) = store();
        assert_eq!(leased(&store, &[], 1, TERM).await, None);
    }
}
