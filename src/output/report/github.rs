//! The report as workflow commands of GitHub Actions: an annotation for each failure and warning, and one line that sums
//! up.

use super::{Report, Verdict};
use crate::output::clean;

pub(super) fn render(report: &Report) -> String {
    let mut lines = Vec::new();
    for row in &report.targets {
        for check in row.complaints() {
            let level = if check.verdict == Verdict::Warn { "warning" } else { "error" };
            let title = property(&format!("veloflux probe: {}", clean(&row.name)));
            lines.push(format!("::{level} title={title}::{}", data(&check.words())));
        }
    }
    let (passed, failed) = report.counts();
    lines.push(format!("::notice title=veloflux probe::{passed} passed, {failed} failed"));
    lines.join("\n")
}

/// What stands behind `::`, where a line end would end the command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A value among the properties, where a comma or colon would end it.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use crate::output::report::{Form, sample};

    #[test]
    fn complaints_are_annotations() {
        assert_eq!(
            sample::report().render(Form::Github),
            "::warning title=veloflux probe%3A backends::limit tcp: 0.12 ms, at most 0.1 ms\n\
             ::error title=veloflux probe%3A metrics::first_message: nothing\\x1b <within> 10 s, 100%25 of \"it\" | # gone\n\
             ::notice title=veloflux probe::1 passed, 1 failed"
        );
    }
}
