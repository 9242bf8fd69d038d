//! Servers and stores that the tests stand on.

use std::time::Duration;

use servers::{Cluster, Server};
use store::redis::{Address, RedisStore, Settings};
use store::{Bound, Change, LeadKey, Message, MessageId, SiteName, Tombstone, Version, VisitorId};

/// The rights of a store's user, as `collector/docs/REDIS.md` lists them.
pub(crate) const RIGHTS: &str = "~g:* resetchannels -@all +info +time +cluster|nodes +asking \
    +get +set +mget +getrange +exists +del +zadd +zrem +zscore +zmscore +zcount +zrange +zrangebyscore +zrangebylex \
    +hget +hmget +hset +hdel +xadd +xrange +xdel +eval +evalsha +bgrewriteaof +bgsave";
const USER: &str = "gloed";
const PASSWORD: &str = "of-the-tests";

/// Settings of a server with a user who may do what a store needs, and nothing else.
pub(crate) fn settings() -> servers::Settings {
    servers::Settings::new().user(format!("{USER} on >{PASSWORD} {RIGHTS}"))
}

/// So patient that a test of a server that hangs is short.
pub(crate) fn impatient() -> Settings {
    Settings {
        connect_timeout: Duration::from_millis(500),
        response_timeout: Duration::from_millis(500),
        ..Settings::default()
    }
}

/// A store on a server with [`settings`], as its user.
pub(crate) async fn open(server: &Server) -> RedisStore {
    open_as(&server.url_of(USER, PASSWORD), Settings::default()).await
}

/// The same on a cluster.
pub(crate) async fn open_cluster(cluster: &Cluster) -> RedisStore {
    open_as(&cluster.url_of(USER, PASSWORD), impatient()).await
}

/// The same on a server, with these settings.
pub(crate) async fn open_with(server: &Server, settings: Settings) -> RedisStore {
    open_as(&server.url_of(USER, PASSWORD), settings).await
}

/// The same on a server, impatient.
pub(crate) async fn open_impatient(server: &Server) -> RedisStore {
    open_as(&server.url_of(USER, PASSWORD), impatient()).await
}

async fn open_as(url: &str, settings: Settings) -> RedisStore {
    RedisStore::open(Address::parse(url, None).unwrap(), settings).await.unwrap().0
}

/// A new lead of that number, everywhere where a lead can be.
pub(crate) fn change(number: u64, bytes: &[u8]) -> Change {
    let mut visitor = [0x5a; 16];
    visitor[..8].copy_from_slice(&number.to_be_bytes());
    let key = LeadKey::new(SiteName::parse("shop").unwrap(), VisitorId::from_bytes(visitor));
    Change {
        tombstone: Tombstone::of(&key, visitor),
        key,
        expected: Version::ABSENT,
        lead: Some(bytes.to_vec()),
        heat: Some(Bound::from_micro_points(number.cast_signed())),
        wake: Some(number.cast_signed()),
        outbox: vec![Message { id: MessageId(visitor), kind: 1, bytes: bytes.to_vec() }],
    }
}
