//! Whether the user may do all that the store does.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redis::Cmd;

use super::call::Call;
use super::check::CheckError;
use super::{RedisStore, keys};
use crate::{Partition, StoreError, UnixMillis};

/// Every command that the store or one of its scripts uses on keys, in a form that changes nothing but a key of its own:
/// `K` stands for one of each kind. `collector/docs/REDIS.md` has them as an ACL.
const ON_KEYS: [&str; 24] = [
    "SET Ks 1 EX 10",
    "GET Ks",
    "MGET Ks",
    "GETRANGE Ks 0 1",
    "EXISTS Ks",
    "ZADD Kz 0 a",
    "ZSCORE Kz a",
    "ZMSCORE Kz a",
    "ZCOUNT Kz -inf inf",
    "ZRANGE Kz 0 0",
    "ZRANGEBYSCORE Kz -inf inf",
    "ZRANGEBYLEX Kz - +",
    "ZREM Kz a",
    "HSET Kh a 1",
    "HGET Kh a",
    "HMGET Kh a",
    "HDEL Kh a",
    "XADD Kx * a 1",
    "XRANGE Kx - + COUNT 1",
    "XDEL Kx 1-1",
    "DEL Ks Kx",
    "EVAL return(1) 1 Ks",
    // Of a script that nobody has.
    "EVALSHA 0000000000000000000000000000000000000000 1 Ks",
    "TIME",
];

/// How far the servers' clocks may be from this machine's.
const CLOCK: Duration = Duration::from_secs(5);

impl RedisStore {
    /// Tries every command.
    pub(super) async fn check_rights(&self) -> Result<(), CheckError> {
        let partition = Partition(0);
        let mut missing = Vec::new();
        for line in ON_KEYS {
            let mut words = line.split(' ');
            let name = words.next().unwrap_or_default();
            let mut command: Cmd = redis::cmd(name);
            for word in words {
                match word.strip_prefix('K') {
                    Some(kind) => command.arg(keys::of_check(partition, kind)),
                    None => command.arg(word),
                };
            }
            match self.servers.ask_for_one("try a command", Call::new(keys::slot(partition), command)).await {
                Ok(_) => {}
                Err(StoreError::Unavailable { source, .. }) if source.to_string().contains("NOPERM") => {
                    missing.push(name.to_ascii_lowercase());
                }
                // It was run, or its script looked for.
                Err(StoreError::Unavailable { source, .. }) if source.to_string().contains("NOSCRIPT") => {}
                Err(error) => return Err(error.into()),
            }
        }
        if missing.is_empty() { Ok(()) } else { Err(CheckError::Rights { missing: missing.join(", ") }) }
    }

    /// By how much the servers' clock differs from this machine's, when that is too much.
    pub(super) async fn clock_difference(&self) -> Result<Option<UnixMillis>, StoreError> {
        let theirs = self.read_clock().await?;
        let ours = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let difference = theirs - UnixMillis::try_from(ours).unwrap_or_default();
        Ok(Some(difference).filter(|difference| u128::from(difference.unsigned_abs()) > CLOCK.as_millis()))
    }
}
