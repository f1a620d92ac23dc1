//! A probe: one target and how it is asked, ready to be asked again and again.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use super::outcome::Found;
use super::{KINDS, ProbeOptions, Shared, command, socket};
use crate::net::Target;
pub(super) use crate::net::fault::peer_words;
use crate::secret::Secret;

/// A kind of check: a row of [`KINDS`].
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// What it is called.
    pub name: &'static str,
    /// The URL schemes it answers to.
    pub schemes: &'static [&'static str],
    /// The options it knows.
    pub(super) options: &'static [&'static str],
    /// Prepares everything that one question after the other can share.
    pub(super) new: fn(&Target, &ProbeOptions, &Shared) -> Prepared,
}

/// What a kind makes of a target and options, or why it makes nothing of them.
pub(super) type Prepared = Result<Arc<dyn Ask>, String>;

/// One question to one target. Dropping it ends it.
pub(super) type Asking<'a> = Pin<Box<dyn Future<Output = Found> + Send + 'a>>;

/// Asks a target whether it does its work. It sets no deadline: the monitor's covers the whole question.
pub(super) trait Ask: Send + Sync {
    /// Asks once, over a connection of its own.
    fn ask(&self) -> Asking<'_>;
}

/// How a target is asked. Clones share what was prepared.
#[derive(Clone)]
pub struct Probe {
    kind: &'static str,
    target: String,
    how: Arc<dyn Ask>,
}

impl Probe {
    /// Prepares to ask `target`. Reads the files that the options name, opens no connection.
    ///
    /// # Errors
    /// What the target or the options have wrong, and what to write instead.
    pub fn new(target: &Target, options: &ProbeOptions) -> Result<Probe, String> {
        Probe::sharing(target, options, &Shared::default())
    }

    /// The same, with what was made of these options for another target.
    ///
    /// # Errors
    /// As [`Probe::new`].
    pub fn sharing(target: &Target, options: &ProbeOptions, shared: &Shared) -> Result<Probe, String> {
        let scheme = target.scheme();
        let Some(kind) = KINDS.iter().find(|kind| kind.schemes.contains(&scheme)) else {
            let known: Vec<&str> = KINDS.iter().flat_map(|kind| kind.schemes).copied().collect();
            return Err(format!("no check for the scheme `{scheme}`; there is {}", listed(&known)));
        };
        if let Some(unknown) = options.given().find(|given| !kind.options.contains(given)) {
            let takes = match kind.options {
                [] => "it takes no options".to_owned(),
                known => format!("it takes {}", listed(known)),
            };
            return Err(format!("a check of kind `{}` has no `{unknown}`; {takes}", kind.name));
        }
        let how = (kind.new)(target, options, shared)?;
        Ok(Probe { kind: kind.name, target: target.to_string(), how })
    }

    /// Prepares to run a program with its arguments, which takes no options.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn command(argv: &[String], options: &ProbeOptions) -> Result<Probe, String> {
        if let Some(given) = options.given().next() {
            return Err(format!("a check that runs a program has no `{given}`; it takes no options"));
        }
        let how = command::new(argv)?;
        Ok(Probe { kind: command::NAME, target: argv[0].clone(), how })
    }

    /// Prepares to connect to a Unix socket; none, if this is no address of one.
    pub(super) fn socket(address: &str) -> Option<Probe> {
        Some(Probe { kind: socket::NAME, target: address.to_owned(), how: socket::new(address)? })
    }

    /// The name of its kind.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Whether the other asks the same target in the same manner, if perhaps with other options.
    pub(super) fn is_like(&self, other: &Probe) -> bool {
        self.kind == other.kind && self.target == other.target
    }

    /// Asks once.
    pub(super) async fn ask(&self) -> Found {
        self.how.ask().await
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Probe({} {})", self.kind, self.target)
    }
}

/// `` `a`, `b` and `c` ``.
pub(super) fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// Takes a secret out of the words of a peer: Redis, for one, repeats the arguments of a command it does not
/// know, and those of `AUTH` are no words for a log.
pub(super) fn without(secret: Option<&Secret>, words: &str) -> String {
    match secret {
        Some(secret) => words.replace(secret.expose(), "[redacted]"),
        None => words.to_owned(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::limits::PEER_WORDS_BYTES_MAX;

    struct Scripted<F>(F);

    impl<F: Fn() -> Found + Send + Sync> Ask for Scripted<F> {
        fn ask(&self) -> Asking<'_> {
            Box::pin(async { (self.0)() })
        }
    }

    /// A probe whose answers the test decides.
    pub(in crate::checks) fn scripted(answer: impl Fn() -> Found + Send + Sync + 'static) -> Probe {
        asking(Arc::new(Scripted(answer)))
    }

    /// A probe that asks as the test says.
    pub(in crate::checks) fn asking(how: Arc<dyn Ask>) -> Probe {
        Probe { kind: "scripted", target: "nowhere".to_owned(), how }
    }

    fn refused(url: &str, options: &ProbeOptions) -> String {
        Probe::new(&Target::parse(url).expect(url), options).expect_err(url)
    }

    #[test]
    fn every_kind_has_a_name_and_schemes_of_its_own() {
        let mut names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        let mut schemes: Vec<&str> = KINDS.iter().flat_map(|kind| kind.schemes).copied().collect();
        for words in [&mut names, &mut schemes] {
            assert!(words.iter().all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase())));
            let count = words.len();
            words.sort_unstable();
            words.dedup();
            assert_eq!(words.len(), count);
        }
        for kind in KINDS {
            assert!(!kind.schemes.is_empty());
            for scheme in kind.schemes {
                // Who listens there is one thing, and what it is asked for another.
                let path = if *scheme == "dns" { "/x" } else { "" };
                let target = Target::parse(&format!("{scheme}://127.0.0.1:9{path}")).expect(scheme);
                let probe = Probe::new(&target, &ProbeOptions::default()).expect(scheme);
                assert_eq!(probe.kind(), kind.name);
                assert_eq!(format!("{probe:?}"), format!("Probe({} {scheme}://127.0.0.1:9{path})", kind.name));
            }
        }
    }

    #[test]
    fn every_option_of_a_kind_exists_and_every_option_has_a_kind() {
        let all = ProbeOptions {
            method: Some("GET".to_owned()),
            path: Some("/".to_owned()),
            status: vec![200..=200],
            body: Some("ok".to_owned()),
            body_matches: Some("ok".to_owned()),
            json_pointer: Some("/status".to_owned()),
            json_value: Some("ok".to_owned()),
            send: Some("PING".to_owned()),
            expect: Some("PONG".to_owned()),
            message_type: Some("status".to_owned()),
            warn_days: Some(21),
            critical_days: Some(7),
            host: Some("h".to_owned()),
            server_name: Some("h".to_owned()),
            cacert: Some("ca.pem".into()),
            insecure: true,
            password: Some(Secret::token("x").expect("one word")),
        };
        let all: Vec<&str> = all.given().collect();
        assert_eq!(all.len(), 17);
        for kind in KINDS {
            assert!(kind.options.iter().all(|option| all.contains(option)), "{}", kind.name);
            let about_tls = ["server_name", "cacert", "insecure"].map(|option| kind.options.contains(&option));
            assert!(about_tls == [true; 3] || about_tls == [false; 3], "{}", kind.name);
        }
        for option in all {
            assert!(KINDS.iter().any(|kind| kind.options.contains(&option)), "{option}");
        }
    }

    #[test]
    fn what_a_kind_does_not_know_is_refused_in_words() {
        let none = ProbeOptions::default();
        assert_eq!(
            refused("nope://x:1", &none),
            "no check for the scheme `nope`; there is `http`, `https`, `tcp`, `tls`, `ws`, `wss`, `redis`, `rediss`, `postgres`, `postgresql`, `mysql`, `grpc`, `grpcs` and `dns`"
        );
        let path = ProbeOptions { path: Some("/x".to_owned()), ..none.clone() };
        assert_eq!(refused("tcp://x:1", &path), "a check of kind `tcp` has no `path`; it takes `send` and `expect`");
        assert_eq!(refused("mysql://x", &path), "a check of kind `mysql` has no `path`; it takes no options");
        let status = ProbeOptions { status: vec![200..=200], ..none.clone() };
        assert_eq!(
            refused("redis://x", &status),
            "a check of kind `redis` has no `status`; it takes `password`, `server_name`, `cacert` and `insecure`"
        );
        let insecure = ProbeOptions { insecure: true, ..none.clone() };
        for plain in ["http://x", "redis://x"] {
            let named = ProbeOptions { server_name: Some("h".to_owned()), ..none.clone() };
            assert!(refused(plain, &named).starts_with("`server_name` is about TLS"), "{plain}");
            assert!(refused(plain, &insecure).starts_with("`insecure` is about TLS"), "{plain}");
        }
        let both = ProbeOptions { cacert: Some("ca.pem".into()), insecure: true, ..none.clone() };
        assert!(refused("https://x", &both).contains("contradict"));
        let missing = ProbeOptions { cacert: Some("/missing/ca.pem".into()), ..none.clone() };
        assert_eq!(
            refused("https://x", &missing),
            "cannot use `/missing/ca.pem` as a list of authorities: no such file or directory"
        );
        let twice = ProbeOptions { password: Some(Secret::token("b").expect("one word")), ..none };
        for url in ["redis://:a@x", "postgres://u:a@x"] {
            assert!(refused(url, &twice).contains("two passwords"), "{url}");
        }
    }

    #[test]
    fn the_words_of_a_peer_cannot_steer_a_terminal_or_fill_a_log() {
        assert_eq!(peer_words(" \u{1b}[2Jhello\u{7}\nsecond line"), "?[2Jhello?");
        assert_eq!(peer_words(&"x".repeat(PEER_WORDS_BYTES_MAX)).len(), PEER_WORDS_BYTES_MAX);
        let cut = peer_words(&"ü".repeat(PEER_WORDS_BYTES_MAX));
        assert_eq!(cut.chars().filter(|letter| *letter == 'ü').count(), PEER_WORDS_BYTES_MAX / 2);
        assert!(cut.ends_with('…'));
        assert_eq!(peer_words(""), "");
    }
}
