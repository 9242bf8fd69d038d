//! Grants of codes of pools: what was leased is the visitor's for good, before it is in their ledger.
//!
//! Kept under the visitor that the record names, whoever their lead was merged into since: so it is the same holder whenever
//! the log is applied.

use std::collections::{BTreeMap, BTreeSet};

use engine::decide::POOL_PROPERTY;
use engine::touch::event;
use engine::{Scalar, Touch, TouchId};
use store::{LeadKey, StoreError};

use super::poison;
use crate::app::App;
use crate::coupon::codes::Code;
use crate::coupon::pool::{self, Kept, LEASE, PoolError, Term};
use crate::log_record::{LogRecord, TouchesRecord};

/// Grants that are none. By lead: touches of two visitors may have the same id.
#[derive(Debug, Default)]
pub(super) struct Void(BTreeMap<LeadKey, BTreeSet<TouchId>>);

impl Void {
    /// Whether a touch of a lead is among them.
    pub(super) fn has(&self, key: &LeadKey, touch: &TouchId) -> bool {
        self.0.get(key).is_some_and(|void| void.contains(touch))
    }
}

/// Keeps every code that records grant, and says which grants are none, since the code is with somebody else: these go to
/// quarantine, where a person finds them, and into no ledger. Nobody was answered with such a code, but where a store was lost
/// that no log could bring back. Can be repeated.
///
/// # Errors
/// When the store is away, or there is no room in quarantine.
pub(super) async fn keep(app: &App, records: &[LogRecord]) -> Result<Void, StoreError> {
    let mut void = Void::default();
    for record in records {
        let LogRecord::Touches(record) = record else { continue };
        let Ok(key) = record.whose.key() else { continue };
        for (touch, code) in record.touches.iter().filter_map(|touch| Some((touch, code_of_pool(touch)?))) {
            if let Some(reason) = refusal(app, &key, &code).await? {
                put_aside(app, record, touch, &reason)?;
                void.0.entry(key.clone()).or_default().insert(touch.id.clone());
            }
        }
    }
    Ok(void)
}

/// Why a code cannot be the visitor's; `None`: it is.
async fn refusal(app: &App, key: &LeadKey, code: &Code) -> Result<Option<String>, StoreError> {
    let now = app.clock.now();
    match pool::keep(&*app.store, code, key, Term { now: now.0, until: now.plus(LEASE).0 }).await {
        Ok(Kept::Kept) => Ok(None),
        Ok(Kept::WithAnother) => Ok(Some(format!("the code {code} is with another visitor"))),
        Err(PoolError::Store(error)) => Err(error),
        Err(error @ PoolError::Name(_)) => Ok(Some(error.to_string())),
    }
}

/// The code that a touch grants, where it is one of a pool.
fn code_of_pool(touch: &Touch) -> Option<Code> {
    touch.properties.get(POOL_PROPERTY).filter(|_| touch.is(event::GRANTED))?;
    match touch.properties.get(event::CODE_PROPERTY)? {
        Scalar::Text(code) => Code::parse(code.as_str()),
        _ => None,
    }
}

fn put_aside(app: &App, record: &TouchesRecord, touch: &Touch, reason: &str) -> Result<(), StoreError> {
    let whose = record.whose.clone();
    let alone = TouchesRecord { whose, touches: vec![touch.clone()], email: None, refused: Vec::new() };
    poison::put_aside(app, &LogRecord::Touches(alone), None, 1, reason)
}
