//! The shelf of a site: every version of its model that was ever imported, and which one is in force.
//!
//! A document of the store, so that all collectors of a site agree. Versions are numbered from 1 and never change; a draft
//! is one that was never published. To roll back is to publish an earlier number again.

use engine::Millis;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use store::{DocumentName, SiteName, Store, StoreError, Version};
use thiserror::Error;
use utoipa::ToSchema;

/// The format that is written, and the newest that is read.
const SHELF_FORMAT: u8 = 1;
/// Versions that are kept; the oldest that is neither in force nor its predecessor goes first.
const KEPT: usize = 100;
/// The longest text of a model, in bytes.
pub const LONGEST_TEXT: usize = 512 * 1024;

/// One version of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edition {
    /// Its number, from 1.
    pub number: u32,
    /// When it was imported.
    pub imported: Millis,
    /// By whom, as they call themselves.
    pub by: String,
    /// As the text calls itself: `name` and `version`.
    pub title: String,
    /// When it was published, and by whom; the last one last. Empty: a draft.
    pub published: Vec<Publication>,
    /// The whole text.
    pub text: String,
}

/// What a version is to its site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It scores every lead.
    InForce,
    /// It was never published.
    Draft,
    /// It was in force before.
    Retired,
}

impl State {
    /// As people read it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::InForce => "in force",
            Self::Draft => "draft",
            Self::Retired => "retired",
        }
    }
}

/// What somebody knew to be in force: a version, and how often it had been published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Its number.
    pub number: u32,
    /// Its publications, this one included.
    pub times: usize,
}

/// A moment at which a version came into force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    /// When.
    pub at: Millis,
    /// By whom.
    pub by: String,
    /// Whether stages that it changes are announced like any other change.
    pub notify: bool,
}

/// Why a shelf cannot be read or changed.
#[derive(Debug, Error)]
pub enum ShelfError {
    /// The store is away, or another collector changed the shelf at the same time.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The document is not ours, or newer.
    #[error("the models of {site} do not read: format {found}, this version reads {SHELF_FORMAT}")]
    Format {
        /// The site.
        site: String,
        /// The format byte found; 0 for no bytes.
        found: u8,
    },
    /// The document does not read as its format says.
    #[error("the models of {site} do not read: {detail}")]
    Broken {
        /// The site.
        site: String,
        /// What was wrong.
        detail: String,
    },
    /// There is no such version.
    #[error("version {found} is not there; there are {known}")]
    Unknown {
        /// The number asked for.
        found: u32,
        /// The numbers there are.
        known: String,
    },
    /// The text is too long.
    #[error("a model of {0} bytes; allowed are {LONGEST_TEXT}")]
    TooLong(usize),
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Content {
    editions: Vec<Edition>,
    /// The number in force; 0 while none is.
    in_force: u32,
}

/// The versions of one site's model.
pub struct Shelf {
    site: SiteName,
    name: DocumentName,
    version: Version,
    content: Content,
    /// Whether there is something to write.
    changed: bool,
}

impl Shelf {
    /// Reads the shelf of a site; an empty one where there is none yet.
    ///
    /// # Errors
    /// See [`ShelfError`].
    pub async fn load(store: &dyn Store, site: &SiteName) -> Result<Self, ShelfError> {
        let broken = |detail: String| ShelfError::Broken { site: site.as_str().to_owned(), detail };
        let name =
            DocumentName::parse(&format!("model/{}", site.as_str())).map_err(|error| broken(error.to_string()))?;
        let Some(document) = store.document(&name).await? else {
            let content = Content::default();
            return Ok(Self { site: site.clone(), name, version: Version::ABSENT, content, changed: false });
        };
        let content = match document.bytes.split_first() {
            Some((&SHELF_FORMAT, rest)) => postcard::from_bytes(rest).map_err(|error| broken(error.to_string()))?,
            other => {
                let found = other.map_or(0, |(format, _)| *format);
                return Err(ShelfError::Format { site: site.as_str().to_owned(), found });
            }
        };
        Ok(Self { site: site.clone(), name, version: document.version, content, changed: false })
    }

    /// The version of the document, as it was read or last written.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Every version, oldest first.
    #[must_use]
    pub fn editions(&self) -> &[Edition] {
        &self.content.editions
    }

    /// The version in force, with how it came into force.
    #[must_use]
    pub fn in_force(&self) -> Option<(&Edition, &Publication)> {
        let edition = self.content.editions.iter().find(|edition| edition.number == self.content.in_force)?;
        Some((edition, edition.published.last()?))
    }

    /// The version that was in force before the one that is: what a roll-back goes back to.
    fn predecessor(&self) -> Option<u32> {
        let others = self.content.editions.iter().filter(|edition| edition.number != self.content.in_force);
        let last = |edition: &Edition| Some((edition.published.last()?.at, edition.number));
        others.filter_map(last).max().map(|(_, number)| number)
    }

    /// What there is to be seen as in force.
    #[must_use]
    pub fn seen(&self) -> Option<Seen> {
        self.in_force().map(|(edition, _)| Seen { number: edition.number, times: edition.published.len() })
    }

    /// What a version of this shelf is to its site.
    #[must_use]
    pub fn state(&self, edition: &Edition) -> State {
        match (edition.number == self.content.in_force, edition.published.is_empty()) {
            (true, _) => State::InForce,
            (false, true) => State::Draft,
            (false, false) => State::Retired,
        }
    }

    /// The version with this number.
    ///
    /// # Errors
    /// When there is none.
    pub fn edition(&self, number: u32) -> Result<&Edition, ShelfError> {
        let known = || {
            let numbers: Vec<String> = self.content.editions.iter().map(|edition| edition.number.to_string()).collect();
            numbers.join(", ")
        };
        let found = self.content.editions.iter().find(|edition| edition.number == number);
        found.ok_or_else(|| ShelfError::Unknown { found: number, known: known() })
    }

    /// Puts a text on the shelf, as a draft; one that is there already keeps its number. Says whether it is new.
    ///
    /// # Errors
    /// When it is too long. It is for the caller to check that it compiles.
    pub fn import(&mut self, text: &str, title: &str, by: &str, now: Millis) -> Result<(u32, bool), ShelfError> {
        if text.len() > LONGEST_TEXT {
            return Err(ShelfError::TooLong(text.len()));
        }
        let digest = Sha256::digest(text.as_bytes());
        let same = |edition: &&Edition| Sha256::digest(edition.text.as_bytes()) == digest;
        if let Some(known) = self.content.editions.iter().rev().find(same) {
            return Ok((known.number, false));
        }
        let number = self.content.editions.last().map_or(1, |last| last.number.saturating_add(1));
        self.content.editions.push(Edition {
            number,
            imported: now,
            by: by.to_owned(),
            title: title.to_owned(),
            published: Vec::new(),
            text: text.to_owned(),
        });
        self.changed = true;
        if self.content.editions.len() > KEPT {
            let kept = [Some(self.content.in_force), self.predecessor(), Some(number)];
            let oldest = self.content.editions.iter().position(|edition| !kept.contains(&Some(edition.number)));
            oldest.map(|place| self.content.editions.remove(place));
        }
        Ok((number, true))
    }

    /// Brings a version into force.
    ///
    /// # Errors
    /// When there is no such version.
    pub fn publish(&mut self, number: u32, by: &str, notify: bool, now: Millis) -> Result<Publication, ShelfError> {
        self.edition(number)?;
        let publication = Publication { at: now, by: by.to_owned(), notify };
        for edition in self.content.editions.iter_mut().filter(|edition| edition.number == number) {
            edition.published.push(publication.clone());
        }
        self.content.in_force = number;
        self.changed = true;
        Ok(publication)
    }

    /// Writes the shelf, if it was changed, and if nobody else has since it was read.
    ///
    /// # Errors
    /// See [`ShelfError`].
    pub async fn save(&mut self, store: &dyn Store) -> Result<(), ShelfError> {
        if !self.changed {
            return Ok(());
        }
        let broken = |error: postcard::Error| ShelfError::Broken {
            site: self.site.as_str().to_owned(),
            detail: error.to_string(),
        };
        let bytes = postcard::to_extend(&self.content, vec![SHELF_FORMAT]).map_err(broken)?;
        self.version = store.put_document(&self.name, self.version, bytes).await?;
        self.changed = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use store::embedded::{EmbeddedStore, Settings};

    use super::*;

    async fn shelf(store: &EmbeddedStore) -> Shelf {
        Shelf::load(store, &SiteName::parse("shop").unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn versions_are_numbered_kept_published_and_rolled_back() {
        // given an empty store
        let folder = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(folder.path(), Settings::default()).unwrap();
        let mut one = shelf(&store).await;
        assert!(one.in_force().is_none());

        // when two texts are imported, one of them twice, and both published in turn
        assert_eq!(one.import("a", "t 1", "anna", Millis(1)).unwrap(), (1, true));
        one.publish(1, "anna", false, Millis(2)).unwrap();
        assert_eq!(one.import("b", "t 1", "bas", Millis(3)).unwrap(), (2, true));
        assert_eq!(one.import("a", "t 1", "bas", Millis(4)).unwrap(), (1, false));
        one.save(&store).await.unwrap();

        // then a draft is no more than that until it is published, and the first can be published again
        let mut again = shelf(&store).await;
        assert_eq!(again.in_force().unwrap().0.text, "a");
        assert!(again.edition(2).unwrap().published.is_empty());
        again.publish(2, "bas", true, Millis(5)).unwrap();
        again.publish(1, "anna", false, Millis(6)).unwrap();
        again.save(&store).await.unwrap();
        let (edition, publication) = (shelf(&store).await.content.editions[0].clone(), Millis(6));
        assert_eq!(edition.published.iter().map(|one| one.at).collect::<Vec<_>>(), [Millis(2), publication]);
        let unknown = shelf(&store).await.publish(3, "anna", false, Millis(7)).unwrap_err();
        assert_eq!(unknown.to_string(), "version 3 is not there; there are 1, 2");
    }

    #[tokio::test]
    async fn whatever_is_imported_the_model_in_force_and_the_one_before_stay() {
        // given a model in force, and one that was before it
        let folder = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(folder.path(), Settings::default()).unwrap();
        let mut shelf = shelf(&store).await;
        for (number, text) in [(1, "first"), (2, "second")] {
            shelf.import(text, "t 1", "anna", Millis(1)).unwrap();
            shelf.publish(number, "anna", false, Millis(i64::from(number))).unwrap();
        }
        // when more drafts come than are kept
        for draft in 0..2 * KEPT {
            shelf.import(&format!("draft {draft}"), "t 1", "bas", Millis(3)).unwrap();
        }
        // then both are there, and the newest drafts
        assert_eq!(shelf.editions().len(), KEPT);
        assert_eq!(shelf.in_force().map(|(edition, _)| edition.number), Some(2));
        assert!(shelf.edition(1).is_ok(), "there is nothing to roll back to");
        assert_eq!(shelf.editions().last().map(|last| last.text.as_str()), Some("draft 199"));
    }

    #[tokio::test]
    async fn two_who_change_a_shelf_at_once_do_not_overwrite_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(folder.path(), Settings::default()).unwrap();
        let (mut one, mut other) = (shelf(&store).await, shelf(&store).await);
        one.import("a", "t 1", "anna", Millis(1)).unwrap();
        other.import("b", "t 1", "bas", Millis(1)).unwrap();
        one.save(&store).await.unwrap();
        assert!(matches!(other.save(&store).await, Err(ShelfError::Store(StoreError::Conflict { .. }))));
    }
}
