//! The fuzzer's corpus, replayed: no bytes in the log's files make anything panic or take long, where there is no fuzzer too.

use std::path::Path;
use std::time::{Duration, Instant};

#[expect(unreachable_pub, reason = "the fuzz targets are another crate")]
#[path = "../fuzz/src/lib.rs"]
mod fuzzed;

/// The most that one input may take.
const LONGEST: Duration = Duration::from_secs(1);

#[test]
fn no_segment_panics_or_takes_long() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/segment");
    let mut inputs: Vec<Vec<u8>> =
        std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
    assert!(inputs.len() >= 6);
    // And one of today's, cut into two segments anywhere.
    let example = fuzzed::example();
    inputs.extend((0..=255).step_by(5).map(|cut| [&[cut], &example[..]].concat()));
    for input in inputs {
        let begin = Instant::now();
        fuzzed::segment(&input);
        assert!(begin.elapsed() < LONGEST, "{input:?}");
    }
}
