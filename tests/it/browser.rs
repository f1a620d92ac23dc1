//! The dashboard in a real browser: what a person sees of a real server, and what a screen reader hears. What is expected stands
//! in the files that are run.

use crate::support::programs::{pass, tests};

#[test]
fn the_dashboard_says_everything_in_every_language() {
    pass(tests("dashboard/texts.test.mjs"));
}

#[test]
fn the_dashboard_lives_through_what_its_server_lives_through() {
    pass(tests("dashboard/live.test.mjs"));
}

#[test]
fn the_dashboard_offers_what_its_token_may_do() {
    pass(tests("dashboard/token.test.mjs"));
}

#[test]
fn the_dashboard_tells_apart_what_two_sources_list() {
    pass(tests("dashboard/twins.test.mjs"));
}

#[test]
fn the_dashboard_stays_smooth_and_small_with_a_thousand_backends() {
    pass(tests("dashboard/thousand.test.mjs"));
}
