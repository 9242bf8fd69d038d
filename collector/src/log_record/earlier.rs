//! Formats that are read and no longer written.

use engine::{Touch, format_1};
use serde::Deserialize;

use super::{ErasureRecord, KeptLead, LogRecord, TouchesRecord, UnconfirmedEmail, Whose};

/// A record of format 1 (touches without a suspicion) or 2: there were no merges, and nothing was said of refused events.
#[derive(Deserialize)]
enum Earlier<T> {
    Touches(EarlierTouches<T>),
    Erasure(ErasureRecord),
}

#[derive(Deserialize)]
struct EarlierTouches<T> {
    whose: Whose,
    touches: Vec<T>,
    email: Option<UnconfirmedEmail>,
}

impl<T: Into<Touch>> From<Earlier<T>> for LogRecord {
    fn from(old: Earlier<T>) -> Self {
        match old {
            Earlier::Touches(EarlierTouches { whose, touches, email }) => {
                let touches = touches.into_iter().map(Into::into).collect();
                Self::Touches(TouchesRecord { whose, touches, email, refused: Vec::new() })
            }
            Earlier::Erasure(record) => Self::Erasure(record),
        }
    }
}

/// Reads a record of format 1.
pub(super) fn record_1(content: &[u8]) -> postcard::Result<LogRecord> {
    postcard::from_bytes::<Earlier<format_1::Touch>>(content).map(LogRecord::from)
}

/// Reads a record of format 2.
pub(super) fn record_2(content: &[u8]) -> postcard::Result<LogRecord> {
    postcard::from_bytes::<Earlier<Touch>>(content).map(LogRecord::from)
}

/// Reads what stands before the ledger in a kept lead of format 1: the address alone. Gives the ledger's bytes too.
pub(super) fn beside_1(content: &[u8]) -> postcard::Result<(KeptLead, &[u8])> {
    let (email, ledger) = postcard::take_from_bytes(content)?;
    Ok((KeptLead { email, ..KeptLead::default() }, ledger))
}
