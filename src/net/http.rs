//! HTTP requests of our own, and their faults in our words. The one door of reqwest, which keeps connections and knows
//! proxies; whoever wants a fresh connection for every request, as checks do, has it dialled as all others are.
//!
//! Nobody here follows a redirect or repeats a request: what was asked is what is answered.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::time::Instant;
use url::{Host, Position, Url};

use super::dial::{NEVER, Peer, dial, shake};
use super::{Fault, Route};

/// How we introduce ourselves.
const OUR_NAME: &str = concat!("veloflux/", env!("CARGO_PKG_VERSION"));

/// Sends requests. Clones are the same client.
#[derive(Debug, Clone)]
pub struct HttpClient(Way);

#[derive(Debug, Clone)]
enum Way {
    /// Over connections that reqwest makes and keeps.
    Kept(reqwest::Client),
    /// Over one that is dialled for this request, with TLS like this where the URL wants it.
    Fresh {
        tls: Arc<ClientConfig>,
        /// What is dialled in place of the host of the URL.
        at: Option<String>,
    },
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where. Credentials in it are not sent.
    pub url: Url,
    /// Beside `Accept` and `User-Agent`, which are there by themselves. `Host` overrides the one of the URL.
    pub headers: HeaderMap,
    /// The body, mostly none.
    pub body: Bytes,
}

/// Why there is no answer, and whether the request may have done its work nevertheless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failed {
    /// The request was never sent: it may be sent again.
    Connecting(Fault),
    /// It was sent, at least in part.
    Answering(Fault),
}

/// The head of an answer, and its body as it comes in.
#[derive(Debug)]
pub struct Answer(reqwest::Response);

impl HttpClient {
    /// For checks: a fresh connection for every request, never through a proxy. The addresses of a name are raced, so that
    /// one that answers is enough. It sets no deadline: the caller's covers the whole check.
    pub fn for_checks(tls: &Arc<ClientConfig>) -> HttpClient {
        HttpClient(Way::Fresh { tls: Arc::clone(tls), at: None })
    }

    /// The same for what is at `host`, whatever name the URL has.
    pub fn for_checks_at(host: String, tls: &Arc<ClientConfig>) -> HttpClient {
        HttpClient(Way::Fresh { tls: Arc::clone(tls), at: Some(host) })
    }

    /// For sources: a connection that is kept for the next reading, never through a proxy. It sets no deadline: the poller's
    /// covers the whole reading.
    pub fn for_sources(tls: &Arc<ClientConfig>) -> HttpClient {
        Self::build(reqwest::Client::builder().no_proxy().pool_max_idle_per_host(1), tls)
    }

    /// For commands to the server at `host:port`, which is reached as `route` says. `deadline` covers all from the name to
    /// the last byte of the answer.
    pub fn for_control(
        tls: &Arc<ClientConfig>,
        deadline: Duration,
        route: &Route,
        (host, port): (&str, u16),
    ) -> HttpClient {
        let mut builder = reqwest::Client::builder().timeout(deadline);
        if route.is_direct(host, port) {
            builder = builder.no_proxy();
        }
        if let Some(address) = route.pinned(host, port) {
            builder = builder.resolve(host, address);
        }
        Self::build(builder, tls)
    }

    fn build(builder: reqwest::ClientBuilder, tls: &Arc<ClientConfig>) -> HttpClient {
        let client = builder
            .tls_backend_preconfigured(ClientConfig::clone(tls))
            .dns_resolver(Resolver)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .http1_only()
            .referer(false)
            .user_agent(OUR_NAME)
            .build();
        HttpClient(Way::Kept(client.expect("TLS is already configured, and a user agent of plain ASCII is a header")))
    }

    /// Sends a request and waits for the head of the answer.
    ///
    /// # Errors
    /// [`Failed`], which tells a request that was never sent from one that may have been received.
    pub async fn send(&self, request: Request) -> Result<Answer, Failed> {
        let client = match &self.0 {
            Way::Kept(client) => client,
            Way::Fresh { tls, at } => return ask_afresh(tls, at.as_deref(), request).await,
        };
        let Request { method, url, headers, body } = request;
        let mut request = reqwest::Request::new(method, url);
        *request.headers_mut() = headers;
        if !body.is_empty() {
            *request.body_mut() = Some(body.into());
        }
        match client.execute(request).await {
            Ok(response) => Ok(Answer(response)),
            Err(error) if error.is_connect() || error.is_builder() => Err(Failed::Connecting(fault(&error))),
            Err(error) => Err(Failed::Answering(fault(&error))),
        }
    }
}

/// Asks over a connection of its own, which ends with the answer.
async fn ask_afresh(tls: &Arc<ClientConfig>, at: Option<&str>, request: Request) -> Result<Answer, Failed> {
    let Request { method, url, headers, body } = request;
    let (named, host) = match url.host() {
        Some(Host::Ipv6(address)) => (format!("[{address}]"), address.to_string()),
        Some(host) => (host.to_string(), host.to_string()),
        None => return Err(Failed::Connecting(Fault::Protocol("HTTP", "the URL names no host".to_owned()))),
    };
    let tls = (url.scheme() == "https").then_some(tls);
    let port = url.port_or_known_default().unwrap_or_default();
    let route = Route::default();
    // TLS apart from the dialling: whom it reaches and who that has to prove to be may be two.
    let peer = Peer { host: at.unwrap_or(&host), port, tls: None, route: &route };
    let dialled = dial(peer, Instant::now() + NEVER).await;
    let mut stream = dialled.map_err(|error| Failed::Connecting(error.fault))?.stream;
    if let Some(tls) = tls {
        stream = shake(tls, &host, stream).await.map_err(Failed::Connecting)?;
    }

    let mut request = http::Request::new(Full::new(body));
    *request.method_mut() = method;
    let path = url[Position::BeforePath..Position::AfterQuery].parse();
    *request.uri_mut() = path.map_err(|error| Failed::Connecting(fault(&error)))?;
    // The port stands there only where it is not the usual one.
    let authority = url.port().map_or(named.clone(), |port| format!("{named}:{port}"));
    let authority = HeaderValue::try_from(authority).map_err(|error| Failed::Connecting(fault(&error)))?;
    let own = [
        (HOST, authority),
        (ACCEPT, HeaderValue::from_static("*/*")),
        (USER_AGENT, HeaderValue::from_static(OUR_NAME)),
    ];
    *request.headers_mut() = own.into_iter().collect();
    for (name, value) in &headers {
        request.headers_mut().insert(name, value.clone());
    }

    let (mut client, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| Failed::Connecting(fault(&error)))?;
    // It ends when the answer has been read, or when nobody wants it any more; its faults come with the answer.
    tokio::spawn(connection);
    let answer = client.send_request(request).await.map_err(|error| Failed::Answering(fault(&error)))?;
    Ok(Answer(answer.map(reqwest::Body::wrap).into()))
}

impl Answer {
    /// The status.
    pub fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    /// The next piece of the body; none at its end.
    ///
    /// # Errors
    /// The [`Fault`] that ended the body early.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Fault> {
        self.0.chunk().await.map_err(|error| fault(&error))
    }

    /// The body, cut off after `bytes_max`.
    ///
    /// # Errors
    /// The [`Fault`] that ended the body early.
    pub async fn body(mut self, bytes_max: usize) -> Result<Vec<u8>, Fault> {
        let mut body = Vec::new();
        while body.len() < bytes_max
            && let Some(chunk) = self.chunk().await?
        {
            body.extend_from_slice(&chunk[..chunk.len().min(bytes_max - body.len())]);
        }
        Ok(body)
    }
}

impl Failed {
    /// What happened.
    pub fn fault(&self) -> &Fault {
        match self {
            Failed::Connecting(fault) | Failed::Answering(fault) => fault,
        }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.fault(), f)
    }
}

impl Error for Failed {}

/// The system's resolver, with our error: reqwest's own cannot be told from other errors.
struct Resolver;

impl reqwest::dns::Resolve for Resolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        Box::pin(async move {
            match super::resolve(name.as_str(), 0).await {
                Ok(addresses) => Ok(Box::new(addresses.into_iter()) as reqwest::dns::Addrs),
                Err(fault) => Err(fault.into()),
            }
        })
    }
}

/// What is at the bottom of an error of reqwest or hyper: the network's fault, or an answer that is no HTTP.
fn fault(error: &(dyn Error + 'static)) -> Fault {
    if let Some(fault) = Fault::find(error) {
        return fault;
    }
    if error.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_timeout) {
        return Fault::Network("no answer in time".to_owned());
    }
    let mut bottom: &dyn Error = error;
    while let Some(source) = bottom.source() {
        bottom = source;
    }
    Fault::Protocol("HTTP", bottom.to_string())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::net::tests::deserted;
    use crate::net::tls::{Sessions, TlsOptions, client_config};

    fn client(deadline: Duration) -> HttpClient {
        let tls = client_config(&TlsOptions::default(), Sessions::Resumed, &["http/1.1"]).expect("no file is needed");
        HttpClient::for_control(&tls, deadline, &Route::default(), ("127.0.0.1", 80))
    }

    fn post(address: &str) -> Request {
        let url = Url::parse(&format!("http://{address}/api")).expect("a URL");
        Request { method: Method::POST, url, headers: HeaderMap::new(), body: Bytes::from_static(b"{}") }
    }

    /// Answers one request with `answer`, and gives what was asked.
    async fn server(answer: &'static [u8]) -> (String, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let asked = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("somebody comes");
            let mut request = Vec::new();
            while !request.ends_with(b"{}") {
                request.push(stream.read_u8().await.expect("it sends all of it"));
            }
            stream.write_all(answer).await.expect("it listens");
            if answer.is_empty() {
                // Says nothing until the other side leaves.
                let _ = stream.read_u8().await;
            }
            String::from_utf8(request).expect("ASCII")
        });
        (address, asked)
    }

    const PATIENT: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn a_request_arrives_and_its_answer_is_read_so_far_and_not_followed() {
        let (address, asked) = server(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 5\r\n\r\nhello").await;
        let answer = client(PATIENT).send(post(&address)).await.expect("it answers");
        assert_eq!((answer.status(), answer.headers()["location"].as_bytes()), (302, &b"/x"[..]));
        assert_eq!(answer.body(4).await, Ok(b"hell".to_vec()));
        let asked = asked.await.expect("no panic");
        assert!(asked.starts_with("POST /api HTTP/1.1\r\n") && asked.contains(OUR_NAME), "{asked}");
    }

    #[tokio::test]
    async fn it_is_told_whether_the_request_may_have_arrived() {
        let (address, asked) = server(b"").await;
        let silent = client(Duration::from_millis(300)).send(post(&address)).await.expect_err("it says nothing");
        assert_eq!(silent, Failed::Answering(Fault::Network("no answer in time".to_owned())));
        asked.await.expect("no panic");
        let (_held, address) = deserted();
        let gone = client(PATIENT).send(post(&address.to_string())).await.expect_err("nobody listens");
        assert_eq!(gone, Failed::Connecting(Fault::Refused));
    }

    fn fresh() -> HttpClient {
        let tls = client_config(&TlsOptions::default(), Sessions::Fresh, &["http/1.1"]).expect("no file is needed");
        HttpClient::for_checks(&tls)
    }

    #[tokio::test]
    async fn over_a_connection_of_its_own_the_same_request_arrives_and_its_answer_is_read() {
        let (address, asked) =
            server(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n").await;
        let answer = fresh().send(post(&address)).await.expect("it answers");
        assert_eq!((answer.status(), answer.body(99).await), (200, Ok(b"hello".to_vec())));
        let asked = asked.await.expect("no panic");
        let head = format!("host: {address}\r\naccept: */*\r\nuser-agent: {OUR_NAME}\r\ncontent-length: 2\r\n");
        assert!(asked.starts_with("POST /api HTTP/1.1\r\n") && asked.contains(&head), "{asked}");
    }

    #[tokio::test]
    async fn a_question_that_nobody_waits_for_any_more_leaves_no_connection_behind() {
        let (address, asked) = server(b"").await;
        let brief = Duration::from_millis(100);
        assert!(tokio::time::timeout(brief, fresh().send(post(&address))).await.is_err());
        // The server waits for us to leave.
        tokio::time::timeout(PATIENT, asked).await.expect("we have left").expect("no panic");
    }
}
