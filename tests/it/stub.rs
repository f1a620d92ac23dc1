//! Peers that misbehave: a listener whose every connection is handled by a few lines of the test.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocket};
use tokio_tungstenite::tungstenite::{Message, accept};

use crate::support::certificate::Certificate;

/// A listener on a port of its own. Its threads end with the process.
pub(crate) struct Stub {
    pub(crate) port: u16,
    connections: Arc<AtomicUsize>,
}

impl Stub {
    /// Hands every connection, with its number from 1, to `serve`.
    pub(crate) fn start(serve: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let connections = Arc::new(AtomicUsize::new(0));
        let (counter, serve) = (Arc::clone(&connections), Arc::new(serve));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let number = counter.fetch_add(1, Ordering::SeqCst) + 1;
                let serve = Arc::clone(&serve);
                // A stuck client must not keep a thread for longer than a test lasts.
                stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time above zero");
                std::thread::spawn(move || serve(stream, number));
            }
        });
        Stub { port, connections }
    }

    /// A WebSocket server whose connections are handled by `talk`.
    pub(crate) fn websocket(talk: impl Fn(WebSocket<TcpStream>, usize) + Send + Sync + 'static) -> Stub {
        Stub::start(move |stream, number| {
            if let Ok(socket) = accept(stream) {
                talk(socket, number);
            }
        })
    }

    /// A server that sends these texts, then listens until the client says goodbye.
    pub(crate) fn sending(texts: &[&str]) -> Stub {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        Stub::websocket(move |mut socket, _| {
            for text in &texts {
                socket.send(Message::text(text.clone())).expect("the client reads");
            }
            while socket.read().is_ok() {}
        })
    }

    /// A WebSocket server with this certificate that sends a message of the metrics, and listens.
    pub(crate) fn secure(made: &Certificate) -> Stub {
        let config = server_config(made);
        Stub::start(move |stream, _| {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).expect("a good configuration");
            // A client that does not trust us leaves before the handshake is over.
            if let Ok(mut socket) = accept(rustls::StreamOwned::new(connection, stream)) {
                let _ = socket.send(Message::text(metrics(1)));
                while socket.read().is_ok() {}
            }
        })
    }

    /// A server that answers every request with these bytes.
    pub(crate) fn answering(answer: &'static str) -> Stub {
        Stub::start(move |mut stream, _| {
            read_head(&mut stream);
            let _ = stream.write_all(answer.as_bytes());
            let _ = stream.shutdown(Shutdown::Write);
            let _ = stream.read(&mut [0; 64]);
        })
    }

    /// A WebSocket server that sends these bytes after the handshake, and leaves as `leave` says.
    pub(crate) fn raw(bytes: &'static [u8], leave: fn(TcpStream)) -> Stub {
        Stub::websocket(move |socket, _| {
            let mut stream = socket.get_ref().try_clone().expect("a descriptor is free");
            let _ = stream.write_all(bytes);
            leave(stream);
        })
    }

    /// How many connections came.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Its address for `--server`.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its address for `--server`, where it speaks TLS, by the name in its certificate.
    pub(crate) fn secure_url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }
}

/// How a server with this certificate speaks TLS.
pub(crate) fn server_config(made: &Certificate) -> Arc<rustls::ServerConfig> {
    let chain = vec![CertificateDer::from_pem_file(&made.certificate).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_file(&made.key).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    Arc::new(config.expect("a pair"))
}

/// Closes with this code, and sees the closing handshake through.
pub(crate) fn close(mut socket: WebSocket<TcpStream>, code: u16, reason: &'static str) {
    let _ = socket.close(Some(CloseFrame { code: CloseCode::from(code), reason: reason.into() }));
    while socket.read().is_ok() {}
}

/// Keeps the connection open until the client leaves.
pub(crate) fn stay(mut stream: TcpStream) {
    while matches!(stream.read(&mut [0; 1024]), Ok(1..)) {}
}

/// Reads a request up to its blank line.
pub(crate) fn read_head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// A metrics message with this number.
pub(crate) fn metrics(number: u64) -> String {
    format!(
        "{{\"type\":\"metrics\",\"data\":{{\"cpu\":12.4,\"memory\":38.1,\"requests\":1204,\
         \"timestamp\":\"2024-01-15T10:30:00.000Z\"}},\"id\":\"0000000a-{number}\"}}"
    )
}
