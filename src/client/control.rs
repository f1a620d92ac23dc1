//! Control: one POST to a server. It is repeated only while it was never sent: a command that may have arrived is not
//! given twice.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, header};
use tokio::time::sleep;
use url::Url;

use super::backoff::Backoff;
use super::connect::{Access, headers_of, message};
use super::endpoint::Endpoint;
use crate::limits;
use crate::net::Fault;
use crate::net::http::{Failed, HttpClient, Request};

/// What a server answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, as text.
    pub body: String,
    /// The sentence in an error body of ours.
    pub message: Option<String>,
}

impl Answer {
    /// Whether it says yes.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// It was never sent.
    #[error("nothing was sent: {0}")]
    NotSent(Fault),
    /// It was sent, and nobody knows what became of it.
    #[error("it was sent, and may have been done, but there is no answer: {0}")]
    Unknown(Fault),
    /// There is no such request.
    #[error("the request cannot be made: {0}")]
    Impossible(String),
}

/// Posts `body` to `endpoint`, again after a pause while it could not be sent.
///
/// # Errors
/// [`NoAnswer`] says whether it was sent.
pub async fn post(
    endpoint: &Endpoint,
    access: &Access,
    body: Bytes,
    deadline: Duration,
    mut backoff: Backoff,
) -> Result<Answer, NoAnswer> {
    let mut headers = headers_of(endpoint, access).map_err(NoAnswer::Impossible)?;
    // reqwest writes it from the URL.
    headers.remove(header::HOST);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let url = Url::parse(&endpoint.url("http")).map_err(|error| NoAnswer::Impossible(error.to_string()))?;
    let client = HttpClient::for_control(&access.tls, deadline, &access.route, (&endpoint.host(), endpoint.port()));
    let request = Request { method: Method::POST, url, headers, body };
    loop {
        match client.send(request.clone()).await {
            Ok(answer) => {
                let status = answer.status();
                let body = answer.body(limits::ANSWER_BYTES_MAX).await.map_err(NoAnswer::Unknown)?;
                let message = message(&body);
                return Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned(), message });
            }
            Err(Failed::Answering(fault)) => return Err(NoAnswer::Unknown(fault)),
            Err(Failed::Connecting(fault)) => match backoff.next(rand::random(), None) {
                Some(retry) => sleep(retry.delay).await,
                None => return Err(NoAnswer::NotSent(fault)),
            },
        }
    }
}
