//! What is durable of what was committed.

use super::RedisStore;
use super::health::Info;
use crate::{Durability, StoreError};

impl RedisStore {
    pub(super) async fn durability(&self) -> Result<Durability, StoreError> {
        const DOING: &str = "see what is durable";
        let mut all = Durability::Durable;
        for answer in self.servers.ask_each(DOING, &redis::cmd("INFO")).await? {
            let info = Info::of(DOING, answer)?;
            if info.field("aof_enabled") != "1" {
                all = Durability::Volatile;
            } else if all == Durability::Durable {
                all = Durability::Pending;
            }
        }
        Ok(all)
    }
}
