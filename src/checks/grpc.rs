//! The `grpc` check: the standard health service (`grpc.health.v1.Health/Check`) says that the server is serving, or with
//! a path that the service of that name is.
//!
//! It is one POST over HTTP/2, written here byte by byte: the message has one field each way.

use std::sync::Arc;

use bytes::Bytes;
use h2::client::SendRequest;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, TE, USER_AGENT};
use http::{Method, Request, Uri, Version};

use super::connection::{bounded, dialled};
use super::options::{Tls, name};
use super::outcome::{Found, Outcome, missed};
use super::probe::{Ask, Asking, Kind, Prepared, peer_words};
use super::{ProbeOptions, Shared};
use crate::limits::CHECK_READ_BYTES;
use crate::net::{Fault, Target};

/// The row of this kind.
pub(super) const KIND: Kind = Kind {
    name: "grpc",
    schemes: &["grpc", "grpcs"],
    options: &[name::SERVER_NAME, name::CACERT, name::INSECURE],
    new,
};

const METHOD_PATH: &str = "/grpc.health.v1.Health/Check";

/// Bytes before every message: whether it is compressed, and its length in four bytes.
const PREFIX_BYTES: usize = 5;

/// Longest name of a service, so that its length is one byte of the message.
const SERVICE_BYTES_MAX: usize = 127;

/// The codes of gRPC that have an explanation of ours.
const NOT_FOUND: &str = "5";
const UNIMPLEMENTED: &str = "12";

struct Grpc {
    target: Target,
    tls: Option<Tls>,
    uri: Uri,
    question: Bytes,
}

fn new(target: &Target, options: &ProbeOptions, shared: &Shared) -> Prepared {
    if target.user().is_some() || target.password().is_some() || target.query().is_some() {
        return Err(format!("a check of kind `grpc` has no user, no password and no query; write `{target}`"));
    }
    let tls = if target.scheme() == "grpcs" {
        Some(options.tls(target, shared, &["h2"])?)
    } else {
        options.without_tls(target)?;
        None
    };
    let service = target.path_text().filter(|service| service.len() <= SERVICE_BYTES_MAX);
    let service = service.ok_or_else(|| format!("`{target}` names no service; it is too long, or not UTF-8"))?;
    let (scheme, authority) = match (&tls, &options.server_name) {
        (None, _) => ("http", target.address()),
        (Some(_), None) => ("https", target.address()),
        // Who is called by another name is also asked by it: there are servers that compare the two.
        (Some(_), Some(name)) => ("https", format!("{name}:{}", target.port())),
    };
    let uri = format!("{scheme}://{authority}{METHOD_PATH}");
    let uri = uri.parse().map_err(|_| format!("`{target}` cannot stand in a request"))?;
    Ok(Arc::new(Grpc { target: target.clone(), tls, uri, question: question(&service) }))
}

/// `HealthCheckRequest` with its prefix. The server as a whole has no name.
fn question(service: &str) -> Bytes {
    let mut message = Vec::new();
    if !service.is_empty() {
        // Field 1, text.
        message.extend_from_slice(&[0x0a, u8::try_from(service.len()).expect("its length is bounded")]);
        message.extend_from_slice(service.as_bytes());
    }
    let length = u32::try_from(message.len()).expect("its length is bounded").to_be_bytes();
    [&[0], &length[..], &message].concat().into()
}

impl Ask for Grpc {
    fn ask(&self) -> Asking<'_> {
        Box::pin(async {
            let stream = match dialled(&self.target, self.tls.as_ref()).await {
                Ok(stream) => stream,
                Err(fault) => return missed(fault),
            };
            let (client, connection) = h2::client::handshake(bounded(stream)).await.map_err(in_words)?;
            // The connection takes its leave once the client is dropped, and ends by itself when the server does.
            let (_, found) = tokio::join!(connection, self.call(client));
            found
        })
    }
}

impl Grpc {
    async fn call(&self, client: SendRequest<Bytes>) -> Found {
        let mut client = client.ready().await.map_err(in_words)?;
        let (answer, mut body) = client.send_request(self.request(), false).map_err(in_words)?;
        body.send_data(self.question.clone(), true).map_err(in_words)?;
        let (head, mut body) = answer.await.map_err(in_words)?.into_parts();
        if head.status != 200 {
            return Err(format!("POST {METHOD_PATH} answered {}, expected 200", head.status.as_u16()));
        }
        // Without a message the code stands in the head.
        refusal(&head.headers)?;
        let mut message = Vec::new();
        while let Some(piece) = body.data().await {
            let piece = piece.map_err(in_words)?;
            let _ = body.flow_control().release_capacity(piece.len());
            message.extend_from_slice(&piece);
            if message.len() > CHECK_READ_BYTES {
                return Err(foreign());
            }
        }
        if let Some(trailers) = body.trailers().await.map_err(in_words)? {
            refusal(&trailers)?;
        }
        judge(&message)
    }

    fn request(&self) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.version_mut() = Version::HTTP_2;
        request.headers_mut().extend([
            (CONTENT_TYPE, HeaderValue::from_static("application/grpc")),
            (TE, HeaderValue::from_static("trailers")),
            (USER_AGENT, HeaderValue::from_static(concat!("veloflux/", env!("CARGO_PKG_VERSION")))),
        ]);
        request
    }
}

/// What a code other than 0 says.
fn refusal(headers: &HeaderMap) -> Result<(), String> {
    let text = |name: &str| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    match text("grpc-status").as_deref() {
        None | Some("0") => Ok(()),
        Some(UNIMPLEMENTED) => Err("the server has no health service".to_owned()),
        Some(NOT_FOUND) => Err("the server knows no service of that name".to_owned()),
        Some(code) => {
            let words = text("grpc-message").unwrap_or_default();
            Err(format!("answered `{}`", peer_words(format!("grpc-status {code} {words}").trim())))
        }
    }
}

/// What a `HealthCheckResponse` with its prefix says.
fn judge(framed: &[u8]) -> Found {
    let Some((prefix, message)) = framed.split_at_checked(PREFIX_BYTES) else { return Err(foreign()) };
    let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]);
    if prefix[0] != 0 || length as usize != message.len() {
        return Err(foreign());
    }
    // Field 1, a number; zero is left out.
    match message {
        [0x08, 1, ..] => Ok(Outcome::Good),
        [0x08, 2, ..] => Err("reports `NOT_SERVING`".to_owned()),
        [0x08, 3, ..] => Err("reports `SERVICE_UNKNOWN`".to_owned()),
        [] | [0x08, 0, ..] => Ok(Outcome::Unknown("reports `UNKNOWN`".to_owned())),
        _ => Err(foreign()),
    }
}

fn in_words(error: h2::Error) -> String {
    match Fault::find(&error) {
        Some(fault) => fault.to_string(),
        None if error.is_io() => Fault::Closed.to_string(),
        None => Fault::Protocol("gRPC", error.to_string()).to_string(),
    }
}

fn foreign() -> String {
    Fault::Protocol("gRPC", "what came is not a health report".to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_a_message_of_one_field() {
        assert_eq!(&question("")[..], b"\0\0\0\0\0");
        assert_eq!(&question("shop.v1.Cart")[..], b"\0\0\0\0\x0e\x0a\x0cshop.v1.Cart");
    }

    #[test]
    fn an_answer_is_judged_by_its_number() {
        assert_eq!(judge(b"\0\0\0\0\x02\x08\x01"), Ok(Outcome::Good));
        assert_eq!(judge(b"\0\0\0\0\x02\x08\x02"), Err("reports `NOT_SERVING`".to_owned()));
        assert_eq!(judge(b"\0\0\0\0\x02\x08\x03"), Err("reports `SERVICE_UNKNOWN`".to_owned()));
        assert_eq!(judge(b"\0\0\0\0\0"), Ok(Outcome::Unknown("reports `UNKNOWN`".to_owned())));
        for other in
            [&b""[..], b"\0\0\0\0", b"\0\0\0\0\x03\x08\x01", b"\x01\0\0\0\x02\x08\x01", b"\0\0\0\0\x02\x08\x09"]
        {
            assert_eq!(judge(other), Err(foreign()), "{other:?}");
        }
    }

    #[test]
    fn what_grpc_has_no_use_for_is_refused() {
        let error =
            new(&Target::parse("grpc://h:1/x?y=z").expect("a target"), &ProbeOptions::default(), &Shared::default())
                .err();
        let words = "a check of kind `grpc` has no user, no password and no query; write `grpc://h:1/x`";
        assert_eq!(error.as_deref(), Some(words));
        for (length, fits) in [(127, true), (128, false)] {
            let target = Target::parse(&format!("grpc://h:1/{}", "x".repeat(length))).expect("a target");
            assert_eq!(new(&target, &ProbeOptions::default(), &Shared::default()).is_ok(), fits);
        }
    }
}
