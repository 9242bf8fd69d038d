//! Who is logged in. Sessions stand in the store, so that every collector knows them and a logout ends them everywhere: a
//! document with the hashes of their tokens, of which nothing can be stolen. A restart logs nobody out.

use std::collections::BTreeMap;

use engine::{Millis, Span};
use sha2::{Digest as _, Sha256};
use store::{DocumentName, Store, StoreError, Version};
use thiserror::Error;

use super::attempts::Attempts;
use crate::problem::Problem;

/// A session ends after twelve hours without a request.
const IDLE: Span = Span::minutes(12 * 60);
/// How exactly the last request is known: not every look at a page is a write.
const NOTED_EVERY: Span = Span::minutes(5);
/// More sessions than people: the oldest goes.
const MOST: usize = 1000;
/// How often others may change the document first.
const MOST_TRIES: usize = 16;
const FORMAT: u8 = 1;

/// What a collector itself knows of who tries to log in: how often somebody did, at this collector.
#[derive(Default)]
pub struct Sessions {
    pub(super) attempts: Attempts,
}

/// Why a session cannot be begun, found or ended.
#[derive(Debug, Error)]
pub enum SessionError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The document, or randomness.
    #[error("sessions: {0}")]
    Broken(String),
}

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Store(error) => Self::StoreUnavailable(error),
            SessionError::Broken(detail) => Self::Internal(detail),
        }
    }
}

/// By the hash of their token, with the time of their last request.
type Living = BTreeMap<[u8; 32], Millis>;

/// Begins a session and returns its token.
///
/// # Errors
/// See [`SessionError`].
pub(super) async fn begin(store: &dyn Store, now: Millis) -> Result<String, SessionError> {
    let random = || crate::identity::random_id().map_err(|error| SessionError::Broken(error.to_string()));
    let token = format!("{}{}", random()?, random()?);
    change(store, |living| {
        living.retain(|_, last| now.since(*last) < IDLE);
        while living.len() >= MOST
            && let Some(oldest) = living.iter().min_by_key(|(_, last)| **last).map(|(token, _)| *token)
        {
            living.remove(&oldest);
        }
        living.insert(hash(&token), now);
        true
    })
    .await?;
    Ok(token)
}

/// Whether this is the token of a living session; keeps it alive.
///
/// # Errors
/// See [`SessionError`].
pub(super) async fn continues(store: &dyn Store, token: &str, now: Millis) -> Result<bool, SessionError> {
    // Looked up by its hash, so that the time of the lookup says nothing about the token.
    let hash = hash(token);
    let (_, living) = read(store).await?;
    let lives = |living: &Living| living.get(&hash).copied().filter(|last| now.since(*last) < IDLE);
    let Some(last) = lives(&living) else { return Ok(false) };
    if now.since(last) >= NOTED_EVERY {
        change(store, |living| match living.get_mut(&hash) {
            Some(last) => {
                *last = now;
                true
            }
            // Ended meanwhile.
            None => false,
        })
        .await?;
    }
    Ok(true)
}

/// Ends a session, for every collector.
///
/// # Errors
/// See [`SessionError`].
pub(super) async fn end(store: &dyn Store, token: &str) -> Result<(), SessionError> {
    change(store, |living| living.remove(&hash(token)).is_some()).await
}

async fn read(store: &dyn Store) -> Result<(Version, Living), SessionError> {
    let Some(document) = store.document(&name()?).await? else { return Ok((Version::ABSENT, Living::new())) };
    match document.bytes.split_first() {
        Some((&FORMAT, content)) => {
            let living = postcard::from_bytes(content).map_err(|error| SessionError::Broken(error.to_string()))?;
            Ok((document.version, living))
        }
        found => {
            let found = found.map_or(0, |(format, _)| *format);
            Err(SessionError::Broken(format!("format {found}; this version reads {FORMAT}")))
        }
    }
}

/// Changes the sessions, on top of what others have changed; `how` says whether there is anything to write.
async fn change(store: &dyn Store, how: impl Fn(&mut Living) -> bool) -> Result<(), SessionError> {
    for _ in 0..MOST_TRIES {
        let (version, mut living) = read(store).await?;
        if !how(&mut living) {
            return Ok(());
        }
        let bytes = postcard::to_extend(&living, vec![FORMAT]);
        let bytes = bytes.map_err(|error| SessionError::Broken(error.to_string()))?;
        match store.put_document(&name()?, version, bytes).await {
            Err(StoreError::Conflict { .. }) => {}
            written => return written.map(drop).map_err(Into::into),
        }
    }
    Err(SessionError::Broken(format!("changed by others {MOST_TRIES} times in a row")))
}

fn name() -> Result<DocumentName, SessionError> {
    DocumentName::parse("pages/sessions").map_err(|error| SessionError::Broken(error.to_string()))
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use store::embedded::{EmbeddedStore, Settings};

    use super::*;

    fn store() -> (tempfile::TempDir, EmbeddedStore) {
        let folder = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(folder.path(), Settings::default()).unwrap();
        (folder, store)
    }

    fn hours(hours: i64) -> Millis {
        Millis(hours * 3_600_000)
    }

    #[tokio::test]
    async fn a_session_lives_while_it_is_used_and_ends_when_told() {
        let (_folder, store) = store();
        let token = begin(&store, hours(0)).await.unwrap();
        assert!(continues(&store, &token, hours(11)).await.unwrap());
        assert!(continues(&store, &token, hours(22)).await.unwrap());
        assert!(!continues(&store, &token, hours(35)).await.unwrap());
        assert!(!continues(&store, "", hours(0)).await.unwrap());
        let other = begin(&store, hours(0)).await.unwrap();
        end(&store, &other).await.unwrap();
        assert!(!continues(&store, &other, hours(0)).await.unwrap());
    }

    #[tokio::test]
    async fn what_the_store_has_is_no_token_and_the_oldest_goes_when_there_are_too_many() {
        let (_folder, store) = store();
        let first = begin(&store, hours(0)).await.unwrap();
        let mut last = String::new();
        for _ in 0..MOST {
            last = begin(&store, hours(1)).await.unwrap();
        }
        assert!(!continues(&store, &first, hours(1)).await.unwrap());
        assert!(continues(&store, &last, hours(1)).await.unwrap());
        let document = store.document(&name().unwrap()).await.unwrap().unwrap();
        assert!(!document.bytes.windows(last.len()).any(|bytes| bytes == last.as_bytes()));
        assert_eq!(read(&store).await.unwrap().1.len(), MOST);
    }
}
