//! `Sec-WebSocket-Extensions` as text: names with their parameters (RFC 6455, section 9.1).

use http::header::{HeaderMap, SEC_WEBSOCKET_EXTENSIONS};

/// One entry of the header.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Extension {
    pub(super) name: String,
    pub(super) parameters: Vec<(String, Option<String>)>,
}

/// The entries of all lines of the header, in order. `None`: one of them is not written as it has to be.
pub(super) fn read(headers: &HeaderMap) -> Option<Vec<Extension>> {
    let mut all = Vec::new();
    for line in headers.get_all(SEC_WEBSOCKET_EXTENSIONS) {
        Reader(line.to_str().ok()?).entries(&mut all)?;
    }
    Some(all)
}

/// What is left of a line.
struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    fn entries(&mut self, all: &mut Vec<Extension>) -> Option<()> {
        loop {
            // Empty entries are allowed in every list of HTTP.
            while self.eat(',') {}
            if self.0.is_empty() {
                return Some(());
            }
            let mut entry = Extension { name: self.token()?.to_owned(), parameters: Vec::new() };
            while self.eat(';') {
                let key = self.token()?.to_owned();
                let value = if self.eat('=') { Some(self.value()?) } else { None };
                entry.parameters.push((key, value));
            }
            all.push(entry);
            if !self.eat(',') {
                return self.0.is_empty().then_some(());
            }
        }
    }

    /// Takes this character, if it comes next, and the blanks around it.
    fn eat(&mut self, wanted: char) -> bool {
        self.skip_blanks();
        let Some(rest) = self.0.strip_prefix(wanted) else { return false };
        self.0 = rest;
        self.skip_blanks();
        true
    }

    fn skip_blanks(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    fn token(&mut self) -> Option<&'a str> {
        let end = self.0.find(|c| !is_token(c)).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        (!token.is_empty()).then_some(token)
    }

    /// A token, also in quotes.
    fn value(&mut self) -> Option<String> {
        let Some(quoted) = self.0.strip_prefix('"') else { return self.token().map(str::to_owned) };
        let (mut value, mut chars) = (String::new(), quoted.chars());
        loop {
            match chars.next()? {
                '"' => break,
                '\\' => value.push(chars.next()?),
                other => value.push(other),
            }
        }
        self.0 = chars.as_str();
        (!value.is_empty() && value.chars().all(is_token)).then_some(value)
    }
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    /// The entries as text again, in one way of writing.
    fn rewritten(lines: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_str(line).expect("a value"));
        }
        let show = |(key, value): &(String, Option<String>)| match value {
            Some(value) => format!(";{key}={value}"),
            None => format!(";{key}"),
        };
        let entries = read(&headers)?;
        Some(
            entries.iter().map(|e| e.name.clone() + &e.parameters.iter().map(show).collect::<String>() + ",").collect(),
        )
    }

    #[test]
    fn lists_are_read_as_http_writes_them() {
        for (lines, read) in [
            (&[][..], Some("")),
            (&["a"], Some("a,")),
            (&[" a ;b; c = 1 ,\td;e=\"2\""], Some("a;b;c=1,d;e=2,")),
            (&["a", "b; c", ""], Some("a,b;c,")),
            (&[",,a,,b,"], Some("a,b,")),
            (&["a; b=\"1\\0\""], Some("a;b=10,")),
            (&["a; b=\"1,2\""], None),
            (&["a; b=\"\""], None),
            (&["a; b=\"1"], None),
            (&["a; b="], None),
            (&["a;"], None),
            (&[";;,="], None),
            (&["a b"], None),
            (&["a, b c"], None),
            (&["a", "="], None),
        ] {
            assert_eq!(rewritten(lines).as_deref(), read, "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn no_line_panics_and_what_is_read_reads_the_same_again(line in "[ab;,= \t\"\\\\]{0,24}") {
            if let Some(text) = rewritten(&[&line]) {
                prop_assert_eq!(rewritten(&[&text]), Some(text));
            }
        }
    }
}
