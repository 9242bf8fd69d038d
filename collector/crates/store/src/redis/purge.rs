//! What was erased leaves the servers' disks: each writes its file anew, in the background.

use std::time::{Duration, Instant};

use super::RedisStore;
use super::health::Info;
use crate::StoreError;

const DOING: &str = "take erased bytes off the disk";
/// How long a server may take to write its file; it goes on after that, and the call can be repeated.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks at how far it is.
const PAUSE: Duration = Duration::from_millis(50);

/// How a server keeps what it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum File {
    AppendOnly,
    Snapshot,
}

impl File {
    fn of(info: &Info) -> Option<Self> {
        if info.field("aof_enabled") == "1" {
            return Some(Self::AppendOnly);
        }
        // Without snapshots of its own, one may be there that somebody had it take.
        info.has_saved().then_some(Self::Snapshot)
    }

    const fn command(self) -> &'static str {
        match self {
            Self::AppendOnly => "BGREWRITEAOF",
            Self::Snapshot => "BGSAVE",
        }
    }

    fn is_under_way(self, info: &Info) -> bool {
        // One that waits for the other.
        let aof = info.field("aof_rewrite_in_progress") == "1" || info.field("aof_rewrite_scheduled") == "1";
        aof || info.field("rdb_bgsave_in_progress") == "1"
    }

    fn went_well(self, info: &Info) -> bool {
        let status = match self {
            Self::AppendOnly => "aof_last_bgrewrite_status",
            Self::Snapshot => "rdb_last_bgsave_status",
        };
        info.field(status) == "ok"
    }
}

impl RedisStore {
    pub(super) async fn purge_files(&self) -> Result<(), StoreError> {
        let answers = self.servers.ask_each(DOING, &redis::cmd("INFO")).await?;
        for answer in answers {
            let place = answer.place.clone();
            if let Some(file) = File::of(&Info::of(DOING, answer)?) {
                self.write_anew(&place, file).await?;
            }
        }
        Ok(())
    }

    async fn write_anew(&self, place: &str, file: File) -> Result<(), StoreError> {
        let begun = Instant::now();
        // One that is under way has begun before what was erased was gone.
        self.at_rest(place, file, begun).await?;
        self.servers.ask_at(DOING, place, redis::cmd(file.command())).await?;
        let info = self.at_rest(place, file, begun).await?;
        if file.went_well(&info) {
            return Ok(());
        }
        let source = format!("{place}: {} failed; its log says why", file.command());
        Err(StoreError::Unavailable { doing: DOING, source: source.into() })
    }

    /// Waits until no file is being written.
    async fn at_rest(&self, place: &str, file: File, begun: Instant) -> Result<Info, StoreError> {
        loop {
            let info = Info::of(DOING, self.servers.ask_at(DOING, place, redis::cmd("INFO")).await?)?;
            if !file.is_under_way(&info) {
                return Ok(info);
            }
            if begun.elapsed() > PATIENCE {
                let source = format!("{place}: its file is still being written after {} s", PATIENCE.as_secs());
                return Err(StoreError::Unavailable { doing: DOING, source: source.into() });
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
