//! Conformance: a dozen and a half things RFC 6455 asks of a server, each tried on a connection of its own with frames
//! that are wrong on purpose. Only for a server whose owner has asked for it.

mod cases;
mod wire;

use std::time::Duration;

use http::header;
use tokio::time::{Instant, timeout_at};

use super::{Finding, Verdict};
use crate::client::connect::{Access, Compression, dial};
use crate::client::endpoint::Endpoint;
use crate::client::upgrade::{Answer, Opening, has_token};
use crate::limits;
use cases::{Act, CASES, Case, Expect, Holds};
use wire::Wire;

/// The longest time all cases take together, the handshakes of a server that is there left out.
pub fn longest() -> Duration {
    limits::CONFORMANCE_PATIENCE * CASES.len() as u32
}

/// Tries every case, one after the other, and adds a finding for each.
pub(super) async fn run(endpoint: &Endpoint, access: &Access, findings: &mut Vec<Finding>) {
    // What is not compressed is read without further ado.
    let access = &Access { compression: Compression::Unwanted, ..access.clone() };
    for case in CASES {
        let name = format!("rfc6455 {}", case.name);
        if case.holds == Holds::Contract && endpoint.feed.is_none() {
            findings.push(Finding::new(name, Verdict::Skip, Some("this is no feed".to_owned())));
            continue;
        }
        let finding = match attempt(case, endpoint, access).await {
            Ok(detail) => Finding::new(name, Verdict::Pass, detail),
            Err(problem) => Finding::new(name, Verdict::Fail, Some(problem)),
        };
        findings.push(finding);
    }
}

/// Tries one case. What is told where it is as it should be, or what is wrong.
async fn attempt(case: &Case, endpoint: &Endpoint, access: &Access) -> Result<Option<String>, String> {
    let deadline = Instant::now() + access.timeout + limits::CONFORMANCE_PATIENCE;
    let dialed = dial(endpoint, access, Instant::now() + access.timeout).await.map_err(|error| error.to_string())?;
    let (mut stream, mut opening) = (dialed.stream, Opening::new(endpoint, access)?);
    if let Act::Handshake(change) = case.act {
        change(&mut opening.headers);
    }
    let asked = timeout_at(deadline, opening.ask(&mut stream)).await;
    let answer = asked.map_err(|_| "no answer to the handshake".to_owned())?.map_err(|fault| fault.to_string())?;
    let Act::Send(bytes) = case.act else { return greeted(&case.expect, &opening, &answer) };
    if answer.status != 101 {
        return Err(format!("the handshake was answered with {}", answer.status));
    }
    opening.judge(&answer)?;
    let mut wire = Wire::new(stream, answer.rest);
    wire.send(&bytes()).await.map_err(|fault| fault.to_string())?;
    wire.see(&case.expect).await
}

/// Judges the answer to a handshake.
fn greeted(expect: &Expect, opening: &Opening, answer: &Answer) -> Result<Option<String>, String> {
    match expect {
        Expect::Status(status) if answer.status == *status => Ok(None),
        Expect::Status(status) => Err(format!("answered {}, not {status}", answer.status)),
        Expect::Version13 if !(400..500).contains(&answer.status) => Err(format!("answered {}", answer.status)),
        Expect::Version13 if has_token(&answer.headers, &header::SEC_WEBSOCKET_VERSION, "13") => Ok(None),
        Expect::Version13 => Err(format!("{} without `Sec-WebSocket-Version: 13`", answer.status)),
        Expect::NoWebSocket if answer.status == 101 => Err("answered 101".to_owned()),
        Expect::NoWebSocket => Ok(None),
        _ => {
            if answer.status != 101 {
                return Err(format!("the handshake was answered with {}", answer.status));
            }
            let terms = opening.judge(answer)?;
            Ok(Some(terms.extensions.map_or_else(|| "declined".to_owned(), |agreed| format!("accepted: {agreed}"))))
        }
    }
}
