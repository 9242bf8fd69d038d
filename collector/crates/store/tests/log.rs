//! The log by its public interface, on the disk and on its faulty twin.

#![expect(clippy::unwrap_used, reason = "functions that tests share fail as tests do")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use store::log::faulty::FaultyFiles;
use store::log::{DiskFiles, Keep, Log, LogError, Position, Record, Recovery, Settings};
use tokio::runtime::{Builder, Runtime};

const FOLDER: &str = "/log";
/// Bytes of a segment's two headers, and of a frame beside its payload, as `frame.rs` documents them.
const HEADERS: usize = 64;
const FRAME: usize = 17;

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).build().unwrap()
}

fn open(files: &FaultyFiles, settings: Settings) -> (Log, Recovery) {
    Log::open(Path::new(FOLDER), settings, Arc::new(files.clone()), |_| ()).unwrap()
}

fn append(log: &Log, payload: &[u8]) -> Result<Position, LogError> {
    runtime().block_on(log.append(payload.to_vec()))
}

/// What can be read from the beginning; panics at damage.
fn contents(log: &Log) -> Vec<(u64, Vec<u8>)> {
    log.read(Position::FIRST).map(|record| record.unwrap()).map(|record| (record.position.0, record.payload)).collect()
}

fn segment_paths(files: &FaultyFiles) -> Vec<PathBuf> {
    files.paths().into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "log")).collect()
}

#[test]
fn what_is_appended_is_read_back_in_order_also_after_reopening() {
    // Given a log on the disk, in segments so small that there are many
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { segment_bytes: 256, ..Settings::default() };
    let open = || Log::open(folder.path(), settings, Arc::new(DiskFiles), |_| ()).unwrap();
    let (log, recovery) = open();
    assert_eq!((recovery.start, recovery.end, recovery.records), (Position(1), Position(1), 0));

    // When records are appended, one of them empty and one longer than a segment
    let payloads: Vec<Vec<u8>> = (0..50u8).map(|n| vec![n; usize::from(n) * 8]).collect();
    let positions: Vec<u64> = payloads.iter().map(|payload| append(&log, payload).unwrap().0).collect();

    // Then they stand from 1 without gaps, and are read in order, before and after reopening
    assert_eq!(positions, (1..=50).collect::<Vec<u64>>());
    let expected: Vec<_> = (1..).zip(payloads).collect();
    assert_eq!(contents(&log), expected);
    assert!(log.stats().segments > 10);
    log.close();
    let (log, recovery) = open();
    assert_eq!((recovery.torn, recovery.corrupt.len(), recovery.records), (None, 0, 50));
    assert_eq!(contents(&log), expected);

    // And reading can begin in the middle, and appending goes on
    let from: Vec<u64> = log.read(Position(48)).map(|record| record.unwrap().position.0).collect();
    assert_eq!(from, [48, 49, 50]);
    assert_eq!(append(&log, b"more").unwrap(), Position(51));
}

#[test]
fn reopening_without_records_leaves_no_segments_behind() {
    // Given a log
    let files = FaultyFiles::new();
    // When it is opened and closed many times
    for _ in 0..10 {
        open(&files, Settings::default()).0.close();
    }
    // Then there is one segment
    assert_eq!(segment_paths(&files).len(), 1);
}

#[test]
fn a_second_log_in_the_same_folder_is_refused() {
    // Given an open log
    let folder = tempfile::tempdir().unwrap();
    let open = || Log::open(folder.path(), Settings::default(), Arc::new(DiskFiles), |_| ());
    let (log, _) = open().unwrap();
    // When another is opened in its folder, then it is refused until the first is closed
    assert!(matches!(open(), Err(LogError::InUse { .. })));
    log.close();
    assert!(open().is_ok());
}

#[test]
fn the_tail_has_every_record_in_order_before_its_append_resolves() {
    // Given a log whose tail keeps what it gets
    let seen = Arc::new(Mutex::new(Vec::<Record>::new()));
    let sink = seen.clone();
    let tail = move |records: Vec<Record>| sink.lock().unwrap().extend(records);
    let files = FaultyFiles::new();
    let (log, _) = Log::open(Path::new(FOLDER), Settings::default(), Arc::new(files), tail).unwrap();
    let log = Arc::new(log);

    // When many tasks append at once
    runtime().block_on(async {
        let tasks: Vec<_> = (0..200u32)
            .map(|number| {
                let (log, seen) = (log.clone(), seen.clone());
                tokio::spawn(async move {
                    let position = log.append(number.to_le_bytes().to_vec()).await.unwrap();
                    // Then each finds its own record in the tail as soon as it has its answer
                    let seen = seen.lock().unwrap();
                    let own = seen.iter().find(|record| record.position == position).expect("in the tail");
                    assert_eq!(own.payload, number.to_le_bytes());
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });

    // And the tail had each exactly once, in the order of the log
    let positions: Vec<u64> = seen.lock().unwrap().iter().map(|record| record.position.0).collect();
    assert_eq!(positions, (1..=200).collect::<Vec<u64>>());
}

#[test]
fn a_panic_of_the_tail_fails_the_log_and_nobody_waits_for_ever() {
    // Given a log whose tail panics
    let tail = |_: Vec<Record>| panic!("a fault of the tail's owner");
    let (log, _) = Log::open(Path::new(FOLDER), Settings::default(), Arc::new(FaultyFiles::new()), tail).unwrap();
    // When something is appended, then it fails, and so does what follows
    assert!(matches!(append(&log, b"first"), Err(LogError::Failed { .. })));
    assert!(matches!(append(&log, b"second"), Err(LogError::Failed { .. })));
}

#[test]
fn appends_that_wait_share_one_write_and_one_sync() {
    // Given a log whose disk is busy with a first record
    let files = FaultyFiles::new();
    let (log, _) = open(&files, Settings::default());
    files.hold_syncs();
    let first = log.append(b"first".to_vec());
    files.wait_for_held_sync();
    let before = files.syncs();

    // When a thousand more arrive meanwhile
    let waiting: Vec<_> = (0..1000u32).map(|number| log.append(number.to_le_bytes().to_vec())).collect();
    assert_eq!(log.stats().waiting, 1001);
    files.release_syncs();
    runtime().block_on(async {
        first.await.unwrap();
        for append in waiting {
            append.await.unwrap();
        }
    });

    // Then the first had one sync, and the thousand another
    assert_eq!(files.syncs() - before, 2);
    assert_eq!(log.stats().syncs, 2);
    assert_eq!(log.stats().end, Position(1002));
}

#[test]
fn nothing_resolves_before_the_sync_has_finished() {
    // Given a log whose syncs are held back
    let files = FaultyFiles::new();
    let (log, _) = open(&files, Settings::default());
    files.hold_syncs();
    // When a record is written but not synced
    let append = log.append(b"record".to_vec());
    files.wait_for_held_sync();
    // Then its append has not resolved, and a power cut may lose it
    runtime().block_on(async {
        let mut append = append;
        assert!(
            std::future::poll_fn(|context| {
                std::task::Poll::Ready(std::pin::Pin::new(&mut append).poll(context).is_pending())
            })
            .await
        );
        let lost = (0..100).any(|seed| contents(&self::open(&files.power_cut(seed), Settings::default()).0).is_empty());
        assert!(lost);
        // And once it is synced, none does
        files.release_syncs();
        append.await.unwrap();
    });
    for seed in 0..100 {
        assert_eq!(contents(&open(&files.power_cut(seed), Settings::default()).0).len(), 1, "seed {seed}");
    }
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_and_said() {
    // Given a log of three records
    let files = FaultyFiles::new();
    let (log, _) = open(&files, Settings::default());
    for payload in [&b"first"[..], b"second", b"the third, which is torn"] {
        append(&log, payload).unwrap();
    }
    log.close();
    let path = segment_paths(&files).remove(0);
    let whole = fs_len(&files, &path);
    let third = FRAME + b"the third, which is torn".len();

    for kept in 1..third {
        // When it is cut in the middle of the last one, at every byte
        let torn = files.power_cut(0);
        torn.tamper(&path, |bytes| bytes.truncate(whole - third + kept));
        let (log, recovery) = open(&torn, Settings::default());

        // Then the two before it are there, and the report says what was cut
        let cut = recovery.torn.expect("a torn tail");
        assert_eq!((cut.offset, cut.bytes), ((whole - third) as u64, kept as u64));
        assert_eq!((recovery.corrupt.len(), recovery.records, recovery.end), (0, 2, Position(3)));
        assert_eq!(contents(&log), [(1, b"first".to_vec()), (2, b"second".to_vec())]);

        // And the log goes on, without a trace of it at the next opening
        assert_eq!(append(&log, b"after").unwrap(), Position(3));
        log.close();
        let (log, recovery) = open(&torn, Settings::default());
        assert_eq!((recovery.torn, recovery.corrupt.len()), (None, 0));
        assert_eq!(contents(&log).len(), 3);
    }
}

fn fs_len(files: &FaultyFiles, path: &Path) -> usize {
    let mut length = 0;
    files.tamper(path, |bytes| length = bytes.len());
    length
}

#[test]
fn a_flipped_bit_anywhere_is_found_and_costs_at_most_its_own_record() {
    // Given a log of four records
    let files = FaultyFiles::new();
    let (log, _) = open(&files, Settings::default());
    let payloads: [&[u8]; 4] = [b"first", b"", b"third", b"fourth"];
    for payload in payloads {
        append(&log, payload).unwrap();
    }
    log.close();
    let path = segment_paths(&files).remove(0);
    let length = fs_len(&files, &path);
    let last = FRAME + b"fourth".len();

    for offset in 0..length - last {
        // When one bit before the last record is flipped
        let damaged = files.power_cut(0);
        damaged.tamper(&path, |bytes| bytes[offset] ^= 1 << (offset % 8));
        let (log, recovery) = open(&damaged, Settings::default());

        // Then all others are read, nothing is taken for whole that is not, and the damage is reported
        let read: Vec<_> = log.read(Position::FIRST).collect();
        let whole: BTreeMap<u64, Vec<u8>> =
            read.iter().filter_map(|item| item.as_ref().ok()).map(|r| (r.position.0, r.payload.clone())).collect();
        for (position, payload) in &whole {
            assert_eq!(payload, payloads[*position as usize - 1], "offset {offset}");
        }
        assert_eq!((recovery.torn, recovery.end), (None, Position(5)), "offset {offset}");
        if offset < HEADERS {
            // The other copy of the header serves.
            assert_eq!((whole.len(), recovery.corrupt.len()), (4, 0), "offset {offset}");
        } else {
            assert_eq!((whole.len(), recovery.corrupt.len()), (3, 1), "offset {offset}");
            let lost = (1..=4).find(|position| !whole.contains_key(position)).unwrap();
            let damage = &recovery.corrupt[0];
            assert_eq!((damage.first, damage.resumes), (Position(lost), Position(lost + 1)));
            assert!(read.iter().any(|item| matches!(item, Err(LogError::Corrupt(found)) if found == damage)));
        }
    }
}

#[test]
fn a_missing_segment_is_said() {
    // Given a log of several segments
    let files = FaultyFiles::new();
    let settings = Settings { segment_bytes: 100, ..Settings::default() };
    let (log, _) = open(&files, settings);
    for _ in 0..4 {
        append(&log, &[7; 50]).unwrap();
    }
    log.close();
    // When one in the middle is lost
    store::log::Files::remove(&files, &segment_paths(&files)[1]).unwrap();
    // Then the report names the positions
    let (log, recovery) = open(&files, settings);
    assert_eq!(recovery.corrupt.len(), 1);
    assert_eq!((recovery.corrupt[0].first, recovery.corrupt[0].resumes), (Position(2), Position(3)));
    assert_eq!(contents(&log).len(), 3);
}

#[test]
fn a_payload_that_looks_like_frames_is_never_read_as_such() {
    // Given a record that holds the bytes of a segment with its own, made by who may choose payloads
    let files = FaultyFiles::new();
    let (log, _) = open(&files, Settings::default());
    append(&log, b"one").unwrap();
    append(&log, b"planted").unwrap();
    log.close();
    let mut planted = Vec::new();
    files.tamper(&segment_paths(&files)[0], |bytes| planted = bytes[HEADERS..].to_vec());
    let victim = FaultyFiles::new();
    let (log, _) = open(&victim, Settings::default());
    append(&log, &planted).unwrap();
    log.close();
    // When that record is damaged, so that the next good frame is looked for inside it
    victim.tamper(&segment_paths(&victim)[0], |bytes| bytes[HEADERS] ^= 1);
    // Then none is found: another segment, another salt
    let (log, recovery) = open(&victim, Settings::default());
    assert_eq!((contents(&log).len(), recovery.records), (0, 0));
}

#[test]
fn a_newer_format_is_refused_with_both_numbers() {
    // Given a log that a newer version wrote
    let files = FaultyFiles::new();
    open(&files, Settings::default()).0.close();
    files.tamper(&segment_paths(&files)[0], |bytes| {
        let mut header = bytes[..28].to_vec();
        header[8] = 2;
        let crc = crc32c::crc32c(&header);
        header.extend_from_slice(&crc.to_le_bytes());
        *bytes = [header.clone(), header].concat();
    });
    // When it is opened, then it is refused, naming both
    let refused = Log::open(Path::new(FOLDER), Settings::default(), Arc::new(files), |_| ());
    assert!(matches!(refused, Err(LogError::Newer { found: 2, known: 1, .. })));
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_until_it_is_opened_anew() {
    // Given a log with an acknowledged record
    let files = FaultyFiles::new();
    let (log, _) = open(&files, Settings::default());
    append(&log, b"before").unwrap();
    let syncs = files.syncs();

    // When a sync fails
    files.fail_sync_after(0);
    assert!(matches!(append(&log, b"during"), Err(LogError::Failed { .. })));

    // Then no later append is accepted, although the disk is well again, and no sync was tried again
    assert!(matches!(append(&log, b"after"), Err(LogError::Failed { .. })));
    assert!(matches!(log.rewrite(|_, _| Keep::Keep), Err(LogError::Failed { .. })));
    assert!(log.stats().failed);
    assert_eq!(files.syncs(), syncs);
    log.close();

    // And opened anew it accepts, and what it acknowledges survives although the kernel dropped the pages that failed
    let (log, _) = open(&files, Settings::default());
    append(&log, b"again").unwrap();
    for seed in 0..50 {
        let (log, _) = open(&files.power_cut(seed), Settings::default());
        let kept: Vec<Vec<u8>> =
            log.read(Position::FIRST).filter_map(Result::ok).map(|record| record.payload).collect();
        assert!(kept.contains(&b"before".to_vec()) && kept.contains(&b"again".to_vec()), "seed {seed}: {kept:?}");
    }
}

#[test]
fn a_full_disk_fails_the_log_and_loses_nothing_acknowledged() {
    // Given a disk with little room
    let files = FaultyFiles::new();
    files.set_capacity(Some(1010));
    let (log, _) = open(&files, Settings::default());
    // When records are appended until one fails
    let acknowledged = (0..).take_while(|_| append(&log, &[1; 100]).is_ok()).count();
    assert!(acknowledged > 3);
    log.close();
    // Then every acknowledged one is there once there is room again, and the half-written one is cut
    files.set_capacity(None);
    let (log, recovery) = open(&files, Settings::default());
    assert_eq!(contents(&log).len(), acknowledged);
    assert!(recovery.torn.is_some());
    append(&log, b"again").unwrap();
}

#[test]
fn a_full_log_refuses_loses_nothing_and_accepts_again_when_segments_are_retired() {
    // Given a log with a small cap
    let files = FaultyFiles::new();
    let settings = Settings { segment_bytes: 500, cap_bytes: 2000, max_record: 300 };
    let (log, _) = open(&files, settings);
    // When it is filled
    let mut positions = Vec::new();
    let refusal = loop {
        match append(&log, &[1; 100]) {
            Ok(position) => positions.push(position),
            Err(refusal) => break refusal,
        }
    };
    // Then it says so, has stayed below its cap, and holds everything it acknowledged
    assert!(matches!(refusal, LogError::Full { cap: 2000, wanted: 117, .. }), "{refusal}");
    assert!(log.stats().bytes <= 2000 && log.stats().bytes > 1500, "{:?}", log.stats());
    assert_eq!(contents(&log).len(), positions.len());
    assert!(!log.stats().failed);

    // And when old segments are retired it accepts again
    let middle = positions[positions.len() / 2];
    assert!(log.retire(middle).unwrap() > 0);
    assert!(log.stats().start <= middle && log.stats().start > Position::FIRST);
    append(&log, &[2; 100]).unwrap();

    // And a record that is too long is refused as such
    assert!(matches!(append(&log, &[0; 301]), Err(LogError::TooLarge { found: 301, allowed: 300 })));
}

#[test]
fn positions_go_on_when_everything_was_retired() {
    // Given a log all of whose records were retired
    let files = FaultyFiles::new();
    let (log, _) = open(&files, Settings::default());
    append(&log, b"one").unwrap();
    append(&log, b"two").unwrap();
    log.rotate().unwrap();
    assert_eq!(log.retire(Position(3)).unwrap(), 1);
    log.close();
    // When it is opened again, then no position is given twice
    let (log, recovery) = open(&files, Settings::default());
    assert_eq!((recovery.start, recovery.end), (Position(3), Position(3)));
    assert_eq!(append(&log, b"three").unwrap(), Position(3));
}

#[test]
fn a_rewrite_removes_bytes_from_every_file_and_moves_nothing_else() {
    // Given a log on the disk of several segments, with one person's bytes among others'
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { segment_bytes: 400, ..Settings::default() };
    let open = || Log::open(folder.path(), settings, Arc::new(DiskFiles), |_| ()).unwrap();
    let (log, _) = open();
    for number in 0..30 {
        let who = if number % 3 == 0 { "PLANTED-PERSON" } else { "somebody-else" };
        append(&log, format!("{number} {who}").as_bytes()).unwrap();
    }

    // When it is rewritten without the person, and with one record replaced
    let rewritten = log
        .rewrite(|position, payload| {
            if payload.ends_with(b"PLANTED-PERSON") {
                Keep::Drop
            } else if position == Position(2) {
                Keep::Replace(b"replaced".to_vec())
            } else {
                Keep::Keep
            }
        })
        .unwrap();
    assert_eq!((rewritten.kept, rewritten.dropped, rewritten.replaced), (19, 10, 1));

    // Then the bytes are in no file
    for entry in fs::read_dir(folder.path()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(7).any(|window| window == b"PLANTED"));
    }
    // And every other record is where it was, before and after reopening, and appends have gone on
    let expected: Vec<(u64, Vec<u8>)> = (0..30)
        .filter(|number| number % 3 != 0)
        .map(|number| {
            let text = if number == 1 { "replaced".to_owned() } else { format!("{number} somebody-else") };
            (number + 1, text.into_bytes())
        })
        .collect();
    assert_eq!(contents(&log), expected);
    assert_eq!(append(&log, b"more").unwrap(), Position(31));
    log.close();
    let (log, recovery) = open();
    assert_eq!((recovery.torn, recovery.corrupt.len()), (None, 0));
    assert_eq!(contents(&log)[..20], expected);
    assert_eq!(log.stats().bytes, fs_bytes(folder.path()));
}

fn fs_bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.filter(|entry| entry.file_name() != "lock").map(|entry| entry.metadata().unwrap().len()).sum()
}

#[test]
fn a_rewrite_takes_damaged_bytes_out_and_says_so() {
    // Given a damaged record with a person's bytes
    let files = FaultyFiles::new();
    let (log, _) = open(&files, Settings::default());
    for payload in [&b"first"[..], b"PLANTED", b"third"] {
        append(&log, payload).unwrap();
    }
    log.close();
    let path = segment_paths(&files).remove(0);
    files.tamper(&path, |bytes| bytes[HEADERS + FRAME + 5] ^= 1);
    let (log, _) = open(&files, Settings::default());
    // When the log is rewritten, although nobody can read that record
    let rewritten = log.rewrite(|_, _| Keep::Keep).unwrap();
    // Then its bytes are gone, and the report says what went
    assert_eq!((rewritten.kept, rewritten.corrupt.len()), (2, 1));
    files.tamper(&path, |bytes| assert!(!bytes.windows(7).any(|window| window == b"PLANTED")));
    assert_eq!(contents(&log), [(1, b"first".to_vec()), (3, b"third".to_vec())]);
    log.close();
    assert_eq!(open(&files, Settings::default()).1.corrupt, []);
}

#[test]
fn a_power_cut_during_a_rewrite_leaves_every_record_that_stays() {
    // Given a log of several segments
    let files = FaultyFiles::new();
    let settings = Settings { segment_bytes: 200, ..Settings::default() };
    let (log, _) = open(&files, settings);
    for number in 0..12u8 {
        append(&log, &[number; 40]).unwrap();
    }
    log.rotate().unwrap();
    let mut cuts = Vec::new();
    // When the power goes at any record of a rewrite
    log.rewrite(|position, _| {
        cuts.push(files.power_cut(position.0));
        if position.0 % 2 == 0 { Keep::Drop } else { Keep::Keep }
    })
    .unwrap();
    cuts.push(files.power_cut(99));
    // Then the next start finds every record that was to stay, and no damage
    for cut in cuts {
        let (log, recovery) = open(&cut, settings);
        assert_eq!(recovery.corrupt, []);
        let kept: Vec<u64> = contents(&log).iter().map(|(position, _)| *position).collect();
        assert!((1..=12).filter(|position| position % 2 == 1).all(|position| kept.contains(&position)));
    }
}

#[test]
fn appends_reads_rewrites_and_retirement_go_on_at_once() {
    // Given a log on the disk that four tasks append to
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { segment_bytes: 2000, ..Settings::default() };
    let (log, _) = Log::open(folder.path(), settings, Arc::new(DiskFiles), |_| ()).unwrap();
    let log = Arc::new(log);
    runtime().block_on(async {
        let appenders: Vec<_> = (0..4u8)
            .map(|task| {
                let log = log.clone();
                tokio::spawn(async move {
                    for number in 0..100u8 {
                        log.append(vec![task, number, 0, 0, 0, 0, 0, 0]).await.unwrap();
                    }
                })
            })
            .collect();
        // When it is rewritten, read and retired meanwhile
        let maintenance = {
            let log = log.clone();
            tokio::task::spawn_blocking(move || {
                for _ in 0..5 {
                    log.rewrite(|_, payload| if payload[1] % 10 == 9 { Keep::Drop } else { Keep::Keep }).unwrap();
                    let last = log.read(Position::FIRST).map(|record| record.unwrap().position.0).collect::<Vec<_>>();
                    assert!(last.is_sorted());
                    log.retire(Position(20)).unwrap();
                }
            })
        };
        for task in appenders {
            task.await.unwrap();
        }
        maintenance.await.unwrap();
    });
    log.rewrite(|_, payload| if payload[1] % 10 == 9 { Keep::Drop } else { Keep::Keep }).unwrap();

    // Then every record from the retired ones on that was to stay is there, in each task's own order
    let records = contents(&log);
    for task in 0..4u8 {
        let numbers: Vec<u8> = records.iter().filter(|(_, p)| p[0] == task).map(|(_, p)| p[1]).collect();
        let expected: Vec<u8> = (numbers[0]..100).filter(|number| number % 10 != 9).collect();
        assert_eq!(numbers, expected);
    }
    assert_eq!(log.stats().end, Position(401));
}

#[test]
fn closing_makes_durable_what_was_taken_and_refuses_the_rest() {
    // Given appends under way
    let files = FaultyFiles::new();
    let (log, _) = open(&files, Settings::default());
    let taken: Vec<_> = (0..10u8).map(|number| log.append(vec![number])).collect();
    // When the log is closed
    log.close();
    // Then those are acknowledged and there, and a later one is refused
    runtime().block_on(async {
        for append in taken {
            append.await.unwrap();
        }
    });
    assert!(matches!(append(&log, b"late"), Err(LogError::Closed)));
    assert_eq!(contents(&open(&files, Settings::default()).0).len(), 10);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Whenever the power goes, and whatever fails before: what was acknowledged is there, where it was said to be.
    #[test]
    fn no_power_cut_loses_what_was_acknowledged(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 1..40),
        segment_bytes in 100u64..600,
        sync_fails_after in prop::option::of(0u64..40),
        append_fails_after in prop::option::of(0u64..40),
        seed in any::<u64>(),
    ) {
        // Given a log on a disk that may fail at some point
        let files = FaultyFiles::new();
        let settings = Settings { segment_bytes, ..Settings::default() };
        let (log, _) = open(&files, settings);
        if let Some(after) = sync_fails_after {
            files.fail_sync_after(after);
        }
        if let Some(after) = append_fails_after {
            files.fail_append_after(after);
        }
        // When records are appended, some of them in groups, and the power goes with the last under way
        let mut acknowledged = BTreeMap::new();
        let runtime = runtime();
        for group in payloads.chunks(3) {
            let appends: Vec<_> = group.iter().map(|payload| log.append(payload.clone())).collect();
            for (payload, append) in group.iter().zip(appends) {
                if let Ok(position) = runtime.block_on(append) {
                    acknowledged.insert(position.0, payload.clone());
                }
            }
        }
        let _under_way = log.append(vec![1; 50]);
        let (log, _) = open(&files.power_cut(seed), settings);

        // Then every acknowledged record is there, as it was, where it was
        let kept: BTreeMap<u64, Vec<u8>> =
            log.read(Position::FIRST).filter_map(Result::ok).map(|r| (r.position.0, r.payload)).collect();
        for (position, payload) in acknowledged {
            prop_assert_eq!(kept.get(&position), Some(&payload), "position {}", position);
        }
    }

    /// No bytes make opening or reading panic, or come back as a record that was never written.
    #[test]
    fn arbitrary_bytes_never_panic(
        garbage in prop::collection::vec(any::<u8>(), 0..400),
        keep_header in any::<bool>(),
    ) {
        // Given a segment of arbitrary bytes, perhaps behind a good header
        let files = FaultyFiles::new();
        open(&files, Settings::default()).0.close();
        files.tamper(&segment_paths(&files)[0], |bytes| {
            bytes.truncate(if keep_header { HEADERS } else { 0 });
            bytes.extend_from_slice(&garbage);
        });
        // When it is opened, then nothing in it is taken for a record, and the log can be used
        let (log, recovery) = open(&files, Settings::default());
        prop_assert_eq!(recovery.records, 0);
        prop_assert!(garbage.is_empty() || recovery.torn.is_some() || !recovery.corrupt.is_empty());
        append(&log, b"usable").unwrap();
    }
}
