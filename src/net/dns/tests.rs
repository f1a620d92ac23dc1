use proptest::prelude::*;

use super::*;

fn question(name: &str, kind: &'static str) -> Question {
    let kind = RECORD_TYPES.iter().find(|known| known.name == kind).expect("a type");
    Question::new(name, *kind).expect("a name")
}

/// An answer with these records: the type of each, and what is in it.
fn answer(question: &Question, flags: u16, records: &[(u16, &[u8])]) -> Vec<u8> {
    let mut message = question.encoded(7);
    message[2..4].copy_from_slice(&(0x8180 | flags).to_be_bytes());
    message[7] = u8::try_from(records.len()).expect("few");
    for (kind, data) in records {
        message.extend_from_slice(&[0xc0, 12]);
        message.extend_from_slice(&kind.to_be_bytes());
        message.extend_from_slice(&[0, 1, 0, 0, 0, 60, 0, u8::try_from(data.len()).expect("short")]);
        message.extend_from_slice(data);
    }
    message
}

#[test]
fn a_question_is_laid_out_as_rfc_1035_says() {
    let expected = b"\x01\x02\x01\0\0\x01\0\0\0\0\0\0\x02ab\x01c\0\0\x0f\0\x01";
    assert_eq!(question("ab.c.", "MX").encoded(0x0102), expected);
    let (longest, longer) = ("x".repeat(63), "x".repeat(64));
    assert!(Question::new(&longest, SRV).is_some());
    let too_long = vec![longest; 4].join(".");
    for bad in ["", ".", "a..b", &longer, &too_long] {
        assert_eq!(Question::new(bad, SRV), None, "{bad}");
    }
}

#[test]
fn only_records_of_the_type_count() {
    let asked = question("www.example", "A");
    let records = |flags, records: &[(u16, &[u8])]| {
        let answer = asked.read(&answer(&asked, flags, records), 7).expect("an answer");
        (answer.refusal, answer.truncated, answer.records.len())
    };
    assert_eq!(records(0, &[(1, &[10, 0, 0, 1])]), (None, false, 1));
    assert_eq!(records(0, &[(5, b"\x01x\0"), (1, &[10, 0, 0, 1])]), (None, false, 1));
    assert_eq!(records(0, &[(5, b"\x01x\0")]), (None, false, 0));
    assert_eq!(records(0x0200, &[]), (None, true, 0), "cut off");
    assert_eq!(records(3, &[]), (Some("knows no such name".to_owned()), false, 0));
    assert_eq!(records(9, &[]), (Some("answers with error 9".to_owned()), false, 0));
    assert_eq!(asked.read(&answer(&asked, 0, &[]), 8), None, "another question");
    assert_eq!(asked.read(&asked.encoded(7), 7), None, "a question");
}

#[tokio::test]
async fn a_server_that_cannot_answer_is_passed_over_while_another_can() {
    let asked = question("www.example", "A");
    let serve = async |flags: u16| {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let (address, asked) = (socket.local_addr().expect("bound"), asked.clone());
        tokio::spawn(async move {
            let mut bytes = [0; DATAGRAM_BYTES_MAX];
            while let Ok((_, peer)) = socket.recv_from(&mut bytes).await {
                let mut said = answer(&asked, flags, &[(1, &[10, 0, 0, 1])]);
                said[..2].copy_from_slice(&bytes[..2]);
                let _ = socket.send_to(&said, peer).await;
            }
        });
        address
    };
    let (refusing, failing, knowing) = (serve(5).await, serve(2).await, serve(0).await);
    // Nobody may connect to everybody.
    let unreachable: SocketAddr = "255.255.255.255:53".parse().expect("an address");
    let found = asked.ask(&[unreachable, refusing, knowing]).await.expect("an answer");
    assert_eq!((found.0.refusal, found.0.records.len(), found.1), (None, 1, knowing));
    let found = asked.ask(&[refusing, failing]).await.expect("an answer");
    assert_eq!(found.0.refusal.as_deref(), Some("failed at it"), "nobody knows better");
    assert!(asked.ask(&[unreachable]).await.is_err());
}

#[test]
fn a_service_has_its_target_with_and_without_pointers() {
    let asked = question("_http._tcp.shop.example", "SRV");
    // The name of the question stands at 12: `shop.example` begins 6 + 5 bytes later.
    let message = answer(
        &asked,
        0,
        &[(33, b"\0\x01\0\x05\x1f\x90\x02w1\xc0\x17"), (33, b"\0\x02\0\0\0\x50\x01x\0"), (33, b"\0\0\0\0\0\0\0")],
    );
    let service = |priority, weight, port, target: &str| {
        Record::Service(Service { priority, weight, port, target: target.to_owned() })
    };
    assert_eq!(
        asked.read(&message, 7).expect("an answer").records,
        [service(1, 5, 8080, "w1.shop.example"), service(2, 0, 80, "x"), service(0, 0, 0, "")]
    );
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_leaves_the_others() {
    let asked = question("www.example", "A");
    let there = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    let address = there.local_addr().expect("bound");
    // The system refuses it: it is for everybody.
    let nowhere: SocketAddr = "255.255.255.255:53".parse().expect("an address");
    let answering = async {
        let mut message = [0; DATAGRAM_BYTES_MAX];
        let (length, from) = there.recv_from(&mut message).await.expect("a question");
        message[2] |= 0x80;
        there.send_to(&message[..length], from).await.expect("sent");
    };
    let servers = [nowhere, address];
    let (answer, ()) = tokio::join!(asked.ask(&servers), answering);
    assert_eq!(answer, Ok((Answer::default(), address)));
    assert!(asked.ask(&[nowhere]).await.is_err(), "nobody is left");
}

#[test]
fn name_servers_are_those_of_the_file_or_this_machine() {
    let servers = |text: &str| name_servers(text).iter().map(ToString::to_string).collect::<Vec<_>>();
    let told =
        "# nameserver 10.0.0.9\nsearch a.b\nnameserver 10.0.0.2 # ours\nnameserver ::1\nnameserver fe80::1%lo x\n";
    assert_eq!(servers(told), ["10.0.0.2:53", "[::1]:53"]);
    assert_eq!(servers("options edns0\n"), ["127.0.0.1:53"]);
}

proptest! {
    #[test]
    fn no_answer_makes_it_panic_or_hang(
        message in prop::collection::vec(any::<u8>(), 0..80), flags in any::<u16>(), cut in 0_usize..80,
    ) {
        for kind in ["A", "SRV"] {
            let asked = question("a.b", kind);
            asked.read(&message, 0);
            let mut whole = answer(&asked, flags, &[(33, &[0, 1, 0, 2, 0, 3, 0xc0, 12]), (1, &[1, 2, 3, 4])]);
            whole.truncate(cut);
            whole.extend(&message);
            asked.read(&whole, 7);
        }
    }
}
