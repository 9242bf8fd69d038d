//! What is done with each input: by the fuzzer, and by the test that replays the corpus (`tests/corpus.rs`).

use std::path::Path;
use std::sync::Arc;

use store::log::faulty::FaultyFiles;
use store::log::{Files, Log, LogError, Position, Settings, survey};

const FOLDER: &str = "/log";

/// The bytes of a segment that a log of this version writes, with three records in it: where a corpus begins.
pub fn example() -> Vec<u8> {
    let files = FaultyFiles::new();
    let Ok((log, _)) = Log::open(Path::new(FOLDER), Settings::default(), Arc::new(files.clone()), |_| ()) else {
        return Vec::new();
    };
    for payload in [&b""[..], b"one", &[7; 300]] {
        append(&log, payload);
    }
    log.close();
    files.paths().first().and_then(|path| files.read(path).ok()).unwrap_or_default()
}

/// Opens a log whose files hold these bytes. Whatever they are: it opens or says why not, reads what a survey reads, says what
/// is damaged, takes another record, and is whole when it is opened again.
///
/// The first byte says at which place the rest is cut into two segments; 0: it is one.
pub fn segment(bytes: &[u8]) {
    let Some((&cut, bytes)) = bytes.split_first() else { return };
    let (first, second) = bytes.split_at(bytes.len() * usize::from(cut) / 256);
    let files = FaultyFiles::new();
    for (number, bytes) in [(1, first), (2, second)] {
        if !bytes.is_empty() {
            let Ok(mut file) = files.create(&Path::new(FOLDER).join(format!("{number:08}.log"))) else { return };
            assert!(file.append(bytes).and_then(|()| file.sync()).is_ok(), "the disk is well");
        }
    }
    let mut surveyed = Vec::new();
    let found = survey(Path::new(FOLDER), &files, |position, payload| surveyed.push((position, payload.to_vec())));
    let opened = Log::open(Path::new(FOLDER), Settings::default(), Arc::new(files.clone()), |_| ());
    let (Ok(found), Ok((log, recovery))) = (found, opened) else {
        let again = Log::open(Path::new(FOLDER), Settings::default(), Arc::new(files), |_| ());
        assert!(matches!(again, Err(LogError::Newer { .. })), "only a newer format is refused: {again:?}");
        return;
    };
    assert_eq!(found.damage, recovery.corrupt, "a survey sees what opening sees");
    assert_eq!(read(&log), surveyed, "and the same records");
    let position = append(&log, b"more");
    assert_eq!(position, Some(recovery.end), "it goes on behind what is there");
    log.close();
    drop(log);
    let again = Log::open(Path::new(FOLDER), Settings::default(), Arc::new(files), |_| ());
    assert!(again.is_ok(), "a log that was opened opens again: {again:?}");
    let Ok((log, recovery)) = again else { return };
    assert_eq!(recovery.torn, None, "what was torn is cut");
    surveyed.extend(position.map(|position| (position, b"more".to_vec())));
    assert_eq!(read(&log), surveyed);
}

fn append(log: &Log, payload: &[u8]) -> Option<Position> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().ok()?;
    runtime.block_on(log.append(payload.to_vec())).ok()
}

fn read(log: &Log) -> Vec<(Position, Vec<u8>)> {
    log.read(Position::FIRST).filter_map(Result::ok).map(|record| (record.position, record.payload)).collect()
}
