//! What `watch` and `probe` are pointed at: a feed of the server, all of them, or a URL.

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::ErrorKind;

use crate::protocol::Feed;

/// A bare word is a feed, a URL has a scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// One feed of every server.
    Feed(Feed),
    /// All feeds of every server.
    All,
    /// This address, whatever the servers are.
    Url(String),
}

/// Which URLs a command understands.
#[derive(Debug, Clone, Copy)]
pub(super) struct SubjectParser {
    /// The schemes, as in `ws`.
    pub(super) schemes: &'static [&'static str],
    /// How to refuse another scheme; `{}` is not filled in, the scheme follows in backticks.
    pub(super) refusal: &'static str,
}

impl SubjectParser {
    fn read(self, text: &str) -> Result<Subject, String> {
        if let Some((scheme, rest)) = text.split_once("://") {
            let scheme = scheme.to_ascii_lowercase();
            return if rest.is_empty() {
                Err(format!("`{text}` has no host"))
            } else if self.schemes.contains(&scheme.as_str()) {
                Ok(Subject::Url(text.to_owned()))
            } else {
                Err(format!("{} `{scheme}`", self.refusal))
            };
        }
        if text == "all" {
            return Ok(Subject::All);
        }
        text.parse().map(Subject::Feed).map_err(|unknown| {
            let near = words().max_by(|a, b| strsim::jaro(a, text).total_cmp(&strsim::jaro(b, text)));
            match near.filter(|word| strsim::jaro(word, text) > 0.7) {
                Some(word) => format!("`{text}` is not a feed; did you mean `{word}`?"),
                None if text.contains(['.', ':', '/']) => {
                    format!("`{text}` has no scheme; write for example `{}://{text}`", self.schemes[0])
                }
                None => unknown.to_string(),
            }
        })
    }
}

fn words() -> impl Iterator<Item = &'static str> {
    Feed::ALL.into_iter().map(Feed::name).chain(["all"])
}

impl TypedValueParser for SubjectParser {
    type Value = Subject;

    fn parse_ref(
        &self,
        command: &clap::Command,
        _argument: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<Subject, clap::Error> {
        let text = value.to_str().ok_or_else(|| clap::Error::new(ErrorKind::InvalidUtf8).with_cmd(command))?;
        self.read(text)
            .map_err(|message| clap::Error::raw(ErrorKind::ValueValidation, message + "\n").with_cmd(command))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(words().map(PossibleValue::new)))
    }
}
