//! Resuming: after a loss, a server is told the last message that was seen, and may send what was missed.

use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::{Message, accept_hdr};

use super::{follow, records, types, watch};
use crate::stub::{Stub, close, metrics};
use crate::support::Veloflux;

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

#[test]
fn a_backend_that_was_unhealthy_before_a_cut_is_unhealthy_behind_it() {
    let item = |index: u64, status: &str| format!(r#"{{"address":"b:{index}","status":"{status}","last_check":null}}"#);
    let list = format!(r#"[{},{}]"#, item(1, "unhealthy"), item(2, "healthy"));
    let update = |number: u64, index, status| {
        let data = item(index, status);
        format!(r#"{{"type":"backends_update","data":{data},"id":"0000000a-{number}"}}"#)
    };
    let resuming = move |heals: bool| {
        let first = format!(r#"{{"type":"backends","data":{list},"id":"0000000a-1"}}"#);
        let resumed = r#"{"type":"resumed","data":{"feed":"backends","recovered":true,"replayed":1}}"#;
        let mut then = vec![resumed.to_owned(), update(2, 2, "healthy")];
        then.extend(heals.then(|| update(3, 1, "healthy")));
        Stub::websocket(move |mut socket, number| {
            let texts = if number == 1 { std::slice::from_ref(&first) } else { &then[..] };
            texts.iter().for_each(|text| socket.send(Message::text(text.clone())).expect("the client reads"));
            if number == 1 {
                return close(socket, 1012, "retry_after_ms=10");
            }
            while socket.read().is_ok() {}
        })
    };
    let until = ["--until", r#"count(.state.backends[].status == "unhealthy") == 0"#];
    for (heals, code) in [(false, 124), (true, 0)] {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("watch.ndjson").display().to_string();
        let stub = resuming(heals);
        let more = ["--timeout", if heals { "20s" } else { "500ms" }, "--record", &file];
        let done = follow("backends", &stub.url(), &[&until[..], &more].concat()).run();
        assert_eq!((done.code, stub.connections()), (code, 2), "{}", done.stderr);
        let home = tempfile::tempdir().expect("a directory");
        let again = ["watch", "--replay", &file, "--speed", "max"].into_iter().chain(until);
        let again = Veloflux::new(home.path(), again).run();
        assert_eq!(again.code, code, "a recording takes the same course: {}", again.stderr);
    }
}
