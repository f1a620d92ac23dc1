//! The alarm: raises alerts for what happens, and sees them off at the end.

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::label::Label;
use super::telling;
use crate::cli::{AlertArgs, AlertOn};
use crate::client::alert::courier::{Courier, Finished, Hook, Undelivered};
use crate::client::alert::{Alert, Cooldown, Kind, Told};
use crate::client::connect::Access;
use crate::client::event::{Ending, Event, What};
use crate::limits;
use crate::net::http::HttpClient;
use crate::output::Talk;
use crate::output::record::{Happening, Record};

/// Raises alerts.
#[derive(Debug)]
pub(super) struct Alarm {
    couriers: Vec<Courier>,
    cooldown: Cooldown,
    talk: Talk,
}

/// An alert as it is sent.
#[derive(Serialize)]
struct Sent<'a> {
    #[serde(flatten)]
    record: &'a Record<'a>,
    /// How many of the same kind were held back since the last one.
    held_back: u64,
}

impl Alarm {
    /// For the places that were named, mostly none.
    pub(super) fn new(args: &AlertArgs, access: &Access, talk: Talk) -> Alarm {
        let exec = args.exec.clone().map(Hook::Exec);
        let notify = args.notify.clone();
        let notify = notify.map(|url| {
            let place = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
            let client = HttpClient::for_control(&access.tls, limits::ALERT_TIMEOUT, &access.route, place);
            Hook::Notify(url, client)
        });
        let failed = move |undelivered: &Undelivered| tell(talk, undelivered);
        let couriers = exec.into_iter().chain(notify).map(|hook| Courier::start(hook, failed));
        let kinds = args.on.iter().map(|on| match on {
            AlertOn::Open => Kind::Open,
            AlertOn::Lost => Kind::Lost,
            AlertOn::Stale => Kind::Stale,
            AlertOn::Gap => Kind::Gap,
            AlertOn::Invalid => Kind::Invalid,
            AlertOn::Until => Kind::Until,
            AlertOn::Fail => Kind::Fail,
        });
        Alarm { couriers: couriers.collect(), cooldown: Cooldown::new(kinds.collect(), args.cooldown), talk }
    }

    /// An event of a stream has happened.
    pub(super) fn event(&mut self, event: &Event, label: &Label) {
        if let Some(kind) = Kind::of(&event.what)
            && let Some(mut record) = telling::record(event, label)
        {
            if let Happening::Invalid { text: Some(text), .. } = &mut record.what {
                *text = &text[..text.floor_char_boundary(limits::ALERT_EXCERPT_BYTES_MAX)];
            }
            if self.couriers.is_empty() {
                return;
            }
            let admitted = match &event.what {
                What::End(Ending::GaveUp { lived, .. }) => {
                    let told = if lived.is_some() { Told::Lost } else { Told::Nothing };
                    self.cooldown.conclude(kind, event.stream, told, event.instant)
                }
                _ => self.cooldown.admit(kind, Some(event.stream), event.instant),
            };
            self.send(kind, admitted, &record);
        }
    }

    /// Raises an alert, unless nobody wants it or there was one like it just now.
    pub(super) fn raise(&mut self, kind: Kind, stream: Option<usize>, now: Instant, record: &Record<'_>) {
        if self.couriers.is_empty() {
            return;
        }
        let admitted = self.cooldown.admit(kind, stream, now);
        self.send(kind, admitted, record);
    }

    /// Sends what was admitted, with how many of its like were held back before it.
    fn send(&self, kind: Kind, admitted: Option<u64>, record: &Record<'_>) {
        let Some(held_back) = admitted else { return };
        let json = serde_json::to_string(&Sent { record, held_back });
        let json = json.expect("records have text keys and finite numbers");
        for courier in &self.couriers {
            if let Err(undelivered) = courier.send(Alert { kind, json: json.clone() }) {
                tell(self.talk, &undelivered);
            }
        }
    }

    /// Sees off what waits, all places at the same time.
    pub(super) async fn finish(self, within: Duration) {
        let talk = self.talk;
        let finished = futures_util::future::join_all(self.couriers.into_iter().map(|courier| courier.finish(within)));
        if finished.await.contains(&Finished::CutOff) {
            talk.error("alert: the time is up, and not everybody was told");
        }
    }
}

fn tell(talk: Talk, undelivered: &Undelivered) {
    talk.error(&format!("alert: {undelivered}"));
}
