//! Trying a WebSocket: connect, wait for messages, ping, say goodbye.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::audience::Audience;
use super::{Failure, Kind, Plan, Trial};
use crate::client::connect::{self, Access, Connection};
use crate::client::endpoint::Endpoint;
use crate::client::event::Received;
use crate::client::loss::{self, Loss};
use crate::client::session::{Ping, Socket, loss, send};
use crate::net::Fault;
use crate::net::fault::in_words;
use crate::protocol::{CloseCode, Feed};

/// Longest wait for the answer to one ping: the contract's.
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// Tries a WebSocket endpoint.
pub(super) async fn run(endpoint: &Endpoint, access: &Access, plan: &Plan, trial: &mut Trial) -> Result<(), Failure> {
    let (connection, terms) = match connect::open(endpoint, access).await {
        Ok(opened) => opened,
        Err(error) => {
            (trial.phases, trial.status) = (error.phases(), error.status());
            let (phase, reason) = (error.phase(), error.to_string());
            let denied = Loss::NotMade(error).verdict() == loss::Verdict::Denied;
            let kind = if denied { Kind::Denied } else { Kind::Unreachable };
            return Err(Failure { phase, reason, kind });
        }
    };
    let Connection { mut socket, peer, phases, upgrade } = connection;
    trial.met(peer, phases, socket.get_ref().stream());
    (trial.upgrade, trial.status, trial.terms) = (Some(upgrade), Some(101), Some(terms));
    let talked = talk(&mut socket, endpoint, access, plan, trial).await;
    trial.inflated = socket.get_ref().tally();
    talked
}

/// Listens, pings and says goodbye.
async fn talk(
    socket: &mut Socket,
    endpoint: &Endpoint,
    access: &Access,
    plan: &Plan,
    trial: &mut Trial,
) -> Result<(), Failure> {
    let wanted = plan.messages.unwrap_or(u32::from(endpoint.feed.is_some() || !plan.expectations.is_empty()));
    if wanted > 0 {
        let mut audience = Audience::new(endpoint.feed, plan);
        let heard = hear(&mut audience, socket, access.timeout, wanted, trial).await;
        audience.report(wanted, trial);
        heard?;
    }
    ping(socket, plan.pings, trial).await?;
    let started = Instant::now();
    goodbye(socket, started + access.timeout).await.map_err(|reason| wrong("close", reason))?;
    trial.close = Some(started.elapsed());
    Ok(())
}

/// Waits for so many messages, and has them judged.
async fn hear(
    audience: &mut Audience<'_>,
    socket: &mut Socket,
    patience: Duration,
    wanted: u32,
    trial: &mut Trial,
) -> Result<(), Failure> {
    let mut last = Instant::now();
    while trial.messages < wanted {
        let first = trial.messages == 0;
        let phase = if first { "first_message" } else { "messages" };
        let patience = if first { Some(patience) } else { audience.patience() };
        let deadline = patience.map(|patience| last + patience);
        let text = wait(socket, phase, deadline, |frame| match frame {
            Frame::Text(text) => Some(text.as_str().to_owned()),
            _ => None,
        });
        let text = text.await?.ok_or_else(|| {
            let span = in_words(patience.unwrap_or_default());
            let number = trial.messages + 1;
            let which = if first { "nothing".to_owned() } else { format!("message {number} of {wanted} did not come") };
            wrong(phase, format!("{which} within {span}"))
        })?;
        let now = Instant::now();
        if first {
            trial.first_message = Some(now - last);
            audience.feed.map_or(Ok(()), |feed| of_feed(feed, &text)).map_err(|reason| wrong(phase, reason))?;
        }
        if !audience.judge(&text, trial.messages + 1) {
            continue;
        }
        if !first {
            trial.longest_gap = trial.longest_gap.max(Some(now - last));
        }
        trial.messages += 1;
        last = now;
        if audience.is_silent() {
            break;
        }
    }
    Ok(())
}

fn wrong(phase: &'static str, reason: String) -> Failure {
    Failure { phase, reason, kind: Kind::Wrong }
}

fn lost(phase: &'static str, loss: &Loss) -> Failure {
    let kind = if loss.verdict() == loss::Verdict::Denied { Kind::Denied } else { Kind::Lost };
    Failure { phase, reason: loss.to_string(), kind }
}

async fn ping(socket: &mut Socket, pings: u32, trial: &mut Trial) -> Result<(), Failure> {
    for number in 1..=u64::from(pings) {
        let started = Instant::now();
        trial.pings += 1;
        send(socket, Ping::Frame.frame(number)).await.map_err(|loss| lost("ping", &loss))?;
        let answer = wait(socket, "ping", Some(started + PING_TIMEOUT), |frame| match frame {
            Frame::Pong(payload) if payload.as_ref() == number.to_be_bytes() => Some(()),
            _ => None,
        });
        if answer.await?.is_some() {
            trial.rtts.push(started.elapsed());
        }
    }
    if trial.rtts.is_empty() && pings > 0 {
        return Err(wrong("ping", format!("0 of {pings} pings were answered")));
    }
    Ok(())
}

/// Reads until a frame is the one waited for. None: it did not come in time.
async fn wait<T>(
    socket: &mut Socket,
    phase: &'static str,
    deadline: Option<Instant>,
    wanted: impl Fn(&Frame) -> Option<T>,
) -> Result<Option<T>, Failure> {
    loop {
        // A peer that never stops talking never lets the timer below have its turn.
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Ok(None);
        }
        let next = match deadline {
            Some(deadline) => timeout_at(deadline, socket.next()).await,
            None => Ok(socket.next().await),
        };
        let ended = match next {
            Err(_) => return Ok(None),
            Ok(Some(Ok(Frame::Close(frame)))) => {
                let (code, reason) = frame.map_or((1005, String::new()), |CloseFrame { code, reason }| {
                    (code.into(), reason.as_str().to_owned())
                });
                Loss::Closed { code, reason }
            }
            Ok(Some(Ok(frame))) => match wanted(&frame) {
                Some(found) => return Ok(Some(found)),
                None => continue,
            },
            Ok(Some(Err(error))) => loss(error),
            Ok(None) => Loss::Broken(Fault::Closed),
        };
        return Err(lost(phase, &ended));
    }
}

/// Whether the first text is a message of this feed.
fn of_feed(feed: Feed, text: &str) -> Result<(), String> {
    let received = Received::parse(text.to_owned()).map_err(|invalid| invalid.problem)?;
    let kind = received.kind.unwrap_or_default();
    if kind == feed.name() { Ok(()) } else { Err(format!("a message of type `{kind}`, not `{feed}`")) }
}

/// Closes with 1000 and waits for the other half.
async fn goodbye(socket: &mut Socket, deadline: Instant) -> Result<(), String> {
    let frame = CloseFrame { code: CloseCode::Done.code().into(), reason: "".into() };
    let farewell = async {
        socket.close(Some(frame)).await.map_err(|error| loss(error).to_string())?;
        loop {
            match socket.next().await {
                Some(Ok(Frame::Close(_))) => return Ok(()),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(loss(error).to_string()),
                None => return Err("the connection ended without the server's close frame".to_owned()),
            }
        }
    };
    timeout_at(deadline, farewell).await.unwrap_or_else(|_| Err("no close frame in return".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_message_has_to_be_of_the_feed() {
        assert_eq!(of_feed(Feed::Status, "{\"type\":\"status\"}"), Ok(()));
        for text in ["{\"type\":\"metrics\"}", "{}", "hello"] {
            assert!(of_feed(Feed::Status, text).is_err(), "{text}");
        }
    }
}
