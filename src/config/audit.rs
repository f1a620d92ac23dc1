//! `[audit]`: whether a log of who did what is kept, and where.

use std::path::{Path, PathBuf};

use super::report::Report;
use super::section::Section;
use crate::audit::FILE_NAME;

/// Where the log is kept; none: there shall be none.
pub(super) fn read<'t>(root: &mut Section<'t>, state_dir: &Path, report: &mut Report<'t>) -> Option<PathBuf> {
    let mut section = root.table(report, "audit", "[audit]");
    let enabled = section.read(report, "enabled", |raw| raw.flag());
    let file = section.read(report, "file", |raw| raw.text().map(PathBuf::from));
    section.finish(report);
    let enabled = enabled.is_none_or(|item| item.value);
    match file {
        Some(item) if !enabled => {
            report.problem(item.place, "`enabled` says that there shall be no audit log; leave one of the two out");
            None
        }
        Some(item) if item.value.as_os_str().is_empty() => {
            report.problem(item.place, "the path is empty; write that of a file");
            None
        }
        Some(item) => Some(report.resolve(item.place, &item.value)),
        None => enabled.then(|| state_dir.join(FILE_NAME)),
    }
}
