//! The register: of each code that is one visitor's, to whom it was given and which orders used it. Found by the code.
//!
//! One document a code, named by its digest and changed by whoever applies the log: what a grant says and what orders say join,
//! whichever comes first, so that applying a log again gives the same. Which order came first is decided by the store, once for
//! all collectors. The owner's id is covered by a hash that takes the code to make, so that nothing there names whoever was
//! erased; offer, times and the order's number stay as they are.

use engine::{Millis, OfferId};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use store::{Document, DocumentName, SiteName, StoreError, Version, VisitorId};

use super::codes::Code;
use super::signed::Written;
use crate::app::App;

/// The format of an entry, and the newest that is read.
pub const REGISTER_FORMAT: u8 = 1;
/// Orders of one code that are remembered; of later ones only the first matters.
const MOST_USES: usize = 8;

/// A code, in one of the ways in which it may be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeName(String);

impl CodeName {
    /// Reads a code of any kind: one with the shape of a signed one as those are read, any other as it stands. `None` for what is
    /// no code.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let text = text.trim();
        let signed = Written::read(text).map(|written| Self(written.unambiguous()));
        signed.or_else(|| Code::parse(text).map(|code| Self(code.as_str().to_owned())))
    }

    /// The same for every way to write the code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn document(&self, site: &SiteName) -> Result<DocumentName, StoreError> {
        let digest = Sha256::digest(self.0.as_bytes());
        let digest: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        DocumentName::parse(&format!("code/{site}/{digest}"))
            .map_err(|error| StoreError::Corrupt { what: error.to_string(), source: None })
    }
}

/// What is known of a code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// To whom it was given; `None`: that is not known here yet.
    pub owner: Option<Owner>,
    /// The orders that used it, in the order in which the store heard of them: the first one counts.
    pub uses: Vec<Use>,
}

/// To whom a code was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The visitor at the time; they may have been merged into another since.
    pub visitor: VisitorId,
    /// With which offer.
    pub offer: OfferId,
    /// When.
    pub granted: Millis,
    /// The last day on which it is good, `2026-12-09`, where it is a signed one.
    pub last_day: Option<String>,
}

/// An order that used a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    /// The shop's number of it.
    pub transaction: String,
    /// When, ms since 1970.
    pub at: i64,
    /// Who told of it first.
    pub teller: Teller,
}

/// Who tells that a code was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Teller {
    /// A till that does not say who ordered, or says that it was the owner.
    Till,
    /// A till that names somebody else.
    TillOfAnother,
    /// An order: whoever's it is has it in their ledger.
    Order,
}

/// As it is written: the owner's id is covered.
#[derive(Serialize, Deserialize)]
struct Kept {
    owner: Option<([u8; 16], OfferId, i64, Option<String>)>,
    uses: Vec<Use>,
}

impl Entry {
    /// Format byte and content; `cover` is what the owner's id is covered with.
    ///
    /// # Errors
    /// Never for these types; kept so that nothing panics.
    pub fn encode(&self, cover: [u8; 16]) -> Result<Vec<u8>, postcard::Error> {
        let owner = self.owner.clone().map(|owner| {
            let Owner { visitor, offer, granted, last_day } = owner;
            (covered(*visitor.as_bytes(), cover), offer, granted.0, last_day)
        });
        postcard::to_extend(&Kept { owner, uses: self.uses.clone() }, vec![REGISTER_FORMAT])
    }

    /// Reads what [`Entry::encode`] wrote with the same cover.
    ///
    /// # Errors
    /// [`StoreError::Newer`], or [`StoreError::Corrupt`] for what is not of this format.
    pub fn decode(bytes: &[u8], cover: [u8; 16]) -> Result<Self, StoreError> {
        let corrupt = |what: String| StoreError::Corrupt { what: format!("the entry of a code: {what}"), source: None };
        let (&format, content) = bytes.split_first().ok_or_else(|| corrupt("no bytes".to_owned()))?;
        if format > REGISTER_FORMAT {
            return Err(StoreError::Newer { what: "the entry of a code", found: format, known: REGISTER_FORMAT });
        }
        let Kept { owner, uses } = postcard::from_bytes(content).map_err(|error| corrupt(error.to_string()))?;
        let owner = owner.map(|(visitor, offer, granted, last_day)| {
            let visitor = VisitorId::from_bytes(covered(visitor, cover));
            Owner { visitor, offer, granted: Millis(granted), last_day }
        });
        Ok(Self { owner, uses })
    }

    /// Says to whom it was given. The first one stays; whether this changed anything.
    pub fn give(&mut self, owner: Owner) -> bool {
        let is_new = self.owner.is_none();
        self.owner.get_or_insert(owner);
        is_new
    }

    /// Says that an order used it; whether this changed anything.
    pub fn take(&mut self, used: Use) -> bool {
        let is_new = self.uses.len() < MOST_USES && self.uses.iter().all(|one| one.transaction != used.transaction);
        if is_new {
            self.uses.push(used);
        }
        is_new
    }
}

fn covered(mut id: [u8; 16], cover: [u8; 16]) -> [u8; 16] {
    id.iter_mut().zip(cover).for_each(|(byte, cover)| *byte ^= cover);
    id
}

/// What is known of a code; `None`: nothing.
///
/// # Errors
/// When the store is away, or what it has does not read.
pub async fn read(app: &App, site: &SiteName, code: &CodeName) -> Result<Option<Entry>, StoreError> {
    Ok(look(app, site, code).await?.1)
}

/// Changes what is known of a code; `change` says whether it did, and is asked again where another collector was first.
///
/// # Errors
/// When the store is away, or what it has does not read.
pub(crate) async fn change(
    app: &App,
    site: &SiteName,
    code: &CodeName,
    mut change: impl FnMut(&mut Entry) -> bool,
) -> Result<Entry, StoreError> {
    loop {
        let (version, entry) = look(app, site, code).await?;
        let mut entry = entry.unwrap_or_default();
        if !change(&mut entry) {
            return Ok(entry);
        }
        let bytes = entry.encode(app.erased.cover(site, code.as_str()));
        let bytes = bytes.map_err(|error| StoreError::Corrupt { what: error.to_string(), source: None })?;
        match app.store.put_document(&code.document(site)?, version, bytes).await {
            Err(StoreError::Conflict { .. }) => {}
            put => return put.map(|_| entry),
        }
    }
}

async fn look(app: &App, site: &SiteName, code: &CodeName) -> Result<(Version, Option<Entry>), StoreError> {
    match app.store.document(&code.document(site)?).await? {
        None => Ok((Version::ABSENT, None)),
        Some(Document { version, bytes }) => {
            Ok((version, Some(Entry::decode(&bytes, app.erased.cover(site, code.as_str()))?)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        let owner = Owner {
            visitor: VisitorId::from_bytes([7; 16]),
            offer: OfferId::parse("ten").unwrap(),
            granted: Millis(1_790_000_000_000),
            last_day: Some("2026-12-09".to_owned()),
        };
        let used = Use { transaction: "T-1".to_owned(), at: 1_790_000_100_000, teller: Teller::Order };
        Entry { owner: Some(owner), uses: vec![used] }
    }

    #[test]
    fn what_is_written_reads_back_and_shows_no_id() {
        let cover = [0x5a; 16];
        let bytes = entry().encode(cover).unwrap();
        assert_eq!(Entry::decode(&bytes, cover).unwrap(), entry());
        assert!(!bytes.windows(16).any(|window| window == [7; 16]));
        let newer = [&[REGISTER_FORMAT + 1], &bytes[1..]].concat();
        assert!(matches!(Entry::decode(&newer, cover), Err(StoreError::Newer { .. })));
        assert!(Entry::decode(&[], cover).is_err() && Entry::decode(&bytes[..9], cover).is_err());
    }

    #[test]
    fn grant_and_orders_join_in_any_order_and_the_first_of_each_stays() {
        let mut joined = Entry::default();
        let Entry { owner, uses } = entry();
        assert!(joined.take(uses[0].clone()) && joined.give(owner.clone().unwrap()));
        assert_eq!(joined, entry());
        let another = Owner { visitor: VisitorId::from_bytes([8; 16]), ..owner.unwrap() };
        assert!(!joined.take(uses[0].clone()) && !joined.give(another));
        for number in 2..20 {
            joined.take(Use { transaction: format!("T-{number}"), at: number, teller: Teller::Till });
        }
        assert_eq!((joined.uses.len(), joined.uses[0].transaction.as_str()), (MOST_USES, "T-1"));
    }

    #[test]
    fn a_code_has_one_name_however_it_is_written() {
        let name = |text: &str| CodeName::of(text);
        assert_eq!(name(" warm 29kfq-pswsc-e6w4j-mm6zq-wft94-o3tc4"), name("WARM-29KFQ-PSWSC-E6W4J-MM6ZQ-WFT94-03TC4"));
        assert_ne!(name("autumn-1"), name("AUTUMN-1"));
        assert_eq!((name(""), name("two words")), (None, None));
    }
}
