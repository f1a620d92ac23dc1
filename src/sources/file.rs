//! A file that lists backends, in TOML, JSON or CSV by its ending, and is watched.
//!
//! Each backend has an `address`, and may have a `pool`, `name`, `weight`, `admin` and `status`. Without a status our own
//! checks say. In TOML and JSON they stand under `backends`; CSV has a line of column names first.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use tokio::time::sleep;

use super::contents;
use super::csv::fields;
use super::listing::{Listed, Listing};
use super::{Kind, Reading, Source, SourceOptions, Telling};
use crate::disk::Disk;
use crate::limits::SOURCE_FILE_LOOK_INTERVAL;
use crate::net::fault::io_words;

/// The row of this kind.
pub(super) const KIND: Kind =
    Kind { name: "file", schemes: &[], options: &["file", "pool"], telling: Telling::Impossible, new };

/// How a list may be written.
#[derive(Debug, Clone, Copy)]
enum Format {
    Toml,
    Json,
    Csv,
}

struct File {
    path: PathBuf,
    format: Format,
    pool: Option<String>,
    /// What the file looked like when it was last read.
    read: Mutex<Option<Stamp>>,
    disk: Disk,
}

/// Changes whenever a file does.
type Stamp = (u64, i64, i64, u64);

fn new(options: &SourceOptions) -> Result<Arc<dyn Source>, String> {
    let path = options.file.clone().ok_or("a source of kind `file` needs a `file`".to_owned())?;
    let format = match path.extension().and_then(|ending| ending.to_str()) {
        Some("toml") => Format::Toml,
        Some("json") => Format::Json,
        Some("csv") => Format::Csv,
        _ => return Err(format!("`file`: `{}` ends with none of `.toml`, `.json` and `.csv`", path.display())),
    };
    Ok(Arc::new(File { path, format, pool: options.pool.clone(), read: Mutex::default(), disk: Disk::default() }))
}

impl Source for File {
    fn read(&self) -> BoxFuture<'_, Result<Reading, String>> {
        Box::pin(async {
            let path = self.path.clone();
            let (text, stamp) = self.disk.run(move || load(&path)).await?;
            *self.read.lock().unwrap_or_else(PoisonError::into_inner) = Some(stamp);
            let listing = self.format.listing(&text).and_then(|listing| listing.reading(self.pool.as_deref()));
            listing.map_err(|why| format!("`{}`: {why}", self.path.display()))
        })
    }

    fn counts(&self) -> bool {
        false
    }

    fn news(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            loop {
                sleep(SOURCE_FILE_LOOK_INTERVAL).await;
                let path = self.path.clone();
                let now = self.disk.run(move || Ok(stamp(&path).ok())).await;
                let read = *self.read.lock().unwrap_or_else(PoisonError::into_inner);
                if now != Ok(read) {
                    return;
                }
            }
        })
    }
}

impl Format {
    fn listing(self, text: &str) -> Result<Listing, String> {
        match self {
            Format::Toml => toml::from_str::<Listing>(text).map_err(|error| in_one_line(&error.to_string())),
            Format::Json => serde_json::from_str::<Listing>(text).map_err(|error| error.to_string()),
            Format::Csv => csv(text),
        }
    }
}

/// What a list says in any of the three formats, the first that is not empty.
pub(super) fn understand(json: &str, toml: &str, csv: &str) -> Result<Reading, String> {
    let texts = [(Format::Json, json), (Format::Toml, toml), (Format::Csv, csv)];
    let given = texts.into_iter().find(|(_, text)| !text.is_empty());
    let (format, text) = given.ok_or("there is nothing")?;
    format.listing(text)?.reading(Some("x"))
}

fn load(path: &Path) -> Result<(String, Stamp), String> {
    // Before the text: what changes while it is read is read again.
    let stamp = stamp(path).map_err(|error| format!("`{}` cannot be read: {}", path.display(), io_words(&error)))?;
    let text = String::from_utf8(contents::read(path)?).map_err(|_| format!("`{}` is not text", path.display()))?;
    Ok((text, stamp))
}

fn stamp(path: &Path) -> std::io::Result<Stamp> {
    let data = fs::metadata(path)?;
    Ok((data.size(), data.mtime(), data.mtime_nsec(), data.ino()))
}

/// The picture that the parser draws takes several lines; the place and the reason are enough.
fn in_one_line(error: &str) -> String {
    let lines: Vec<&str> =
        error.lines().map(str::trim).filter(|line| !line.is_empty() && !line.contains('|')).collect();
    lines.join(": ")
}

/// A line of column names, then one a backend.
fn csv(text: &str) -> Result<Listing, String> {
    const KNOWN: [&str; 6] = ["pool", "address", "name", "weight", "admin", "status"];
    let fields = |line: &str| -> Vec<String> { fields(line).iter().map(|field| field.trim().to_owned()).collect() };
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    // A list of nothing has one all the same; a file that was cut off or is just being written has none.
    let (_, head) = lines.next().ok_or("there is no line of column names")?;
    let columns = fields(head);
    if let Some(unknown) = columns.iter().find(|column| !KNOWN.contains(&column.as_str())) {
        return Err(format!("line 1: there is no column `{}`; there are {}", unknown.escape_debug(), KNOWN.join(", ")));
    }
    let mut backends = Vec::new();
    for (index, line) in lines {
        let fields = fields(line);
        if fields.len() != columns.len() {
            return Err(format!("line {}: {} fields, and {} columns", index + 1, fields.len(), columns.len()));
        }
        let given = columns.iter().zip(fields).filter(|(_, field)| !field.is_empty());
        let mut object = serde_json::Map::new();
        for (column, field) in given {
            let number = (column == "weight").then(|| field.parse::<u32>().ok()).flatten();
            object.insert(column.clone(), number.map_or_else(|| field.into(), Into::into));
        }
        let listed: Result<Listed, _> = serde_json::from_value(object.into());
        backends.push(listed.map_err(|error| format!("line {}: {error}", index + 1))?);
    }
    Ok(Listing { backends, requests: Default::default() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::{Admin, Health};

    async fn read(name: &str, text: &str) -> Result<Reading, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a file");
        let options =
            SourceOptions { file: Some(path.clone()), pool: Some("web".to_owned()), ..SourceOptions::default() };
        let reading = new(&options).expect("a source").read().await;
        reading.map_err(|why| why.replace(&format!("`{}`: ", path.display()), ""))
    }

    #[tokio::test]
    async fn the_same_list_in_three_formats_is_the_same() {
        let toml = "[[backends]]\naddress = \"10.0.0.1:80\"\nweight = 3\nstatus = \"healthy\"\n\
                    [[backends]]\naddress = \"10.0.0.2:80\"\npool = \"db\"\nadmin = \"draining\"\nname = \"b\"\n";
        let json = r#"{"backends":[{"address":"10.0.0.1:80","weight":3,"status":"healthy"},
                       {"address":"10.0.0.2:80","pool":"db","admin":"draining","name":"b"}]}"#;
        let csv =
            "address,pool,weight,status,admin,name\n10.0.0.1:80,,3,healthy,,\n\n\"10.0.0.2:80\",db,,,\"draining\",b\n";
        let wanted = read("x.toml", toml).await.expect("a list");
        assert_eq!(wanted.backends.len(), 2);
        let (one, other) = (&wanted.backends[0], &wanted.backends[1]);
        assert_eq!((one.pool.as_str(), one.weight, one.name.as_str()), ("web", 3, "10.0.0.1:80"));
        assert_eq!(one.finding.as_ref().map(|finding| finding.status), Some(Health::Healthy));
        assert_eq!((other.pool.as_str(), other.admin, other.finding.is_none()), ("db", Admin::Draining, true));
        assert_eq!(read("x.json", json).await.as_ref(), Ok(&wanted));
        assert_eq!(read("x.csv", csv).await.as_ref(), Ok(&wanted));
    }

    #[tokio::test]
    async fn a_mistake_is_told_with_its_line_and_key() {
        for (name, text, words) in [
            ("x.toml", "[[backends]]\nadress = \"a:1\"\n", "line 2"),
            ("x.toml", "[[backends]]\naddress = \"a:1\"\nweight = -1\n", "line 3"),
            ("x.json", "{\"backends\":[{\"address\":\"a:1\",\"status\":\"fine\"}]}", "fine"),
            ("x.csv", "", "there is no line of column names"),
            ("x.csv", "address,port\na,1\n", "line 1: there is no column `port`"),
            ("x.csv", "address,weight\na:1\n", "line 2: 1 fields, and 2 columns"),
            ("x.csv", "address,weight\na:1,many\n", "line 2: "),
            ("x.json", "{\"backends\":[{\"address\":\"\"}]}", "backend 1 has no address"),
        ] {
            let why = read(name, text).await.expect_err(text);
            assert!(why.contains(words) && !why.contains('\n'), "{text}: {why}");
        }
        assert!(new(&SourceOptions { file: Some("x.yaml".into()), ..SourceOptions::default() }).is_err());
    }

    proptest! {
        #[test]
        fn whatever_is_in_it_does_not_panic(text in "(?s).{0,200}") {
            let _ = csv(&text);
            let _ = toml::from_str::<Listing>(&text);
        }
    }
}
