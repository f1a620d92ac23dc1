//! The dashboard: a few files in the binary, served with a policy under which nothing else can run.

use std::hash::{DefaultHasher, Hash, Hasher};

use http::StatusCode;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use poem::{Request, Response};

use super::answer::{error, has};
use super::documents::operation::{Body, Gives, Operation};

/// Only our own files, connections to where they came from, and no text that becomes markup or code.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";

/// What stands on every file.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    // The files change with the binary and with nothing else: the browser asks every time, and is told that it has them.
    (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
];

const HTML: &str = "text/html; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";

/// What is answered to a browser that has the file.
const KNOWN: Gives = Gives { status: 304, about: "It is the one of `If-None-Match`.", body: Body::Nothing };

/// What the page is like.
pub const PAGE: Operation = Operation::read(&[Gives::other("The page.", HTML), KNOWN]);

/// What its parts are like.
pub const PART: Operation = Operation::read(&[Gives::other("A JavaScript module or a style sheet.", "*/*"), KNOWN]);

/// What the client is like.
pub const CLIENT: Operation = Operation::read(&[Gives::other("A JavaScript module.", JAVASCRIPT), KNOWN]);

/// One file of the page.
struct File {
    name: &'static str,
    content_type: &'static str,
    text: &'static str,
}

/// A row of [`FILES`].
macro_rules! file {
    ($name:literal, $content_type:expr) => {
        File { name: $name, content_type: $content_type, text: include_str!(concat!("dashboard/", $name)) }
    };
}

/// The page.
const INDEX: File = file!("index.html", HTML);

/// The JavaScript client, which the page uses like any other.
const VELOFLUX: File =
    File { name: "veloflux.js", content_type: JAVASCRIPT, text: include_str!("../../clients/js/veloflux.js") };

/// What the page is made of, under `/dashboard/`.
const FILES: &[File] = &[
    file!("access.js", JAVASCRIPT),
    file!("announcer.js", JAVASCRIPT),
    file!("app.js", JAVASCRIPT),
    file!("billing.js", JAVASCRIPT),
    file!("chart.js", JAVASCRIPT),
    file!("checks.js", JAVASCRIPT),
    file!("face.js", JAVASCRIPT),
    file!("fleet.css", CSS),
    file!("fleet.js", JAVASCRIPT),
    file!("history.js", JAVASCRIPT),
    file!("keyboard.js", JAVASCRIPT),
    file!("language.js", JAVASCRIPT),
    file!("layout.css", CSS),
    file!("links.js", JAVASCRIPT),
    file!("looks.js", JAVASCRIPT),
    file!("memory.js", JAVASCRIPT),
    file!("metrics.js", JAVASCRIPT),
    file!("orders.js", JAVASCRIPT),
    file!("page.js", JAVASCRIPT),
    file!("row.js", JAVASCRIPT),
    file!("selection.js", JAVASCRIPT),
    file!("status.js", JAVASCRIPT),
    file!("texts.js", JAVASCRIPT),
    file!("theme.css", CSS),
];

/// The page.
pub fn page(request: &Request) -> Response {
    INDEX.answer(request.headers())
}

/// The JavaScript client.
pub fn client(request: &Request) -> Response {
    VELOFLUX.answer(request.headers())
}

/// A part of the page, by the last segment of its path.
pub fn part(request: &Request) -> Response {
    let name = request.raw_path_param("file").unwrap_or_default();
    match FILES.iter().find(|file| file.name == name) {
        Some(file) => file.answer(request.headers()),
        None => error(StatusCode::NOT_FOUND, "not_found", "the dashboard has no such file; it begins at `/`"),
    }
}

impl File {
    /// The file, or that the browser has it.
    fn answer(&self, asked: &HeaderMap) -> Response {
        let tag = self.tag();
        let mut response = if has(asked, &tag) {
            Response::builder().status(StatusCode::NOT_MODIFIED).finish()
        } else {
            Response::builder().header(CONTENT_TYPE, self.content_type).body(self.text)
        };
        let headers = response.headers_mut();
        headers.extend(HEADERS);
        headers.insert(ETAG, HeaderValue::try_from(tag).expect("hexadecimal digits can stand in a header"));
        response
    }

    /// A name of this very content.
    fn tag(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.text.hash(&mut hasher);
        format!("\"{:016x}\"", hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_directory_is_served_and_every_row_is_short() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/serve/dashboard");
        let mut there: Vec<String> = std::fs::read_dir(directory)
            .expect("a directory")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        there.sort();
        let mut served: Vec<&str> = FILES.iter().chain([&INDEX]).map(|file| file.name).collect();
        served.sort_unstable();
        assert_eq!(served, there);
        for file in FILES.iter().chain([&INDEX]) {
            assert!(file.text.lines().count() <= 400, "`{}` wants a second noun", file.name);
        }
    }
}
