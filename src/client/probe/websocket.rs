//! Trying a WebSocket: connect, wait for messages, ping, say goodbye.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::schema::{self, Judgement};
use super::{Failure, Finding, Kind, Plan, Trial, Verdict};
use crate::client::connect::{self, Access, Connection};
use crate::client::endpoint::Endpoint;
use crate::client::event::Received;
use crate::client::fold::Folded;
use crate::client::loss::{self, Loss};
use crate::client::session::{Ping, Socket, loss, send};
use crate::limits;
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
    trial.met(peer, phases, socket.get_ref());
    (trial.upgrade, trial.status, trial.terms) = (Some(upgrade), Some(101), Some(terms));
    let wanted = plan.messages.unwrap_or(u32::from(endpoint.feed.is_some() || !plan.expectations.is_empty()));
    if wanted > 0 {
        let mut audience = Audience::new(endpoint.feed, plan);
        let heard = audience.hear(&mut socket, access.timeout, wanted, trial).await;
        audience.report(wanted, trial);
        heard?;
    }
    ping(&mut socket, plan.pings, trial).await?;
    let started = Instant::now();
    goodbye(&mut socket, started + access.timeout).await.map_err(|reason| wrong("close", reason))?;
    trial.close = Some(started.elapsed());
    Ok(())
}

/// Whoever listens to the messages and judges them.
struct Audience<'a> {
    feed: Option<Feed>,
    plan: &'a Plan,
    folded: Folded,
    /// The first problem with the schema of a message.
    schema: Option<String>,
    /// The first problem with each expectation.
    expectations: Vec<Option<String>>,
}

impl<'a> Audience<'a> {
    fn new(feed: Option<Feed>, plan: &'a Plan) -> Self {
        Audience {
            feed,
            plan,
            folded: Folded::new(feed),
            schema: None,
            expectations: vec![None; plan.expectations.len()],
        }
    }

    /// Waits for so many messages.
    async fn hear(
        &mut self,
        socket: &mut Socket,
        patience: Duration,
        wanted: u32,
        trial: &mut Trial,
    ) -> Result<(), Failure> {
        let mut last = Instant::now();
        while trial.messages < wanted {
            let first = trial.messages == 0;
            let phase = if first { "first_message" } else { "messages" };
            let patience = if first { Some(patience) } else { self.patience() };
            let deadline = patience.map(|patience| last + patience);
            let text = wait(socket, phase, deadline, |frame| match frame {
                Frame::Text(text) => Some(text.as_str().to_owned()),
                _ => None,
            });
            let text = text.await?.ok_or_else(|| {
                let span = in_words(patience.unwrap_or_default());
                wrong(
                    phase,
                    if first {
                        format!("nothing within {span}")
                    } else {
                        format!("message {} of {wanted} did not come within {span}", trial.messages + 1)
                    },
                )
            })?;
            let now = Instant::now();
            if first && let Some(feed) = self.feed {
                trial.first_message = Some(now - last);
                of_feed(feed, &text).map_err(|reason| wrong(phase, reason))?;
            } else if first {
                trial.first_message = Some(now - last);
            }
            if !self.judge(&text, trial.messages + 1) {
                continue;
            }
            if !first {
                trial.longest_gap = trial.longest_gap.max(Some(now - last));
            }
            trial.messages += 1;
            last = now;
            if self.is_silent() {
                break;
            }
        }
        Ok(())
    }

    /// How long the next message may take. None: as long as it likes, which is up to the deadline of the whole.
    fn patience(&self) -> Option<Duration> {
        self.firm_cadence().map(|cadence| cadence * limits::PROBE_CADENCES_MAX)
    }

    /// The cadence, where the feed speaks on every tick. `backends` speaks of those that were checked since the last.
    fn firm_cadence(&self) -> Option<Duration> {
        self.feed.filter(|feed| *feed != Feed::Backends).map(Feed::cadence)
    }

    /// Whether there is nothing the feed could send: no backend is listed.
    fn is_silent(&mut self) -> bool {
        self.feed == Some(Feed::Backends)
            && self.folded.document(Value::Null)["state"]["backends"].as_array().is_some_and(Vec::is_empty)
    }

    /// Judges a message. Whether it counts as one of the feed.
    fn judge(&mut self, text: &str, number: u32) -> bool {
        let message = match serde_json::from_str::<Value>(text) {
            Ok(message) => message,
            // Of another WebSocket: whatever it likes, but nothing that could be expected of it holds.
            Err(_) if self.feed.is_none() => Value::Null,
            Err(error) => {
                self.schema.get_or_insert(format!("message {number}: not JSON: {error}"));
                return true;
            }
        };
        if let Some(feed) = self.feed {
            match schema::judge(feed, &message) {
                Judgement::Good => {}
                Judgement::Bad(problem) => {
                    self.schema.get_or_insert(format!("message {number}: {problem}"));
                }
                Judgement::Foreign => return false,
            }
            self.folded.apply(feed, &message);
        }
        let document = self.folded.document(message);
        for (expression, problem) in self.plan.expectations.iter().zip(&mut self.expectations) {
            let found = match expression.test(document) {
                Ok(true) => continue,
                Ok(false) => format!("does not hold for message {number}"),
                Err(error) => format!("message {number}: {error}"),
            };
            problem.get_or_insert(found);
        }
        true
    }

    /// Tells what came of it.
    fn report(self, wanted: u32, trial: &mut Trial) {
        let findings = &mut trial.findings;
        if self.feed.is_some() && trial.messages > 0 {
            findings.push(Finding::of("schema", self.schema.clone()));
        }
        if wanted > 1 {
            findings.push(match (self.firm_cadence(), trial.longest_gap) {
                (Some(cadence), Some(gap)) => {
                    let late = gap > cadence + cadence / limits::PROBE_LATE_DIVISOR;
                    let detail = format!("due every {}, at most {} apart", in_words(cadence), in_words(gap));
                    Finding::new("cadence", if late { Verdict::Fail } else { Verdict::Pass }, Some(detail))
                }
                _ => Finding::new("cadence", Verdict::Skip, Some("nothing here is due at a certain time".to_owned())),
            });
        }
        let expectations = self.plan.expectations.iter().zip(self.expectations);
        if trial.messages > 0 {
            findings
                .extend(expectations.map(|(expression, problem)| Finding::of(format!("expect {expression}"), problem)));
        }
    }
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
    use crate::client::probe::Conformance;
    use crate::expression::Expression;

    #[test]
    fn the_first_message_has_to_be_of_the_feed() {
        assert_eq!(of_feed(Feed::Status, "{\"type\":\"status\"}"), Ok(()));
        for text in ["{\"type\":\"metrics\"}", "{}", "hello"] {
            assert!(of_feed(Feed::Status, text).is_err(), "{text}");
        }
    }

    #[test]
    fn messages_are_judged_and_the_first_problem_is_kept() {
        let expectations = ["len(.data) <= 1", "all(.state.backends[].status == \"healthy\")"];
        let expectations = expectations.map(|text| Expression::parse_condition(text).expect(text));
        let plan = Plan {
            pings: 0,
            messages: Some(3),
            expectations: expectations.to_vec(),
            conformance: Conformance::Trusted,
        };
        let mut audience = Audience::new(Some(Feed::Backends), &plan);
        let backend =
            |status: &str| format!("{{\"address\":\"a:1\",\"pool\":\"p\",\"weight\":1,\"status\":\"{status}\"}}");
        assert!(audience.judge(&format!("{{\"type\":\"backends\",\"data\":[{}]}}", backend("healthy")), 1));
        assert!(!audience.is_silent() && !audience.judge("{\"type\":\"news\"}", 2), "not one of the feed");
        let update =
            "{\"type\":\"backends_update\",\"data\":{\"address\":\"a:1\",\"status\":\"sick\",\"last_check\":null}}";
        assert!(audience.judge(update, 2) && audience.judge("nonsense", 3));
        let mut trial = Trial { messages: 3, ..Trial::default() };
        audience.report(3, &mut trial);
        let found: Vec<_> =
            trial.findings.iter().map(|f| (f.verdict, f.detail.as_deref().unwrap_or_default())).collect();
        let [schema, cadence, len, all] = found[..] else { panic!("four findings: {found:?}") };
        assert!(schema.0 == Verdict::Fail && schema.1.starts_with("message 2: `data.status`"), "{schema:?}");
        assert_eq!(cadence.0, Verdict::Skip);
        assert!(len.0 == Verdict::Fail && len.1.starts_with("does not hold for message 2"), "{len:?}");
        assert_eq!(all, (Verdict::Fail, "does not hold for message 2"));
    }
}
