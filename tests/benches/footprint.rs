//! How many bytes a visitor takes in the store, once what was written over is gone.

use std::{
    collections::BTreeSet,
    fs, io,
    path::Path,
    time::{Duration, Instant},
};

use servers::Server;
use tests::{
    Fault,
    environment::{SITE, visitor_id},
    waiting,
};

use crate::{environments::Populated, shop::Past};

/// Visitors of a population that is only weighed.
const VISITORS: u32 = 20_000;
/// Touches of each.
const TOUCHES: u32 = 5;
/// How long the store may take to write itself anew. Erasures wait 15 s for others before they are carried out.
const LIMIT: Duration = Duration::from_secs(90);

/// The store is written anew when its tables have been the same for so long.
const STILL: Duration = Duration::from_secs(3);

/// Bytes of the embedded store's tables for each visitor with five touches: its journal, which does not grow with visitors,
/// and the log are left out.
///
/// # Errors
/// When the collector does not start or its store is not written anew in time.
pub(crate) async fn embedded(core: usize, seed: u64) -> Result<f64, Fault> {
    let populated = Populated::start(core, None, VISITORS, Past::Exactly(TOUCHES), seed).await?;
    let store = populated.environment.data().join("store");
    let before: BTreeSet<String> =
        files(&store)?.into_iter().map(|(name, _)| name).filter(|name| is_journal(name)).collect();
    // An erasure writes every table anew, so that nothing of the visitor is left; so nothing that was written over is.
    let id = populated.shop.borrow().id(0).map(str::to_owned).unwrap_or_default();
    let visitor = visitor_id(&serde_json::json!({ "id": id })).unwrap_or_default().to_owned();
    let erased = populated.environment.erase(SITE, &visitor).await?;
    if !erased.status.is_success() {
        let (detail, found) = (format!("it was answered {}", erased.status), erased.text());
        return Err(Fault::Unreadable { what: format!("the erasure of {visitor}"), detail, found });
    }
    // Journals go first, then tables are written anew, one keyspace after another.
    let mut bytes = 0;
    let mut same_since = Instant::now();
    waiting::until("the store to be written anew", LIMIT, async || {
        let found = files(&store).map_err(|fault| fault.to_string())?;
        let old = found.iter().filter(|(name, _)| before.contains(name)).count();
        let now = found.iter().filter(|(name, _)| !is_journal(name)).map(|(_, bytes)| bytes).sum::<u64>();
        if old > 0 || now != bytes {
            (bytes, same_since) = (now, Instant::now());
        }
        let same = same_since.elapsed();
        if same >= STILL { Ok(()) } else { Err(format!("{old} old journals, {now} bytes for {same:?}")) }
    })
    .await?;
    Ok(a_visitor(bytes))
}

fn is_journal(name: &str) -> bool {
    name.ends_with(".jnl")
}

/// Bytes of Redis's memory for each visitor with five touches: what it holds with them, less what it held without.
///
/// # Errors
/// When the collector does not start.
pub(crate) async fn redis(core: usize, redis: &Server, seed: u64) -> Result<f64, Fault> {
    let before = used(redis)?;
    let populated = Populated::start(core, Some(redis), VISITORS, Past::Exactly(TOUCHES), seed).await?;
    let bytes = used(redis)?.saturating_sub(before);
    drop(populated);
    Ok(a_visitor(bytes))
}

#[expect(clippy::cast_precision_loss, reason = "far fewer bytes than 2^52")]
fn a_visitor(bytes: u64) -> f64 {
    bytes as f64 / f64::from(VISITORS)
}

fn used(redis: &Server) -> Result<u64, Fault> {
    let unreadable =
        |detail: String, found: String| Fault::Unreadable { what: "the memory of Redis".to_owned(), detail, found };
    let text = redis.info("used_memory").map_err(|error| unreadable(error.to_string(), "nothing".to_owned()))?;
    text.parse().map_err(|_| unreadable("it is no number".to_owned(), text))
}

/// Every file below a folder, by its path, with its size.
fn files(folder: &Path) -> Result<Vec<(String, u64)>, Fault> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        let reading = || format!("reading {}", folder.display());
        for entry in fs::read_dir(&folder).map_err(Fault::system(reading()))? {
            let entry = entry.map_err(Fault::system(reading()))?;
            match entry.metadata() {
                Ok(about) if about.is_dir() => open.push(entry.path()),
                Ok(about) => found.push((entry.path().display().to_string(), about.len())),
                // Removed between the two looks.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Fault::System { what: reading(), source: error }),
            }
        }
    }
    Ok(found)
}
