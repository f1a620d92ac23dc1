//! Backends that somebody lists: in a file that is watched, and by pushing them.

use std::path::Path;

use veloflux::limits::PUSH_BYTES_MAX;
use veloflux::protocol::Feed;

use super::{WITHIN_ONE_POLL, backends, becomes, counted, latest, serving, snippet, snippets};
use crate::support::wait::eventually;
use crate::support::{PATIENCE, StubBackend, TestServer, Veloflux, certificate, free_port, server};

#[test]
fn a_file_is_followed_also_when_an_editor_puts_another_in_its_place() {
    let stub = StubBackend::start();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("backends.json");
    let write = |text: &str| {
        let aside = folder.path().join("aside");
        std::fs::write(&aside, text).expect("a file of ours");
        std::fs::rename(aside, &file).expect("a file of ours");
    };
    write(&format!(
        r#"{{"backends":[{{"address":"{}","weight":2}},{{"address":"10.0.0.9:1","status":"degraded"}}]}}"#,
        stub.address()
    ));
    let shown = snippet("file", &[("/etc/veloflux/backends.json", &file.display().to_string())]);
    let server = serving(&shown.replacen("interval = \"500ms\"", "interval = \"10s\"", 1));
    becomes(&server, &stub.address(), &[("status", "healthy"), ("pool", "web"), ("source", "edge")]);
    becomes(&server, "10.0.0.9:1", &[("status", "degraded")]);
    let mut feed = server.open(Feed::Backends);
    write(&format!(r#"{{"backends":[{{"address":"{}","admin":"maintenance"}}]}}"#, stub.address()));
    // Long before the ten seconds are over.
    let list = feed.json_until(PATIENCE / 2, |message| message["data"].as_array().is_some_and(|list| list.len() == 1));
    assert_eq!(
        (&list["data"][0]["admin"], &list["data"][0]["status"]),
        (&"maintenance".into(), &"healthy".into()),
        "{list}"
    );
    write("{\"backends\":[{}]}");
    eventually(PATIENCE, || match latest(&server, Feed::Status) {
        status if status["reasons"].to_string().contains("missing field `address`") => Ok(()),
        status => Err(status.to_string()),
    });
    assert_eq!(backends(&server).len(), 1);
}

#[test]
fn what_a_check_needs_is_read_with_the_settings_and_an_address_that_cannot_be_checked_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = certificate::make(folder.path()).certificate;
    let source = |authority: &Path| {
        format!(
            "kind = \"push\"\npool = \"web\"\nttl = \"1m\"\n[source.check]\nkind = \"https\"\ncacert = \"{}\"\n",
            authority.display()
        )
    };
    let server = serving(&source(&authority));
    // An authority that is replaced is gone for a moment, in which the list may change.
    std::fs::remove_file(&authority).expect("it is ours");
    let gone = format!("127.0.0.1:{}", free_port());
    let body = format!(r#"{{"backends":[{{"address":"{gone}"}},{{"address":"web:99999"}}]}}"#);
    assert_eq!(server.post("/api/sources/edge", &body).status, 200);
    becomes(&server, &gone, &[("status", "unhealthy"), ("state", "down"), ("detail", "connection refused")]);
    let words = "target `https://web:99999` is not a URL: invalid port number";
    becomes(&server, "web:99999", &[("status", "unknown"), ("state", "unchecked"), ("detail", words)]);
}

#[test]
fn what_is_pushed_is_told_at_once_and_goes_stale_without_more() {
    let server = serving(&snippet("push", &[("30s", "3s")]));
    let push = |server: &TestServer, name: &str, body: &str| server.post(&format!("/api/sources/{name}"), body);
    let document = |status: &str, requests: u64| {
        format!(
            r#"{{"backends":[{{"pool":"web","address":"10.0.0.1:80","status":"{status}","detail":"says the test"}}],"requests":{{"in":{requests}}}}}"#
        )
    };
    let answer = push(&server, "edge", &document("healthy", 10));
    assert_eq!((answer.status, &answer.json()["accepted"]), (200, &1.into()), "{answer:?}");
    let (_, took) = becomes(&server, "10.0.0.1:80", &[("status", "healthy"), ("pool", "web"), ("source", "edge")]);
    assert!(took < WITHIN_ONE_POLL, "{took:?}");
    push(&server, "edge", &document("unhealthy", 14));
    becomes(&server, "10.0.0.1:80", &[("status", "unhealthy"), ("detail", "says the test")]);
    counted(&server, 4);
    becomes(&server, "10.0.0.1:80", &[("status", "unknown")]);
    let reason = latest(&server, Feed::Status)["reasons"][0].to_string();
    assert!(reason.contains("nothing was pushed for more than 3 s"), "{reason}");

    for (name, body, status, words) in [
        ("edg", "{}".to_owned(), 404, "there is no source `edg`; there are edge"),
        ("edge", "{}".to_owned(), 400, "missing field `backends`"),
        ("edge", document("fine", 1), 400, "fine"),
        ("edge", " ".repeat(PUSH_BYTES_MAX + 1), 413, "at most"),
    ] {
        let refused = push(&server, name, &body);
        assert_eq!(refused.status, status, "{refused:?}");
        assert!(refused.error().1.contains(words), "{refused:?}");
    }
    let anonymous = crate::support::http::request(server.address(), "POST", "/api/sources/edge", &[], "{}");
    assert_eq!(anonymous.status, 401);
    let other = server::home();
    std::fs::write(other.path().join("x.csv"), "address\n").expect("a file of ours");
    let read = serving(&format!("kind = \"file\"\nfile = {:?}", other.path().join("x.csv")));
    assert_eq!(push(&read, "edge", "{}").status, 409);
}

/// The README shows how to push beside the source that takes it.
#[test]
fn what_the_readme_pushes_with_is_taken() {
    let all = snippets();
    let shown = all.iter().find(|snippet| snippet.contains("kind = \"push\"")).expect("a snippet");
    let comments: Vec<&str> =
        shown.lines().filter_map(|line| line.split_once("# ").map(|(_, comment)| comment)).collect();
    let (from, to) = ("http://127.0.0.1:8080", "-d '");
    let start = comments.iter().position(|comment| comment.starts_with("curl ")).expect("a command");
    let command = comments[start..start + 2].join("\n");
    assert!(command.contains(from) && command.contains(to), "{command}");
    let home = server::home();
    let server = TestServer::builder_in(home).config(shown).start();
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", &command.replace(from, &server.url())]).env("TOKEN", server.token());
    let pushed = Veloflux::program(shell).run();
    assert!(pushed.code == 0 && pushed.stdout.contains("\"accepted\":1"), "{pushed:?}");
    becomes(&server, "10.0.0.1:80", &[("status", "healthy"), ("pool", "web"), ("source", "deploys")]);
}
