//! The Prometheus text format and OpenMetrics, as far as samples go: names, labels and values. Comments are passed over,
//! times and exemplars too.

use std::borrow::Cow;

/// One sample.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample<'t> {
    /// The name of the metric.
    pub(super) name: &'t str,
    labels: Vec<(&'t str, Cow<'t, str>)>,
    /// Its value; it may be infinite or no number.
    pub(super) value: f64,
}

impl Sample<'_> {
    /// The value of a label.
    pub(super) fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| *label == name).map(|(_, value)| &**value)
    }

    /// The value as a count: whole, and not below zero.
    pub(super) fn count(&self) -> Option<u64> {
        // A float holds whole numbers exactly up to 2^53, which is 28 years of a million requests a second.
        (self.value.is_finite() && self.value >= 0.0).then_some(self.value as u64)
    }

    /// The labels as they are written, to find what stands for the same thing.
    pub(super) fn labels(&self) -> String {
        let labels: Vec<String> = self.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        labels.join(",")
    }

    /// The name and labels as they are written, to tell one series from another.
    pub(super) fn series(&self) -> String {
        format!("{}{{{}}}", self.name, self.labels())
    }
}

/// Every sample of a page, in its order.
///
/// # Errors
/// The number of the first line that is none.
pub(super) fn samples(text: &str) -> Result<Vec<Sample<'_>>, String> {
    let lines = text.lines().enumerate().map(|(index, line)| (index, line.trim()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|(index, line)| sample(line).ok_or_else(|| format!("line {} of the metrics is no sample", index + 1)))
        .collect()
}

fn sample(line: &str) -> Option<Sample<'_>> {
    let end = line.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))?;
    let (name, mut rest) = line.split_at(end);
    if name.is_empty() {
        return None;
    }
    let mut labels = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside.trim_start();
        loop {
            if let Some(after) = rest.strip_prefix('}') {
                rest = after;
                break;
            }
            let (label, after) = rest.split_once('=')?;
            let (value, after) = quoted(after.trim_start())?;
            labels.push((label.trim(), value));
            let after = after.trim_start();
            rest = match after.strip_prefix(',') {
                Some(more) => more.trim_start(),
                None if after.starts_with('}') => after,
                None => return None,
            };
        }
    }
    let value = rest.split_ascii_whitespace().next()?;
    let value = match value {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        "NaN" => f64::NAN,
        number => number.parse().ok()?,
    };
    Some(Sample { name, labels, value })
}

/// The text in quotes at the beginning, and what comes after it.
fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let inside = text.strip_prefix('"')?;
    let end = inside.find(['"', '\\'])?;
    if inside.as_bytes()[end] == b'"' {
        return Some((Cow::Borrowed(&inside[..end]), &inside[end + 1..]));
    }
    let mut value = String::new();
    let mut letters = inside.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((Cow::Owned(value), &inside[at + 1..])),
            '\\' => match letters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            letter => value.push(letter),
        }
    }
    None
}

/// A metric with labels that a series has to have, or may not have: `up{job="web",zone!="b"}`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Selector {
    name: String,
    labels: Vec<(String, Match, String)>,
}

/// What the value of a label has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Match {
    /// This.
    Equal,
    /// Anything else; also nothing.
    Other,
}

impl Selector {
    /// Reads one as it stands in the settings.
    ///
    /// # Errors
    /// What it has to look like.
    pub(super) fn parse(text: &str) -> Result<Selector, String> {
        let bad = || format!("`{text}` is no metric; write for example `up` or `http_requests_total{{job=\"web\"}}`");
        // A selector is a sample without its value.
        let whole = format!("{} 0", text.trim());
        let sample =
            sample(&whole).filter(|sample| sample.value == 0.0 && !text.trim().contains(' ')).ok_or_else(bad)?;
        let labels = sample.labels.iter().map(|(name, value)| {
            let (name, matched) = name.strip_suffix('!').map_or((*name, Match::Equal), |name| (name, Match::Other));
            (name.trim().to_owned(), matched, value.to_string())
        });
        Ok(Selector { name: sample.name.to_owned(), labels: labels.collect() })
    }

    /// Whether a sample is one of those meant.
    pub(super) fn matches(&self, sample: &Sample<'_>) -> bool {
        let fits = |(name, matched, value): &(String, Match, String)| {
            (sample.label(name) == Some(value)) == (*matched == Match::Equal)
        };
        sample.name == self.name && self.labels.iter().all(fits)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn samples_are_read_as_they_are_written() {
        let text = "# HELP up Is it?\n# TYPE up gauge\nup 1\nup{job=\"web\",path=\"a\\\\b\\\"c\\nd\"} 0 1700000000\n\
                    up{} +Inf\nup{ job = \"x\" , } NaN\n  hits_total{a=\"}\"} 12 # {trace=\"1\"} 1\n# EOF\n";
        let samples = samples(text).expect("samples");
        assert_eq!(samples.len(), 5);
        assert_eq!(samples[1].label("path"), Some("a\\b\"c\nd"));
        assert_eq!(samples[1].label("job"), Some("web"));
        assert!(samples[2].value.is_infinite() && samples[2].count().is_none());
        assert!(samples[3].value.is_nan() && samples[3].count().is_none());
        assert_eq!((samples[4].label("a"), samples[4].count()), (Some("}"), Some(12)));
        assert_eq!(samples[4].series(), "hits_total{a=\"}\"}");
    }

    #[test]
    fn a_line_that_is_no_sample_is_named() {
        for line in ["{a=\"b\"} 1", "up", "up{a=b} 1", "up{a=\"b} 1", "up{a=\"b\"} one", "up{a=\"b\" 1", "<html>"] {
            assert_eq!(
                samples(&format!("up 1\n{line}\n")),
                Err("line 2 of the metrics is no sample".to_owned()),
                "{line}"
            );
        }
    }

    #[test]
    fn a_selector_wants_its_labels_and_no_others() {
        let selector = Selector::parse("up{job=\"web\"}").expect("a selector");
        for (line, fits) in [
            ("up{job=\"web\",x=\"y\"} 1", true),
            ("up{job=\"db\"} 1", false),
            ("up 1", false),
            ("down{job=\"web\"} 1", false),
        ] {
            assert_eq!(selector.matches(&sample(line).expect("a sample")), fits, "{line}");
        }
        let others = Selector::parse("up{job!=\"web\"}").expect("a selector");
        for (line, fits) in [("up{job=\"web\"} 1", false), ("up{job=\"db\"} 1", true), ("up 1", true)] {
            assert_eq!(others.matches(&sample(line).expect("a sample")), fits, "{line}");
        }
        for bad in ["", "up 1", "{}", "up{", "up{a}"] {
            assert!(Selector::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_it_does_not_panic(text in "(?s).{0,200}", line in "[a-z{}=\",\\\\ 0-9.]{0,60}") {
            let _ = samples(&text);
            let _ = samples(&line);
            let _ = Selector::parse(&line);
        }
    }
}
