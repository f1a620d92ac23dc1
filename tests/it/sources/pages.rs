//! Sources that are pages of somebody else: Prometheus metrics, Envoy's and Traefik's admin interfaces, as their answers
//! change, break off, or do not come.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use serde_json::json;
use veloflux::protocol::Feed;

use super::{becomes, counted, latest, serving};
use crate::support::PATIENCE;
use crate::support::wait::eventually;

/// A web server whose pages are changed by the test. A path that is not there is a 404; an empty page never comes.
#[derive(Clone)]
struct Pages {
    address: String,
    pages: Arc<Mutex<HashMap<String, String>>>,
}

impl Pages {
    fn start() -> Pages {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let pages = Pages { address, pages: Arc::default() };
        let served = Arc::clone(&pages.pages);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let served = Arc::clone(&served);
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
                    let page = served.lock().expect("no panic").get(&path).cloned();
                    let answer = match page {
                        None => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(),
                        Some(page) if page.is_empty() => {
                            std::thread::sleep(PATIENCE);
                            return;
                        }
                        Some(page) => format!(
                            "HTTP/1.1 200 OK\r\nX-Next-Page: 1\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
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
        let up = format!("up{{service=\"web\",url=\"http://10.0.0.1:80\"}} {up}\n");
        pages.put("/metrics", format!("# TYPE up gauge\n{up}hits_total{{code=\"200\"}} {requests}\n# EOF\n"));
    };
    put(1, 100);
    let server = serving(&format!(
        "kind = \"prometheus\"\nurl = \"http://{}/metrics\"\ninterval = \"250ms\"\nup_metric = \"up\"\n\
         requests_metric = \"hits_total{{code=\\\"200\\\"}}\"\npool_label = \"service\"\nbackend_label = \"url\"",
        pages.address
    ));
    becomes(&server, "10.0.0.1:80", &[("status", "healthy"), ("pool", "web")]);
    put(0, 103);
    becomes(&server, "10.0.0.1:80", &[("status", "unhealthy"), ("state", "down")]);
    counted(&server, 3);
    put(1, 2);
    counted(&server, 5);
    for (page, words) in [("<html>", "line 1 of the metrics is no sample"), ("", "no answer within 250 ms")] {
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
fn envoy_tells_its_clusters() {
    let pages = Pages::start();
    let put = |health: serde_json::Value, requests: u64| {
        let address = json!({"socket_address": {"address": "10.0.0.1", "port_value": 80}});
        let host = json!({"address": address, "weight": 2, "health_status": health});
        pages.put("/clusters", json!({"cluster_statuses": [{"name": "web", "host_statuses": [host]}]}));
        pages.put("/stats", json!({"stats": [{"name": "http.in.downstream_rq_completed", "value": requests}]}));
    };
    put(json!({"eds_health_status": "HEALTHY"}), 50);
    let server = serving(&format!("kind = \"envoy\"\nurl = \"http://{}\"\ninterval = \"250ms\"", pages.address));
    becomes(&server, "10.0.0.1:80", &[("status", "healthy"), ("pool", "web"), ("admin", "enabled")]);
    put(json!({"eds_health_status": "DRAINING"}), 52);
    becomes(&server, "10.0.0.1:80", &[("status", "healthy"), ("admin", "draining")]);
    put(json!({"eds_health_status": "HEALTHY", "failed_active_health_check": true}), 53);
    becomes(&server, "10.0.0.1:80", &[("status", "unhealthy"), ("detail", "failed its health check")]);
    counted(&server, 3);
}

#[test]
fn traefik_tells_its_services_and_the_last_page_is_the_last() {
    let pages = Pages::start();
    let put = |word: &str, requests: u64| {
        let balancer = json!({"servers": [{"url": "http://10.0.0.1:80"}], "healthCheck": {"path": "/"}});
        let service =
            json!({"name": "web@file", "loadBalancer": balancer, "serverStatus": {"http://10.0.0.1:80": word}});
        pages.put("/api/http/services", json!([service]));
        pages.put(
            "/metrics",
            format!("traefik_entrypoint_requests_total{{code=\"200\",entrypoint=\"web\"}} {requests}\n"),
        );
    };
    put("UP", 9);
    let server = serving(&format!(
        "kind = \"traefik\"\nurl = \"http://{0}\"\nmetrics_url = \"http://{0}/metrics\"\ninterval = \"250ms\"",
        pages.address
    ));
    becomes(&server, "10.0.0.1:80", &[("status", "healthy"), ("pool", "web@file")]);
    put("DOWN", 11);
    becomes(&server, "10.0.0.1:80", &[("status", "unhealthy"), ("state", "DOWN")]);
    counted(&server, 2);
}
