//! A reader of Server-Sent Events that shows what came, line by line. Every read has a deadline.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use veloflux::protocol::EventId;

use super::http::{self, Response};
use super::wait::PATIENCE;
use super::{TestServer, documents};

/// An open event stream.
pub(crate) struct Events {
    /// The answer, without its body.
    pub(crate) head: Response,
    stream: BufReader<TcpStream>,
    /// Of the chunk that has begun.
    left: usize,
}

/// One event, or one comment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Event {
    pub(crate) id: Option<String>,
    pub(crate) event: Option<String>,
    pub(crate) data: Option<String>,
    pub(crate) retry: Option<u64>,
}

impl Events {
    /// Asks, with more header lines (each ending in CRLF), and reads the head of the answer.
    pub(crate) fn ask(server: &TestServer, path: &str, more: &str) -> Events {
        let mut stream = TcpStream::connect_timeout(&server.address(), PATIENCE).expect("the server accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("a TCP option");
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{more}\r\n", server.address());
        stream.write_all(request.as_bytes()).expect("the server reads");
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(stream.read_line(&mut head).expect("an answer"), 0, "closed without an answer");
        }
        Events { head: http::parse_head(&head).expect("an HTTP answer"), stream, left: 0 }
    }

    /// Opens the stream of a feed, and reads how long to wait before coming back.
    pub(crate) fn open(server: &TestServer, path: &str, more: &str) -> Events {
        let mut events = Events::ask(server, path, more);
        assert_eq!(events.head.status, 200, "{:?}", events.head);
        let first = events.next().expect("an event");
        assert!(first.retry.is_some_and(|retry| (1000..=2000).contains(&retry)), "{first:?}");
        events
    }

    /// The same connection once more.
    pub(crate) fn another(&self) -> TcpStream {
        self.stream.get_ref().try_clone().expect("one more descriptor")
    }

    /// Opens it as a browser does that has seen this.
    pub(crate) fn after(server: &TestServer, path: &str, last: EventId) -> Events {
        Events::open(server, path, &format!("Last-Event-ID: {last}\r\n"))
    }

    /// How long a read waits from now on.
    pub(crate) fn patience(&self, span: Duration) {
        self.stream.get_ref().set_read_timeout(Some(span)).expect("a TCP option");
    }

    /// The next event or comment; none at the end, which has to be a proper one.
    pub(crate) fn next(&mut self) -> Option<Event> {
        let mut event = Event::default();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else {
                assert_eq!(line, "", "a field");
                return Some(event);
            };
            let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
            let field = match name {
                "" => continue,
                "id" => &mut event.id,
                "event" => &mut event.event,
                "data" => &mut event.data,
                "retry" => {
                    event.retry = Some(value.parse().expect("a number"));
                    continue;
                }
                other => panic!("no field of an event: {other}"),
            };
            assert!(field.replace(value).is_none(), "each once: {line}");
        }
    }

    /// The message of the next event, which has its type and id. Comments are passed over.
    pub(crate) fn message(&mut self) -> Value {
        loop {
            let event = self.next().expect("a message before the end of the stream");
            let Some(data) = event.data else { continue };
            let message: Value = serde_json::from_str(&data).unwrap_or_else(|error| panic!("{error}: {data}"));
            documents::hold_message(None, &message);
            assert_eq!(message["type"].as_str(), event.event.as_deref());
            assert_eq!(message["id"].as_str(), event.id.as_deref());
            return message;
        }
    }

    fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        loop {
            if self.left == 0 {
                let mut size = String::new();
                self.stream.read_line(&mut size).expect("a chunk");
                self.left = usize::from_str_radix(size.trim(), 16).unwrap_or_else(|_| panic!("a size: {size:?}"));
                if self.left == 0 {
                    assert!(line.is_empty(), "it ends inside a line");
                    return None;
                }
            }
            let mut byte = [0];
            self.stream.read_exact(&mut byte).expect("the rest of a chunk");
            self.left -= 1;
            if self.left == 0 {
                self.stream.read_exact(&mut [0; 2]).expect("the end of a chunk");
            }
            match byte[0] {
                b'\n' => return Some(String::from_utf8(line).expect("UTF-8")),
                byte => line.push(byte),
            }
        }
    }
}
