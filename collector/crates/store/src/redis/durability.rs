//! What is durable of what was committed, seen from outside and without holding anybody up.
//!
//! `WAIT` and `WAITAOF` would say it exactly, and make every call behind them on the connection wait. So the servers are only
//! looked at, each time that somebody asks, and what was seen before is remembered:
//!
//! - *append-only file*: what was committed before a look is written [`WRITTEN_AFTER`] later at the latest (a server postpones
//!   a write for two seconds while a sync is running). If a look then sees no sync under way, the next sync covers it, and that
//!   begins within a second; so if a look [`SYNCED_AFTER`] after that one sees none under way again, it is durable.
//! - *snapshots*: what was committed before the last successful one began.
//! - *replicas*: besides, what was committed before a look whose offset one of them has acknowledged, as long as the masters of
//!   a cluster agree on who is one.

use std::collections::{HashMap, VecDeque};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::RedisStore;
use super::health::Info;
use super::servers::Servers;
use crate::{Durability, StoreError};

/// After so long what was committed is in the append-only file, synced or not; with a second to spare.
const WRITTEN_AFTER: Duration = Duration::from_secs(3);
/// Within so long after a sync has ended the next one begins, when there is anything to sync; with a second to spare.
const SYNCED_AFTER: Duration = Duration::from_secs(2);
/// How many looks are remembered of each server.
const REMEMBERED: usize = 64;
/// Added to the age of a snapshot, whose times are told in whole seconds.
const WHOLE_SECONDS: u64 = 2;

/// What was seen of a server at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    at: Instant,
    /// No sync was under way, and the last write to the append-only file went well.
    at_rest: bool,
    /// How much it had told its replicas.
    offset: u64,
}

/// What was seen of each server, by the id that it has from its start to its end.
pub(super) type Seen = HashMap<String, VecDeque<Look>>;

/// Up to when what was committed to one server is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    Never,
    NotKnown,
    Age(Duration),
}

impl RedisStore {
    pub(super) async fn durability(&self) -> Result<Durability, StoreError> {
        const DOING: &str = "see what is durable";
        if let Servers::Many(cluster) = &self.servers
            && !cluster.look().await.agreed
        {
            return Ok(Durability::Pending);
        }
        let answers = self.servers.ask_each(DOING, &redis::cmd("INFO")).await?;
        let infos = answers.into_iter().map(|answer| Info::of(DOING, answer)).collect::<Result<Vec<_>, _>>()?;
        let now = Instant::now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|run, _| infos.iter().any(|info| info.field("run_id") == run));
        let until = infos.iter().map(|info| {
            let looks = seen.entry(info.field("run_id").to_owned()).or_default();
            looks.push_back(look(now, info));
            if looks.len() > REMEMBERED {
                looks.pop_front();
            }
            durable_until(now, looks, info)
        });
        Ok(together(until))
    }
}

fn look(at: Instant, info: &Info) -> Look {
    let at_rest = info.field("aof_last_write_status") == "ok" && info.number("aof_pending_bio_fsync") == 0;
    Look { at, at_rest, offset: info.number("master_repl_offset") }
}

/// The worst of all.
fn together(all: impl IntoIterator<Item = Until>) -> Durability {
    let mut oldest = Duration::ZERO;
    let mut known = true;
    for until in all {
        match until {
            Until::Never => return Durability::Volatile,
            Until::NotKnown => known = false,
            Until::Age(age) => oldest = oldest.max(age),
        }
    }
    if known { Durability::DurableBefore(oldest) } else { Durability::Pending }
}

fn durable_until(now: Instant, looks: &VecDeque<Look>, info: &Info) -> Until {
    let on_disk = if info.field("aof_enabled") == "1" { of_append_only_file(now, looks) } else { of_snapshots(info) };
    match (on_disk, of_replicas(now, looks, info)) {
        (on_disk, None) => on_disk,
        // A replica that is to take over has it, and more is not asked of a server that keeps nothing.
        (Until::Never, Some(replicated)) => replicated,
        (Until::Age(on_disk), Some(Until::Age(replicated))) => Until::Age(on_disk.max(replicated)),
        _ => Until::NotKnown,
    }
}

fn of_append_only_file(now: Instant, looks: &VecDeque<Look>) -> Until {
    let at_rest_after = |begin: Instant| looks.iter().find(|look| look.at_rest && look.at >= begin).map(|look| look.at);
    let is_durable = |at: Instant| {
        at_rest_after(at + WRITTEN_AFTER).is_some_and(|first| at_rest_after(first + SYNCED_AFTER).is_some())
    };
    let durable = looks.iter().rev().find(|look| is_durable(look.at));
    durable.map_or(Until::NotKnown, |look| Until::Age(now - look.at))
}

fn of_snapshots(info: &Info) -> Until {
    if !info.has_saved() {
        return Until::Never;
    }
    let since_it_ended = info.now().saturating_sub(info.number("rdb_last_save_time"));
    Until::Age(Duration::from_secs(since_it_ended + info.number("rdb_last_bgsave_time_sec") + WHOLE_SECONDS))
}

/// `None` when it has no replicas.
fn of_replicas(now: Instant, looks: &VecDeque<Look>, info: &Info) -> Option<Until> {
    if info.number("connected_slaves") == 0 {
        return None;
    }
    let replicas = (0..info.number("connected_slaves")).map(|number| info.field(&format!("slave{number}")));
    let offset = |replica: &str| -> Option<u64> {
        let value = |name: &str| replica.split(',').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        if value("state") == Some("online") { value("offset")?.parse().ok() } else { None }
    };
    let acknowledged = replicas.filter_map(offset).max().unwrap_or_default();
    let replicated = looks.iter().rev().find(|look| look.offset <= acknowledged);
    Some(replicated.map_or(Until::NotKnown, |look| Until::Age(now - look.at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks a second apart, the last one now: `.` at rest, `s` while a sync is under way. With the offsets 0, 10, 20, …
    fn looks(text: &str) -> (Instant, VecDeque<Look>) {
        let begin = Instant::now();
        let look = |(second, kind)| Look {
            at: begin + Duration::from_secs(second),
            at_rest: kind == '.',
            offset: second * 10,
        };
        let looks: VecDeque<Look> = (0..).zip(text.chars()).map(look).collect();
        (looks.back().unwrap().at, looks)
    }

    fn seconds(seconds: u64) -> Until {
        Until::Age(Duration::from_secs(seconds))
    }

    #[test]
    fn of_an_append_only_file_what_two_looks_at_rest_have_followed_is_durable() {
        for (text, expected) in [
            // Three seconds until it is written, two until it is synced
            (".....", Until::NotKnown),
            ("......", seconds(5)),
            (".......", seconds(5)),
            // A sync under way puts it off, at either look
            ("...s..", Until::NotKnown),
            ("...s...", seconds(5)),
            ("...ss.s", Until::NotKnown),
            (".....s.", seconds(5)),
            // A disk that never rests
            ("ssssssssssss", Until::NotKnown),
        ] {
            let (now, looks) = looks(text);
            assert_eq!(of_append_only_file(now, &looks), expected, "{text}");
        }
    }

    fn info(lines: &[&str]) -> Info {
        Info::from(lines.join("\r\n"))
    }

    #[test]
    fn of_snapshots_what_was_there_when_the_last_one_began_is_durable() {
        let at = |saved: &str| {
            let saved = format!("rdb_last_save_time:{saved}");
            info(&["server_time_usec:1000000000", "uptime_in_seconds:500", &saved, "rdb_last_bgsave_time_sec:3"])
        };
        // A server that started 500 s ago and has saved nothing since says that it saved then
        assert_eq!(of_snapshots(&at("500")), Until::Never);
        assert_eq!(of_snapshots(&at("501")), Until::Never);
        assert_eq!(of_snapshots(&at("900")), seconds(105));
    }

    #[test]
    fn replicas_make_durable_what_one_of_them_has_acknowledged() {
        let (now, looks) = looks("......");
        let with = |lines: &[&str]| of_replicas(now, &looks, &info(lines));
        let replica =
            |number: u8, state: &str, offset: u8| format!("slave{number}:ip=::1,state={state},offset={offset},lag=0");
        assert_eq!(with(&["connected_slaves:0"]), None);
        let two = [&replica(0, "online", 15), &replica(1, "online", 32)];
        assert_eq!(with(&["connected_slaves:2", two[0], two[1]]), Some(seconds(2)));
        let loading = replica(0, "wait_bgsave", 50);
        assert_eq!(with(&["connected_slaves:1", &loading]), Some(seconds(5)));
    }

    #[test]
    fn the_worst_server_counts() {
        assert_eq!(together([seconds(1), seconds(7)]), Durability::DurableBefore(Duration::from_secs(7)));
        assert_eq!(together([seconds(1), Until::NotKnown]), Durability::Pending);
        assert_eq!(together([Until::NotKnown, Until::Never]), Durability::Volatile);
    }
}
