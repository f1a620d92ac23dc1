//! What is wrong with the ledger, in a sentence a person can act on.

use std::path::Path;

use rusqlite::ErrorCode;

/// Why usage is not being booked. Displayed as a sentence: what is wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("usage is kept in memory only: {0}")]
pub struct Fault(String);

impl Fault {
    pub(super) fn of_database(path: &Path, error: &rusqlite::Error) -> Fault {
        let path = path.display();
        Fault(match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => format!("the disk of ledger `{path}` is full; free some space"),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                format!("ledger `{path}` is read-only; make it and its directory writable for this user")
            }
            Some(ErrorCode::CannotOpen) => {
                format!("ledger `{path}` cannot be opened; make its directory writable for this user, with space left")
            }
            Some(ErrorCode::NotADatabase) => {
                format!("ledger `{path}` is not a ledger and was left untouched; move it away or restore a copy")
            }
            Some(ErrorCode::DatabaseCorrupt) => Fault::damage(&path),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                format!("ledger `{path}` is locked by another program; close that program")
            }
            _ => format!("ledger `{path}` failed: {error}; check the disk that holds it and the space left there"),
        })
    }

    /// The file is damaged inside.
    pub(super) fn damaged(path: &Path) -> Fault {
        Fault(Fault::damage(&path.display()))
    }

    fn damage(path: &std::path::Display<'_>) -> String {
        format!("ledger `{path}` is damaged and was left untouched; restore a copy or move it away")
    }

    /// The file is a database that is not ours.
    pub(super) fn foreign(path: &Path) -> Fault {
        let path = path.display();
        Fault(format!(
            "`{path}` is the database of another program and was left untouched; choose another state directory"
        ))
    }

    /// The file was written by a later version of this program.
    pub(super) fn newer(path: &Path, found: i64, known: i64) -> Fault {
        let path = path.display();
        Fault(format!(
            "ledger `{path}` has layout {found}, this version knows {known}; run the newer veloflux that wrote it"
        ))
    }

    pub(super) fn of_directory(path: &Path, error: &std::io::Error) -> Fault {
        let path = path.display();
        Fault(format!("state directory `{path}` cannot be used: {error}; make it a directory writable for this user"))
    }

    /// The thread that wrote the ledger ended before it was done.
    pub(super) fn cut_off() -> Fault {
        Fault("the booking was cut off; look for an earlier message about it in the log".to_owned())
    }
}
