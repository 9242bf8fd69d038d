//! What is done with each input: by the fuzzer, and by the test that replays the corpus (`tests/corpus.rs`).

use collector::log_record::{KeptLead, LogRecord};
use collector::quarantine::Kept;

/// Reads bytes as a record of the log, as a lead of the store, and as a file of the quarantine. What reads is written back in
/// the newest format, and reads alike.
pub fn record(bytes: &[u8]) {
    if let Ok(record) = LogRecord::decode(bytes) {
        let again = record.encode().and_then(|written| LogRecord::decode(&written));
        assert_eq!(again.as_ref(), Ok(&record), "what is written reads back");
        match &record {
            LogRecord::Touches(record) => drop(record.whose.key()),
            LogRecord::Erasure(record) => drop(record.whose.key()),
            LogRecord::Merge(record) => drop(record.keys()),
        }
    }
    if let Ok(lead) = KeptLead::decode(bytes) {
        let again = lead.encode().and_then(|written| KeptLead::decode(&written));
        assert_eq!(again.as_ref(), Ok(&lead), "what is written reads back");
    }
    if let Ok(kept) = Kept::decode("an input", bytes) {
        let again = kept.encode().and_then(|written| Kept::decode("an input", &written));
        assert_eq!(again.ok().as_ref(), Some(&kept), "what is written reads back");
    }
}
