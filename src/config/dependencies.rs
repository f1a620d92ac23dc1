//! `[[check]]`: the named dependencies, from the file and from `--check`.

use super::check::{CheckDraft, target};
use super::report::{Place, Report};
use super::section::Section;
use super::server::name;
use super::{Dependency, Overrides};
use crate::checks::{CheckSpec, Probe};

const CHECK_FLAG: &str = "`--check`";

/// The dependencies of the file, and those of the command line beside or in place of them.
pub(super) fn read<'t>(root: &mut Section<'t>, overrides: &Overrides, report: &mut Report<'t>) -> Vec<Dependency> {
    let mut dependencies: Vec<Dependency> = Vec::new();
    for section in root.tables(report, "check", "[[check]]") {
        let place = section.place();
        let Some(dependency) = dependency(section, report) else { continue };
        let called = &dependency.check.name;
        if dependencies.iter().any(|other| other.check.name == *called) {
            report.problem(place, format_args!("check `{called}` is there twice; give one another name"));
        }
        dependencies.push(dependency);
    }
    let of_file = dependencies.len();
    for text in &overrides.checks {
        let dependency = match given_dependency(text) {
            Ok(dependency) => dependency,
            Err(why) => {
                report.problem(Place::Given(CHECK_FLAG), why);
                continue;
            }
        };
        match dependencies.iter().position(|known| known.check.name == dependency.check.name) {
            None => dependencies.push(dependency),
            Some(index) if index < of_file => dependencies[index] = dependency,
            Some(_) => {
                report.problem(
                    Place::Given(CHECK_FLAG),
                    format_args!("check `{}` is there twice", dependency.check.name),
                );
            }
        }
    }
    dependencies
}

fn dependency<'t>(mut section: Section<'t>, report: &mut Report<'t>) -> Option<Dependency> {
    let called = section.require(report, "name", "name = \"database\"", |raw| name(raw.text()?));
    let target = section.require(report, "url", "url = \"postgres://127.0.0.1\"", |raw| target(raw.text()?));
    let critical = section.read(report, "critical", |raw| raw.flag());
    let draft = CheckDraft::read(&mut section, report);
    section.finish(report);
    let blame = |why: &str| section.place_named_in(why).unwrap_or(section.place());
    let probe = Probe::new(&target?.value, &draft.options).inspect_err(|why| report.problem(blame(why), why)).ok()?;
    Some(Dependency {
        critical: critical.is_none_or(|item| item.value),
        check: CheckSpec { name: called?.value, probe, timing: draft.timing },
    })
}

/// `NAME=URL`.
fn given_dependency(text: &str) -> Result<Dependency, String> {
    let form = || "this is not of the form `NAME=URL`; write for example `cache=redis://127.0.0.1`".to_owned();
    let (called, url) = text.split_once('=').ok_or_else(form)?;
    let called = name(called)?;
    let draft = CheckDraft::default();
    let probe = Probe::new(&target(url)?, &draft.options)?;
    Ok(Dependency { critical: true, check: CheckSpec { name: called, probe, timing: draft.timing } })
}
