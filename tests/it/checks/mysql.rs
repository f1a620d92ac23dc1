//! The `mysql` check against a real MariaDB, and against a server that speaks the beginning of the protocol byte by byte.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use veloflux::checks::ProbeOptions;

use super::{Manner, failure, follows, free_port, passes, peer, ready};
use crate::support::program::{Program, run};

fn none() -> ProbeOptions {
    ProbeOptions::default()
}

/// What both runs of the server are told: as little as it can live on, and the name we run under, which root has to give.
fn settings(folder: &Path) -> Vec<String> {
    let mut user = Command::new("id");
    vec![
        "--no-defaults".to_owned(),
        format!("--user={}", run(user.arg("-un"))),
        format!("--datadir={}/data", folder.display()),
        "--innodb-log-file-size=4M".to_owned(),
        "--innodb-buffer-pool-size=8M".to_owned(),
    ]
}

/// Makes the tables of a new server, and a user without a password. `mariadb-install-db` would want the client's package.
fn install(folder: &Path) {
    std::fs::create_dir(folder.join("data")).expect("a folder of our own");
    let mut tables = "CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n".to_owned();
    for file in ["mysql_system_tables.sql", "mysql_system_tables_data.sql"] {
        let file = Path::new("/usr/share/mysql").join(file);
        tables += &std::fs::read_to_string(file).expect("it comes with mariadbd");
    }
    tables += "INSERT INTO global_priv (Host, User, Priv) VALUES ('127.0.0.1', 'haproxy', '{}');\n";
    tables += "INSERT INTO global_priv (Host, User, Priv) VALUES ('127.0.0.1', 'app', \
        '{\"plugin\":\"mysql_native_password\",\"authentication_string\":\"*84AAC12F54AB666ECFC2A83C676908C8BBC381B1\"}');\n";
    let script = folder.join("tables.sql");
    std::fs::write(&script, tables).expect("written");
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "exec /usr/sbin/mariadbd \"$@\" --bootstrap < \"$0\""]).arg(&script).args(settings(folder));
    run(&mut shell);
}

fn start(folder: &Path, port: u16) -> Program {
    let mut mariadbd = Command::new("/usr/sbin/mariadbd");
    mariadbd.args(settings(folder)).args(["--bind-address=127.0.0.1", "--skip-name-resolve", "--max-connect-errors=2"]);
    mariadbd.arg(format!("--port={port}")).arg(format!("--socket={}/socket", folder.display()));
    Program::start(&mut mariadbd, folder)
}

#[tokio::test]
async fn a_real_server_lets_in_who_needs_no_password_and_turns_away_others() {
    let (folder, port) = (tempfile::tempdir().expect("a folder"), free_port());
    install(folder.path());
    let server = start(folder.path(), port);
    let (stranger, user) = (format!("mysql://127.0.0.1:{port}"), format!("mysql://haproxy@127.0.0.1:{port}"));
    ready(&user, &none()).await;
    // More often than it takes to be blocked.
    for _ in 0..5 {
        passes(&stranger, &none()).await;
        passes(&user, &none()).await;
    }
    let denied = failure(&format!("mysql://app@127.0.0.1:{port}"), &none()).await;
    assert_eq!(denied, "answered `1045 Access denied for user 'app'@'127.0.0.1' (using password: NO)`");
    follows(&user, &none(), server, || start(folder.path(), port)).await;
}

/// The greeting of a MariaDB 10.11, with a scramble of no secret.
const GREETING: &[u8] = b"\x0a5.5.5-10.11.6-MariaDB\0\x07\0\0\0abcdefgh\0\xfe\xf7\x21\x02\0\xff\x81\x15\0\0\0\0\0\0\x1d\0\0\0ijklmnopqrst\0mysql_native_password\0";

const OK: &[u8] = b"\0\0\0\x02\0\0\0";

const DENIED: &[u8] = b"\xff\x15\x04#28000Access denied for user ''@'localhost'";

/// What a client sent: number and payload of each packet.
type Sent = Arc<Mutex<Vec<(u8, Vec<u8>)>>>;

async fn read(stream: &mut TcpStream) -> std::io::Result<(u8, Vec<u8>)> {
    let mut header = [0; 4];
    stream.read_exact(&mut header).await?;
    let mut payload = vec![0; usize::from(header[0])];
    stream.read_exact(&mut payload).await?;
    Ok((header[3], payload))
}

async fn talk(mut stream: TcpStream, answers: &[&[u8]], sent: &Sent) -> std::io::Result<()> {
    let mut number = 0;
    for answer in answers {
        let length = u8::try_from(answer.len()).expect("short");
        stream.write_all(&[&[length, 0, 0, number], *answer].concat()).await?;
        let (theirs, payload) = read(&mut stream).await?;
        sent.lock().expect("no holder panics").push((theirs, payload));
        number = theirs.wrapping_add(1);
    }
    Ok(())
}

/// A server that says these payloads, each but the first in answer to a packet.
async fn server(answers: &'static [&'static [u8]]) -> (u16, Sent) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let sent = Sent::default();
    let kept = sent.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let kept = kept.clone();
            tokio::spawn(async move { talk(stream, answers, &kept).await });
        }
    });
    (port, sent)
}

/// What came to the server, once the last of `count` packets did.
async fn packets(sent: &Sent, count: usize) -> Vec<(u8, Vec<u8>)> {
    let all = async {
        while sent.lock().expect("no holder panics").len() < count {
            tokio::task::yield_now().await;
        }
        sent.lock().expect("no holder panics").clone()
    };
    tokio::time::timeout(super::TIMEOUT, all).await.expect("they were sent")
}

#[tokio::test]
async fn a_user_without_a_password_logs_in_and_leaves_politely() {
    let (port, sent) = server(&[GREETING, OK]).await;
    passes(&format!("mysql://haproxy@127.0.0.1:{port}"), &none()).await;
    let packets = packets(&sent, 2).await;
    assert_eq!(packets[0].0, 1);
    let login = String::from_utf8_lossy(&packets[0].1).into_owned();
    assert!(login.ends_with("haproxy\0\0mysql_native_password\0"), "{login:?}");
    assert_eq!(packets[1], (0, vec![1]), "COM_QUIT");
}

#[tokio::test]
async fn another_plugin_is_answered_with_no_password_either() {
    let (port, sent) = server(&[GREETING, b"\xfecaching_sha2_password\0abcdefghijklmnopqrst\0", OK]).await;
    passes(&format!("mysql://haproxy@127.0.0.1:{port}"), &none()).await;
    let packets = packets(&sent, 3).await;
    assert_eq!((packets[1].clone(), packets[2].clone()), ((3, Vec::new()), (0, vec![1])));
}

#[tokio::test]
async fn being_turned_away_is_a_pass_for_a_stranger_only() {
    let (port, _) = server(&[GREETING, DENIED]).await;
    passes(&format!("mysql://127.0.0.1:{port}"), &none()).await;
    let denied = failure(&format!("mysql://haproxy@127.0.0.1:{port}"), &none()).await;
    assert_eq!(denied, "answered `1045 Access denied for user ''@'localhost'`");
    let (port, _) = server(&[GREETING, b"\xff\x10\x04#08004Too many connections"]).await;
    let full = failure(&format!("mysql://127.0.0.1:{port}"), &none()).await;
    assert_eq!(full, "answered `1040 Too many connections`");
}

#[tokio::test]
async fn a_peer_that_is_no_mysql_or_blocks_us_fails_in_plain_words() {
    let (port, _) = server(&[b"\xff\x69\x04Host '127.0.0.1' is blocked because of many connection errors"]).await;
    let blocked = failure(&format!("mysql://127.0.0.1:{port}"), &none()).await;
    assert_eq!(blocked, "answered `1129 Host '127.0.0.1' is blocked because of many connection errors`");
    let (port, _) = server(&[b"\x09old"]).await;
    let foreign = "no mysql answer: what came is not its protocol";
    assert_eq!(failure(&format!("mysql://127.0.0.1:{port}"), &none()).await, foreign);
    assert_eq!(failure(&format!("mysql://{}", peer(Manner::Silent).await), &none()).await, "no answer within 1.5 s");
    let closing = failure(&format!("mysql://{}", peer(Manner::Closing).await), &none()).await;
    assert_eq!(closing, "connection closed without an answer");
    assert_eq!(failure(&format!("mysql://127.0.0.1:{}", free_port()), &none()).await, "connection refused");
}
