//! Asking the store for leads, many in one round trip: whoever asks while a question is under way shares the next one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use store::{LeadKey, Store, StoreError, StoredLead, Version};
use tokio::sync::oneshot;

use super::memory::{Asked, Memory};
use crate::log_record::KeptLead;
use crate::person;

/// Leads in one question.
const AT_ONCE: usize = 256;
/// Questions that wait. More are refused: the store is away, and nobody waits that long.
const MOST_WAITING: usize = 4_096;
/// How long a question may be under way.
const PATIENCE: Duration = Duration::from_secs(1);

type Answer = Result<Arc<KeptLead>, StoreError>;

/// Who waits for which lead.
#[derive(Default)]
pub(super) struct Asking(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    by_lead: HashMap<LeadKey, Vec<oneshot::Sender<Answer>>>,
    /// Whether somebody asks the store for them.
    under_way: bool,
}

impl Asking {
    /// Asks for a lead; what comes is remembered too. An answer is never older than the question.
    pub(super) fn ask(
        self: &Arc<Self>,
        store: &Arc<dyn Store>,
        memory: &Arc<Memory>,
        key: &LeadKey,
    ) -> oneshot::Receiver<Answer> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.waiting();
        if waiting.by_lead.len() < MOST_WAITING || waiting.by_lead.contains_key(key) {
            waiting.by_lead.entry(key.clone()).or_default().push(sender);
        }
        if !std::mem::replace(&mut waiting.under_way, true) {
            drop(waiting);
            tokio::spawn(answer_all(self.clone(), store.clone(), memory.clone()));
        }
        receiver
    }

    /// Some who wait; when there are none, nobody asks any more.
    fn some(&self) -> Vec<(LeadKey, Vec<oneshot::Sender<Answer>>)> {
        let mut waiting = self.waiting();
        let keys: Vec<LeadKey> = waiting.by_lead.keys().take(AT_ONCE).cloned().collect();
        let some: Vec<_> = keys.into_iter().filter_map(|key| waiting.by_lead.remove_entry(&key)).collect();
        waiting.under_way = !some.is_empty();
        some
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Nothing under this lock can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks a store of this process's own for one lead.
pub(super) async fn alone(store: &Arc<dyn Store>, memory: &Memory, key: &LeadKey) -> Answer {
    let asked = memory.asks(key);
    let found = store.load(std::slice::from_ref(key)).await?.into_iter().next().flatten();
    read(memory, key, asked, found.as_ref()).map_err(corrupt)
}

async fn answer_all(asking: Arc<Asking>, store: Arc<dyn Store>, memory: Arc<Memory>) {
    loop {
        let some = asking.some();
        if some.is_empty() {
            return;
        }
        let (keys, waiting): (Vec<LeadKey>, Vec<_>) = some.into_iter().unzip();
        let asked: Vec<Asked> = keys.iter().map(|key| memory.asks(key)).collect();
        match tokio::time::timeout(PATIENCE, store.load(&keys)).await {
            Ok(Ok(found)) => {
                for (((key, asked), found), waiting) in keys.iter().zip(asked).zip(found).zip(waiting) {
                    let read = read(&memory, key, asked, found.as_ref());
                    for one in waiting {
                        // Whoever does not wait any more needs no answer.
                        drop(one.send(read.clone().map_err(corrupt)));
                    }
                }
            }
            Ok(Err(error)) => refuse(waiting, error.code()),
            Err(_) => refuse(waiting, "no answer"),
        }
    }
}

fn read(memory: &Memory, key: &LeadKey, asked: Asked, found: Option<&StoredLead>) -> Result<Arc<KeptLead>, String> {
    let (version, bytes) = found.map_or((Version::ABSENT, [].as_slice()), |found| (found.version, &found.bytes));
    let kept = person::read(found).map_err(|error| error.to_string())?;
    memory.answered(key, asked, version, bytes);
    Ok(Arc::new(kept))
}

fn corrupt(what: String) -> StoreError {
    StoreError::Corrupt { what, source: None }
}

fn refuse(waiting: Vec<Vec<oneshot::Sender<Answer>>>, why: &'static str) {
    for one in waiting.into_iter().flatten() {
        drop(one.send(Err(StoreError::Unavailable { doing: "read a lead", source: why.into() })));
    }
}

#[cfg(test)]
mod tests {
    use store::embedded::{EmbeddedStore, Settings};
    use store::{SiteName, VisitorId};

    use super::*;

    #[tokio::test]
    async fn a_thousand_who_ask_at_once_are_all_answered() {
        let folder = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(folder.path(), Settings::default()).unwrap();
        let (store, memory, asking) = (Arc::new(store) as Arc<dyn Store>, Arc::default(), Arc::new(Asking::default()));
        let key = |number: u16| {
            let mut bytes = [0; 16];
            bytes[..2].copy_from_slice(&number.to_be_bytes());
            LeadKey::new(SiteName::parse("shop").unwrap(), VisitorId::from_bytes(bytes))
        };
        let asked: Vec<_> = (0..1_000).map(|number| asking.ask(&store, &memory, &key(number % 700))).collect();
        for one in asked {
            assert!(one.await.unwrap().unwrap().lead.is_empty());
        }
        assert!(asking.waiting().by_lead.is_empty());
        assert!(memory.get(&key(1)).is_some());
    }
}
