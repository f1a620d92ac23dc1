//! The report for people: a line a target, times in milliseconds; below it what there is to say about it.

use super::{Check, Compression, Phases, Pings, Report, Row, Spread, Verdict};
use crate::output::{Paint, clean};

/// How much a report says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// One line a target, and what did not pass.
    Short,
    /// Every check, too.
    Full,
}

impl Detail {
    /// The column at which a line goes on that does not fit the terminal: a little more to the right than any begins.
    pub const INDENT: usize = 9;
}

impl Report {
    /// The table. The name stands last, where it can be as long as it is.
    pub(super) fn lines(&self, paint: Paint, detail: Detail) -> Vec<String> {
        let header = ["dns", "tcp", "tls", "upgrade", "first", "ping", "close"].map(|word| format!("{word:>8}"));
        let runs = self.targets.iter().map(|row| row.runs.len()).max().unwrap_or(0);
        let times = if runs > 1 { format!("ms, worst of {runs}") } else { "times in ms".to_owned() };
        let mut lines = vec![paint.faint(&format!("{:4}{}  {times}", "", header.concat()))];
        for row in &self.targets {
            lines.extend(row.lines(paint, detail));
        }
        let (passed, failed) = self.counts();
        let warned = self.targets.iter().filter(|row| row.ok && row.complaints().next().is_some()).count();
        let mut verdict = match failed {
            0 => paint.good(&format!("{passed} passed")),
            _ => format!("{passed} passed, {}", paint.bad(&format!("{failed} failed"))),
        };
        if warned > 0 {
            verdict.push_str(&format!(", {}", paint.warning(&format!("{warned} with warnings"))));
        }
        lines.push(verdict);
        lines
    }
}

impl Row {
    fn lines(&self, paint: Paint, detail: Detail) -> Vec<String> {
        let cell = |value: Option<f64>| match value {
            Some(value) if value < 100.0 => format!("{value:>8.2}"),
            Some(value) => format!("{value:>8.0}"),
            None => format!("{:>8}", "-"),
        };
        let Phases { dns, tcp, tls, upgrade, first_message, response, close, proxy: _ } = self.phases_ms;
        let ping = self.pings.and_then(|pings| pings.rtt_ms).map(|rtt| rtt.avg);
        let cells = [dns, tcp, tls, upgrade, first_message.or(response), ping, close].map(cell).concat();
        let warned = self.complaints().next().is_some();
        let verdict = match self.ok {
            false => paint.bad("FAIL"),
            true if warned => paint.warning("warn"),
            true => paint.good("ok  "),
        };
        let mut lines = vec![format!("{verdict}{cells}  {}", paint.name(&clean(&self.name)))];
        match detail {
            Detail::Short => lines.extend(self.complaints().map(|check| check.line(paint, detail))),
            Detail::Full => {
                lines.push(paint.faint(&format!("{:6}{}", "", self.facts().join("  "))));
                lines.extend(self.checks.iter().map(|check| check.line(paint, detail)));
            }
        }
        lines
    }

    /// What is known beside the times.
    fn facts(&self) -> Vec<String> {
        let mut facts = vec![clean(&self.url).into_owned()];
        facts.extend(self.peer.map(|peer| peer.to_string()));
        facts.extend(self.status.map(|status| status.to_string()));
        if let Some(Pings { sent, answered, rtt_ms }) = self.pings {
            facts.push(format!("{answered} of {sent} pings"));
            facts.extend(rtt_ms.map(|rtt| {
                let Spread { min, avg, max, mdev, p50, p95, p99 } = rtt;
                format!(
                    "min/avg/max/mdev {min:.2}/{avg:.2}/{max:.2}/{mdev:.2} ms, p50/p95/p99 {p50:.2}/{p95:.2}/{p99:.2} ms"
                )
            }));
        }
        if let Some(handshake) = &self.handshake {
            let agreed = |what: &Option<String>| what.as_deref().map_or("none".into(), |text| clean(text).into_owned());
            facts.push(format!("extensions {}", agreed(&handshake.extensions)));
            facts.push(format!("subprotocol {}", agreed(&handshake.subprotocol)));
        }
        if let Some(Compression { wire_bytes, plain_bytes }) = self.compression {
            facts.push(format!("{plain_bytes} bytes in {wire_bytes}"));
        }
        if self.retries > 0 {
            facts.push(format!("passed or given up after {} more tries", self.retries));
        }
        facts
    }
}

impl Check {
    fn line(&self, paint: Paint, detail: Detail) -> String {
        let mark = match self.verdict {
            Verdict::Pass => paint.good("ok"),
            Verdict::Warn => paint.warning("warning"),
            // Right below the line that says `FAIL` it needs no word.
            Verdict::Fail if detail == Detail::Short => return format!("{:6}{}", "", self.spaced()),
            Verdict::Fail => paint.bad("failed"),
            Verdict::Skip => paint.faint("skipped"),
        };
        let ms = self.ms.map(|ms| format!(" {ms:.2} ms")).unwrap_or_default();
        format!("{:6}{mark} {}{ms}", "", self.spaced())
    }

    /// Its words, with the names of phases as people write them.
    fn spaced(&self) -> String {
        let words = self.words();
        match self.name.as_str() {
            "first_message" => words.replacen("first_message", "first message", 1),
            _ => words,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::report::sample;

    #[test]
    fn the_table_fits_eighty_columns_and_says_why() {
        let lines = sample::report().lines(Paint::PLAIN, Detail::Short);
        assert_eq!(
            lines,
            [
                "         dns     tcp     tls upgrade   first    ping   close  times in ms",
                "warn       -    0.12       -    1234       -    0.20       -  backends",
                "      warning limit tcp: 0.12 ms, at most 0.1 ms",
                "FAIL       -    0.12       -    1234       -       -       -  metrics",
                "      first message: nothing\\x1b <within> 10 s, 100% of \"it\" | # gone",
                "1 passed, 1 failed, 1 with warnings",
            ]
        );
        assert!(lines.iter().all(|line| line.len() <= 80));
    }

    #[test]
    fn whoever_looks_closely_is_told_every_check() {
        let text = sample::report().lines(Paint::PLAIN, Detail::Full).join("\n");
        for words in [
            "p50/p95/p99 0.20/0.30/0.30 ms",
            "extensions none",
            "1200 bytes in 300",
            "skipped tls: not needed",
            "ok tcp 0.12 ms",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
    }
}
