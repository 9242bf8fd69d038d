//! Documents and counted resources: few, and each in a slot of its own.

use super::call::{self, Call, Script};
use super::leads::corrupt;
use super::{RedisStore, keys, versions};
use crate::{
    Confirmed, Document, DocumentName, Holder, Reservation, Reserved, ResourceName, StoreError, UnixMillis, Usage,
    Version,
};

static PUT_DOCUMENT: Script = Script::new(include_str!("scripts/put_document.lua"));
static RESERVE: Script = Script::new(include_str!("scripts/reserve.lua"));
static CONFIRM: Script = Script::new(include_str!("scripts/confirm.lua"));
static RELEASE: Script = Script::new(include_str!("scripts/release.lua"));

/// The most that a script counts exactly: its numbers are doubles.
const MOST: u64 = (1 << 53) - 1;

impl RedisStore {
    pub(super) async fn read_document(&self, name: &DocumentName) -> Result<Option<Document>, StoreError> {
        const DOING: &str = "read a document";
        let (slot, key) = keys::document(name);
        let mut command = redis::cmd("GET");
        command.arg(key);
        let answer = self.servers.ask_for_one(DOING, Call::new(slot, command)).await?;
        let read = |mut value: Vec<u8>| {
            let version = value.first_chunk().copied().ok_or_else(|| corrupt("a document"))?;
            value.drain(..version.len());
            Ok(Document { version: Version(u64::from_be_bytes(version)), bytes: value })
        };
        call::optional(DOING, answer)?.map(read).transpose()
    }

    pub(super) async fn write_document(
        &self,
        name: &DocumentName,
        expected: Version,
        bytes: &[u8],
    ) -> Result<Version, StoreError> {
        const DOING: &str = "put a document";
        let (slot, key) = keys::document(name);
        let version = versions::above(expected);
        let mut call = Call::script(slot, &PUT_DOCUMENT, 1, 2, 100 + bytes.len());
        call.arg(key).arg(expected.0.to_be_bytes().as_slice());
        call.arg([version.0.to_be_bytes().as_slice(), bytes].concat());
        let answer = call::bytes(DOING, self.servers.ask_for_one(DOING, call).await?)?;
        let current = answer.try_into().map(u64::from_be_bytes).map(Version).map_err(|_| corrupt("a document"))?;
        if current == version {
            Ok(version)
        } else {
            Err(StoreError::Conflict { name: name.to_string(), expected, current })
        }
    }

    pub(super) async fn reserve_part(
        &self,
        reservation: &Reservation,
        now: UnixMillis,
    ) -> Result<Reserved, StoreError> {
        const DOING: &str = "reserve";
        let Reservation { resource, holder, amount, limit, expires } = reservation;
        let (slot, keys) = keys::resource(resource);
        let mut call = Call::script(slot, &RESERVE, 2, 5, 400);
        call.arg(&keys);
        // More than can be counted is more than there can be.
        call.arg(holder.0.as_slice()).arg((*amount).min(MOST + 1)).arg((*limit).min(MOST));
        call.arg(countable(*expires)).arg(countable(now));
        match &call::bytes(DOING, self.servers.ask_for_one(DOING, call).await?)?[..] {
            b"held" => Ok(Reserved::Held),
            b"confirmed" => Ok(Reserved::Confirmed),
            left => Ok(Reserved::Exhausted { left: digits(left)? }),
        }
    }

    pub(super) async fn confirm_part(&self, resource: &ResourceName, holder: Holder) -> Result<Confirmed, StoreError> {
        match self.of_part("confirm", &CONFIRM, resource, holder).await? {
            1 => Ok(Confirmed::Confirmed),
            _ => Ok(Confirmed::Lapsed),
        }
    }

    pub(super) async fn release_part(&self, resource: &ResourceName, holder: Holder) -> Result<(), StoreError> {
        self.of_part("release", &RELEASE, resource, holder).await.map(drop)
    }

    async fn of_part(
        &self,
        doing: &'static str,
        script: &'static Script,
        resource: &ResourceName,
        holder: Holder,
    ) -> Result<i64, StoreError> {
        let (slot, keys) = keys::resource(resource);
        let mut call = Call::script(slot, script, 2, 1, 300);
        call.arg(&keys);
        call.arg(holder.0.as_slice());
        call::number(doing, &self.servers.ask_for_one(doing, call).await?)
    }

    pub(super) async fn read_usage(&self, resource: &ResourceName) -> Result<Usage, StoreError> {
        const DOING: &str = "read usage";
        let (slot, [key, _]) = keys::resource(resource);
        let mut command = redis::cmd("HMGET");
        command.arg(key).arg("c").arg("h");
        let answer = self.servers.ask_for_one(DOING, Call::new(slot, command)).await?;
        let mut counts = call::list(DOING, answer)?.into_iter().map(|value| {
            let value = call::optional(DOING, value)?;
            value.map_or(Ok(0), |value| digits(&value))
        });
        let mut next = || counts.next().unwrap_or_else(|| Err(corrupt("a resource's usage")));
        Ok(Usage { confirmed: next()?, held: next()? })
    }
}

/// A time as near as a script counts exactly: the year 287396 and later are one.
fn countable(time: UnixMillis) -> UnixMillis {
    time.clamp(-MOST.cast_signed(), MOST.cast_signed())
}

fn digits(text: &[u8]) -> Result<u64, StoreError> {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| corrupt("a resource's usage"))
}
