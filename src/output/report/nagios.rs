//! The report as a plugin of Nagios, Icinga, Naemon or Checkmk prints it: one line for people, a bar, performance data;
//! then a line for each target that has something to say.

use std::collections::BTreeSet;

use super::{Measured, Report, Side, Verdict};
use crate::output::clean;

pub(super) fn render(report: &Report) -> String {
    let (passed, failed) = report.counts();
    let state = match report.verdict() {
        Verdict::Fail => "CRITICAL",
        Verdict::Warn => "WARNING",
        Verdict::Pass | Verdict::Skip => "OK",
    };
    let first = report.targets.iter().find_map(|row| Some((row, row.complaints().next()?)));
    let first = first.map(|(row, check)| format!("; {}: {}", clean(&row.name), check.words())).unwrap_or_default();
    // A bar would begin the performance data.
    let mut text = format!("VELOFLUX {state} - {passed} passed, {failed} failed{first}").replace('|', "/");
    let mut labels = BTreeSet::new();
    let data = report.targets.iter().flat_map(|row| row.measured.iter().map(|measured| (&row.name, measured)));
    // A label that stands twice would be read once.
    let data: Vec<String> = data
        .map(|(name, measured)| (label(name, measured.key), measured))
        .filter(|(label, _)| labels.insert(label.clone()))
        .map(|(label, measured)| format!("{label}={}", value(measured)))
        .collect();
    text.push_str(&format!(" | {}", data.join(" ")));
    for row in &report.targets {
        for check in row.complaints() {
            text.push_str(&format!("\n{}: {}", clean(&row.name), check.words()).replace('|', "/"));
        }
    }
    text
}

/// What a plugin prints that has not come to a report.
pub fn unknown(message: &str) -> String {
    let lines = message.lines().map(str::trim_end).filter(|line| !line.is_empty());
    let lines: Vec<_> = lines.map(clean).collect();
    format!("VELOFLUX UNKNOWN - {}", lines.join("\n")).replace('|', "/")
}

/// `'metrics tcp'`: without what would end it.
fn label(name: &str, key: &str) -> String {
    format!("'{} {key}'", clean(name).replace(['\'', '='], "_"))
}

/// `12.3ms;50;100;0`.
fn value(measured: &Measured) -> String {
    // Days are a number without a unit.
    let unit = if measured.unit == "d" { "" } else { measured.unit };
    let limit = |limit: Option<f64>| match (limit, measured.bad) {
        (None, _) => String::new(),
        (Some(limit), Side::Above) => number(limit),
        (Some(limit), Side::Below) => format!("{}:", number(limit)),
    };
    let (warning, critical) = (limit(measured.warning), limit(measured.critical));
    let range = if unit == "%" {
        ";0;100"
    } else if measured.bad == Side::Above {
        ";0"
    } else {
        ""
    };
    format!("{}{unit};{warning};{critical}{range}", number(measured.value))
}

/// Never with an exponent.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::unknown;
    use crate::output::report::{Form, sample};

    #[test]
    fn what_did_not_come_to_a_report_is_unknown_and_has_no_performance_data() {
        let told = unknown("`a|b` is wrong\n\n\x1b[2J try `--help`\n");
        assert_eq!(told, "VELOFLUX UNKNOWN - `a/b` is wrong\n\\x1b[2J try `--help`");
    }

    #[test]
    fn the_first_line_is_for_people_up_to_its_only_bar() {
        let text = sample::report().render(Form::Nagios);
        assert_eq!(
            text,
            "VELOFLUX CRITICAL - 1 passed, 1 failed; backends: limit tcp: 0.12 ms, at most 0.1 ms | \
             'backends tcp'=0.123ms;0.1;50;0 'backends cert_days'=30;;14: 'metrics tcp'=0.123ms;0.1;50;0\n\
             backends: limit tcp: 0.12 ms, at most 0.1 ms\n\
             metrics: first_message: nothing\\x1b <within> 10 s, 100% of \"it\" / # gone"
        );
    }
}
