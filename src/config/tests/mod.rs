//! What the settings file and the flags come to, and the words for every mistake in them.

mod access;
mod fleet;

use std::fs;
use std::num::NonZeroU32;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::usage::{Amount, Tariff};

fn read(text: &str) -> Result<Settings, ConfigError> {
    parse(Path::new("veloflux.toml"), text, &Overrides::default())
}

fn good(text: &str) -> Settings {
    read(text).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn given(text: &str, change: impl FnOnce(&mut Overrides)) -> Result<Settings, String> {
    let mut overrides = Overrides::default();
    change(&mut overrides);
    parse(Path::new("veloflux.toml"), text, &overrides).map_err(|error| error.to_string())
}

/// Every mistake of `text`, each as `LINE: sentence`.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let error = read(text).expect_err(text).to_string();
    let told: Vec<&str> =
        error.lines().map(|line| line.strip_prefix("settings file `veloflux.toml`, line ").unwrap_or(line)).collect();
    assert_eq!(told, expected, "in:\n{text}");
}

#[test]
fn nothing_at_all_is_enough() {
    let settings = good("");
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
    assert!(settings.state_dir.is_absolute());
    assert!(!settings.node.is_empty());
    assert_eq!(settings.drain_timeout, Duration::from_secs(5));
    assert!(matches!(settings.auth.control, ControlToken::Generated));
    assert!(matches!(settings.auth.feeds, FeedAccess::Public));
    assert!(settings.pools.is_empty() && settings.dependencies.is_empty() && settings.warnings.is_empty());
    assert_eq!(settings.tariff, Tariff::default());
}

#[test]
fn the_example_is_complete_and_good() {
    let settings = good(EXAMPLE);
    let [pool] = &settings.pools[..] else { panic!("one pool") };
    assert_eq!((pool.name.as_str(), pool.min_healthy, pool.critical), ("web", 1, true));
    let backends: Vec<_> =
        pool.backends.iter().map(|b| (b.address.as_str(), b.weight, b.check.name.as_str())).collect();
    assert_eq!(backends, [("127.0.0.1:8081", 1, "web/127.0.0.1:8081"), ("127.0.0.1:8082", 3, "web/127.0.0.1:8082")]);
    let timing = &pool.backends[1].check.timing;
    assert_eq!((timing.rise, timing.fall, timing.degraded_above), (2, 3, Some(Duration::from_millis(500))));
    let names: Vec<_> = settings.dependencies.iter().map(|d| (d.check.name.as_str(), d.critical)).collect();
    let names: Vec<_> = names.iter().map(|(name, critical)| format!("{name} {critical}")).collect();
    let all = "database true, certificate true, mail true, feed true, disk true, external_apis false";
    assert_eq!(names.join(", "), all);
    assert_eq!(settings.dependencies[0].check.timing.interval, Duration::from_secs(15));
    assert_eq!(settings.tariff.requests_per_unit, NonZeroU32::new(1000).expect("not zero"));
    assert_eq!(settings.tariff.time_zone.iana_name(), Some("America/Sao_Paulo"));

    // A key that the example does not show is a key that nobody finds. Those shown as comments name files.
    let shown = EXAMPLE.replace("# token_file", "token_file").replace("# feed_token_file", "feed_token_file");
    let shown = shown.replace("# password_file", "password_file").replace("# cacert", "cacert");
    let told = read(&shown).expect_err("files that are not there").to_string();
    assert!(!told.contains("unknown key"), "{told}");
    for key in ["token_file", "feed_token_file", "password_file"] {
        assert!(
            told.contains(&format!("/etc/veloflux/{}", key.replace("_file", ""))) || told.contains("/etc/veloflux/pg")
        );
    }
    let shown = EXAMPLE.replace("# [tls]", "[tls]").replace("# cert =", "cert =").replace("# key =", "key =");
    let shown = shown.replace("# client_c", "client_c").replace("# connections =", "connections =");
    let told = read(&shown).expect_err("files that are not there").to_string();
    assert!(told.contains("`/etc/veloflux/cert.pem` as a certificate") && !told.contains("unknown key"), "{told}");
}

#[test]
fn unknown_keys_are_told_with_what_was_meant() {
    check("[server]\nlisen = \"x\"", &["2: unknown key `lisen` in [server]; did you mean `listen`?"]);
    check("[srever]", &["1: unknown key `srever` in the file; did you mean `server`?"]);
    check(
        "[auth]\npassword = \"hunter2\"",
        &[
            "2: unknown key `password` in [auth]; it knows `token_file`, `feed_token_file`, `tokens_file`, `feeds_public`, `query_tokens`, `jwt`",
        ],
    );
    check("[[pools]]", &["1: unknown key `pools` in the file; did you mean `pool`?"]);
    check(
        "[[pool]]\nname = \"a\"\nbackends = [\"h:1\",\n  { address = \"h:2\", wieght = 1 }]\n[pool.check]\nintervall = \"1s\"",
        &[
            "4: unknown key `wieght` in a backend; did you mean `weight`?",
            "6: unknown key `intervall` in [pool.check]; did you mean `interval`?",
        ],
    );
}

#[test]
fn mistakes_in_the_syntax_are_told_a_line_each() {
    check(
        "[server]\nlisten = 127.0.0.1:8080\nnode = edge",
        &[
            "2: the value of `listen` is not understood; write text in double quotes: `listen = \"…\"`",
            "3: the value of `node` is not understood; write text in double quotes: `node = \"…\"`",
        ],
    );
    check("[server]\nnode = \"x", &["2: `node`: invalid basic string, expected `\"`"]);
    check("[server]\n\n[server]", &["3: this key or table is there twice; keep one of them"]);
    check("[server", &["1: unclosed table, expected `]`"]);
    check("listen", &["1: key with no value, expected `=`"]);
}

#[test]
fn wrong_types_and_values_are_told_with_what_to_write() {
    check(
        "[server]\nlisten = 8080\nnode = \"a b\"\nallowed_origins = \"x\"\ndrain_timeout = 5\n[auth]\nfeeds_public = \"yes\"",
        &[
            "2: `listen` in [server]: `8080` is a whole number, expected text in double quotes",
            "3: `node` in [server]: `a b` is not a name; write 1 to 64 letters, digits, `-`, `_` or `.`",
            "4: `allowed_origins` in [server]: `\"x\"` is a string, expected a list in brackets",
            "5: `drain_timeout` in [server]: `5` has no unit; write `\"5s\"` or `\"5ms\"`",
            "7: `feeds_public` in [auth]: `\"yes\"` is a string, expected `true` or `false` without quotes",
        ],
    );
    check(
        "[server]\nlisten = \"localhost:9000\"\nallowed_origins = [\"*\"]\ndrain_timeout = \"11m\"",
        &[
            "2: `listen` in [server]: `localhost:9000` is not an address with a port; write for example `127.0.0.1:9000` or \
             `[::1]:9000`",
            "3: `allowed_origins` in [server]: `*` is not an origin; list every origin: a page let in can read all feeds; \
             write for example `https://ops.example.com`",
            "4: `drain_timeout` in [server]: too long; write at most `10m`",
        ],
    );
    check(
        "[billing]\nunit_price = \"1e3\"\ncurrency = \"usd\"\ntime_zone = \"Europe/Berln\"\nrequests_per_unit = 0\nunit = \"\"",
        &[
            "2: `unit_price` in [billing]: `1e3` is not an amount; write a plain decimal like `\"0.05\"`, from 0 to 1000000000 \
             with at most nine digits after the point",
            "3: `currency` in [billing]: `usd` is not an ISO 4217 currency; write a code in capitals like `USD`, `EUR` or `JPY`",
            "4: `time_zone` in [billing]: `Europe/Berln` is not a time zone; did you mean `Europe/Berlin`?",
            "5: `requests_per_unit` in [billing]: `0` is out of range; write a whole number from 1 to 4294967295",
            "6: `unit` in [billing]: `` is not a unit; write a word like `request`",
        ],
    );
}

#[test]
fn amounts_are_taken_as_they_are_written() {
    for written in ["\"0.1\"", "0.1", "\"0.10\""] {
        let settings = good(&format!("[billing]\nunit_price = {written}\nbase_fee = 10"));
        assert_eq!(settings.tariff.unit_price, Amount::parse("0.1").expect("an amount"));
        assert_eq!(settings.tariff.base_fee, Amount::parse("10").expect("an amount"));
    }
}

#[test]
fn a_flag_goes_before_the_file() {
    let file = "[server]\nlisten = \"127.0.0.1:1\"\nnode = \"file\"\nstate_dir = \"/file\"\nallowed_origins = [\"https://a\"]\n\
                [[pool]]\nname = \"web\"\nbackends = [\"h:1\", \"h:2\"]\n[pool.check]\nkind = \"http\"\n[[check]]\nname = \"db\"\nurl = \"tcp://h:1\"";
    let settings = given(file, |overrides| {
        overrides.listen = Some("[::1]:2".to_owned());
        overrides.node = Some("flag".to_owned());
        overrides.state_dir = Some("/flag".into());
        overrides.allow_origins = vec!["https://b".to_owned()];
        overrides.backends = ["web=h:2,weight=7", "web=h:3", "api=http://h:4/x", "api=h:5"].map(str::to_owned).into();
        overrides.checks = ["db=redis://h", "cache=redis://h"].map(str::to_owned).into();
    })
    .expect("good settings");
    assert_eq!((settings.listen.to_string().as_str(), settings.node.as_str()), ("[::1]:2", "flag"));
    assert_eq!(settings.state_dir, Path::new("/flag"));
    assert_eq!(settings.allowed_origins, ["https://a", "https://b"]);
    let backends: Vec<_> = settings
        .pools
        .iter()
        .flat_map(|pool| {
            pool.backends.iter().map(|b| (pool.name.as_str(), b.address.as_str(), b.weight, b.check.probe.kind()))
        })
        .collect();
    assert_eq!(
        backends,
        [
            ("web", "h:1", 1, "http"),
            ("web", "h:2", 7, "http"),
            ("web", "h:3", 1, "http"),
            ("api", "h:4", 1, "http"),
            ("api", "h:5", 1, "tcp")
        ]
    );
    let checks: Vec<_> = settings.dependencies.iter().map(|d| (d.check.name.as_str(), d.check.probe.kind())).collect();
    assert_eq!(checks, [("db", "redis"), ("cache", "redis")]);
}

#[test]
fn flags_are_refused_in_the_words_of_the_file() {
    let backend = |text: &str| given("", |overrides| overrides.backends = vec![text.to_owned()]).expect_err(text);
    for (text, expected) in [
        ("web", "`--backend`: this is not of the form `POOL=ADDR[,weight=N]`; write for example `web=127.0.0.1:8081`"),
        ("=h:1", "`--backend`: `` is not a name; write 1 to 64 letters, digits, `-`, `_` or `.`"),
        ("web=h:1,weight=65536", "`--backend`: weight `65536` is not a whole number from 0 to 65535"),
        ("web=h:1,wait=1", "`--backend`: unknown option `wait`; a backend knows only `weight`"),
        (
            "web=nope://h:1",
            "`--backend`: there is no check of the kind `nope`; there are `http`, `https`, `tcp`, `tls`, `ws`, `wss`, `redis`, `rediss`, `postgres`, `postgresql`, `mysql`, `grpc`, `grpcs`, `dns`",
        ),
    ] {
        assert_eq!(backend(text), expected);
    }
    let twice = |overrides: &mut Overrides| {
        overrides.backends = vec!["a=h:1".to_owned(); 2];
        overrides.checks = vec!["c=tcp://h:1".to_owned(); 2];
        overrides.listen = Some("8080".to_owned());
    };
    assert_eq!(
        given("", twice).expect_err("twice"),
        "`--backend`: backend `h:1` is there twice in pool `a`; leave one out\n`--check`: check `c` is there twice\n\
         `--listen` or `VELOFLUX_LISTEN`: `8080` is not an address with a port; write for example `127.0.0.1:8080` or `[::1]:8080`"
    );
}

#[test]
fn a_socket_that_is_handed_over_says_where_and_is_held_to_the_same_rules() {
    let at = |address: &'static str| {
        move |overrides: &mut Overrides| {
            overrides.inherited = Some(address.parse().expect(address));
            overrides.listen = Some("127.0.0.1:1".to_owned());
        }
    };
    let here = given("", at("127.0.0.1:9")).expect("this machine only");
    assert_eq!(here.listen.port(), 9, "it goes before the flag");
    let everywhere = given("", at("0.0.0.0:9")).expect_err("anybody could read the feeds");
    assert!(everywhere.contains("`ListenStream=`") && everywhere.contains("feeds_public"), "{everywhere}");
    assert!(given("[auth]\nfeeds_public = true", at("0.0.0.0:9")).is_ok());
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let told = |path: &Path| {
        let overrides = Overrides { config: Some(path.to_owned()), ..Overrides::default() };
        load(&overrides).expect_err("refused").to_string()
    };
    let path = dir.path().join("none.toml");
    let expected = format!(
        "settings file `{}`: cannot be read: no such file or directory; check the path given to `--config`",
        path.display()
    );
    assert_eq!(told(&path), expected);
    assert!(told(dir.path()).contains("cannot be read: is a directory"));
    fs::write(&path, [0xff, 0xfe]).expect("a file");
    assert!(told(&path).contains("cannot be read: "));
    assert!(told(Path::new("/dev/zero")).contains("is longer than 4194304 bytes"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_text_makes_it_panic_and_every_refusal_has_a_line(
        cut in 0..EXAMPLE.len(), length in 0usize..40, put in "[\\[\\]{}\"'=.,#a-z0-9\n é\u{0}]{0,12}",
    ) {
        let mut text = EXAMPLE.to_owned();
        let cut = EXAMPLE.floor_char_boundary(cut);
        text.replace_range(cut..EXAMPLE.floor_char_boundary((cut + length).min(EXAMPLE.len())), &put);
        if let Err(error) = read(&text) {
            prop_assert!(!error.problems().is_empty());
            for problem in error.problems() {
                prop_assert!(problem.to_string().starts_with("settings file `veloflux.toml`, line "), "{problem}");
            }
        }
    }
}

#[test]
fn values_that_never_work_or_let_everybody_in_are_refused() {
    check(
        "[server]\nallowed_origins = [\"https://*.example.com\"]\nhosts = [\"*.example.com\"]\ndrain_timeout = \"0s\"\n\
         trusted_proxies = [\"0.0.0.0/0\"]\n[[check]]\nname = \"a\"\nurl = \"http://a\"\nstatus = []",
        &[
            "2: `allowed_origins` in [server]: `https://*.example.com`: wildcards are not known; list each name",
            "3: `hosts` in [server]: `*.example.com`: wildcards are not known; list each name",
            "4: `drain_timeout` in [server]: no time; every connection would be cut off; write at least `1ms`",
            "5: `trusted_proxies` in [server]: `0.0.0.0/0` is everybody, and whoever connects could say to come from \
             anywhere; list the networks of the proxies",
            "9: `status` in [[check]]: is empty, and no answer would be good; list what is, or leave it out",
        ],
    );
    let all = given("[server]\ntrusted_proxies = [\"10.0.0.0/8\", \"::/0\"]", |_| {}).expect_err("refused");
    assert!(all.contains("`::/0` is everybody"), "{all}");
    good("[server]\ndrain_timeout = \"1ms\"\ntrusted_proxies = [\"0.0.0.0/1\"]");
}
