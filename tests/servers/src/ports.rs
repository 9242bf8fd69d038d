//! Free ports on the loopback interface, each with the port of the cluster bus ten thousand above it.

use std::{
    collections::BTreeSet,
    hash::{BuildHasher, RandomState},
    net::{Ipv4Addr, TcpListener},
    ops::Range,
    sync::{Mutex, PoisonError},
};

use crate::Fault;

static HANDED_OUT: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// Below the ports that systems give to clients by themselves, also with ten thousand added: a connection that is made
/// meanwhile takes none of them.
const RANGE: Range<u16> = 12_000..22_000;
/// The port of a node's cluster bus is its own and so much.
const BUS: u16 = 10_000;

/// A port that nobody listens on now, nor on the bus port above it, and that no earlier call of this process returned.
/// Several processes look from different places on, so they rarely meet; a server that finds its port taken tries another.
pub(crate) fn free_port() -> Result<u16, Fault> {
    let mut handed_out = HANDED_OUT.lock().unwrap_or_else(PoisonError::into_inner);
    let length = RANGE.end - RANGE.start;
    let begin = (RandomState::new().hash_one(std::process::id()) % u64::from(length)) as u16;
    let candidates = (0..length).map(|step| RANGE.start + (begin + step) % length);
    for port in candidates {
        if !handed_out.contains(&port) && is_free(port) && is_free(port + BUS) {
            handed_out.insert(port);
            return Ok(port);
        }
    }
    Err(Fault::Deadline {
        what: "finding a free port".to_owned(),
        limit: std::time::Duration::ZERO,
        last: format!("none of {RANGE:?} is free"),
    })
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
