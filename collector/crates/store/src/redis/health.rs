//! How the servers are, and which they are.

use redis::Value;

use super::RedisStore;
use super::call;
use super::servers::{Answer, Servers};
use crate::{Health, StoreError, UnixMillis};

/// What a server says in answer to `INFO`.
pub(super) struct Info(String);

impl From<String> for Info {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Info {
    pub(super) fn of(doing: &'static str, answer: Answer) -> Result<Self, StoreError> {
        call::text(doing, answer.value).map(Self)
    }

    /// The value of a field; empty when there is none.
    pub(super) fn field(&self, name: &str) -> &str {
        let value = |line: &'_ str| line.strip_prefix(name)?.strip_prefix(':').map(|value| value.len());
        let line = self.0.lines().find(|line| value(line).is_some());
        line.and_then(|line| line.get(name.len() + 1..)).unwrap_or_default()
    }

    /// The value of a field that is a whole number; 0 when there is none.
    pub(super) fn number(&self, name: &str) -> u64 {
        self.field(name).parse().unwrap_or_default()
    }
}

impl Info {
    /// Whether it has taken a snapshot since its start. One that has just started says that it has saved then.
    pub(super) fn has_saved(&self) -> bool {
        let started = self.now().saturating_sub(self.number("uptime_in_seconds"));
        self.number("rdb_last_save_time") > started + 1
    }

    /// Its time, in seconds since 1970.
    pub(super) fn now(&self) -> u64 {
        self.number("server_time_usec") / 1_000_000
    }
}

impl RedisStore {
    pub(super) async fn read_health(&self) -> Result<Health, StoreError> {
        const DOING: &str = "check its health";
        let mut identities = Vec::new();
        let mut bytes = 0;
        for answer in self.servers.ask_each(DOING, &redis::cmd("INFO")).await? {
            let info = Info::of(DOING, answer)?;
            // Another process has forgotten what was in memory; another history has lost what the one before had not
            // passed on; one that has become a replica will.
            let (run, history, role) = (info.field("run_id"), info.field("master_replid"), info.field("role"));
            identities.push(format!("{run} {history} {role}"));
            bytes += info.number("used_memory");
        }
        identities.sort_unstable();
        if let Servers::Many(cluster) = &self.servers {
            identities.push(cluster.known().identity.clone());
        }
        Ok(Health { identity: identities.join(", "), clock: Some(self.read_clock().await?), bytes })
    }

    /// The servers' own time: the latest of theirs.
    pub(super) async fn read_clock(&self) -> Result<UnixMillis, StoreError> {
        const DOING: &str = "read its clock";
        let answers = self.servers.ask_each(DOING, &redis::cmd("TIME")).await?;
        let times = answers.into_iter().map(|answer| time(call::list(DOING, answer.value)?));
        Ok(times.collect::<Result<Vec<_>, _>>()?.into_iter().max().unwrap_or_default())
    }
}

/// Seconds and microseconds, as texts of digits.
fn time(parts: Vec<Value>) -> Result<UnixMillis, StoreError> {
    let number = |part| -> Option<UnixMillis> {
        match part {
            Value::BulkString(text) => std::str::from_utf8(&text).ok()?.parse().ok(),
            Value::Int(number) => Some(number),
            _ => None,
        }
    };
    let mut parts = parts.into_iter().map(number);
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(seconds), Some(micros)) => Ok(seconds * 1000 + micros / 1000),
        _ => Err(StoreError::Corrupt { what: "the server's time cannot be read".to_owned(), source: None }),
    }
}
