//! The entries of the fuzzers on a short run of their own: whatever they are given they come back, and what has to be true
//! of what comes out is. So they build and run wherever the tests do.

#[path = "../../fuzz/entries.rs"]
mod entries;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use veloflux::sources::{KINDS, understand};

use entries::ENTRIES;

/// Time for each entry by default: some hundreds or thousands of runs. `VELOFLUX_FUZZ=60` makes it a minute each.
const SPAN: Duration = Duration::from_millis(700);

#[test]
fn whatever_an_entry_is_given_it_comes_back() {
    let longer = std::env::var("VELOFLUX_FUZZ").ok().and_then(|text| text.parse().ok()).map(Duration::from_secs);
    let span = longer.unwrap_or(SPAN);
    // A short run is the same every time: what fails here fails again.
    let seed: [u8; 32] = if longer.is_some() { rand::random() } else { [7; 32] };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    for entry in ENTRIES {
        entry.samples.iter().for_each(|sample| (entry.run)(sample));
        let samples = proptest::sample::select(entry.samples.to_vec());
        let strategy = (samples, proptest::collection::vec(change(), 0..6), any::<bool>());
        let (end, mut runs) = (Instant::now() + span, 0);
        while Instant::now() < end || runs < 100 {
            let (sample, changes, from_nothing) = strategy.new_tree(&mut runner).expect("a value").current();
            let mut bytes = if from_nothing { Vec::new() } else { sample.to_vec() };
            changes.iter().for_each(|change| change.apply(&mut bytes, sample));
            let run = std::panic::catch_unwind(|| (entry.run)(&bytes));
            assert!(run.is_ok(), "`{}` panics at {:?}", entry.name, bytes.escape_ascii().to_string());
            runs += 1;
        }
        report(&format!("{}: {runs} runs", entry.name));
    }
}

#[test]
fn every_entry_is_a_target_and_every_kind_of_source_an_entry() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/Cargo.toml");
    let manifest = std::fs::read_to_string(manifest).expect("the manifest of the fuzzers");
    let manifest: toml::Table = toml::from_str(&manifest).expect("TOML");
    let targets = manifest["bin"].as_array().expect("binaries").iter();
    let targets = targets.filter(|target| target["path"].as_str() == Some("targets/target.rs"));
    let targets: BTreeSet<&str> = targets.filter_map(|target| target["name"].as_str()).collect();
    assert_eq!(targets, ENTRIES.iter().map(|entry| entry.name).collect());
    for kind in KINDS {
        assert!(understand(kind.name, &[]).is_some(), "`{}` is read by no fuzzer", kind.name);
    }
}

#[expect(clippy::print_stderr, reason = "a long run is made for these figures; the harness hides them in a short one")]
fn report(told: &str) {
    eprintln!("{told}");
}

/// One thing that is done to bytes.
#[derive(Debug, Clone)]
enum Change {
    /// A byte is another.
    Set(prop::sample::Index, u8),
    /// A piece is gone.
    Cut(prop::sample::Index, usize),
    /// Something is put in.
    Insert(prop::sample::Index, Vec<u8>),
    /// A piece of the sample is put in once more.
    Repeat(prop::sample::Index, prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let place = any::<prop::sample::Index>;
    prop_oneof![
        (place(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (place(), 1_usize..40).prop_map(|(at, length)| Change::Cut(at, length)),
        (place(), proptest::collection::vec(any::<u8>(), 1..8)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (place(), "[\\[\\](){}\"'\\\\,.:;#=<>!~*0-9a-f\\n ]{1,12}")
            .prop_map(|(at, text)| Change::Insert(at, text.into_bytes())),
        (place(), place()).prop_map(|(at, from)| Change::Repeat(at, from)),
    ]
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>, sample: &[u8]) {
        let place = |at: &prop::sample::Index, length: usize| at.index(length + 1);
        match self {
            Change::Set(at, byte) => {
                let at = place(at, bytes.len());
                if let Some(there) = bytes.get_mut(at) {
                    *there = *byte;
                }
            }
            Change::Cut(at, length) => {
                let at = place(at, bytes.len());
                bytes.drain(at..(at + length).min(bytes.len()));
            }
            Change::Insert(at, more) => {
                let at = place(at, bytes.len());
                bytes.splice(at..at, more.iter().copied());
            }
            Change::Repeat(at, from) => {
                let (at, from) = (place(at, bytes.len()), place(from, sample.len()));
                bytes.splice(at..at, sample[from..].iter().copied());
            }
        }
    }
}
