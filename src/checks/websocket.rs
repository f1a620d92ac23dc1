//! The `websocket` check: the server upgrades (101) and, where asked for, its first message has a certain `type`.
//!
//! Messages are JSON objects with a `type`, like ours. What comes first decides; pings and pongs are passed over.

use std::sync::Arc;

use futures_util::StreamExt;
use http::header::{HOST, HeaderValue, USER_AGENT};
use serde::Deserialize;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::connection::dialled;
use super::options::{Tls, name};
use super::outcome::{Found, Outcome, missed};
use super::probe::{Ask, Asking, Kind, Prepared, peer_words};
use super::{ProbeOptions, Shared};
use crate::limits::{CHECK_MESSAGE_BYTES_MAX, CHECK_READ_BYTES};
use crate::net::dial::Stream;
use crate::net::{Fault, Target};

/// The row of this kind.
pub(super) const KIND: Kind = Kind {
    name: "websocket",
    schemes: &["ws", "wss"],
    options: &[name::PATH, name::MESSAGE_TYPE, name::HOST, name::SERVER_NAME, name::CACERT, name::INSECURE],
    new,
};

struct WebSocket {
    target: Target,
    tls: Option<Tls>,
    request: http::Request<()>,
    message_type: Option<String>,
}

fn new(target: &Target, options: &ProbeOptions, shared: &Shared) -> Prepared {
    if target.user().is_some() || target.password().is_some() {
        return Err(format!("a check of kind `websocket` sends no user and password; write `{target}`"));
    }
    let tls = if target.scheme() == "wss" {
        Some(options.tls(target, shared, &["http/1.1"])?)
    } else {
        options.without_tls(target)?;
        None
    };
    let url = options.at_path(target)?;
    let mut request = http::Request::new(());
    *request.uri_mut() = url.as_str().parse().map_err(|_| format!("`{target}` cannot stand in a request"))?;
    if let Some(host) = &options.host {
        let value = HeaderValue::from_str(host).map_err(|_| format!("`{host}` cannot stand in a `Host` header"))?;
        request.headers_mut().insert(HOST, value);
    }
    Ok(Arc::new(WebSocket { target: target.clone(), tls, request, message_type: options.message_type.clone() }))
}

impl Ask for WebSocket {
    fn ask(&self) -> Asking<'_> {
        Box::pin(async {
            let stream = match dialled(&self.target, self.tls.as_ref()).await {
                Ok(stream) => stream,
                Err(fault) => return missed(fault),
            };
            let config = WebSocketConfig::default()
                .read_buffer_size(CHECK_READ_BYTES)
                .write_buffer_size(0)
                .max_message_size(Some(CHECK_MESSAGE_BYTES_MAX))
                .max_frame_size(Some(CHECK_MESSAGE_BYTES_MAX));
            let opened = client_async_with_config(self.request(), stream, Some(config)).await;
            let (mut socket, _) = opened.map_err(|error| self.in_words(error))?;
            let found = match &self.message_type {
                Some(wanted) => self.first_message(&mut socket, wanted).await,
                None => Ok(Outcome::Good),
            };
            // What it came for is done: that the peer hears so is a courtesy.
            let _ = socket.close(None).await;
            found
        })
    }
}

/// What every message has.
#[derive(Deserialize)]
struct Envelope {
    r#type: String,
}

impl WebSocket {
    /// The handshake, with a key of its own.
    fn request(&self) -> Request {
        let mut request = self.request.uri().into_client_request().expect("a URI with a host is a request");
        request
            .headers_mut()
            .insert(USER_AGENT, HeaderValue::from_static(concat!("veloflux/", env!("CARGO_PKG_VERSION"))));
        request.headers_mut().extend(self.request.headers().clone());
        request
    }

    async fn first_message(&self, socket: &mut WebSocketStream<Stream>, wanted: &str) -> Found {
        loop {
            let message = match socket.next().await {
                Some(message) => message.map_err(|error| self.in_words(error))?,
                None => return Err(Fault::Closed.to_string()),
            };
            let text = match message {
                Message::Text(text) => text,
                Message::Close(Some(frame)) => {
                    let (code, reason) = (u16::from(frame.code), peer_words(&frame.reason));
                    return Err(format!("closed with {code} `{reason}` before its first message"));
                }
                Message::Close(None) => return Err("closed before its first message".to_owned()),
                Message::Binary(_) => return Err(format!("its first message is binary, expected `{wanted}`")),
                _ => continue,
            };
            return match serde_json::from_str::<Envelope>(&text) {
                Ok(envelope) if envelope.r#type == wanted => Ok(Outcome::Good),
                Ok(envelope) => {
                    let came = peer_words(&envelope.r#type);
                    Err(format!("its first message is `{came}`, expected `{wanted}`"))
                }
                Err(_) => Err(format!("its first message has no `type`, expected `{wanted}`")),
            };
        }
    }

    fn in_words(&self, error: Error) -> String {
        match error {
            Error::Http(response) => {
                format!("GET {} answered {}, expected 101", self.request.uri().path(), response.status().as_u16())
            }
            Error::Io(error) => Fault::from(error).to_string(),
            Error::Protocol(ProtocolError::HandshakeIncomplete) | Error::ConnectionClosed => Fault::Closed.to_string(),
            Error::Capacity(CapacityError::MessageTooLong { .. }) => {
                format!("its first message is longer than {} MiB", CHECK_MESSAGE_BYTES_MAX / 1024 / 1024)
            }
            other => Fault::Protocol("WebSocket", other.to_string()).to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handshake_goes_where_the_options_say() {
        let target = Target::parse("ws://h:8080/feed?x=1").expect("a target");
        let prepare = |options: &ProbeOptions| {
            let url = options.at_path(&target).expect("a path");
            url.as_str().to_owned()
        };
        assert_eq!(prepare(&ProbeOptions::default()), "ws://h:8080/feed?x=1");
        let path = ProbeOptions { path: Some("/other?y=2".to_owned()), ..ProbeOptions::default() };
        assert_eq!(prepare(&path), "ws://h:8080/other?y=2");
        let insecure = ProbeOptions { insecure: true, ..ProbeOptions::default() };
        let error = new(&target, &insecure, &Shared::default()).err();
        assert_eq!(error.as_deref(), Some("`insecure` is about TLS, and `ws://` has none"));
    }
}
