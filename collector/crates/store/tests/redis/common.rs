//! Servers and stores that the tests stand on.

use servers::{Server, Settings};
use store::redis::{Address, RedisStore};
use store::{Bound, Change, LeadKey, Message, MessageId, SiteName, Tombstone, Version, VisitorId};

/// A server on which one user may do what a store needs, and nothing else.
pub(crate) fn server(settings: Settings) -> Server {
    Server::start(&settings).unwrap()
}

/// A store on this server.
pub(crate) async fn open(server: &Server) -> RedisStore {
    let address = Address::parse(&server.url(), None).unwrap();
    RedisStore::open(address, store::redis::Settings::default()).await.unwrap().0
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
