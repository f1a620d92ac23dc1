//! The tables of the program: every row is unlike the others, documented, and known where it has to be.

use std::collections::BTreeSet;
use std::path::Path;

use veloflux::checks::KINDS;
use veloflux::exit::EXIT_CODES;
use veloflux::protocol::close::{Advice, CLOSE_CODES};
use veloflux::protocol::{CloseCode, Feed};
use veloflux::serve::routes::ROUTES;

use crate::support::{PATIENCE, TestServer, Veloflux, eventually, http, server};

fn distinct<T: Ord + std::fmt::Debug>(items: impl IntoIterator<Item = T>) -> usize {
    let (mut seen, mut count) = (BTreeSet::new(), 0);
    for item in items {
        count += 1;
        if let Some(twice) = seen.replace(item) {
            panic!("stands twice: {twice:?}");
        }
    }
    assert!(count > 0, "an empty table");
    count
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_exit_code_stands_once_and_in_every_man_page_and_help() {
    distinct(EXIT_CODES.iter().map(|(exit, _)| *exit as u8));
    distinct(EXIT_CODES.iter().map(|(_, sentence)| *sentence));
    let home = server::home();
    for page in ["veloflux.1", "veloflux-serve.1", "veloflux-watch.1", "veloflux-probe.1", "veloflux-control.1"] {
        let text = read(&format!("man/{page}"));
        assert!(text.contains("EXIT STATUS"), "{page}");
        for (exit, _) in EXIT_CODES {
            let line = format!("\\fB{}\\fR", *exit as u8);
            assert!(text.lines().any(|found| found == line), "{page} does not list {exit:?}");
        }
    }
    for command in ["serve", "watch", "probe", "control"] {
        let help = Veloflux::new(home.path(), [command, "--help"]).run();
        for (exit, _) in EXIT_CODES {
            let code = (*exit as u8).to_string();
            let listed = help.stdout.lines().any(|line| line.split_whitespace().next() == Some(&code));
            assert!(listed, "`{command} --help` does not list {exit:?}:\n{}", help.stdout);
        }
    }
}

#[test]
fn every_close_code_stands_once_and_can_be_sent_and_told() {
    distinct(CLOSE_CODES.iter().map(|(code, ..)| code.code()));
    distinct(CLOSE_CODES.iter().map(|(_, meaning, _)| *meaning));
    for (code, meaning, advice) in CLOSE_CODES {
        let number = code.code();
        assert!(meaning.len() <= 123, "the reason of {number} does not fit into a control frame");
        assert!(matches!(number, 1000..=1003 | 1007..=1014 | 3000..=4999), "{number} must not be sent");
        // The contract: come back after 40xx, stay away after 44xx until something has changed.
        let promised = match number {
            4000..=4399 => Some(Advice::Reconnect),
            4400..=4499 => Some(Advice::Change),
            _ => None,
        };
        assert!(promised.is_none_or(|promised| promised == *advice), "{number}: {advice:?}");
        assert_eq!(CloseCode::lookup(number).map(|(row, ..)| row.code()), Some(number));
        assert_eq!(code.meaning(), *meaning);
    }
    assert!(CloseCode::lookup(1006).is_none(), "1006 is never sent");
}

#[test]
fn every_feed_has_its_name_path_and_cadence_in_the_contract() {
    distinct(Feed::ALL.map(Feed::name));
    let contract = [("backends", 5), ("metrics", 2), ("status", 10), ("billing", 30), ("health", 15)];
    for (feed, (name, seconds)) in Feed::ALL.into_iter().zip(contract) {
        assert_eq!((feed.name(), feed.cadence().as_secs()), (name, seconds));
        assert_eq!(feed.path(), format!("/api/ws/{name}"));
        assert_eq!(Feed::ALL[feed.index()], feed);
        assert_eq!(name.parse(), Ok(feed));
        assert_eq!(serde_json::to_value(feed).expect("a word"), name);
    }
}

#[test]
fn every_check_kind_has_schemes_of_its_own_and_a_check_that_runs() {
    distinct(KINDS.iter().map(|kind| kind.name));
    distinct(KINDS.iter().flat_map(|kind| kind.schemes.iter().copied()));
    let config: String = KINDS
        .iter()
        .flat_map(|kind| kind.schemes.iter().map(move |scheme| (kind, scheme)))
        .map(|(_, scheme)| {
            // A DNS server is asked for a name.
            let path = if *scheme == "dns" { "/localhost" } else { "" };
            format!("[[check]]\nname = \"{scheme}\"\nurl = \"{scheme}://127.0.0.1:1{path}\"\ncritical = false\n")
        })
        .collect();
    let server = TestServer::builder().config(&config).start();
    server.force_update(r#"{"type":"health"}"#);
    let report = server.open(Feed::Health).json()["data"].clone();
    for kind in KINDS {
        for scheme in kind.schemes {
            assert_eq!(report["checks"][*scheme], "unhealthy", "nobody listens there: {report}");
            assert_eq!(report["details"][*scheme]["kind"], kind.name, "{report}");
            let error = report["details"][*scheme]["error"].as_str().unwrap_or_default();
            assert!(error.contains("refused"), "{scheme}: {error}");
        }
    }
}

#[test]
fn every_route_answers_its_methods_and_refuses_the_others() {
    distinct(ROUTES.iter().map(|row| row.path));
    distinct(ROUTES.iter().map(|row| row.about));
    let server = TestServer::start();
    // Before that a feed has no latest message.
    eventually(PATIENCE, || match server.get("/readyz").status {
        200 => Ok(()),
        status => Err(status.to_string()),
    });
    for row in ROUTES {
        let path = row.path.replace(":feed", "metrics").replace(":file", "app.js");
        assert!(!row.methods.is_empty() && !row.about.is_empty(), "{path}");
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE"] {
            let takes = row.methods.iter().any(|allowed| allowed.as_str() == method);
            let response = http::exchange_without_body(server.address(), method, &path);
            assert_eq!(response.status != 405, takes, "{method} {path}: {response:?}");
            assert!(response.status < 500 || path == "/readyz", "{method} {path}: {response:?}");
            if !takes {
                let allow = response.header("allow").unwrap_or_default();
                assert!(row.methods.iter().all(|allowed| allow.contains(allowed.as_str())), "{method} {path}: {allow}");
            }
        }
    }
}
