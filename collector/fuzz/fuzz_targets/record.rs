#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| collector_fuzz::record(bytes));
