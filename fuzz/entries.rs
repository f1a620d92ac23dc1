//! What is fuzzed: everything that reads bytes of others, each with a few samples to begin with. The fuzz targets run these
//! functions for as long as one likes; `tests/it/fuzz.rs` runs them with every test run, so that they cannot rot.
//!
//! Each function has to come back, whatever it is given, and holds what comes out to what has to be true of it.

use std::path::Path;

use http::header::SEC_WEBSOCKET_EXTENSIONS;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use veloflux::config::{self, Overrides};
use veloflux::expression::Expression;
use veloflux::net::dns::{Question, RECORD_TYPES};
use veloflux::protocol::control::{Command, parse_force_update};
use veloflux::protocol::inbound::Inbound;
use veloflux::protocol::{CloseCode, INBOUND_MESSAGE_BYTES_MAX};
use veloflux::sources::{Reading, understand};
use veloflux::websocket::handshake::accept;
use veloflux::websocket::{Received, Receiver, deflate};

/// One target.
pub struct Entry {
    /// Its name, which is that of its file in `targets`.
    pub name: &'static str,
    /// What is run.
    pub run: fn(&[u8]),
    /// What to begin with.
    pub samples: &'static [&'static [u8]],
}

/// All of them.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "frames",
        run: frames,
        samples: &[
            b"\x03\x81\x85\x01\x02\x03\x04\x69\x67\x6f\x68\x6e",
            b"\x01\x01\x82\0\0\0\0ab\x89\x80\0\0\0\0\x80\x81\0\0\0\0c\x88\x82\0\0\0\0\x03\xe8",
            b"\x09\x81\xfe\x00\x7e\0\0\0\0",
            b"\x02\x82\x80\0\0\0\0",
        ],
    },
    Entry {
        name: "inflate",
        run: inflate,
        samples: &[
            // The samples of RFC 7692: one message, then the same with a reference to it.
            b"\x02\xc1\x87\0\0\0\0\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x85\0\0\0\0\xf2\x00\x11\x00\x00",
            b"\x05\x41\x83\0\0\0\0\xf2\x48\xcd\x80\x84\0\0\0\0\xc9\xc9\x07\x00",
            b"\x01\xc1\x8b\0\0\0\0\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00",
            // A frame of nearly 2^64 bytes.
            b"\x01\xc1\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0",
        ],
    },
    Entry {
        name: "handshake",
        run: handshake,
        samples: &[b"GET /api/ws/metrics HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
            Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x; y=\"z\"\r\n\r\n"],
    },
    Entry {
        name: "said",
        run: said,
        samples: &[
            br#"{"type":"ping","timestamp":1}"#,
            br#"{"type":"auth","token":"x"}"#,
            br#"{"action":"drain","backend":"a:1","for":"30m","reason":"x"}"#,
            br#"{"action":"weight","backend":"a:1","weight":3}"#,
        ],
    },
    Entry {
        name: "settings",
        run: settings,
        samples: &[config::EXAMPLE.as_bytes(), b"[[source]]\nname = \"x\"\nkind = \"haproxy\"\nurl = \"unix:///x\"\n"],
    },
    Entry {
        name: "expression",
        run: expression,
        samples: &[
            b".data[0].status == \"healthy\" and not (len(.data) > 3)",
            b"all(.data[].status ~ \"h*\") or any(.data.cpu <= 9.5) or .x == null",
            b"count(.state.backends[].status, \"healthy\") >= 2",
        ],
    },
    Entry {
        name: "dns",
        run: dns,
        samples: &[
            b"\0\x07\x81\x80\0\x01\0\x01\0\0\0\0\x01x\0\0\x21\0\x01\xc0\x0c\0\x21\0\x01\0\0\0\x3c\0\x09\0\x01\0\x02\0\x50\x01y\0",
            b"\0\x07\x81\x83\0\x01\0\0\0\0\0\0\x01x\0\0\x21\0\x01",
        ],
    },
    Entry {
        name: "haproxy",
        run: |bytes| read("haproxy", bytes),
        samples: &[b"# pxname,svname,scur,stot,status,weight,act,check_status,lastchg,type,addr\nweb,FRONTEND,0,9,OPEN,,,,,0,\n\
            web,a,0,4,UP,1,1,L7OK,3,2,127.0.0.1:80\nweb,\"b,\"\"x\",0,4,DRAIN (agent),2,1,,,2,\n\n1\n\
            # be_id be_name srv_id srv_name srv_addr srv_op_state srv_port\n4 web 1 a 127.0.0.1 2 80\n"],
    },
    Entry {
        name: "nginx",
        run: |bytes| read("nginx", bytes),
        samples: &[b"http { upstream web { server 127.0.0.1:80 weight=3; server [::1] down; # x\n } include \"*.conf\"; }\0\
            Active connections: 1 \nserver accepts handled requests\n 5 5 9 \nReading: 0 Writing: 1 Waiting: 0\n"],
    },
    Entry {
        name: "caddy",
        run: |bytes| read("caddy", bytes),
        samples: &[br#"{"apps":{"http":{"servers":{"s":{"routes":[{"match":[{"host":["x"]}],"handle":[{"handler":"subroute",
            "routes":[{"handle":[{"handler":"reverse_proxy","upstreams":[{"dial":"a:1"}],"health_checks":{"active":{}}}]}]}]}]}}}}}
            "#],
    },
    Entry {
        name: "envoy",
        run: |bytes| read("envoy", bytes),
        samples: &[b"{\"cluster_statuses\":[{\"name\":\"c\",\"host_statuses\":[{\"address\":{\"socket_address\":{\"address\":\
            \"::1\",\"port_value\":80}},\"health_status\":{\"eds_health_status\":\"DRAINING\"},\"weight\":2}]}]}\0\
            {\"stats\":[{\"name\":\"http.x.downstream_rq_completed\",\"value\":\"7\"}]}"],
    },
    Entry {
        name: "traefik",
        run: |bytes| read("traefik", bytes),
        samples: &[b"[{\"name\":\"w@file\",\"loadBalancer\":{\"servers\":[{\"url\":\"http://a:1\",\"weight\":2}],\"healthCheck\":{}},\
            \"serverStatus\":{\"http://a:1\":\"UP\"}}]\0traefik_entrypoint_requests_total{entrypoint=\"web\"} 3\n"],
    },
    Entry {
        name: "prometheus",
        run: |bytes| read("prometheus", bytes),
        samples: &[b"# TYPE haproxy_server_status gauge\nhaproxy_server_status{proxy=\"a\",server=\"b\\\"\\\\\\n\",state=\"UP\"} 1 17\n\
            haproxy_frontend_http_requests_total{proxy=\"a\"} 1e3 # {x=\"y\"} 1\n"],
    },
    Entry {
        name: "listing",
        run: |bytes| {
            read("file", bytes);
            read("push", bytes);
        },
        samples: &[
            br#"{"backends":[{"address":"a:1","pool":"p","weight":2,"admin":"draining","status":"healthy","latency_ms":1.5}],
                "requests":{"x":7}}"#,
            b"\0\0pool,address,weight,status\nweb,a:1,3,degraded\n",
            b"\0[[backends]]\naddress = \"a:1\"\npool = \"p\"\n",
        ],
    },
];

/// What a peer may send on a connection.
fn frames(bytes: &[u8]) {
    receive(bytes, None);
}

/// The same where compression was agreed on, in both ways in which it may be.
fn inflate(bytes: &[u8]) {
    for offer in ["permessage-deflate", "permessage-deflate; client_no_context_takeover; server_no_context_takeover"] {
        let headers = HeaderMap::from_iter([(SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static(offer))]);
        let (terms, _) = deflate::accept(&headers).expect("an offer of the RFC");
        receive(bytes, Some(terms));
    }
}

/// Cut into pieces of any size it has to come to the same, and what comes out has to be within the limits. The first byte
/// says how it is cut.
fn receive(bytes: &[u8], terms: Option<deflate::Terms>) {
    let Some((&size, bytes)) = bytes.split_first() else { return };
    let receive = |piece: usize| {
        let (mut receiver, mut replies, mut texts) = (Receiver::new(terms), Vec::new(), Vec::new());
        for mut input in bytes.chunks(piece.max(1)) {
            loop {
                match receiver.next(&mut input, &mut replies) {
                    Ok(Some(Received::Text(text))) => texts.push(text),
                    Ok(Some(Received::Control)) => {}
                    Ok(Some(Received::Closed)) => return (texts, replies, None),
                    Ok(None) => break,
                    Err(code) => return (texts, replies, Some(code)),
                }
            }
        }
        (texts, replies, None)
    };
    let whole = receive(bytes.len());
    assert_eq!(whole, receive(usize::from(size)));
    let (texts, replies, code) = whole;
    assert!(texts.iter().all(|text| text.len() <= INBOUND_MESSAGE_BYTES_MAX));
    // A pong is never longer than the ping it answers; the one close frame may say why.
    assert!(replies.len() <= bytes.len() + 127);
    let codes = [CloseCode::ProtocolError, CloseCode::Unsupported, CloseCode::InvalidPayload, CloseCode::TooBig];
    assert!(code.is_none_or(|code| codes.contains(&code)));
}

/// The head of a request: accepted only with everything that belongs to a handshake.
fn handshake(bytes: &[u8]) {
    let mut lines = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut lines);
    if !request.parse(bytes).is_ok_and(|status| status.is_complete()) {
        return;
    }
    let mut headers = HeaderMap::new();
    for line in request.headers.iter() {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(line.name), HeaderValue::from_bytes(line.value)) {
            headers.append(name, value);
        }
    }
    let method = request.method.and_then(|method| Method::from_bytes(method.as_bytes()).ok()).unwrap_or_default();
    let version = if request.version == Some(1) { Version::HTTP_11 } else { Version::HTTP_10 };
    let _ = deflate::accept(&headers);
    if let Ok(key) = accept(&method, version, &headers) {
        assert_eq!((method, version, key.len()), (Method::GET, Version::HTTP_11, 28));
        assert_eq!(headers.get_all("sec-websocket-key").iter().count(), 1);
    }
}

/// What a client says: on a connection, or as the body of a command. A command that is taken says itself again.
fn said(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = format!("{:?}", Inbound::parse(text));
    }
    if let Ok(command) = Command::parse(bytes) {
        assert_eq!(Command::parse(command.body().to_string().as_bytes()), Ok(command));
    }
    let _ = parse_force_update(bytes);
}

fn settings(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // Reading some devices never ends.
    if text.contains("/dev/") {
        return;
    }
    let overrides = Overrides { state_dir: Some("/nowhere".into()), ..Overrides::default() };
    match config::parse(Path::new("veloflux.toml"), text, &overrides) {
        Ok(settings) => drop(config::Summary(&settings).to_string()),
        Err(error) => assert!(!error.problems().is_empty()),
    }
}

fn expression(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let document = serde_json::json!({
        "data": [{"status": "healthy", "cpu": 1.5}, {"status": null}], "state": {"backends": []}, "type": "backends",
    });
    match Expression::parse(text) {
        Ok(expression) => {
            let _ = (expression.test(&document), expression.select(&document));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    let _ = Expression::parse_condition(text);
}

/// An answer to a question of any type, with the id 7.
fn dns(bytes: &[u8]) {
    for kind in RECORD_TYPES {
        let question = Question::new("x", *kind).expect("a name");
        if let Some(answer) = question.read(bytes, 7) {
            assert!(answer.records.len() <= bytes.len());
        }
    }
}

/// The documents of a source, with a zero byte between them.
fn read(kind: &str, bytes: &[u8]) {
    let documents: Vec<&[u8]> = bytes.split(|byte| *byte == 0).collect();
    let read = understand(kind, &documents).expect("a kind");
    if let Ok(Reading { backends, requests }) = read {
        assert!(backends.len() + requests.len() <= bytes.len());
    }
}
