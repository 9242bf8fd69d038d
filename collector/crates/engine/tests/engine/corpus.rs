//! The fuzzer's corpus, replayed: nothing panics, and nothing takes long, where there is no fuzzer too.

use std::path::Path;
use std::time::{Duration, Instant};

#[expect(unreachable_pub, reason = "the fuzz targets are another crate")]
#[path = "../../fuzz/src/lib.rs"]
mod fuzzed;

/// The most that one input may take: 100 ms; ten times that where nothing is optimised.
const LONGEST: Duration = Duration::from_millis(if cfg!(debug_assertions) { 1_000 } else { 100 });

/// Replays every file of these folders, and says how many there were.
fn replay(folders: &[&str], run: fn(&[u8])) -> usize {
    let mut count = 0;
    for folder in folders {
        for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            // The fastest of a few: another process may be at work, the input's own cost stays.
            let took = (0..5).map(|_| {
                let start = Instant::now();
                run(&bytes);
                start.elapsed()
            });
            let fastest = took.min().unwrap();
            assert!(fastest < LONGEST, "{}: {fastest:?}", path.display());
            count += 1;
        }
    }
    count
}

#[test]
fn no_model_panics_or_takes_long() {
    let folders = ["fuzz/corpus/model", "tests/engine/broken", "tests/engine/doubtful", "src/presets"];
    assert!(replay(&folders, fuzzed::model) > 40);
}

#[test]
fn no_lead_panics_or_takes_long() {
    assert!(replay(&["fuzz/corpus/lead"], fuzzed::lead) >= 10);
}

#[test]
fn no_story_under_any_model_panics_or_takes_long() {
    assert!(replay(&["fuzz/corpus/story"], fuzzed::story) >= 5);
}
