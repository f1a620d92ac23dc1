//! `--select`, `--changes` and `--max-rate`: less than everything.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::{follow, records, types, watch};
use crate::stub::{Stub, metrics};

#[test]
fn selected_values_stand_alone() {
    let stub = Stub::sending(&[&metrics(1), &metrics(2)]);
    let done = watch(&stub, &["-n", "2", "-q", "--select", ".data.requests"]).run();
    assert_eq!((done.code, done.stdout.as_str(), done.stderr.as_str()), (0, "1204\n1204\n", ""));
    let done = watch(&stub, &["-n", "1", "--json", "--select", ".state.metrics[]"]).run();
    let records = records(&done.stdout);
    assert_eq!(types(&records), ["open", "values", "summary"]);
    let values = records[1]["values"].as_array().expect("a list");
    assert!(values.contains(&json!(38.1)) && values.len() == 4, "{values:?}");
}

#[test]
fn what_is_selected_cannot_steer_the_terminal() {
    let stub = Stub::sending(&["{\"type\":\"metrics\",\"data\":\"\\u001b]0;owned\\u0007\\n\"}"]);
    let done = watch(&stub, &["-n", "1", "-q", "--select", ".data"]).run();
    assert_eq!(done.stdout, "\\x1b]0;owned\\x07\\x0a\n");
}

#[test]
fn only_what_changed_is_written() {
    let message = |cpu: f64, time: u32| {
        format!("{{\"type\":\"metrics\",\"data\":{{\"cpu\":{cpu},\"requests\":7,\"timestamp\":\"{time}\"}}}}")
    };
    let texts = [message(1.5, 1), message(1.5, 2), message(2.5, 3)];
    let stub = Stub::sending(&texts.each_ref().map(String::as_str));
    let done = watch(&stub, &["-n", "3", "--changes"]).run();
    assert_eq!(done.stdout.lines().count(), 1, "{}", done.stdout);
    assert!(done.stdout.ends_with("  metrics   cpu 1.5 -> 2.5\n"), "{}", done.stdout);
    let done = watch(&stub, &["-n", "3", "--changes", "--json"]).run();
    let records = records(&done.stdout);
    assert_eq!(types(&records), ["open", "changes", "summary"]);
    assert_eq!(records[1]["changes"], json!([{ "path": "cpu", "old": 1.5, "new": 2.5 }]));
}

#[test]
fn a_backend_that_changed_while_nobody_was_connected_is_a_change() {
    let stub = Stub::websocket(|mut socket, number| {
        let status = if number == 1 { "healthy" } else { "unhealthy" };
        let text = format!(r#"{{"type":"backends","data":[{{"address":"a:1","pool":"web","status":"{status}"}}]}}"#);
        socket.send(Message::text(text)).expect("the client reads");
        if number == 2 {
            while socket.read().is_ok() {}
        }
    });
    let done = follow("backends", &stub.url(), &["-n", "2", "--changes", "-q"]).run();
    assert!(done.stdout.ends_with("  backends  [a:1].status healthy -> unhealthy\n"), "{}", done.stdout);
}

#[test]
fn past_the_rate_the_newest_is_written_and_the_rest_is_counted() {
    const SENT: u64 = 60;
    let stub = Stub::websocket(|mut socket, _| {
        for number in 1..=SENT {
            socket.send(Message::text(metrics(number))).expect("the client reads");
            std::thread::sleep(Duration::from_millis(5));
        }
        while socket.read().is_ok() {}
    });
    let done = watch(&stub, &["-n", "60", "--max-rate", "10/s", "--json"]).run();
    let records = records(&done.stdout);
    let shown: Vec<&Value> = records.iter().filter(|record| record["type"] == "message").collect();
    // Sixty in at least 0.3 s: one at once, one each 0.1 s, and the last.
    let bound = done.took.as_millis() / 100 + 2;
    assert!(shown.len() >= 4 && shown.len() as u128 <= bound, "{} of {bound}", shown.len());
    assert_eq!(shown[shown.len() - 1]["payload"]["id"], "0000000a-60");
    let stream = &records[records.len() - 1]["streams"][0];
    assert_eq!((&stream["messages"], &stream["dropped"]), (&SENT.into(), &(SENT - shown.len() as u64).into()));
}
