//! Our client against servers that compress: those of Python's `websockets` and npm's `ws`, and stubs that do it wrong.

use std::io::Write;
use std::net::TcpStream;
use std::process::Command;

use flate2::{Compress, Compression, FlushCompress};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use veloflux::output::schema::PROBE;

use crate::schema;
use crate::stub::{Stub, read_head, stay};
use crate::support::programs::{node, python};
use crate::support::{PATIENCE, Veloflux, eventually};

/// Messages each server sends: more than a hundred, so that windows slide.
const COUNT: u32 = 130;

fn veloflux(args: &[&str]) -> Veloflux {
    let home = tempfile::tempdir().expect("a directory");
    Veloflux::new(home.path(), args).within(PATIENCE * 2)
}

/// Starts a program that says on its first line where its servers listen, and hands those to `act`.
fn with_servers(mut command: Command, act: impl Fn(&str, &str)) {
    command.arg(COUNT.to_string());
    let mut program = Veloflux::program(command).start();
    let ports = eventually(PATIENCE * 2, || {
        let printed = program.printed();
        let line = printed.lines().next().filter(|_| printed.contains('\n')).unwrap_or_default();
        serde_json::from_str::<Value>(line).map_err(|error| format!("{error}: {printed}"))
    });
    for (name, port) in ports.as_object().expect("names and ports") {
        act(name, &format!("ws://127.0.0.1:{port}/api/ws/metrics"));
    }
    program.kill();
}

/// The texts of all messages, each as the server has sent it.
fn told(url: &str, flags: &[&str]) -> Vec<String> {
    let count = COUNT.to_string();
    let done = veloflux(&[&["watch", url, "--format", "raw", "-n", &count, "--no-reconnect"], flags].concat()).run();
    assert_eq!(done.code, 0, "{url}: {}", done.stderr);
    done.stdout.lines().map(str::to_owned).collect()
}

/// The one target of a probe's report.
fn probed(url: &str, flags: &[&str]) -> Value {
    let done = veloflux(&[&["probe", url, "--json", "--messages", "20"], flags].concat()).run();
    let report = schema::document(&done.stdout, PROBE);

    report["targets"][0].clone()
}

fn read_whatever_is_compressed(program: Command) {
    with_servers(program, |name, url| {
        let texts = told(url, &[]);
        assert_eq!(texts.len(), COUNT as usize, "{name}");
        for (number, text) in (1..).zip(&texts) {
            let message: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}: {text}"));
            assert_eq!(
                (&message["data"]["requests"], &message["id"]),
                (&json!(number), &json!(format!("0000000a-{number}")))
            );
        }
        assert_eq!(told(url, &["--no-compression"]), texts, "{name}: the same, compressed or not");

        let (target, plain) = (probed(url, &[]), probed(url, &["--no-compression"]));
        for target in [&target, &plain] {
            assert_eq!(target["messages"]["received"], 20, "{name}: {target}");
        }
        assert_eq!((&plain["handshake"]["extensions"], &plain["compression"]), (&Value::Null, &Value::Null));
        if name == "none" {
            assert_eq!((&target["handshake"]["extensions"], &target["compression"]), (&Value::Null, &Value::Null));
            return;
        }
        let agreed = target["handshake"]["extensions"].as_str().unwrap_or_default();
        assert!(agreed.starts_with("permessage-deflate"), "{name}: {target}");
        let bytes = |key: &str| target["compression"][key].as_u64().expect("a number");
        assert!(bytes("wire_bytes") < bytes("plain_bytes"), "{name}: {target}");
    });
}

#[test]
fn what_python_websockets_compresses_is_read() {
    read_whatever_is_compressed(python("compressing.py"));
}

#[test]
fn what_npm_ws_compresses_is_read() {
    read_whatever_is_compressed(node("compressing.mjs"));
}

/// A compressed message as one frame of a server.
fn frame(text: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(text.len() + 1024);
    let mut encoder = Compress::new(Compression::best(), false);
    encoder.compress_vec(text, &mut payload, FlushCompress::Sync).expect("it compresses");
    payload.truncate(payload.len() - 4);
    let mut frame = vec![0xc1, 127];
    frame.extend((payload.len() as u64).to_be_bytes());
    frame.extend(payload);
    frame
}

/// A stub that answers with these extensions, and in the same write with these bytes.
fn agreeing(extensions: &'static str, glued: Vec<u8>, later: Vec<u8>) -> Stub {
    Stub::start(move |mut stream: TcpStream, _| {
        let head = read_head(&mut stream);
        let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap_or_default();
        let accept = derive_accept_key(key.trim().as_bytes());
        let answer = format!(
            "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n{extensions}\r\n"
        );
        let _ = stream.write_all(&[answer.as_bytes(), &glued].concat());
        let _ = stream.write_all(&later);
        stay(stream);
    })
}

const AGREED: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

#[test]
fn no_frame_goes_round_the_filter_when_it_comes_with_the_answer() {
    let (one, two) = (frame(b"{\"type\":\"metrics\",\"n\":1}"), frame(b"{\"type\":\"metrics\",\"n\":2}"));
    let half = one.len() + two.len() / 2;
    let bytes = [one, two].concat();
    let stub = agreeing(AGREED, bytes[..half].to_vec(), bytes[half..].to_vec());
    let done = veloflux(&["watch", "metrics", "-s", &stub.url(), "-n", "2", "--format", "raw"]).run();
    assert_eq!(
        (done.code, &*done.stdout),
        (0, "{\"type\":\"metrics\",\"n\":1}\n{\"type\":\"metrics\",\"n\":2}\n"),
        "{}",
        done.stderr
    );
}

#[test]
fn what_a_server_compresses_wrongly_ends_the_connection() {
    let bomb = frame(&vec![b' '; 16 * 1024 * 1024 + 1]);
    assert!(bomb.len() < 20_000);
    for (what, extensions, bytes, code, words) in [
        ("a bomb", AGREED, bomb, 5, "1009"),
        ("garbage", AGREED, b"\xc1\x03\xff\xff\xff".to_vec(), 5, "cannot be inflated"),
        ("a mask", AGREED, b"\xc1\x81\0\0\0\0\0".to_vec(), 5, "1002"),
        ("compressed without having agreed", "", frame(b"{}"), 5, "1002"),
        ("unknown terms", "Sec-WebSocket-Extensions: permessage-deflate; x=1\r\n", Vec::new(), 3, "parameters"),
        (
            "agreed twice",
            "Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate\r\n",
            Vec::new(),
            3,
            "twice",
        ),
        ("another extension", "Sec-WebSocket-Extensions: mux\r\n", Vec::new(), 3, "nobody asked for: mux"),
    ] {
        let stub = agreeing(extensions, bytes, Vec::new());
        let done = veloflux(&["watch", "metrics", "-s", &stub.url(), "--no-reconnect"]).run();
        assert_eq!(done.code, code, "{what}: {}", done.stderr);
        assert!(done.stderr.contains(words), "{what}: {}", done.stderr);
    }
    let stub = agreeing(AGREED, Vec::new(), Vec::new());
    let done = veloflux(&["watch", "metrics", "-s", &stub.url(), "--no-reconnect", "--no-compression"]).run();
    assert!(done.code == 3 && done.stderr.contains("nobody asked for: permessage-deflate"), "{}", done.stderr);
}

#[test]
fn the_largest_message_passes_and_one_byte_more_does_not() {
    let limit = 16 * 1024 * 1024;
    let document = |size: usize| {
        let start = b"{\"type\":\"metrics\",\"data\":\"";
        [&start[..], &vec![b'x'; size - start.len() - 2], b"\"}"].concat()
    };
    for (size, code) in [(limit, 0), (limit + 1, 5)] {
        let stub = agreeing(AGREED, frame(&document(size)), Vec::new());
        let done =
            veloflux(&["watch", "metrics", "-s", &stub.url(), "-n", "1", "--format", "raw", "--no-reconnect"]).run();
        assert_eq!(done.code, code, "{size}: {}", done.stderr);
        assert_eq!(done.stdout.len(), if code == 0 { size + 1 } else { 0 });
    }
}
