//! A page of Prometheus metrics, as it changes, breaks off, or does not come.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use veloflux::protocol::Feed;

use super::{becomes, counted, latest, serving, snippet};
use crate::support::PATIENCE;
use crate::support::wait::eventually;

/// A web server whose pages are changed by the test. A path that is not there is a 404; an empty page never comes.
#[derive(Clone)]
struct Pages {
    address: String,
    pages: Arc<Mutex<HashMap<String, String>>>,
    /// The last question for each path.
    asked: Arc<Mutex<HashMap<String, String>>>,
}

impl Pages {
    fn start() -> Pages {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let pages = Pages { address, pages: Arc::default(), asked: Arc::default() };
        let (served, asked) = (Arc::clone(&pages.pages), Arc::clone(&pages.asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let (served, asked) = (Arc::clone(&served), Arc::clone(&asked));
                std::thread::spawn(move || {
                    let mut head = Vec::new();
                    let mut buffer = [0; 1024];
                    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                        match stream.read(&mut buffer) {
                            Ok(size @ 1..) => head.extend(&buffer[..size]),
                            _ => return,
                        }
                    }
                    let head = String::from_utf8_lossy(&head).into_owned();
                    let path =
                        head.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default().to_owned();
                    asked.lock().expect("no panic").insert(path.clone(), head);
                    let page = served.lock().expect("no panic").get(&path).cloned();
                    let answer = match page {
                        None => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(),
                        Some(page) if page.is_empty() => {
                            std::thread::sleep(PATIENCE);
                            return;
                        }
                        Some(page) => format!(
                            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
                            page.len()
                        ),
                    };
                    let _ = stream.write_all(answer.as_bytes());
                });
            }
        });
        pages
    }

    fn put(&self, path: &str, page: impl ToString) {
        self.pages.lock().expect("no panic").insert(path.to_owned(), page.to_string());
    }
}

#[test]
fn metrics_tell_who_is_up_and_count_over_resets() {
    let pages = Pages::start();
    let put = |up: u8, requests: u64| {
        let up = format!("probe_success{{job=\"web\",instance=\"http://10.0.0.1:80\"}} {up}\n");
        let others = "http_requests_total{job=\"db\"} 9\n";
        let requests = format!("http_requests_total{{code=\"200\",job=\"web\"}} {requests}\n");
        pages.put("/metrics", format!("# TYPE probe_success gauge\n{up}{others}{requests}# EOF\n"));
    };
    put(1, 100);
    let server = serving(&snippet("prometheus", &[("127.0.0.1:9101", &pages.address)]));
    becomes(&server, "10.0.0.1:80", &[("status", "healthy"), ("pool", "web")]);
    put(0, 103);
    becomes(&server, "10.0.0.1:80", &[("status", "unhealthy"), ("state", "down")]);
    counted(&server, 3);
    put(1, 2);
    counted(&server, 5);
    for (page, words) in [("<html>", "line 1 of the metrics is no sample"), ("", "no answer within 500 ms")] {
        pages.put("/metrics", page);
        eventually(PATIENCE, || match latest(&server, Feed::Status) {
            status if status["reasons"][0].as_str().is_some_and(|reason| reason.ends_with(words)) => Ok(()),
            status => Err(status.to_string()),
        });
    }
    becomes(&server, "10.0.0.1:80", &[("status", "unknown")]);
    put(1, 4);
    becomes(&server, "10.0.0.1:80", &[("status", "healthy")]);
    counted(&server, 7);
}

#[test]
fn what_opens_one_server_is_not_shown_to_another() {
    let (api, metrics) = (Pages::start(), Pages::start());
    api.put("/api/http/services", r#"[{"name":"app@file","loadBalancer":{"servers":[{"url":"http://127.0.0.1:1"}]}}]"#);
    api.put("/api/http/routers", "[]");
    api.put("/api/tcp/services", "[]");
    for pages in [&api, &metrics] {
        pages.put("/metrics", "traefik_entrypoint_requests_total{entrypoint=\"web\"} 5\n");
    }
    let asked = |pages: &Pages, path: &str| {
        let words = eventually(PATIENCE, || match pages.asked.lock().expect("no panic").get(path) {
            Some(head) => Ok(head.to_ascii_lowercase()),
            None => Err(format!("nobody has asked for {path}")),
        });
        words.contains("authorization: basic b3bzomh1bnrlcji=")
    };
    for (of, shown) in [(&metrics, false), (&api, true)] {
        let _server = serving(&format!(
            "kind = \"traefik\"\nurl = \"http://ops:hunter2@{}\"\nmetrics_url = \"http://{}/metrics\"",
            api.address, of.address
        ));
        assert_eq!((asked(&api, "/api/http/services"), asked(of, "/metrics")), (true, shown));
    }
}
