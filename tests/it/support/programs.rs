//! Programs of others that the tests run. They are installed by `tests/run`; where one is missing the test fails and says so.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::command::Veloflux;

/// No program of the tests takes longer than this, however many run at once.
const PROGRAM_DEADLINE: Duration = Duration::from_secs(300);

/// A program that a Python package brings: a load balancer that Debian does not have, for one.
pub(crate) fn packaged(name: &str) -> Command {
    let program = root().join("target/venv/bin").join(name);
    assert!(program.exists(), "{} is missing; run `tests/run` once", program.display());
    Command::new(program)
}

/// A script of `tests/clients` in the Python of `target/venv`.
pub(crate) fn python(script: &str) -> Command {
    let mut command = packaged("python");
    command.arg(root().join("tests/clients").join(script));
    command
}

/// A script of `tests/clients` in Node.js.
pub(crate) fn node(script: &str) -> Command {
    let modules = root().join("tests/clients/node_modules");
    assert!(modules.exists(), "{} is missing; run `tests/run` once", modules.display());
    let mut command = Command::new("node");
    command.arg(root().join("tests/clients").join(script));
    command
}

/// Where Chromium is.
pub(crate) fn chromium() -> PathBuf {
    let places = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&places).map(|place| place.join("chromium")).find(|path| path.exists());
    found.expect("`chromium` is missing; run `tests/run` once")
}

/// Runs a program to its end and gives the JSON document on its stdout.
pub(crate) fn run(command: Command) -> Value {
    let name = format!("{command:?}");
    let finished = Veloflux::program(command).within(PROGRAM_DEADLINE).run();
    assert_eq!(finished.code, 0, "{name}:\n{}\n{}", finished.stdout, finished.stderr);
    serde_json::from_str(&finished.stdout)
        .unwrap_or_else(|error| panic!("{name}: {error}:\n{}\n{}", finished.stdout, finished.stderr))
}

/// A file of tests for Node.js, with what they need of this machine.
pub(crate) fn tests(file: &str) -> Veloflux {
    let mut command = node(file);
    command.env("VELOFLUX", env!("CARGO_BIN_EXE_veloflux")).env("CHROMIUM", chromium());
    Veloflux::program(command)
}

/// Runs tests; what failed in them is told. One file at a time: a browser or a compiler in each takes the whole machine, and two
/// of them would only wait for each other.
pub(crate) fn pass(tests: Veloflux) {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let finished = tests.within(PROGRAM_DEADLINE).run();
    assert_eq!(finished.code, 0, "{}\n{}", finished.stdout, finished.stderr);
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
