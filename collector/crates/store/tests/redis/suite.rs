//! The conformance suite.

use std::sync::Arc;

use servers::Settings;
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
    let server = common::server(Settings::new());
    passes(Arc::new(common::open(&server).await)).await;
}
