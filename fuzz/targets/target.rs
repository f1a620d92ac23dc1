//! The target that the binary is named after. All of them are this file: what they run stands in `entries.rs`.
#![no_main]

#[allow(dead_code, reason = "the samples are for those who run it without a fuzzer")]
#[path = "../entries.rs"]
mod entries;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let entry = entries::ENTRIES.iter().find(|entry| entry.name == env!("CARGO_BIN_NAME"));
    (entry.expect("a target is named after an entry").run)(data);
});
