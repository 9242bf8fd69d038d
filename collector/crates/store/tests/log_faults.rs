//! The log on a disk that fails and loses power: what it acknowledged is there, it says what it lost, and it goes on once the
//! disk is well.

#![expect(clippy::unwrap_used, reason = "functions that tests share fail as tests do")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use store::log::faulty::FaultyFiles;
use store::log::{Files, Keep, Log, LogError, Position, Recovery, Settings, survey};
use tokio::runtime::{Builder, Runtime};

const FOLDER: &str = "/log";
/// Bytes of a segment's two headers, and of a frame beside its payload, as `frame.rs` documents them.
const HEADERS: u64 = 64;
const FRAME: u64 = 17;

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).build().unwrap()
}

fn open(files: &FaultyFiles, settings: Settings) -> (Log, Recovery) {
    Log::open(Path::new(FOLDER), settings, Arc::new(files.clone()), |_| ()).unwrap()
}

fn append(log: &Log, payload: &[u8]) -> Result<Position, LogError> {
    runtime().block_on(log.append(payload.to_vec()))
}

/// What can be read, damage passed over.
fn readable(log: &Log) -> BTreeMap<u64, Vec<u8>> {
    let records = log.read(Position::FIRST).filter_map(Result::ok);
    records.map(|record| (record.position.0, record.payload)).collect()
}

#[test]
fn opened_anew_in_place_it_takes_records_again_and_the_failed_ones_are_not_in_it() {
    // Given a log that has failed while a record was on its way
    let files = FaultyFiles::new();
    let (log, _) = open(&files, Settings::default());
    append(&log, b"before").unwrap();
    files.fail_sync_after(0);
    append(&log, b"during").unwrap_err();

    // When it is opened anew while the disk is unwell, then it says so and stays as it is
    files.set_unwell(true);
    assert!(matches!(log.reopen(), Err(LogError::Io { .. })));
    assert!(matches!(append(&log, b"still"), Err(LogError::Failed { .. })));
    // And once the disk is well, it goes on where it was
    files.set_unwell(false);
    log.reopen().unwrap();
    assert_eq!(append(&log, b"after").unwrap(), Position(2));
    assert!(!log.stats().failed);
    assert_eq!(readable(&log), [(1, b"before".to_vec()), (2, b"after".to_vec())].into());
    // And another opening finds nothing wrong
    log.close();
    let (log, recovery) = open(&files, Settings::default());
    assert_eq!((recovery.torn, recovery.corrupt.len(), recovery.records), (None, 0, 2));
    // And one that is well is left alone, and one that is closed stays closed
    let segments = log.stats().segments;
    log.reopen().unwrap();
    assert_eq!(log.stats().segments, segments);
    log.close();
    assert!(matches!(append(&log, b"late"), Err(LogError::Closed)));
}

#[test]
fn a_full_disk_is_survived_in_place_and_its_room_is_counted_right() {
    // Given a log on a disk with little room
    let files = FaultyFiles::new();
    files.set_capacity(Some(1_010));
    let settings = Settings { segment_bytes: 500, ..Settings::default() };
    let (log, _) = open(&files, settings);
    let mut acknowledged = 0;
    // When it is full, again and again, and opened anew each time
    for _ in 0..5 {
        while append(&log, &[7; 100]).is_ok() {
            acknowledged += 1;
        }
        // There may be no room for the new segment either.
        drop(log.reopen());
    }
    files.set_capacity(None);
    log.reopen().unwrap();
    append(&log, &[8; 100]).unwrap();
    // Then every acknowledged record is there, and the log is as long as its files
    assert!(acknowledged > 3, "{acknowledged}");
    assert_eq!(readable(&log).len(), acknowledged + 1);
    let bytes: u64 = files.paths().iter().map(|path| files.read(path).unwrap().len() as u64).sum();
    assert_eq!(log.stats().bytes, bytes);
}

#[test]
fn a_callback_that_panics_stops_the_log_for_good() {
    // Given a log whose callback panics at its first record
    let files = FaultyFiles::new();
    let tail = |_| panic!("a fault of the callback's owner");
    let (log, _) = Log::open(Path::new(FOLDER), Settings::default(), Arc::new(files), tail).unwrap();
    assert!(matches!(append(&log, b"one"), Err(LogError::Failed { .. })));
    // When it is opened anew, then it is refused: nobody knows what the callback has seen
    assert!(matches!(log.reopen(), Err(LogError::Failed { .. })));
}

#[test]
fn the_part_of_the_log_behind_a_position_is_measured() {
    // Given ten records in segments of two
    let settings = Settings { segment_bytes: HEADERS + 2 * (FRAME + 100), ..Settings::default() };
    let (log, _) = open(&FaultyFiles::new(), settings);
    for _ in 0..10 {
        append(&log, &[7; 100]).unwrap();
    }
    // When it is asked how many bytes stand behind some of them, then whole segments count whole, and others by their share
    assert_eq!(log.bytes_from(Position(1)), log.stats().bytes);
    assert_eq!(log.bytes_from(Position(7)), 2 * settings.segment_bytes);
    assert_eq!(log.bytes_from(Position(8)), settings.segment_bytes + settings.segment_bytes / 2);
    assert_eq!(log.bytes_from(Position(11)), 0);
}

#[test]
fn a_survey_reads_beside_who_writes_and_changes_nothing() {
    // Given a log that somebody writes, with an erased record, and bytes of a record that is being written
    let files = FaultyFiles::new();
    let settings = Settings { segment_bytes: 200, ..Settings::default() };
    let (log, _) = open(&files, settings);
    for number in 0..6u8 {
        append(&log, &[number; 40]).unwrap();
    }
    log.rewrite(|position, _| if position == Position(2) { Keep::Drop } else { Keep::Keep }).unwrap();
    append(&log, b"last").unwrap();
    let last = files.paths().into_iter().rfind(|path| path.extension().is_some_and(|found| found == "log")).unwrap();
    files.tamper(&last, |bytes| bytes.extend_from_slice(&[9; 30]));
    let before: Vec<_> = files.paths().iter().map(|path| files.read(path).unwrap()).collect();

    // When its folder is surveyed meanwhile
    let mut seen = Vec::new();
    let found = survey(Path::new(FOLDER), &files, |position, _| seen.push(position.0)).unwrap();

    // Then every record is seen, what is gone and what is not finished is said, and no file has changed
    assert_eq!(seen, [1, 3, 4, 5, 6, 7]);
    assert_eq!(found.segments.iter().map(|segment| segment.erased).sum::<u64>(), 1);
    assert_eq!(found.segments.last().map(|segment| (segment.records, segment.unfinished)), Some((1, 30)));
    assert_eq!(found.damage, []);
    assert_eq!(files.paths().iter().map(|path| files.read(path).unwrap()).collect::<Vec<_>>(), before);
}

/// What is done to a log: groups of payloads to append, each perhaps with a fault before it.
#[derive(Debug, Clone)]
struct Step {
    payloads: Vec<Vec<u8>>,
    fault: Fault,
}

#[derive(Debug, Clone, Copy)]
enum Fault {
    None,
    /// A sync fails, after so many that do not.
    Sync(u64),
    /// A write ends half-way, after so many that do not.
    Write(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let payloads = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..600), 1..6);
    let fault = prop_oneof![
        3 => Just(Fault::None),
        1 => (0u64..4).prop_map(Fault::Sync),
        1 => (0u64..4).prop_map(Fault::Write),
    ];
    prop::collection::vec((payloads, fault).prop_map(|(payloads, fault)| Step { payloads, fault }), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whatever fails, how often the log is opened anew in place, and whenever the power goes then.
    #[test]
    fn nothing_acknowledged_is_lost_and_every_torn_record_is_said(
        steps in steps(),
        segment_bytes in 200u64..2_000,
        seed in any::<u64>(),
    ) {
        // Given a log whose callback keeps what it gets
        let files = FaultyFiles::new();
        let settings = Settings { segment_bytes, ..Settings::default() };
        let handed_over = Arc::new(Mutex::new(Vec::new()));
        let sink = handed_over.clone();
        let tail = move |records: Vec<store::log::Record>| sink.lock().unwrap().extend(records);
        let (log, _) = Log::open(Path::new(FOLDER), settings, Arc::new(files.clone()), tail).unwrap();

        // When it is used on a disk that fails, and opened anew after each failure
        let runtime = runtime();
        let mut acknowledged = BTreeMap::new();
        let mut all = Vec::new();
        for step in &steps {
            match step.fault {
                Fault::None => {}
                Fault::Sync(after) => files.fail_sync_after(after),
                Fault::Write(after) => files.fail_append_after(after),
            }
            let appends: Vec<_> = step.payloads.iter().map(|payload| log.append(payload.clone())).collect();
            all.extend(step.payloads.iter().cloned());
            for (payload, append) in step.payloads.iter().zip(appends) {
                if let Ok(position) = runtime.block_on(append) {
                    prop_assert_eq!(acknowledged.insert(position.0, payload.clone()), None, "one position twice");
                }
            }
            // The fault may meet the opening as well.
            while log.stats().failed {
                drop(log.reopen());
            }
        }
        // Then the callback has had exactly what was acknowledged, in order, and it is what can be read
        let handed_over: Vec<_> =
            handed_over.lock().unwrap().iter().map(|record| (record.position.0, record.payload.clone())).collect();
        prop_assert!(handed_over.is_sorted_by_key(|(position, _)| *position));
        prop_assert_eq!(handed_over.into_iter().collect::<BTreeMap<_, _>>(), acknowledged.clone());
        prop_assert_eq!(&readable(&log), &acknowledged);

        // And when the power goes with more on the way
        let _under_way: Vec<_> = (0..3).map(|number| log.append(vec![number; 700])).collect();
        all.extend((0..3).map(|number| vec![number; 700]));
        let after = files.power_cut(seed);
        let found: u64 = after.paths().iter().filter(|path| path.extension().is_some_and(|end| end == "log"))
            .map(|path| after.read(path).unwrap().len() as u64).sum();
        let headers = HEADERS * survey(Path::new(FOLDER), &after, |_, _| ()).unwrap().segments.len() as u64;
        let (log, recovery) = open(&after, settings);
        let kept = readable(&log);
        for (position, payload) in &acknowledged {
            prop_assert_eq!(kept.get(position), Some(payload), "position {}", position);
        }
        // Then nothing is taken for a record that was none, and of bytes that are no record it is said
        for payload in kept.values() {
            prop_assert!(all.contains(payload), "{payload:?} was never appended");
        }
        let whole: u64 = kept.values().map(|payload| FRAME + payload.len() as u64).sum();
        let said = recovery.torn.is_some() || !recovery.corrupt.is_empty();
        prop_assert_eq!(said, found != headers + whole, "{:?}: {} bytes, {} of records", recovery, found, whole);
    }
}
