//! `[[source]]`: where backends come from beside `[[pool]]`, from the file and from `--source`.

use std::path::PathBuf;

use super::auth::secret_file;
use super::check::{CheckDraft, kind as check_kind, kind_of};
use super::report::{Place, Report};
use super::section::{Item, Raw, Section, closest, listed};
use super::server::name;
use super::{FleetSource, Overrides, RequestsSource};
use crate::checks::Template;
use crate::duration;
use crate::limits::CHECK_INTERVAL_MIN;
use crate::secret::Secret;
use crate::sources::{KINDS, Kind, SourceOptions, SourceSpec, kind};

const SOURCE_FLAG: &str = "`--source`";

/// The sources of the file, and those of the command line beside them.
pub(super) fn read<'t>(root: &mut Section<'t>, overrides: &Overrides, report: &mut Report<'t>) -> Vec<FleetSource> {
    let mut sources: Vec<FleetSource> = Vec::new();
    for section in root.tables(report, "source", "[[source]]") {
        let place = section.place();
        let Some(source) = source(section, report) else { continue };
        if sources.iter().any(|other| other.spec.name == source.spec.name) {
            report.problem(place, format_args!("source `{}` is there twice; give one another name", source.spec.name));
        }
        sources.push(source);
    }
    for text in &overrides.sources {
        match given(text, &sources) {
            Ok(source) => sources.push(source),
            Err(why) => report.problem(Place::Given(SOURCE_FLAG), why),
        }
    }
    sources
}

/// Whose requests are metered, once it is known which sources there are.
pub(super) fn counted(wish: Option<Item<String>>, sources: &[FleetSource], report: &mut Report<'_>) -> RequestsSource {
    let Some(Item { value: wish, place }) = wish else { return RequestsSource::Sources };
    if wish == "self" {
        return RequestsSource::Own;
    }
    match sources.iter().find(|source| source.spec.name == wish) {
        Some(source) if source.spec.counts() => {}
        Some(source) => {
            let kind = source.spec.kind();
            report.problem(
                place,
                format_args!("`requests_source` in [server]: source `{wish}` ({kind}) counts no requests"),
            );
        }
        None => report.problem(place, format_args!("`requests_source` in [server]: there is no source `{wish}`")),
    }
    RequestsSource::One(wish)
}

fn source<'t>(mut section: Section<'t>, report: &mut Report<'t>) -> Option<FleetSource> {
    let place = section.place();
    let called = section.require(report, "name", "name = \"edge\"", |raw| match name(raw.text()?)? {
        reserved if ["self", "check"].contains(&reserved.as_str()) => {
            Err(format!("`{reserved}` is what we call ourselves; take another name"))
        }
        name => Ok(name),
    });
    let kind = section.require(report, "kind", "kind = \"haproxy\"", |raw| kind_named(raw.text()?));
    let options = options(&mut section, report);
    let pause = |raw: Raw<'t>| match raw.duration()? {
        pause if pause >= CHECK_INTERVAL_MIN => Ok(pause),
        _ => Err(format!("too short; write at least `{}`", duration::format(CHECK_INTERVAL_MIN))),
    };
    let interval = section.read(report, "interval", pause);
    let timeout = section.read(report, "timeout", pause);
    let min_healthy = section.read(report, "min_healthy", |raw| raw.number(0, u32::MAX));
    let critical = section.read(report, "critical", |raw| raw.flag());
    let mut check = section.table(report, "check", "[source.check]");
    let check_kind = check.read(report, "kind", |raw| check_kind(raw.text()?));
    let draft = CheckDraft::read(&mut check, report);
    check.finish(report);
    section.finish(report);

    let scheme = check_kind.map_or(kind_of(&draft.options).to_owned(), |item| item.value);
    let check_template = Template::new(scheme, draft.options, draft.timing)
        .inspect_err(|why| report.problem(check.place_named_in(why).unwrap_or(place), why));
    let blame = |why: &str| section.place_named_in(why).unwrap_or(place);
    let spec = SourceSpec::new(&called?.value, kind?.value, options);
    let mut spec = spec.inspect_err(|why| report.problem(blame(why), why)).ok()?;
    if let Some(interval) = interval {
        (spec.interval, spec.timeout) = (interval.value, spec.timeout.min(interval.value));
    }
    if let Some(Item { value, place }) = timeout {
        if value > spec.interval {
            let (value, bound) = (duration::format(value), duration::format(spec.interval));
            report.problem(
                place,
                format_args!("`timeout = \"{value}\"` is longer than the interval of `{bound}`; shorten it"),
            );
        }
        spec.timeout = value;
    }
    Some(FleetSource {
        spec,
        min_healthy: min_healthy.map_or(1, |item| item.value as usize),
        critical: critical.is_none_or(|item| item.value),
        check: check_template.ok()?,
    })
}

fn options<'t>(section: &mut Section<'t>, report: &mut Report<'t>) -> SourceOptions {
    let mut text = |report: &mut Report<'t>, key| {
        let item = section.read(report, key, |raw| match raw.text()? {
            "" => Err("is empty; leave it out or write what is meant".to_owned()),
            text => Ok(text.to_owned()),
        });
        item.map(|item| item.value)
    };
    let url = text(report, "url");
    let preset = text(report, "preset");
    let metrics_url = text(report, "metrics_url");
    let up_metric = text(report, "up_metric");
    let requests_metric = text(report, "requests_metric");
    let pool_label = text(report, "pool_label");
    let backend_label = text(report, "backend_label");
    let pool = text(report, "pool");
    let user = text(report, "user");
    let file = section.read(report, "file", |raw| raw.text().map(PathBuf::from));
    let ttl = section.read(report, "ttl", |raw| raw.duration());
    let password_file = section.read(report, "password_file", |raw| raw.text().map(PathBuf::from));
    let cacert = section.read(report, "cacert", |raw| raw.text().map(PathBuf::from));
    let insecure = section.read(report, "insecure", |raw| raw.flag());
    SourceOptions {
        url,
        file: file.map(|item| report.resolve(item.place, &item.value)),
        preset,
        metrics_url,
        up_metric,
        requests_metric,
        pool_label,
        backend_label,
        pool,
        ttl: ttl.map(|item| item.value),
        user,
        password: password_file.and_then(|file| secret_file(report, file.place, &file.value, Secret::password)),
        cacert: cacert.map(|item| report.resolve(item.place, &item.value)),
        insecure: insecure.is_some_and(|item| item.value),
    }
}

fn kind_named(word: &str) -> Result<&'static Kind, String> {
    let names = || KINDS.iter().map(|kind| kind.name);
    kind(word).ok_or_else(|| match closest(word, names()) {
        Some(meant) => format!("there is no source of the kind `{}`; did you mean `{meant}`?", word.escape_debug()),
        None => format!("there is no source of the kind `{}`; there are {}", word.escape_debug(), listed(names())),
    })
}

/// `KIND+URL`; for a kind that reads a file, `KIND+PATH`.
fn given(text: &str, known: &[FleetSource]) -> Result<FleetSource, String> {
    let form = || "this is not of the form `KIND+URL`; write for example `haproxy+unix:///run/haproxy.sock`".to_owned();
    let (word, place) = text.split_once('+').ok_or_else(form)?;
    let kind = kind_named(word)?;
    let options = if kind.schemes.is_empty() {
        SourceOptions { file: Some(PathBuf::from(place)), ..SourceOptions::default() }
    } else {
        SourceOptions { url: Some(place.to_owned()), ..SourceOptions::default() }
    };
    let taken = |name: &str| known.iter().any(|source| source.spec.name == name);
    let mut numbered = (2..).map(|number| format!("{word}-{number}"));
    let name = if taken(word) { numbered.find(|name| !taken(name)).unwrap_or_default() } else { word.to_owned() };
    let spec = SourceSpec::new(&name, kind, options)?;
    Ok(FleetSource { spec, min_healthy: 1, critical: true, check: Template::default() })
}
