//! The JavaScript client: its own tests, run by Node.js, against a simulated world, the real server, and in a real browser.

use crate::support::command::Veloflux;
use crate::support::programs::{PROGRAM_DEADLINE, chromium, node};

#[test]
fn the_client_keeps_its_promises_in_a_simulated_world() {
    pass("js/core.test.mjs");
}

#[test]
fn the_client_and_the_server_understand_each_other() {
    pass("js/live.test.mjs");
}

#[test]
fn apps_of_every_framework_work_in_a_browser() {
    pass("js/apps.test.mjs");
}

/// Runs a file of tests; what failed in it is told.
fn pass(file: &str) {
    let mut command = node(file);
    command.env("VELOFLUX", env!("CARGO_BIN_EXE_veloflux")).env("CHROMIUM", chromium());
    let finished = Veloflux::program(command).within(PROGRAM_DEADLINE).run();
    assert_eq!(finished.code, 0, "{}\n{}", finished.stdout, finished.stderr);
}
