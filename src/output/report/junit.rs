//! The report as JUnit XML: a suite for each target, a case for each check.

use super::{Check, Report, Row, Verdict};

pub(super) fn render(report: &Report) -> String {
    let checks = || report.targets.iter().flat_map(|row| &row.checks);
    let time: f64 = report.targets.iter().map(|row| row.total_ms).sum();
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    text.push_str(&format!(
        "<testsuites name=\"veloflux probe\" {} time=\"{:.6}\">\n",
        tallies(checks()),
        time / 1_000.0
    ));
    for row in &report.targets {
        suite(report, row, &mut text);
    }
    text.push_str("</testsuites>");
    text
}

fn suite(report: &Report, row: &Row, text: &mut String) {
    text.push_str(&format!(
        "  <testsuite name=\"{}\" {} time=\"{:.6}\" timestamp=\"{}\">\n",
        escaped(&row.name),
        tallies(row.checks.iter()),
        row.total_ms / 1_000.0,
        // The schema wants a time without a zone.
        report.at.to_string().trim_end_matches('Z'),
    ));
    for check in &row.checks {
        let time = check.ms.map(|ms| format!(" time=\"{:.6}\"", ms / 1_000.0)).unwrap_or_default();
        let name = escaped(&check.name);
        text.push_str(&format!("    <testcase classname=\"{}\" name=\"{name}\"{time}", escaped(&row.name)));
        let detail = escaped(check.detail.as_deref().unwrap_or_default());
        match check.verdict {
            Verdict::Pass => text.push_str("/>\n"),
            Verdict::Skip => text.push_str(&format!("><skipped message=\"{detail}\"/></testcase>\n")),
            Verdict::Warn => text.push_str(&format!("><system-out>warning: {detail}</system-out></testcase>\n")),
            Verdict::Fail => text.push_str(&format!("><failure message=\"{detail}\">{detail}</failure></testcase>\n")),
        }
    }
    text.push_str("  </testsuite>\n");
}

fn tallies<'a>(checks: impl Iterator<Item = &'a Check> + Clone) -> String {
    let count = |verdict| checks.clone().filter(move |check| check.verdict == verdict).count();
    format!(
        "tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\"",
        checks.clone().count(),
        count(Verdict::Fail),
        count(Verdict::Skip)
    )
}

/// Text for XML. What XML cannot hold at all, not even escaped, is written as `\x1b`.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in crate::output::clean(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use crate::output::report::{Form, sample};

    #[test]
    fn checks_are_cases_and_their_words_are_escaped() {
        let text = sample::report().render(Form::Junit);
        for words in [
            "<testsuites name=\"veloflux probe\" tests=\"5\" failures=\"1\" errors=\"0\" skipped=\"1\"",
            "<testsuite name=\"metrics\" tests=\"2\" failures=\"1\"",
            "<testcase classname=\"backends\" name=\"tcp\" time=\"0.000123\"/>",
            "<skipped message=\"not needed\"/>",
            "timestamp=\"2024-01-15T10:30:00.000\"",
            "<failure message=\"nothing\\x1b &lt;within&gt; 10 s, 100% of &quot;it&quot; | # gone\">",
        ] {
            assert!(text.contains(words), "{words}\nin\n{text}");
        }
    }
}
