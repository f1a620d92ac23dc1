//! The report as samples for Prometheus, in its text format: gauges, each described once, in base units.

use std::fmt::Write;

use super::{Phases, Report, Row};

/// A gauge: its name, what it says, and its samples of one target, each with further labels.
type Gauge = (&'static str, &'static str, fn(&Row) -> Vec<(String, f64)>);

const GAUGES: &[Gauge] = &[
    ("veloflux_probe_success", "Whether the target passed: 1 or 0.", |row| one(Some(f64::from(u8::from(row.ok))))),
    ("veloflux_probe_phase_seconds", "How long each phase took, the slowest of all runs.", |row| {
        let Phases { dns, tcp, proxy, tls, upgrade, first_message, response, close } = row.phases_ms;
        let phases = [
            ("dns", dns),
            ("tcp", tcp),
            ("proxy", proxy),
            ("tls", tls),
            ("upgrade", upgrade),
            ("first_message", first_message),
            ("response", response),
            ("close", close),
        ];
        let measured = phases.into_iter().filter_map(|(name, ms)| Some((label("phase", name), ms? / 1_000.0)));
        measured.collect()
    }),
    ("veloflux_probe_duration_seconds", "How long the target took in all, the slowest of all runs.", |row| {
        one(Some(row.total_ms / 1_000.0))
    }),
    ("veloflux_probe_ping_rtt_seconds", "Time between ping and pong.", |row| {
        let Some(rtt) = row.pings.and_then(|pings| pings.rtt_ms) else { return Vec::new() };
        let ranks = [("0", rtt.min), ("0.5", rtt.p50), ("0.95", rtt.p95), ("0.99", rtt.p99), ("1", rtt.max)];
        ranks.into_iter().map(|(rank, ms)| (label("quantile", rank), ms / 1_000.0)).collect()
    }),
    ("veloflux_probe_pings_sent", "Pings that were sent.", |row| one(row.pings.map(|pings| f64::from(pings.sent)))),
    ("veloflux_probe_pings_answered", "Pings that were answered in time.", |row| {
        one(row.pings.map(|pings| f64::from(pings.answered)))
    }),
    ("veloflux_probe_http_status", "The HTTP status; 101 of a WebSocket.", |row| one(row.status.map(f64::from))),
    ("veloflux_probe_messages_received", "Messages that were received.", |row| {
        one(row.messages.map(|messages| f64::from(messages.received)))
    }),
    ("veloflux_probe_certificate_expiry_timestamp_seconds", "When the server's certificate expires.", |row| {
        one(row.certificate.map(|expiry| expiry.at.as_millisecond() as f64 / 1_000.0))
    }),
    ("veloflux_probe_token_expiry_timestamp_seconds", "When the token that was sent expires.", |row| {
        one(row.token.map(|expiry| expiry.at.as_millisecond() as f64 / 1_000.0))
    }),
];

pub(super) fn render(report: &Report) -> String {
    let mut text = String::new();
    for (name, help, samples) in GAUGES {
        let mut described = false;
        for row in &report.targets {
            let target = format!("{}{}", label("target", &row.name), label("url", &row.url));
            for (labels, value) in samples(row) {
                if !described {
                    line(&mut text, &format!("# HELP {name} {help}\n# TYPE {name} gauge"));
                    described = true;
                }
                line(&mut text, &format!("{name}{{{}}} {value}", format!("{target}{labels}").trim_end_matches(',')));
            }
        }
    }
    let at = report.at.as_millisecond() as f64 / 1_000.0;
    line(&mut text, "# HELP veloflux_probe_timestamp_seconds When the probe was over.");
    line(&mut text, "# TYPE veloflux_probe_timestamp_seconds gauge");
    write!(text, "veloflux_probe_timestamp_seconds {at}").expect("a string takes everything");
    text
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn one(value: Option<f64>) -> Vec<(String, f64)> {
    value.map(|value| (String::new(), value)).into_iter().collect()
}

/// `name="value",` with what the format wants escaped.
fn label(name: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{name}=\"{value}\",")
}

#[cfg(test)]
mod tests {
    use crate::output::report::{Form, sample};

    #[test]
    fn every_gauge_is_described_once_and_counts_in_seconds() {
        let text = sample::report().render(Form::Prometheus);
        let types: Vec<&str> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
        let mut unique = types.clone();
        unique.dedup();
        assert_eq!(types, unique);
        let target = "target=\"backends\",url=\"ws://127.0.0.1:8080/api/ws/backends\"";
        for line in [
            format!("veloflux_probe_success{{{target}}} 1"),
            format!("veloflux_probe_phase_seconds{{{target},phase=\"upgrade\"}} 1.2345"),
            format!("veloflux_probe_certificate_expiry_timestamp_seconds{{{target}}} 1705314600"),
            "veloflux_probe_timestamp_seconds 1705314600".to_owned(),
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\nin\n{text}");
        }
        assert!(!text.contains("token_expiry"), "nobody measured it");
    }
}
