//! The JavaScript client: its own tests, run by Node.js, against a simulated world, the real server, and in a real browser.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use veloflux::protocol::close::CLOSE_CODES;
use veloflux::protocol::control::{ControlAnswer, ForceUpdateAnswer};
use veloflux::protocol::{Envelope, Health};

use crate::support::command::Veloflux;
use crate::support::programs::{node, pass, tests};

#[test]
fn the_client_keeps_its_promises_in_a_simulated_world() {
    pass(tests("js/core.test.mjs"));
}

#[test]
fn the_client_and_the_server_understand_each_other() {
    pass(tests("js/live.test.mjs"));
}

#[test]
fn apps_of_every_framework_work_in_a_browser() {
    pass(tests("js/apps.test.mjs"));
}

#[test]
fn the_package_is_what_it_says() {
    let mut command = node("js/package.test.mjs");
    // The package is a link to `clients/js`; what it imports is found where the link stands, as in an app.
    command.env("NODE_OPTIONS", "--preserve-symlinks");
    pass(Veloflux::program(command).stdin(said().to_string()));
}

/// What the server says, in the words of its own types, for the package's to be held to. The file has every document with no
/// more than it needs, and with everything, and every word that may stand in place of another; what is read into the
/// types and written by them has the keys that these have.
fn said() -> Value {
    let file = include_str!("../clients/js/said.json");
    assert!(
        Health::ALL.into_iter().all(|health| file.contains(&format!("\"status\": \"{health}\""))),
        "every state is said"
    );
    let file: Value = serde_json::from_str(file).expect("a JSON document");
    let codes: Vec<(u16, String)> =
        CLOSE_CODES.iter().map(|(code, _, advice)| (code.code(), format!("{advice:?}"))).collect();
    json!({
        "messages": spoken::<Envelope>(&file["messages"]),
        "control": spoken::<ControlAnswer>(&file["control"]),
        "forced": spoken::<ForceUpdateAnswer>(&file["forced"]),
        "close_codes": codes,
    })
}

fn spoken<T: DeserializeOwned + Serialize>(documents: &Value) -> Value {
    let read: Vec<T> = serde_json::from_value(documents.clone()).expect("documents of the contract");
    json!(read)
}
