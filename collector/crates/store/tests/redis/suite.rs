//! The conformance suite, as a user with the documented rights.

use std::sync::Arc;

use servers::{Cluster, Program, Server};
use store::{Store, conformance};

use crate::common;

/// Runs all cases at once on one store.
async fn passes(store: Arc<dyn Store>) {
    let running: Vec<_> =
        conformance::cases().into_iter().map(|case| (case.name, tokio::spawn((case.run)(store.clone())))).collect();
    let mut failed = Vec::new();
    for (name, case) in running {
        if case.await.is_err() {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "these cases failed: {failed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_server_passes_every_case() {
    // Given one server, when all cases run on it at once, then all pass
    let server = Server::start(&common::settings()).unwrap();
    passes(Arc::new(common::open(&server).await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cluster_passes_every_case() {
    // Given three masters, when all cases run on them at once, then all pass
    let cluster = Cluster::start(3, 0, &common::settings()).unwrap();
    passes(Arc::new(common::open_cluster(&cluster).await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn other_servers_that_are_installed_pass_every_case() {
    // Given whatever other servers there are (the rest is skipped, aloud)
    for (name, program) in Program::others() {
        let Some(program) = program else {
            println!("skipped: {name} is not installed (.ci/prerequisites test fetches it where it can)");
            continue;
        };
        // When all cases run on one, and on a cluster of three, then all pass
        let settings = common::settings().program(program);
        let server = Server::start(&settings).unwrap();
        passes(Arc::new(common::open(&server).await)).await;
        let cluster = Cluster::start(3, 0, &settings).unwrap();
        passes(Arc::new(common::open_cluster(&cluster).await)).await;
    }
}
