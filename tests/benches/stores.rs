//! A Redis for the bench: on the servers' core, without persistence: what that costs is the disk's and the same for everybody.

use rustix::{
    process::Pid,
    thread::{CpuSet, sched_setaffinity},
};
use servers::{Persistence, Server, Settings};
use tests::Fault;

/// Starts a Redis on `core`.
///
/// # Errors
/// When it is not installed or does not start.
pub(crate) fn start(core: usize) -> Result<Server, Fault> {
    let fault = |error: servers::Fault| Fault::Missing { what: "a Redis server".to_owned(), remedy: error.to_string() };
    let server = Server::start(&Settings::new().persistence(Persistence::None)).map_err(fault)?;
    pin(&server, core)?;
    Ok(server)
}

/// Moves every thread of a server to `core`: it was started from the core of whoever sends.
fn pin(server: &Server, core: usize) -> Result<(), Fault> {
    let mut cores = CpuSet::new();
    cores.set(core);
    let id = server.id().unwrap_or_default();
    let folder = format!("/proc/{id}/task");
    let threads = std::fs::read_dir(&folder).map_err(Fault::system(format!("reading {folder}")))?;
    for thread in threads.flatten() {
        let thread = thread.file_name().to_str().and_then(|name| Pid::from_raw(name.parse().ok()?));
        if let Some(thread) = thread {
            // One that ended in the meantime needs no core.
            sched_setaffinity(Some(thread), &cores).ok();
        }
    }
    Ok(())
}
