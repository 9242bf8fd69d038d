//! A record in quarantine goes back to where every record comes from: the log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use store::log::Position;

use super::{Kept, QuarantineError, QuarantineId};
use crate::app::App;
use crate::log_record::{LogRecord, MergeGround, MergeRecord};
use crate::problem::Problem;
use crate::{accept, erasure};

/// How long it is waited for a record to be applied.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at whether it is.
const PAUSE: Duration = Duration::from_millis(5);

/// What became of a record that went back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Replayed {
    /// It is applied.
    Applied,
    /// It could not be applied again, and is in quarantine as before.
    Again,
    /// It is in the log and not applied yet.
    Waits,
}

/// Appends a record to the log again and waits until it is applied.
///
/// # Errors
/// In words: there is none of this name, it does not read, or the log does not take it. Then it stays where it is.
pub async fn replay(app: &Arc<App>, id: &QuarantineId) -> Result<Replayed, String> {
    let words = |error: QuarantineError| error.to_string();
    let kept = app.quarantine.read(id).map_err(words)?;
    let record = LogRecord::decode(&kept.payload).map_err(|error| format!("{}: it {error}", id.as_str()))?;
    app.quarantine.take(id).map_err(words)?;
    let end = match appended(app, record, kept).await {
        Ok(end) => end,
        Err(problem) => {
            app.quarantine.put_back(id).map_err(words)?;
            return Err(format!("{}: {problem}", id.as_str()));
        }
    };
    app.quarantine.let_go(id).map_err(words)?;
    let begun = Instant::now();
    while app.progress.applied() < end {
        if begun.elapsed() > PATIENCE {
            return Ok(Replayed::Waits);
        }
        tokio::time::sleep(PAUSE).await;
    }
    let again = app.quarantine.list().map_err(words)?.contains(id);
    Ok(if again { Replayed::Again } else { Replayed::Applied })
}

/// The position behind the record, once it is on the disk.
async fn appended(app: &Arc<App>, record: LogRecord, kept: Kept) -> Result<Position, Problem> {
    let internal = |error: String| Problem::Internal(error);
    match record {
        LogRecord::Touches(record) => {
            let key = record.whose.key().map_err(|error| internal(error.to_string()))?;
            app.tail.add(&key, record.touches.clone());
            let appended = app.log.append(kept.payload).await;
            if appended.is_err() {
                app.tail.remove(&key, record.touches.iter().map(|touch| &touch.id));
            }
            return appended.map(Position::next).map_err(Problem::from);
        }
        LogRecord::Merge(record) => merge(app, &record).await?,
        LogRecord::Erasure(record) => {
            let key = record.whose.key().map_err(|error| internal(error.to_string()))?;
            erasure::erase(app, &key).await?;
        }
    }
    Ok(app.log.stats().end)
}

async fn merge(app: &App, record: &MergeRecord) -> Result<(), Problem> {
    let (from, into) = record.keys().map_err(|error| Problem::Internal(error.to_string()))?;
    let ground: MergeGround = record.ground;
    // Who was erased meanwhile is not merged, and that is the end of it.
    accept::merge(app, &from, &into, ground).await.map(|_begun| ())
}
