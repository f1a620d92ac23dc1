//! How a check is configured: the kinds and keys that `[pool.check]` and `[[check]]` have in common.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::auth::secret_file;
use super::report::Report;
use super::section::{Item, Raw, Section, closest, listed};
use crate::checks::{KINDS, ProbeOptions, Timing};
use crate::duration;
use crate::limits::{CERTIFICATE_DAYS_MAX, CHECK_COUNT_MAX, CHECK_INTERVAL_MIN};
use crate::net::Target;
use crate::secret::Secret;

/// How to check, without what.
#[derive(Debug, Clone, Default)]
pub(super) struct CheckDraft {
    pub(super) options: ProbeOptions,
    pub(super) timing: Timing,
}

impl CheckDraft {
    pub(super) fn read<'t>(section: &mut Section<'t>, report: &mut Report<'t>) -> CheckDraft {
        CheckDraft { options: options(section, report), timing: timing(section, report) }
    }
}

fn options<'t>(section: &mut Section<'t>, report: &mut Report<'t>) -> ProbeOptions {
    let text = |raw: Raw<'t>| match raw.text()? {
        "" => Err("is empty; leave it out or write what is meant".to_owned()),
        text => Ok(text.to_owned()),
    };
    let method = section.read(report, "method", text);
    let path = section.read(report, "path", text);
    let status =
        section.read(report, "status", |raw| match raw.list()?.map(statuses).collect::<Result<Vec<_>, _>>()? {
            none if none.is_empty() => {
                Err("is empty, and no answer would be good; list what is, or leave it out".to_owned())
            }
            statuses => Ok(statuses),
        });
    let body = section.read(report, "body", text);
    let body_matches = section.read(report, "body_matches", text);
    let json_pointer = section.read(report, "json_pointer", text);
    let json_value = section.read(report, "json_value", |raw| raw.scalar());
    let send = section.read(report, "send", text);
    let expect = section.read(report, "expect", text);
    let message_type = section.read(report, "message_type", text);
    let warn_days = section.read(report, "warn_days", |raw| raw.number(0, CERTIFICATE_DAYS_MAX));
    let critical_days = section.read(report, "critical_days", |raw| raw.number(0, CERTIFICATE_DAYS_MAX));
    let host = section.read(report, "host", text);
    let server_name = section.read(report, "server_name", text);
    let cacert = section.read(report, "cacert", |raw| raw.text().map(PathBuf::from));
    let insecure = section.read(report, "insecure", |raw| raw.flag());
    let password_file = section.read(report, "password_file", |raw| raw.text().map(PathBuf::from));
    ProbeOptions {
        method: method.map(|item| item.value),
        path: path.map(|item| item.value),
        status: status.map(|item| item.value).unwrap_or_default(),
        body: body.map(|item| item.value),
        body_matches: body_matches.map(|item| item.value),
        json_pointer: json_pointer.map(|item| item.value),
        json_value: json_value.map(|item| item.value),
        send: send.map(|item| item.value),
        expect: expect.map(|item| item.value),
        message_type: message_type.map(|item| item.value),
        warn_days: warn_days.map(|item| item.value),
        critical_days: critical_days.map(|item| item.value),
        host: host.map(|item| item.value),
        server_name: server_name.map(|item| item.value),
        cacert: cacert.map(|item| report.resolve(item.place, &item.value)),
        insecure: insecure.is_some_and(|item| item.value),
        password: password_file.and_then(|file| secret_file(report, file.place, &file.value, Secret::password)),
    }
}

/// `200`, `"200"` or `"200-299"`.
fn statuses(raw: Raw<'_>) -> Result<RangeInclusive<u16>, String> {
    let status = |text: &str| text.parse().ok().filter(|status| (100..=599).contains(status));
    let written = raw.text().map(str::to_owned).or_else(|_| raw.number(100, 599).map(|status| status.to_string()))?;
    let (first, last) = written.split_once('-').unwrap_or((&written, &written));
    match (status(first), status(last)) {
        (Some(first), Some(last)) if first <= last => Ok(first..=last),
        _ => Err(format!("`{written}` is not a status; write for example `200` or `\"200-299\"`, within 100 to 599")),
    }
}

/// The kind of check that is meant where only options are given.
pub(super) fn kind_of(options: &ProbeOptions) -> &'static str {
    let speaks_http = options.path.is_some()
        || options.method.is_some()
        || options.body.is_some()
        || options.body_matches.is_some()
        || options.json_pointer.is_some()
        || options.json_value.is_some()
        || options.host.is_some()
        || !options.status.is_empty();
    if options.message_type.is_some() {
        "ws"
    } else if speaks_http {
        "http"
    } else if options.warn_days.is_some() || options.critical_days.is_some() {
        "tls"
    } else {
        "tcp"
    }
}

fn timing<'t>(section: &mut Section<'t>, report: &mut Report<'t>) -> Timing {
    let default = Timing::default();
    let pause = |raw: Raw<'t>| match raw.duration()? {
        pause if pause >= CHECK_INTERVAL_MIN => Ok(pause),
        _ => Err(format!("too short; write at least `{}`", duration::format(CHECK_INTERVAL_MIN))),
    };
    let limit = |raw: Raw<'t>| match raw.duration()? {
        Duration::ZERO => Err("is zero; write for example `2s` or `500ms`".to_owned()),
        limit => Ok(limit),
    };
    let interval = section.read(report, "interval", pause);
    let fast_interval = section.read(report, "fast_interval", pause);
    let timeout = section.read(report, "timeout", limit);
    let rise = section.read(report, "rise", |raw| raw.number(1, CHECK_COUNT_MAX));
    let fall = section.read(report, "fall", |raw| raw.number(1, CHECK_COUNT_MAX));
    let degraded_above = section.read(report, "degraded_above", limit);

    let mut at_most = |key: &str, item: &Option<Item<Duration>>, bound: Duration, name: &str| {
        let Some(Item { value, place }) = item else { return };
        if *value > bound {
            let (value, bound) = (duration::format(*value), duration::format(bound));
            report.problem(
                *place,
                format_args!("`{key} = \"{value}\"` is longer than the {name} of `{bound}`; shorten it"),
            );
        }
    };
    let interval = interval.map_or(default.interval, |item| item.value);
    at_most("fast_interval", &fast_interval, interval, "interval");
    at_most("timeout", &timeout, interval, "interval");
    // A short interval takes the defaults that hang on it along.
    let timeout = timeout.map_or(default.timeout.min(interval), |item| item.value);
    at_most("degraded_above", &degraded_above, timeout, "timeout");
    Timing {
        interval,
        fast_interval: fast_interval.map_or(default.fast_interval.min(interval), |item| item.value),
        timeout,
        rise: rise.map_or(default.rise, |item| item.value),
        fall: fall.map_or(default.fall, |item| item.value),
        degraded_above: degraded_above.map(|item| item.value),
    }
}

/// What a URL asks for.
pub(super) fn target(url: &str) -> Result<Target, String> {
    // First the scheme: that an unknown one has no port of its own is not the news.
    if let Some((scheme, _)) = url.split_once("://") {
        kind(&scheme.to_ascii_lowercase())?;
    }
    Target::parse(url).map_err(|error| error.to_string())
}

/// The scheme that a check of this kind has.
pub(super) fn kind(word: &str) -> Result<String, String> {
    let schemes = || KINDS.iter().flat_map(|kind| kind.schemes.iter().copied());
    if schemes().any(|scheme| scheme == word) {
        return Ok(word.to_owned());
    }
    Err(match closest(word, schemes()) {
        Some(meant) => format!("there is no check of the kind `{}`; did you mean `{meant}`?", word.escape_debug()),
        None => format!("there is no check of the kind `{}`; there are {}", word.escape_debug(), listed(schemes())),
    })
}
