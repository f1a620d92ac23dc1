//! The report in the Test Anything Protocol, version 13: the newest that every consumer reads.

use super::{Report, Verdict};

pub(super) fn render(report: &Report) -> String {
    let checks: Vec<_> =
        report.targets.iter().flat_map(|row| row.checks.iter().map(move |check| (row, check))).collect();
    let mut lines = vec!["TAP version 13".to_owned(), format!("1..{}", checks.len())];
    for (number, (row, check)) in (1..).zip(checks) {
        let result = if check.verdict == Verdict::Fail { "not ok" } else { "ok" };
        let what = plain(&format!("{} {}", row.name, check.name));
        let detail = check.detail.as_deref().map(plain).unwrap_or_default();
        lines.push(match check.verdict {
            Verdict::Skip => format!("{result} {number} - {what} # SKIP {detail}"),
            _ => format!("{result} {number} - {what}"),
        });
        let said = match check.verdict {
            Verdict::Fail => Some(detail),
            Verdict::Warn => Some(format!("warning: {detail}")),
            Verdict::Pass | Verdict::Skip => None,
        };
        lines.extend(said.map(|said| format!("# {said}")));
    }
    lines.join("\n")
}

/// One line without `#`, which would begin a directive.
fn plain(text: &str) -> String {
    crate::output::clean(text).replace('#', "%23")
}

#[cfg(test)]
mod tests {
    use crate::output::report::{Form, sample};

    #[test]
    fn the_plan_counts_the_checks_and_no_word_of_a_peer_is_a_directive() {
        assert_eq!(
            sample::report().render(Form::Tap),
            "TAP version 13\n1..5\nok 1 - backends tcp\nok 2 - backends tls # SKIP not needed\n\
             ok 3 - backends limit tcp\n# warning: 0.12 ms, at most 0.1 ms\nok 4 - metrics tcp\n\
             not ok 5 - metrics first_message\n# nothing\\x1b <within> 10 s, 100% of \"it\" | %23 gone"
        );
    }
}
