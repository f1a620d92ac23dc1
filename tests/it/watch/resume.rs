//! Resuming: after a loss, a server is told the last message that was seen, and may send what was missed.

use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::{Message, accept_hdr};

use super::{records, types, watch};
use crate::stub::{Stub, close, metrics};

/// A server that loses the first connection after message 1 and, asked for what came since, sends `answer`.
fn losing(answer: &'static [&'static str], then: &'static [u64]) -> Stub {
    Stub::start(move |stream, number| {
        let mut query = None;
        // The type of the callback is tungstenite's.
        #[expect(clippy::result_large_err)]
        let look = |request: &Request, response: Response| {
            query = request.uri().query().map(str::to_owned);
            Ok(response)
        };
        let Ok(mut socket) = accept_hdr(stream, look) else { return };
        let mut send = |text: String| socket.send(Message::text(text)).expect("the client reads");
        if number == 1 {
            assert_eq!(query, None, "nothing has been seen yet");
            send(metrics(1));
            return close(socket, 1012, "retry_after_ms=10");
        }
        assert_eq!(query.as_deref(), Some("last_id=0000000a-1"));
        answer.iter().for_each(|text| send((*text).to_owned()));
        then.iter().for_each(|number| send(metrics(*number)));
        while socket.read().is_ok() {}
    })
}

#[test]
fn what_was_missed_is_asked_for_and_what_does_not_come_is_told() {
    let kept = losing(&[r#"{"type":"resumed","data":{"recovered":true}}"#], &[2, 3]);
    let done = watch(&kept, &["--json", "-n", "3"]).run();
    assert_eq!(done.code, 0, "{}", done.stderr);
    let told = records(&done.stdout);
    assert_eq!(types(&told), ["open", "message", "lost", "retry", "open", "message", "message", "summary"]);

    let lost = losing(&[r#"{"type":"resumed","data":{"recovered":false}}"#], &[7]);
    let done = watch(&lost, &["--json", "-n", "2"]).run();
    assert_eq!(done.code, 0, "{}", done.stderr);
    let told = records(&done.stdout);
    assert_eq!(types(&told), ["open", "message", "lost", "retry", "open", "gap", "message", "summary"]);
    assert_eq!(told[5]["missed"], 5);

    let unaware = losing(&[], &[2]);
    assert_eq!(watch(&unaware, &["-n", "2"]).run().code, 0);
}
