//! The encoder against a decoder that is not ours, the filter against an encoder that is not ours, and tungstenite behind
//! the filter as the judge of what comes out.

use std::io::{self, Read, Write};

use flate2::{Compress, Compression, FlushCompress};
use proptest::prelude::*;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketContext};

use super::stranger::Stranger;
use super::*;
use crate::limits::DEFLATE_ENDS_MAX;

const LIMIT: usize = 65_536;
const KEPT: Terms = Terms { server: Context::Kept, client: Context::Kept };
const DROPPED: Terms = Terms { server: Context::Dropped, client: Context::Dropped };

/// A frame: its first byte, its payload, masked or not.
fn frame(first: u8, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let mut frame = vec![first];
    let masked = if mask.is_some() { 0x80 } else { 0 };
    match payload.len() {
        0..=125 => frame.push(masked | payload.len() as u8),
        126..=65_535 => {
            frame.push(masked | 126);
            frame.extend((payload.len() as u16).to_be_bytes());
        }
        _ => {
            frame.push(masked | 127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend(mask.unwrap_or_default().iter().take(if mask.is_some() { 4 } else { 0 }));
    let mask = mask.unwrap_or_default();
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// An encoder as other people's peers have it: one stream for the life of the connection.
struct Peer(Compress);

impl Peer {
    fn new() -> Peer {
        Peer(Compress::new(Compression::default(), false))
    }

    fn message(&mut self, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len() * 2 + 64);
        self.0.compress_vec(text, &mut out, FlushCompress::Sync).expect("it compresses");
        assert!(out.len() < out.capacity());
        // Of nothing after nothing there is not even a tail.
        out.truncate(out.len().saturating_sub(TAIL.len()));
        out
    }
}

/// What cannot be compressed.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_u32;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// All that a filter gives for `bytes` when they come in pieces that end at `cuts`, and how it ends.
fn filtered(mut filter: Filter, bytes: &[u8], cuts: &[usize]) -> (Vec<u8>, Option<Fault>, Tally) {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    let (mut out, mut buffer) = (Vec::new(), [0; 100]);
    for pair in cuts.windows(2) {
        let mut input = &bytes[pair[0]..pair[1]];
        loop {
            match filter.read(&mut input, &mut buffer) {
                Ok(0) => break,
                Ok(count) => out.extend_from_slice(&buffer[..count]),
                Err(fault) => return (out, Some(fault), filter.tally()),
            }
        }
    }
    (out, None, filter.tally())
}

fn server(terms: Terms) -> Filter {
    Filter::new(terms, Role::Server, LIMIT)
}

fn client(terms: Terms) -> Filter {
    Filter::new(terms, Role::Client, LIMIT)
}

/// What tungstenite makes of plain bytes, up to the first thing it does not take.
fn judged(role: Role, bytes: &[u8]) -> (Vec<Message>, bool) {
    struct Slice<'a>(&'a [u8]);
    impl Read for Slice<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { self.0.read(buffer) }
        }
    }
    impl Write for Slice<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (mut context, mut slice, mut messages) = (WebSocketContext::new(role, None), Slice(bytes), Vec::new());
    loop {
        match context.read(&mut slice) {
            Ok(message) => messages.push(message),
            Err(tokio_tungstenite::tungstenite::Error::Io(_)) => return (messages, true),
            Err(_) => return (messages, false),
        }
    }
}

/// Takes the payload of the first frame of a server.
fn payload<'a>(bytes: &mut &'a [u8]) -> (u8, &'a [u8]) {
    let (length, start) = match bytes[1] {
        126 => (usize::from(u16::from_be_bytes([bytes[2], bytes[3]])), 4),
        short @ 0..126 => (usize::from(short), 2),
        _ => panic!("no test is that long"),
    };
    let (frame, rest) = bytes.split_at(start + length);
    *bytes = rest;
    (frame[0], &frame[start..])
}

fn documents() -> impl Strategy<Value = Vec<String>> {
    // Alike as the messages of a feed are, unlike as those of nobody are, short and longer than the window.
    let alike = (0_u32..1_000, 0_usize..900).prop_map(|(number, count)| {
        let item = |at| format!("{{\"address\":\"10.0.0.{at}:8080\",\"status\":\"healthy\",\"latency_ms\":{number}}}");
        (0..count).map(item).collect::<Vec<_>>().join(",")
    });
    proptest::collection::vec(prop_oneof![alike, ".{0,80}", Just(String::new())], 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whoever_joins_at_whatever_time_reads_the_shared_chain(documents in documents()) {
        let mut before: Option<&[u8]> = None;
        let mut peers: Vec<Stranger> = Vec::new();
        for document in &documents {
            let (mut chained, mut alone) = (Vec::new(), Vec::new());
            text(document.as_bytes(), before, &mut chained);
            text(document.as_bytes(), None, &mut alone);
            let (first, chained) = payload(&mut &chained[..]);
            prop_assert_eq!(first, 0xc1);
            for peer in &mut peers {
                prop_assert_eq!(peer.message(chained), document.as_bytes());
            }
            // One more, with other things in its window: only the end of it counts.
            let mut peer = Stranger::new();
            peer.message(&Peer::new().message(b"an earlier conversation, status healthy"));
            prop_assert_eq!(peer.message(payload(&mut &alone[..]).1), document.as_bytes());
            peers.push(peer);
            before = Some(document.as_bytes());
        }
    }

    #[test]
    fn compressed_messages_come_out_as_the_plain_frames_they_stand_for(
        documents in documents(),
        cuts in proptest::collection::vec(any::<usize>(), 0..12),
        pieces in 1_usize..5,
        mask in any::<[u8; 4]>(),
        every in 1_usize..4,
    ) {
        for (role, mask, zeros) in [(Role::Server, Some(mask), Some([0; 4])), (Role::Client, None, None)] {
            let (mut peer, mut bytes, mut plain) = (Peer::new(), Vec::new(), Vec::new());
            for (at, document) in documents.iter().enumerate() {
                if at % every != 0 {
                    let frame = frame(0x81, document.as_bytes(), mask);
                    bytes.extend_from_slice(&frame);
                    plain.extend_from_slice(&frame);
                    continue;
                }
                let compressed = peer.message(document.as_bytes());
                let size = compressed.len().div_ceil(pieces).max(1);
                let parts: Vec<&[u8]> = if compressed.is_empty() { vec![b""] } else { compressed.chunks(size).collect() };
                for (at, part) in parts.iter().enumerate() {
                    let last = if at + 1 == parts.len() { 0x80 } else { 0 };
                    bytes.extend(frame(last | if at == 0 { 0x41 } else { 0 }, part, mask));
                    if last == 0 {
                        let ping = frame(0x89, b"meanwhile", mask);
                        bytes.extend_from_slice(&ping);
                        plain.extend_from_slice(&ping);
                    }
                }
                plain.extend(frame(0x81, document.as_bytes(), zeros));
            }
            let filter = || Filter::new(KEPT, role, 1 << 20);
            let (out, fault, tally) = filtered(filter(), &bytes, &cuts);
            prop_assert_eq!(fault, None);
            prop_assert_eq!(&out, &plain);
            prop_assert_eq!(filtered(filter(), &bytes, &[]), (out.clone(), None, tally));
            prop_assert!(tally.plain <= plain.len() as u64 && tally.wire <= bytes.len() as u64);
            let (messages, clean) = judged(role, &out);
            let texts: Vec<&str> = messages.iter().filter_map(|m| if m.is_text() { m.to_text().ok() } else { None }).collect();
            prop_assert!(clean);
            prop_assert_eq!(texts, documents.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_is_not_compressed_goes_through_byte_for_byte(
        frames in proptest::collection::vec((any::<u8>(), proptest::collection::vec(any::<u8>(), 0..300), any::<[u8; 4]>()), 0..8),
        cuts in proptest::collection::vec(any::<usize>(), 0..8),
    ) {
        // Whatever opcodes and order, also those that tungstenite then refuses.
        let bytes: Vec<u8> = frames.iter().flat_map(|(first, body, mask)| frame(first & !0x40, body, Some(*mask))).collect();
        let (out, fault, _) = filtered(server(KEPT), &bytes, &cuts);
        prop_assert_eq!(fault, None);
        prop_assert_eq!(judged(Role::Server, &out), judged(Role::Server, &bytes));
        prop_assert_eq!(out, bytes);
    }

    #[test]
    fn no_bytes_panic_and_cutting_them_changes_nothing(
        bytes in proptest::collection::vec(prop_oneof![Just(0xc1_u8), Just(0x80), Just(0x84), any::<u8>()], 0..300),
        cuts in proptest::collection::vec(any::<usize>(), 0..8),
    ) {
        prop_assert_eq!(filtered(server(KEPT), &bytes, &[]), filtered(server(KEPT), &bytes, &cuts));
        prop_assert_eq!(filtered(client(DROPPED), &bytes, &[]), filtered(client(DROPPED), &bytes, &cuts));
    }
}

#[test]
fn the_samples_of_the_rfc_inflate() {
    // Section 7.2.3: two messages with a shared window, one in two fragments, one without compression, one whose stream
    // ends, one of two blocks.
    let hello = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
    for (terms, payloads) in [
        (KEPT, &[&hello[..], b"\xf2\x00\x11\x00\x00"][..]),
        (DROPPED, &[&hello[..], hello]),
        (DROPPED, &[&b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"[..]]),
        (KEPT, &[&b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"[..], b"\xf2\x00\x11\x00\x00"]),
        (DROPPED, &[&b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"[..]]),
    ] {
        let bytes: Vec<u8> = payloads.iter().flat_map(|payload| frame(0xc1, payload, None)).collect();
        let (out, fault, _) = filtered(client(terms), &bytes, &[]);
        assert_eq!((out, fault), ([&b"\x81\x05Hello"[..]].repeat(payloads.len()).concat(), None), "{payloads:x?}");
    }
    let fragments = [&b"\x41\x03\xf2\x48\xcd"[..], b"\x80\x04\xc9\xc9\x07\x00"].concat();
    assert_eq!(filtered(client(DROPPED), &fragments, &[]).0, b"\x81\x05Hello");
    // Nothing is a message, too: as zlib writes it, and as no bytes at all.
    for empty in [&b"\xc1\x01\x00"[..], b"\xc1\x00", b"\x41\x00\x80\x00"] {
        assert_eq!(
            filtered(client(DROPPED), empty, &[]),
            (b"\x81\x00".to_vec(), None, Tally { wire: empty.len() as u64, plain: 2 })
        );
    }
}

#[test]
fn a_message_may_refer_to_an_earlier_one_only_where_that_was_agreed_on() {
    let (mut peer, text) = (Peer::new(), b"the same words, once more: the same words");
    let bytes = [frame(0xc1, &peer.message(text), None), frame(0xc1, &peer.message(text), None)].concat();
    let twice = [frame(0x81, text, None), frame(0x81, text, None)].concat();
    assert_eq!(filtered(client(KEPT), &bytes, &[]).0, twice);
    let (out, fault, _) = filtered(client(DROPPED), &bytes, &[]);
    assert_eq!((out, fault), (frame(0x81, text, None), Some(Fault::Corrupt)));
}

#[test]
fn the_size_limit_holds_for_what_is_inflated() {
    let message = |size: usize| frame(0xc1, &Peer::new().message(&vec![b'x'; size]), Some([1, 2, 3, 4]));
    let (out, fault, tally) = filtered(server(DROPPED), &message(LIMIT), &[]);
    assert_eq!((out.len(), fault), (LIMIT + 14, None));
    assert!(tally.wire < 200 && tally.plain == out.len() as u64);
    for size in [LIMIT + 1, 20_000_000] {
        let (out, fault, _) = filtered(server(DROPPED), &message(size), &[]);
        assert_eq!((out.len(), fault), (0, Some(Fault::TooBig(LIMIT + 1))), "{size}");
        assert_eq!(fault.map(Fault::code), Some(crate::protocol::CloseCode::TooBig));
    }
    // What cannot be compressed is larger than its message, and no reason to refuse it.
    let compressed = Peer::new().message(&noise(LIMIT));
    assert!(compressed.len() > LIMIT);
    assert_eq!(filtered(server(DROPPED), &frame(0xc1, &compressed, Some([0; 4])), &[]).1, None);
    // A frame that announces too much is refused before it comes, and so is one piece too many.
    let announced = [0xc1, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4];
    assert_eq!(filtered(server(DROPPED), &announced, &[]).1.map(Fault::code), Some(crate::protocol::CloseCode::TooBig));
    let mut pieces = frame(0x41, &[0; 65_000], Some([0; 4]));
    pieces.extend(frame(0x00, &[0; 3_000], Some([0; 4])));
    assert_eq!(filtered(server(DROPPED), &pieces, &[]).1, Some(Fault::TooBig(68_000)));
}

#[test]
fn what_cannot_be_a_compressed_message_ends_the_connection() {
    let (mask, text) = (Some([9, 8, 7, 6]), Peer::new().message(b"{}"));
    for (name, bytes, fault) in [
        ("no deflate", frame(0xc1, b"\xff\xff\xff", mask), Fault::Corrupt),
        ("a new message inside one", [frame(0x41, &text, mask), frame(0x81, b"{}", mask)].concat(), Fault::Protocol),
        ("a compressed one inside one", [frame(0x41, &text, mask), frame(0xc1, &text, mask)].concat(), Fault::Protocol),
        ("a compressed continuation", [frame(0x41, &text, mask), frame(0xc0, b"", mask)].concat(), Fault::Protocol),
        ("another reserved bit", frame(0xe1, &text, mask), Fault::Protocol),
        ("no mask", frame(0xc1, &text, None), Fault::Protocol),
        ("no end of ends", frame(0xc1, &[3, 0].repeat(DEFLATE_ENDS_MAX + 1), mask), Fault::Corrupt),
    ] {
        let (out, found, _) = filtered(server(KEPT), &[frame(0x89, b"before", mask), bytes].concat(), &[]);
        assert_eq!((out, found), (frame(0x89, b"before", mask), Some(fault)), "{name}");
    }
    assert_eq!(filtered(client(KEPT), &frame(0xc1, &text, mask), &[]).1, Some(Fault::Protocol), "a mask of a server");
    let ends = frame(0xc1, &[3, 0].repeat(DEFLATE_ENDS_MAX), mask);
    assert_eq!(filtered(server(KEPT), &ends, &[]).1, None, "as many ends as are allowed");
    // These are left for tungstenite to see: a control frame and a continuation of a plain message with that bit.
    for bytes in [frame(0xc9, b"", mask), [frame(0x01, b"{", mask), frame(0xc0, b"}", mask)].concat()] {
        assert_eq!(filtered(server(KEPT), &bytes, &[]), (bytes.clone(), None, filtered(server(KEPT), &bytes, &[]).2));
        assert!(!judged(Role::Server, &bytes).1);
    }
}

#[test]
fn a_message_that_gets_no_shorter_goes_plain() {
    for (message, first) in [("{}".to_owned(), 0x81), ("x".repeat(255), 0x81), ("x".repeat(256), 0xc1)] {
        let mut out = Vec::new();
        standalone(message.as_bytes(), &mut out);
        assert_eq!(out[0], first, "{} bytes", message.len());
    }
    let mut out = Vec::new();
    standalone(&noise(300), &mut out);
    assert_eq!(out[0], 0x81);
}

#[test]
fn no_more_than_one_message_is_inflated_before_it_is_asked_for() {
    let text = vec![b'a'; LIMIT];
    let payload = Peer::new().message(&text);
    let mask = Some([1, 2, 3, 4]);
    // Ended by its only fragment, and by an empty one behind it.
    let whole = frame(0xc1, &payload, mask);
    let ended = [frame(0x41, &payload, mask), frame(0x80, &[], mask)].concat();
    for bytes in [whole, ended] {
        let many = bytes.repeat(50);
        let (mut filter, mut input) = (server(DROPPED), &many[..]);
        let mut piece = vec![0; 2 * LIMIT];
        assert_eq!(filter.read(&mut input, &mut piece), Ok(LIMIT + 14));
        assert!(input.len() >= many.len() - bytes.len(), "{} of {} bytes are left", input.len(), many.len());
    }
}
