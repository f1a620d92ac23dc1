//! RFC 6455, case by case, with hand-made bytes on a raw socket against a real feed.
//!
//! The cases are data: what is sent, in which segments, and everything that has to come back, in order. A case that ends
//! with a close ends with the last byte of the connection (FIN) soon after it; any other case ends with a ping that has
//! to be answered next, so that nothing unexpected came before it, and with a good-bye from our side.
//!
//! Two places where the RFC leaves a choice, and the choice made: a length in a longer form than needed is read as it
//! stands (section 5.2 binds the sender), and a length with its top bit set is too big (1009) as is any other length
//! past the limit.

use std::time::Duration;

use serde_json::{Value, json};
use veloflux::protocol::{Feed, INBOUND_MESSAGE_BYTES_MAX};

use crate::support::frame::{Frame, Length, Opcode};
use crate::support::{Ending, PATIENCE, Socket, TestServer};

/// The longest a connection may live on after the close frame of the server.
const END_AFTER_CLOSE: Duration = Duration::from_secs(3);

struct Case {
    name: String,
    /// Each is written by itself.
    segments: Vec<Vec<u8>>,
    expect: Vec<Expect>,
}

#[derive(Debug)]
enum Expect {
    /// A pong frame with this payload.
    Pong(Vec<u8>),
    /// A `pong` message with this timestamp.
    Answer(Value),
    /// An `error` message with the code `bad_message`.
    BadMessage,
    /// A close frame with this code, or an empty one.
    Close(Option<u16>),
}

#[test]
fn framing() {
    check(framing_cases());
}

#[test]
fn masking_and_reserved_bits() {
    check(reserved_cases());
}

#[test]
fn fragmentation() {
    check(fragmentation_cases());
}

#[test]
fn control_frames() {
    check(control_cases());
}

#[test]
fn utf8() {
    check(utf8_cases());
}

#[test]
fn size_limit() {
    check(size_cases());
}

#[test]
fn closing() {
    check(closing_cases());
}

#[test]
fn the_table_is_long_enough_and_names_each_case_once() {
    let groups = [
        framing_cases(),
        reserved_cases(),
        fragmentation_cases(),
        control_cases(),
        utf8_cases(),
        size_cases(),
        closing_cases(),
    ];
    let mut names: Vec<String> = groups.into_iter().flatten().map(|case| case.name).collect();
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all);
    assert!(all >= 60, "only {all} cases");
}

#[test]
fn frames_glued_to_the_handshake_are_heard() {
    let server = TestServer::start();
    let glued = [Frame::ping("early").bytes(), question(&json!(1)).bytes()].concat();
    let mut socket = Socket::open_with(server.address(), &Feed::Billing.path(), "", &glued);
    let (mut pong, mut answer, mut snapshot) = (false, false, false);
    while !(pong && answer && snapshot) {
        let frame = socket.frame();
        match frame.opcode {
            Opcode::PONG => pong = frame.payload == b"early",
            _ => match json_of(&frame)["type"].as_str() {
                Some("pong") => answer = true,
                Some("billing") => snapshot = true,
                other => panic!("{other:?}"),
            },
        }
    }
    socket.close();
}

#[test]
fn half_a_frame_glued_to_the_handshake_is_kept() {
    let server = TestServer::start();
    let bytes = Frame::ping("in two halves").bytes();
    let (first, second) = bytes.split_at(5);
    let mut socket = Socket::open_with(server.address(), &Feed::Billing.path(), "", first);
    assert_eq!(socket.json()["type"], "billing");
    socket.send(second);
    assert_eq!(socket.frame().payload, b"in two halves");
    socket.close();
}

#[test]
fn a_peer_that_vanishes_or_only_stops_sending_is_let_go() {
    let server = TestServer::start();
    let mut socket = server.open(Feed::Billing);
    socket.json();
    socket.finish();
    socket.ending_within(END_AFTER_CLOSE);
}

#[test]
fn what_the_server_sends_is_framed_as_the_rfc_wants_it() {
    let server = TestServer::start();
    let mut socket = server.open(Feed::Health);
    socket.send_frame(&Frame::ping("x"));
    for _ in 0..2 {
        let frame = socket.frame();
        assert!(frame.fin && frame.rsv == 0, "{frame:?}");
        assert_eq!(frame.mask, None, "a server does not mask");
    }
    socket.close();
}

fn case(name: impl Into<String>, frames: &[Frame], expect: Vec<Expect>) -> Case {
    Case { name: name.into(), segments: vec![frames.iter().flat_map(Frame::bytes).collect()], expect }
}

/// Each frame in a segment of its own.
fn apart(mut case: Case, frames: &[Frame]) -> Case {
    case.segments = frames.iter().map(Frame::bytes).collect();
    case
}

/// Each byte in a segment of its own.
fn byte_by_byte(mut case: Case) -> Case {
    case.segments = case.segments.concat().into_iter().map(|byte| vec![byte]).collect();
    case.name.push_str(", byte by byte");
    case
}

fn question_text(timestamp: &Value) -> String {
    json!({"type": "ping", "timestamp": timestamp}).to_string()
}

fn question(timestamp: &Value) -> Frame {
    Frame::text(question_text(timestamp))
}

/// A `ping` message of exactly this many bytes, and its timestamp.
fn question_of(length: usize) -> (String, Value) {
    let rest = question_text(&json!("")).len();
    let timestamp = json!("t".repeat(length - rest));
    (question_text(&timestamp), timestamp)
}

fn framing_cases() -> Vec<Case> {
    let mut cases = vec![
        case("an empty text is no message", &[Frame::text("")], vec![Expect::BadMessage]),
        case("text that is not JSON", &[Frame::text("hello")], vec![Expect::BadMessage]),
        case("JSON that is not an object", &[Frame::text("[1]")], vec![Expect::BadMessage]),
        case("an unknown type is ignored", &[Frame::text(r#"{"type":"subscribe"}"#)], vec![]),
        case("no type is ignored", &[Frame::text("{}")], vec![]),
        case("a ping message without a timestamp", &[Frame::text(r#"{"type":"ping"}"#)], vec![answer(Value::Null)]),
    ];
    for length in [125, 126, 127, 128, 1_000, 65_535, 65_536] {
        let (text, timestamp) = question_of(length);
        cases.push(case(format!("text of {length} bytes"), &[Frame::text(text)], vec![answer(timestamp)]));
    }
    for form in [Length::Two, Length::Eight] {
        let frame = question(&json!(7)).length(form);
        cases.push(case(format!("a short length written as {form:?}"), &[frame], vec![answer(json!(7))]));
    }
    let three = [question(&json!(1)), Frame::ping("2"), question(&json!(3))];
    let answers = || vec![answer(json!(1)), pong("2"), answer(json!(3))];
    cases.push(case("several frames in one segment", &three, answers()));
    cases.push(byte_by_byte(case("several frames", &three, answers())));
    let (long, timestamp) = question_of(300);
    cases.push(byte_by_byte(case("a length in two bytes", &[Frame::text(long)], vec![answer(timestamp)])));
    let eight = question(&json!("8")).length(Length::Eight);
    cases.push(byte_by_byte(case("a length in eight bytes", &[eight], vec![answer(json!("8"))])));
    for timestamp in [json!(1705314600000_i64), json!("2024-01-15T10:30:00Z"), json!({"a": [1, null]}), json!(true)] {
        cases.push(case(format!("the timestamp {timestamp}"), &[question(&timestamp)], vec![answer(timestamp)]));
    }
    cases
}

fn reserved_cases() -> Vec<Case> {
    let mut cases = vec![
        case("unmasked text", &[Frame::text("{}").unmasked()], vec![close(1002)]),
        case("unmasked ping", &[Frame::ping("x").unmasked()], vec![close(1002)]),
        case("unmasked close", &[Frame::close(1000, "").unmasked()], vec![close(1002)]),
        case("unmasked after masked", &[Frame::ping("a"), Frame::ping("b").unmasked()], vec![pong("a"), close(1002)]),
        case("a mask of zeros", &[Frame::ping("x").masked_with([0; 4])], vec![pong("x")]),
        case("a mask of ones", &[Frame::ping("x").masked_with([0xff; 4])], vec![pong("x")]),
        case(
            "each frame its own mask",
            &[Frame::ping("x"), Frame::ping("y").masked_with([1, 2, 3, 4])],
            vec![pong("x"), pong("y")],
        ),
    ];
    for bits in 1..=7 {
        cases.push(case(
            format!("text with reserved bits {bits:03b}"),
            &[Frame::text("{}").rsv(bits)],
            vec![close(1002)],
        ));
    }
    cases.push(case("ping with a reserved bit", &[Frame::ping("").rsv(4)], vec![close(1002)]));
    cases.push(case("close with a reserved bit", &[Frame::close(1000, "").rsv(1)], vec![close(1002)]));
    cases.push(case(
        "continuation with a reserved bit",
        &[Frame::text("{").more(), Frame::continuation("}").rsv(4)],
        vec![close(1002)],
    ));
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        cases.push(case(format!("reserved opcode {opcode}"), &[Frame::new(Opcode(opcode), "x")], vec![close(1002)]));
    }
    cases.push(case(
        "answers come before the failure",
        &[question(&json!(1)), Frame::new(Opcode(3), "")],
        vec![answer(json!(1)), close(1002)],
    ));
    cases.push(case(
        "nothing is answered after the failure",
        &[Frame::new(Opcode(11), ""), Frame::ping("late")],
        vec![close(1002)],
    ));
    cases.push(byte_by_byte(case("a reserved bit", &[Frame::text("{}").rsv(2)], vec![close(1002)])));
    cases
}

fn fragmentation_cases() -> Vec<Case> {
    let text = question_text(&json!("in pieces"));
    let (head, tail) = text.split_at(9);
    let (first, last) = (Frame::text(head).more(), Frame::continuation(tail));
    let good = || vec![answer(json!("in pieces"))];
    let by_letter: Vec<Frame> = text
        .bytes()
        .enumerate()
        .map(|(at, byte)| {
            let frame = if at == 0 { Frame::text([byte]) } else { Frame::continuation([byte]) };
            if at + 1 == text.len() { frame } else { frame.more() }
        })
        .collect();
    let empty = || Frame::continuation("").more();
    vec![
        case("two fragments", &[first.clone(), last.clone()], good()),
        apart(case("two fragments, apart", &[], good()), &[first.clone(), last.clone()]),
        case("a fragment for each letter", &by_letter, good()),
        apart(case("a fragment for each letter, apart", &[], good()), &by_letter),
        case("empty fragments", &[Frame::text("").more(), empty(), Frame::continuation(&text)], good()),
        case("empty last fragment", &[Frame::text(&text).more(), Frame::continuation("")], good()),
        case(
            "nothing but empty fragments",
            &[Frame::text("").more(), empty(), Frame::continuation("")],
            vec![Expect::BadMessage],
        ),
        case(
            "a ping between fragments",
            &[first.clone(), Frame::ping("between"), last.clone()],
            vec![pong("between"), answer(json!("in pieces"))],
        ),
        case("a pong between fragments", &[first.clone(), Frame::pong("between"), last.clone()], good()),
        case(
            "two messages of two fragments",
            &[first.clone(), last.clone(), first.clone(), last.clone()],
            vec![answer(json!("in pieces")), answer(json!("in pieces"))],
        ),
        byte_by_byte(case(
            "a ping between fragments",
            &[first.clone(), Frame::ping("b"), last.clone()],
            vec![pong("b"), answer(json!("in pieces"))],
        )),
        case("continuation without a start", std::slice::from_ref(&last), vec![close(1002)]),
        case("unfinished continuation without a start", &[last.clone().more()], vec![close(1002)]),
        case(
            "continuation after the end",
            &[first.clone(), last.clone(), last.clone()],
            vec![answer(json!("in pieces")), close(1002)],
        ),
        case("text inside a message", &[first.clone(), Frame::text(&text)], vec![close(1002)]),
        case("binary inside a message", &[first.clone(), Frame::new(Opcode::BINARY, "x")], vec![close(1002)]),
        case("a new start inside a message", &[first.clone(), first.clone()], vec![close(1002)]),
        case("a close between fragments", &[first, Frame::close(1000, "")], vec![close(1000)]),
        case("binary", &[Frame::new(Opcode::BINARY, "x")], vec![close(1003)]),
        case("empty binary", &[Frame::new(Opcode::BINARY, "")], vec![close(1003)]),
        case(
            "binary in fragments",
            &[Frame::new(Opcode::BINARY, "x").more(), Frame::continuation("y")],
            vec![close(1003)],
        ),
        case("binary that is not UTF-8", &[Frame::new(Opcode::BINARY, [0xff])], vec![close(1003)]),
    ]
}

fn control_cases() -> Vec<Case> {
    let full = [0xfe; 125];
    let over = [b'x'; 126];
    let flood: Vec<Frame> = (0..100).map(|n| Frame::ping(n.to_string())).collect();
    let pongs = || (0..100).map(|n| pong(n.to_string())).collect::<Vec<_>>();
    vec![
        case("an empty ping", &[Frame::ping("")], vec![pong("")]),
        case("a ping with text", &[Frame::ping("hello")], vec![pong("hello")]),
        case("a ping with bytes", &[Frame::ping([0, 0xff, 0xfe, 0x80])], vec![pong([0, 0xff, 0xfe, 0x80])]),
        case("a ping of 125 bytes", &[Frame::ping(full)], vec![pong(full)]),
        byte_by_byte(case("a ping of 125 bytes", &[Frame::ping(full)], vec![pong(full)])),
        case("a ping of 126 bytes", &[Frame::ping(over)], vec![close(1002)]),
        case("a pong of 126 bytes", &[Frame::pong(over)], vec![close(1002)]),
        case("a close of 126 bytes", &[Frame::close(1000, &over[..124])], vec![close(1002)]),
        case("a ping with its length in two bytes", &[Frame::ping("x").length(Length::Two)], vec![pong("x")]),
        case("an unfinished ping", &[Frame::ping("x").more()], vec![close(1002)]),
        case("an unfinished pong", &[Frame::pong("x").more()], vec![close(1002)]),
        case("an unfinished close", &[Frame::close(1000, "").more()], vec![close(1002)]),
        case("a ping in fragments", &[Frame::ping("x").more(), Frame::continuation("y")], vec![close(1002)]),
        case("an unsolicited pong", &[Frame::pong("x")], vec![]),
        case("an unsolicited empty pong", &[Frame::pong("")], vec![]),
        case("a pong, then a ping", &[Frame::pong("x"), Frame::ping("y")], vec![pong("y")]),
        case("a hundred pings are answered in order", &flood, pongs()),
        apart(case("a hundred pings, apart, are answered in order", &[], pongs()), &flood),
    ]
}

fn utf8_cases() -> Vec<Case> {
    let wrap = |inside: &[u8]| [br#"{"type":"ping","timestamp":""#, inside, br#""}"#].concat();
    let mut cases = Vec::new();
    for text in ["κόσμε", "\u{7f}\u{80}\u{7ff}\u{800}", "\u{d7ff}\u{e000}\u{fffd}", "\u{ffff}\u{10000}\u{10ffff}", "🦀"]
    {
        let whole = wrap(text.as_bytes());
        cases.push(case(format!("valid: {text:?}"), &[Frame::text(&whole)], vec![answer(json!(text))]));
    }
    let crab = wrap("🦀".as_bytes());
    let inside = crab.iter().position(|byte| *byte == 0xf0).expect("four bytes of a crab");
    for cut in 1..4 {
        let (head, tail) = crab.split_at(inside + cut);
        cases.push(case(
            format!("a character cut after its byte {cut}"),
            &[Frame::text(head).more(), Frame::continuation(tail)],
            vec![answer(json!("🦀"))],
        ));
    }
    let (head, tail) = crab.split_at(inside + 2);
    cases.push(case(
        "a ping inside a character",
        &[Frame::text(head).more(), Frame::ping("x"), Frame::continuation(tail)],
        vec![pong("x"), answer(json!("🦀"))],
    ));
    for (name, bytes) in [
        ("a lone continuation byte", &[0x80][..]),
        ("the byte 0xff", &[0xff]),
        ("the byte 0xfe", &[0xfe]),
        ("a surrogate", &[0xed, 0xa0, 0x80]),
        ("a pair of surrogates", &[0xed, 0xa0, 0x80, 0xed, 0xb0, 0x80]),
        ("an overlong slash in two bytes", &[0xc0, 0xaf]),
        ("an overlong slash in three bytes", &[0xe0, 0x80, 0xaf]),
        ("an overlong slash in four bytes", &[0xf0, 0x80, 0x80, 0xaf]),
        ("an overlong zero", &[0xc0, 0x80]),
        ("past the last code point", &[0xf4, 0x90, 0x80, 0x80]),
        ("five bytes", &[0xf8, 0x88, 0x80, 0x80, 0x80]),
        ("six bytes", &[0xfc, 0x84, 0x80, 0x80, 0x80, 0x80]),
        ("two bytes, the second missing", &[0xc3]),
        ("three bytes, the third missing", &[0xe2, 0x82]),
        ("four bytes, the fourth missing", &[0xf0, 0x9f, 0xa6]),
    ] {
        cases.push(case(format!("invalid: {name}"), &[Frame::text(wrap(bytes))], vec![close(1007)]));
    }
    for (name, bytes) in [("two", &[0xc3][..]), ("three", &[0xe2, 0x82]), ("four", &[0xf0, 0x9f, 0xa6])] {
        cases.push(case(format!("ends inside a character of {name}"), &[Frame::text(bytes)], vec![close(1007)]));
        cases.push(case(
            format!("ends inside a character of {name}, in fragments"),
            &[Frame::text(bytes).more(), Frame::continuation("")],
            vec![close(1007)],
        ));
    }
    cases.push(case(
        "invalid in the last fragment",
        &[Frame::text("{").more(), Frame::continuation([0xff])],
        vec![close(1007)],
    ));
    cases.push(case(
        "invalid across the border of fragments",
        &[Frame::text([0xe2]).more(), Frame::continuation("x")],
        vec![close(1007)],
    ));
    cases.push(case("invalid in the first fragment fails at once", &[Frame::text([0xff]).more()], vec![close(1007)]));
    cases.push(byte_by_byte(case("invalid", &[Frame::text(wrap(&[0xed, 0xa0, 0x80]))], vec![close(1007)])));
    cases
}

fn size_cases() -> Vec<Case> {
    let (fits, timestamp) = question_of(INBOUND_MESSAGE_BYTES_MAX);
    let over = format!("{fits} ");
    let halves = |text: &str| {
        let (head, tail) = text.split_at(40_000);
        [Frame::text(head).more(), Frame::continuation(tail)]
    };
    let pieces = |text: &str| {
        let chunks: Vec<&[u8]> = text.as_bytes().chunks(512).collect();
        let last = chunks.len() - 1;
        let frames = chunks.into_iter().enumerate().map(|(at, chunk)| {
            let frame = if at == 0 { Frame::text(chunk) } else { Frame::continuation(chunk) };
            if at == last { frame } else { frame.more() }
        });
        frames.collect::<Vec<_>>()
    };
    let announced = |length| Frame::text("").length(Length::Announced(length));
    vec![
        case("at the limit in two fragments", &halves(&fits), vec![answer(timestamp.clone())]),
        case("at the limit in 128 fragments", &pieces(&fits), vec![answer(timestamp.clone())]),
        case(
            "at the limit twice",
            &[Frame::text(&fits), Frame::text(&fits)],
            vec![answer(timestamp.clone()), answer(timestamp)],
        ),
        case("past the limit in one frame", &[Frame::text(&over)], vec![close(1009)]),
        case("past the limit in two fragments", &halves(&over), vec![close(1009)]),
        case("past the limit in 129 fragments", &pieces(&over), vec![close(1009)]),
        case("binary past the limit", &[Frame::new(Opcode::BINARY, &over)], vec![close(1009)]),
        case("a length past the limit fails before the payload", &[announced(65_537)], vec![close(1009)]),
        case("a gigabyte announced", &[announced(1 << 30)], vec![close(1009)]),
        case("the longest length announced", &[announced(u64::MAX >> 1)], vec![close(1009)]),
        case("a length with its top bit set", &[announced(1 << 63)], vec![close(1009)]),
    ]
}

fn closing_cases() -> Vec<Case> {
    let mut cases = vec![
        case("an empty close", &[Frame::new(Opcode::CLOSE, "")], vec![Expect::Close(None)]),
        case("a close of one byte", &[Frame::new(Opcode::CLOSE, [3])], vec![close(1002)]),
        case("a close with a reason", &[Frame::close(1000, "bye")], vec![close(1000)]),
        case("a close with the longest reason", &[Frame::close(1000, [b'x'; 123])], vec![close(1000)]),
        case("a close with a reason in Greek", &[Frame::close(1000, "αντίο")], vec![close(1000)]),
        case("a reason that is not UTF-8", &[Frame::close(1000, [0xff, 0xfe])], vec![close(1007)]),
        case("a reason that ends inside a character", &[Frame::close(1000, [0xe2, 0x82])], vec![close(1007)]),
        case("text after a close is not read", &[Frame::close(1000, ""), question(&json!(1))], vec![close(1000)]),
        case("a ping after a close is not answered", &[Frame::close(1000, ""), Frame::ping("x")], vec![close(1000)]),
        case("a second close is not answered", &[Frame::close(1000, ""), Frame::close(1001, "")], vec![close(1000)]),
        case(
            "garbage after a close is not judged",
            &[Frame::close(1000, ""), Frame::new(Opcode(3), "").rsv(7)],
            vec![close(1000)],
        ),
        case(
            "answers come before the close",
            &[Frame::ping("x"), question(&json!(1)), Frame::close(1000, "")],
            vec![pong("x"), answer(json!(1)), close(1000)],
        ),
        byte_by_byte(case("a close with a reason", &[Frame::close(1001, "bye")], vec![close(1001)])),
    ];
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999] {
        cases.push(case(format!("the code {code} is echoed"), &[Frame::close(code, "")], vec![close(code)]));
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        cases.push(case(format!("the code {code} must not be sent"), &[Frame::close(code, "")], vec![close(1002)]));
    }
    cases
}

fn answer(timestamp: Value) -> Expect {
    Expect::Answer(timestamp)
}

fn pong(payload: impl AsRef<[u8]>) -> Expect {
    Expect::Pong(payload.as_ref().to_vec())
}

fn close(code: u16) -> Expect {
    Expect::Close(Some(code))
}

/// Runs the cases against one server and complains about all that failed together.
fn check(cases: Vec<Case>) {
    // Billing speaks every 30 s, so hardly anything of its own comes between a case and its answers.
    let server = TestServer::start();
    let total = cases.len();
    let failed: Vec<String> = std::thread::scope(|scope| {
        let running: Vec<_> = cases
            .into_iter()
            .map(|case| {
                let server = &server;
                let name = case.name.clone();
                (name, scope.spawn(move || run(server, case)))
            })
            .collect();
        running.into_iter().filter_map(|(name, case)| complaint(&name, case.join())).collect()
    });
    assert!(failed.is_empty(), "{} of {total} cases failed:\n{}", failed.len(), failed.join("\n"));
}

fn complaint(name: &str, outcome: std::thread::Result<Result<(), String>>) -> Option<String> {
    let why = match outcome {
        Ok(Ok(())) => return None,
        Ok(Err(why)) => why,
        Err(panic) => panic.downcast_ref::<String>().map_or_else(|| "panicked".to_owned(), Clone::clone),
    };
    Some(format!("  {name}: {why}"))
}

fn run(server: &TestServer, case: Case) -> Result<(), String> {
    let mut socket = server.open(Feed::Billing);
    let snapshot = socket.json();
    if snapshot["type"] != "billing" {
        return Err(format!("no snapshot first, but {snapshot}"));
    }
    for segment in &case.segments {
        socket.send(segment);
    }
    let mut expect = case.expect;
    let closes = matches!(expect.last(), Some(Expect::Close(_)));
    if !closes {
        socket.send_frame(&Frame::ping("still here"));
        socket.send_frame(&Frame::close(1000, ""));
        expect.extend([pong("still here"), close(1000)]);
    }
    for expected in &expect {
        let frame = next(&mut socket).ok_or_else(|| format!("the connection ended before {expected:?}"))?;
        if !pleases(&frame, expected) {
            return Err(format!("expected {expected:?}, got {frame:?}"));
        }
    }
    match socket.frame_within(END_AFTER_CLOSE) {
        Some(frame) => return Err(format!("after the close came {frame:?}")),
        None => match socket.ending_within(END_AFTER_CLOSE) {
            Ending::Finished => {}
            Ending::Reset => return Err("the connection was reset".to_owned()),
        },
    }
    Ok(())
}

/// The next frame that is not the feed's own message.
fn next(socket: &mut Socket) -> Option<Frame> {
    loop {
        let frame = socket.frame_within(PATIENCE)?;
        if frame.opcode != Opcode::TEXT || json_of(&frame)["type"] != "billing" {
            return Some(frame);
        }
    }
}

fn json_of(frame: &Frame) -> Value {
    serde_json::from_slice(&frame.payload).unwrap_or(Value::Null)
}

fn pleases(frame: &Frame, expected: &Expect) -> bool {
    let message = |kind: &str| frame.opcode == Opcode::TEXT && json_of(frame)["type"] == kind;
    match expected {
        Expect::Pong(payload) => frame.opcode == Opcode::PONG && frame.payload == *payload,
        Expect::Answer(timestamp) => message("pong") && json_of(frame)["timestamp"] == *timestamp,
        Expect::BadMessage => message("error") && json_of(frame)["data"]["code"] == "bad_message",
        Expect::Close(code) => {
            let reason = std::str::from_utf8(frame.payload.get(2..).unwrap_or_default());
            frame.opcode == Opcode::CLOSE && frame.close_code() == *code && reason.is_ok()
        }
    }
}
