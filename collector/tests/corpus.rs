//! The fuzzer's corpus and every golden file, replayed: nothing that is read back panics or takes long, where there is no
//! fuzzer too.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::time::{Duration, Instant};

#[expect(unreachable_pub, reason = "the fuzz targets are another crate")]
#[path = "../fuzz/src/lib.rs"]
mod fuzzed;

/// The most that one input may take.
const LONGEST: Duration = Duration::from_millis(500);

fn run(bytes: &[u8]) {
    let begin = Instant::now();
    fuzzed::record(bytes);
    assert!(begin.elapsed() < LONGEST, "{bytes:?}");
}

fn files(folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect()
}

#[test]
fn no_record_panics_or_takes_long() {
    let corpus = files("fuzz/corpus/record");
    assert!(corpus.len() >= 8);
    corpus.iter().for_each(|bytes| run(bytes));
}

#[test]
fn no_golden_file_cut_or_changed_anywhere_panics() {
    let golden = files("../tests/formats");
    for hex in &golden {
        let digits: Vec<u8> = hex.iter().copied().filter(u8::is_ascii_hexdigit).collect();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        let bytes: Vec<u8> = digits.chunks(2).map(byte).collect();
        for at in 0..bytes.len() {
            run(&bytes[..at]);
            for bit in [0x01, 0x80] {
                let mut changed = bytes.clone();
                changed[at] ^= bit;
                run(&changed);
            }
        }
    }
    assert!(golden.len() >= 14);
}
