//! The messages of the feeds as lines for people: one line a message, whatever it says.

use std::collections::BTreeMap;

use super::{Paint, clean};
use crate::protocol::message::{Backend, BackendUpdate, Billing, HealthReport, Metrics, Scope, Status};
use crate::protocol::{Admin, Health, Message};

/// Writes the lines of one stream. It remembers the last state of each backend, to say what changed.
#[derive(Debug)]
pub struct Lines {
    paint: Paint,
    backends: BTreeMap<String, Health>,
}

/// How many names a line holds before it counts the rest.
const NAMES_MAX: usize = 4;

impl Lines {
    /// Nothing has been seen.
    pub fn new(paint: Paint) -> Self {
        Lines { paint, backends: BTreeMap::new() }
    }

    /// The line of a message, without time and feed.
    pub fn line(&mut self, message: &Message) -> String {
        match message {
            Message::Backends(list) => self.backends(list),
            Message::BackendsUpdate(update) => self.update(update),
            Message::Metrics(metrics) => self.metrics(metrics),
            Message::Status(status) => self.status(status),
            Message::Billing(billing) => self.billing(billing),
            Message::Health(report) => self.health(report),
        }
    }

    fn backends(&mut self, list: &[Backend]) -> String {
        self.backends = list.iter().map(|backend| (backend.address.clone(), backend.status)).collect();
        if list.is_empty() {
            return self.paint.faint("no backends");
        }
        let mut parts = vec![plural(list.len() as u64, "backend")];
        for health in Health::ALL {
            let here: Vec<&str> = list
                .iter()
                .filter(|backend| backend.status == health)
                .map(|backend| backend.address.as_str())
                .collect();
            match here.len() {
                0 => {}
                count if health == Health::Healthy => parts.push(format!("{count} {}", self.paint.health(health))),
                count => parts.push(format!("{count} {}: {}", self.paint.health(health), names(&here))),
            }
        }
        parts.join("  ")
    }

    fn update(&mut self, update: &BackendUpdate) -> String {
        // Who is not in the list is not remembered: a server could name ever new ones.
        let known = self.backends.get_mut(&update.address);
        let before = known.map(|known| std::mem::replace(known, update.status));
        let status = match before {
            Some(before) if before != update.status => {
                format!("{} -> {}", self.paint.health(before), self.paint.health(update.status))
            }
            _ => self.paint.health(update.status),
        };
        let mut parts = vec![self.paint.name(&clean(&update.address)), status];
        // While a healthy one is being doubted, what its last check found is no part of its health.
        let doubt = update.detail.as_ref().filter(|_| update.status == Health::Healthy);
        if let Some(latency) = update.latency_ms.filter(|_| update.status.passes() && doubt.is_none()) {
            parts.push(format!("{latency:.1} ms"));
        }
        match update.admin {
            Admin::Enabled => {}
            Admin::Draining => parts.push(self.paint.warning("draining")),
            Admin::Maintenance => parts.push(self.paint.warning("maintenance")),
        }
        if update.stale {
            parts.push(self.paint.warning("stale"));
        }
        match (&update.detail, doubt) {
            (_, Some(doubt)) => parts.push(self.paint.warning(&format!("last check: {}", clean(doubt)))),
            (Some(detail), None) => parts.push(clean(detail).into_owned()),
            (None, None) => {}
        }
        parts.join("  ")
    }

    fn metrics(&self, metrics: &Metrics) -> String {
        let label = |text| self.paint.faint(text);
        let of = |scope| if scope == Some(Scope::Cgroup) { " of quota" } else { "" };
        let mut line = format!(
            "{} {}{}  {} {}{}  {} {}",
            label("cpu"),
            self.share(metrics.cpu),
            of(metrics.scope),
            label("memory"),
            self.share(metrics.memory),
            of(metrics.memory_scope),
            label("requests"),
            grouped(metrics.requests),
        );
        if let Some(connections) = metrics.connections {
            line.push_str(&format!("  {} {}", label("connections"), grouped(connections)));
        }
        line
    }

    fn share(&self, share: f64) -> String {
        let text = format!("{share:.1} %");
        match share {
            90.0.. => self.paint.bad(&text),
            75.0.. => self.paint.warning(&text),
            _ => self.paint.strong(&text),
        }
    }

    fn status(&self, status: &Status) -> String {
        let label = |text| self.paint.faint(text);
        let mut line = format!(
            "{}  {} {}  {} {}  {}",
            self.paint.health(status.status),
            label("up"),
            clean(&status.uptime),
            label("version"),
            clean(&status.version),
            plural(status.cluster_size.into(), "node"),
        );
        if !status.reasons.is_empty() {
            line.push_str(&format!("  {}", clean(&status.reasons.join("; "))));
        }
        line
    }

    fn billing(&self, billing: &Billing) -> String {
        let unit = billing.unit.as_deref().unwrap_or("unit");
        let unit = if billing.usage == 1.0 { unit.to_owned() } else { format!("{unit}s") };
        let mut line = format!(
            "{} {}  {} {}  {}",
            billing.usage,
            clean(&unit),
            self.paint.strong(&format!("{:.2}", billing.cost)),
            clean(billing.currency.as_deref().unwrap_or_default()),
            self.paint.faint(&clean(&billing.period.replace('_', " "))),
        );
        if billing.partial {
            line.push_str(&format!("  {}", self.paint.warning("partial")));
        }
        line
    }

    fn health(&self, report: &HealthReport) -> String {
        let word = if report.healthy { self.paint.good("healthy") } else { self.paint.bad("not healthy") };
        let mut parts = vec![word];
        for (name, health) in &report.checks {
            let mut part = format!("{} {}", self.paint.faint(&clean(name)), self.paint.health(*health));
            let error = report.details.get(name).and_then(|detail| detail.error.as_deref());
            if let Some(error) = error.filter(|_| *health != Health::Healthy) {
                part.push_str(&format!(" ({})", clean(error)));
            }
            parts.push(part);
        }
        parts.join("  ")
    }
}

fn names(all: &[&str]) -> String {
    let mut text = clean(&all[..all.len().min(NAMES_MAX)].join(", ")).into_owned();
    if all.len() > NAMES_MAX {
        text.push_str(&format!(" and {} more", all.len() - NAMES_MAX));
    }
    text
}

/// A count with its noun: `1 node`, `2 nodes`.
pub(super) fn plural(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// Digits in groups of three: `1 204`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(json: &str) -> Message {
        serde_json::from_str(json).expect(json)
    }

    fn update(status: &str, detail: &str) -> Message {
        message(&format!(
            "{{\"type\":\"backends_update\",\"data\":{{\"address\":\"127.0.0.1:8081\",\"status\":\"{status}\",\
             \"state\":\"up\",\"admin\":\"enabled\",\"latency_ms\":1.26,\"stale\":false,\"detail\":{detail}}}}}"
        ))
    }

    #[test]
    fn a_change_shows_what_it_was_before() {
        let mut lines = Lines::new(Paint::PLAIN);
        assert_eq!(lines.line(&message("{\"type\":\"backends\",\"data\":[]}")), "no backends");
        for (status, line) in [("unhealthy", "unhealthy"), ("healthy", "healthy  1.3 ms")] {
            let line = format!("127.0.0.1:8081  {line}");
            assert_eq!(lines.line(&update(status, "null")), line, "who is in no list is not remembered");
        }
        lines.line(&message(
            "{\"type\":\"backends\",\"data\":[{\"address\":\"127.0.0.1:8081\",\"pool\":\"web\",\"weight\":1,\
             \"status\":\"healthy\",\"last_check\":null}]}",
        ));
        assert_eq!(
            lines.line(&update("healthy", "\"connection refused\"")),
            "127.0.0.1:8081  healthy  last check: connection refused",
            "it is being doubted"
        );
        assert_eq!(
            lines.line(&update("unhealthy", "\"connection refused\"")),
            "127.0.0.1:8081  healthy -> unhealthy  connection refused"
        );
    }

    #[test]
    fn what_a_peer_wrote_is_shown_and_not_obeyed() {
        let line = Lines::new(Paint::PLAIN).line(&update("unhealthy", "\"\\u001b]0;owned\\u0007\""));
        assert!(line.ends_with("\\x1b]0;owned\\x07"), "{line}");
    }

    #[test]
    fn metrics_are_one_line() {
        let metrics = message(
            "{\"type\":\"metrics\",\"data\":{\"cpu\":12.4,\"memory\":38.1,\"requests\":1204,\
             \"timestamp\":\"2024-01-15T10:30:00Z\",\"scope\":\"host\",\"memory_scope\":\"cgroup\",\
             \"requests_total\":9,\"requests_per_second\":602.0,\
             \"requests_source\":\"self\",\"window_ms\":2000,\"connections\":3}}",
        );
        assert_eq!(
            Lines::new(Paint::PLAIN).line(&metrics),
            "cpu 12.4 %  memory 38.1 % of quota  requests 1 204  connections 3"
        );
    }

    #[test]
    fn digits_stand_in_groups_of_three() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1 000"), (1_234_567, "1 234 567")] {
            assert_eq!(grouped(number), text);
        }
    }
}
