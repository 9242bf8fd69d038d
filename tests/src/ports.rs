//! Free ports on the loopback interface.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{Mutex, PoisonError},
};

use crate::Fault;

static HANDED_OUT: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A loopback address that nobody listens on now and that no earlier call of this process returned.
///
/// The port is known before the process that will use it exists, since a configuration has to name it. Another process
/// could take it in between; the system hands ports out in an order that makes that unlikely.
///
/// # Errors
/// When the system has no free port.
pub fn free_address() -> Result<SocketAddr, Fault> {
    let mut handed_out = HANDED_OUT.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .map_err(Fault::system("finding a free port"))?;
        if handed_out.insert(address.port()) {
            return Ok(address);
        }
    }
}
