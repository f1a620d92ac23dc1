//! Tokens, and who may read the feeds.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use sha2::{Digest, Sha256};

use super::*;
use crate::secret::Secret;

#[test]
fn feeds_are_not_opened_to_other_machines_by_accident() {
    let dir = tempfile::tempdir().expect("a directory");
    let token = dir.path().join("token");
    fs::write(&token, "feed-secret\n").expect("a file");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).expect("a mode");
    let open = "[server]\nlisten = \"0.0.0.0:8080\"\n";
    check(
        open,
        &[
            "2: `0.0.0.0:8080` can be reached from other machines, and anyone there could read the feeds; set `feed_token_file`, \
           `tokens_file` or [auth.jwt], or say that they are public with `feeds_public = true` or `--feeds-public`",
        ],
    );
    assert!(matches!(good(&format!("{open}[auth]\nfeeds_public = true")).auth.feeds, FeedAccess::Public));
    let guarded = format!("{open}[auth]\nfeed_token_file = {token:?}");
    assert!(
        matches!(good(&guarded).auth.feeds, FeedAccess::Restricted(Some(token)) if token.expose() == "feed-secret")
    );
    let public = given(open, |overrides| overrides.feeds_public = true).expect("public by flag");
    assert!(matches!(public.auth.feeds, FeedAccess::Public));
    check(
        &format!("{guarded}\nfeeds_public = true"),
        &["5: `feeds_public` and `feed_token_file` in [auth] contradict each other; leave one out"],
    );
    let flag = given("", |overrides| overrides.listen = Some("[::]:1".to_owned())).expect_err("refused");
    assert!(flag.starts_with("`--listen` or `VELOFLUX_LISTEN`: `[::]:1` can be reached"), "{flag}");
}

#[test]
fn tokens_come_from_the_first_place_that_has_one_and_are_shown_nowhere() {
    let dir = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str, mode: u32| {
        fs::write(dir.path().join(name), text).expect("a file");
        fs::set_permissions(dir.path().join(name), fs::Permissions::from_mode(mode)).expect("a mode");
    };
    write("file", "of-the-file\n", 0o600);
    write("flag", "of-the-flag\n", 0o640);
    write("open", "of-everybody\n", 0o644);
    write("empty", "\n", 0o600);
    write("long", &"x".repeat(8_193), 0o600);
    let file = dir.path().join("veloflux.toml");
    let load_with = |text: &str, change: &dyn Fn(&mut Overrides)| {
        fs::write(&file, text).expect("a file");
        let mut overrides = Overrides { config: Some(file.clone()), ..Overrides::default() };
        change(&mut overrides);
        load(&overrides)
    };
    let token = |settings: &Settings| match &settings.auth.control {
        ControlToken::Given(token, path) => (token.expose().to_owned(), path.clone()),
        ControlToken::Generated => panic!("a token was given"),
    };
    // A relative path starts at the settings file.
    let of_file = load_with("[auth]\ntoken_file = \"file\"", &|_| {}).expect("good");
    assert_eq!(token(&of_file), ("of-the-file".to_owned(), Some(dir.path().join("file"))));
    let variable = |overrides: &mut Overrides| overrides.token = Secret::token("of-the-variable").ok();
    let of_variable = load_with("[auth]\ntoken_file = \"file\"", &variable).expect("good");
    assert_eq!(token(&of_variable), ("of-the-variable".to_owned(), None));
    let of_flag = load_with("[auth]\ntoken_file = \"file\"", &|overrides| {
        variable(overrides);
        overrides.token_file = Some(dir.path().join("flag"));
    });
    let of_flag = of_flag.expect("good");
    assert_eq!(token(&of_flag).0, "of-the-flag");
    assert!(of_file.warnings.is_empty() && of_flag.warnings.is_empty());
    let open = load_with("[auth]\ntoken_file = \"open\"", &|_| {}).expect("good");
    assert!(open.warnings[0].starts_with("every user of this machine can read the secret in"), "{:?}", open.warnings);

    for settings in [of_file, of_variable, of_flag, open] {
        let shown = format!("{settings:?} {}", Summary(&settings));
        assert!(!shown.contains(&token(&settings).0), "{shown}");
    }
    for (name, says) in [("empty", "the token is empty"), ("long", "longer than 8192 bytes"), ("none", "no such file")]
    {
        let told = load_with(&format!("[auth]\ntoken_file = \"{name}\""), &|_| {}).expect_err(name).to_string();
        assert!(told.contains("line 2: ") && told.contains(says), "{told}");
    }
    write("long", &"x".repeat(8_192), 0o600);
    load_with("[auth]\ntoken_file = \"long\"", &|_| {}).expect("at the bound");
}

#[test]
fn what_tokens_have_to_be_like_is_said_in_full() {
    let dir = tempfile::tempdir().expect("a directory");
    let secret = dir.path().join("secret");
    fs::write(&secret, "0123456789abcdef0123456789abcdef").expect("a file");
    let short = dir.path().join("short");
    fs::write(&short, "0123456789abcdef").expect("a file");
    let jwt = |lines: &str| format!("[auth.jwt]\n{lines}");
    let guarded = good(&jwt(&format!("algorithms = [\"HS256\"]\nkey_file = {secret:?}")));
    assert!(matches!(guarded.auth.feeds, FeedAccess::Restricted(None)) && guarded.auth.jwt.is_some());
    for (lines, why) in [
        (
            "algorithms = [\"EdDSA\"]".to_owned(),
            "1: [auth.jwt] needs one of `key_file`, `jwks_file` and `jwks_url`, and only one",
        ),
        (
            format!("key_file = {secret:?}"),
            "1: `algorithms` is missing in [auth.jwt]; write for example `algorithms = [\"EdDSA\"]`",
        ),
        (
            format!("algorithms = [\"HS256\", \"RS256\"]\nkey_file = {secret:?}"),
            "2: `algorithms` in [auth.jwt]: one key is for one algorithm; a key set may be for several",
        ),
        (
            "algorithms = [\"HS256\"]\njwks_url = \"https://id.example.com/keys\"".to_owned(),
            "2: `algorithms` in [auth.jwt]: the secret of HS256 stands in a `key_file`, never in a set",
        ),
        (
            "algorithms = [\"EdDSA\"]\njwks_url = \"http://id.example.com/keys\"".to_owned(),
            "3: `jwks_url` in [auth.jwt]: keys from `id.example.com` have to come over `https`",
        ),
    ] {
        let told = given(&jwt(&lines), |_| {}).expect_err(why);
        assert!(told.contains(why.split_once(": ").expect("a line").1), "{told}");
    }
    let told = given(&jwt(&format!("algorithms = [\"HS256\"]\nkey_file = {short:?}")), |_| {}).expect_err("short");
    assert!(told.contains("holds 16 bytes; a secret for HS256 has at least 32"), "{told}");
    let told = given(&jwt("algorithms = [\"none\"]\nkey_file = \"x\""), |_| {}).expect_err("none");
    assert!(told.contains("`none` is not taken; there are HS256, RS256, ES256, EdDSA"), "{told}");
}

#[test]
fn a_public_key_as_a_secret_is_refused_and_an_open_one_warned_of() {
    let dir = tempfile::tempdir().expect("a directory");
    let key = dir.path().join("key");
    let settings = format!("[auth.jwt]\nalgorithms = [\"HS256\"]\nkey_file = {key:?}");
    let write = |text: &str, mode: u32| {
        fs::write(&key, text).expect("a file");
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).expect("a mode");
    };
    write("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n", 0o600);
    check(
        &settings,
        &[&format!(
            "3: [auth.jwt]: `{}` holds a key in PEM or JSON, which is no secret: whoever has it could sign tokens; write \
             random text there for HS256, or name the algorithm of the key",
            key.display()
        )],
    );
    for (mode, warnings) in [(0o600, 0), (0o640, 0), (0o644, 1)] {
        write("a secret that is long enough for HS256", mode);
        let warned = good(&settings).warnings;
        let of_key = warned.iter().filter(|warning| warning.contains("can read the secret in")).count();
        assert_eq!(of_key, warnings, "{mode:o}: {warned:?}");
    }
}

#[test]
fn one_token_in_two_places_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
        path
    };
    // printf %s hunter2 | sha256sum
    let hash = "f52fbd32b2b3b86ff88ef6c490628285f482af15ddcb29541f94bcf526a3f6c7";
    let (one, same, other) = (file("one", "hunter2\n"), file("same", " hunter2 "), file("other", "hunter3\n"));
    let roll = file("roll", &format!("# ours\n{hash} viewer board\n"));
    let twice = file("twice", &format!("{hash} viewer board\n{hash} admin ana\n"));
    let shown = |path: &std::path::Path| path.display().to_string();
    let as_control = format!(
        "3: `{}` holds the control token: whoever reads the feeds could do everything; write another token there",
        shown(&same)
    );
    check(&format!("[auth]\ntoken_file = {one:?}\nfeed_token_file = {same:?}"), &[&as_control]);
    good(&format!("[auth]\ntoken_file = {one:?}\nfeed_token_file = {other:?}"));
    let in_roll = |name: &str| {
        format!("3: `{}`: line 2: is the hash of the {name}; give everybody a token of their own", shown(&roll))
    };
    check(&format!("[auth]\ntoken_file = {one:?}\ntokens_file = {roll:?}"), &[&in_roll("control token")]);
    check(
        &format!("[auth]\nfeed_token_file = {same:?}\ntokens_file = {roll:?}"),
        &[&in_roll("token of `feed_token_file`")],
    );
    good(&format!("[auth]\ntoken_file = {other:?}\ntokens_file = {roll:?}"));
    check(
        &format!("[auth]\ntokens_file = {twice:?}"),
        &[&format!("2: `{}`: line 2: has the hash of line 1; keep one of them", shown(&twice))],
    );
    // The generated token is one, too.
    let generated = file("token", "hunter2\n");
    let state = format!("[server]\nstate_dir = {:?}\n[auth]\n", dir.path());
    for (place, path) in [("feed_token_file", &generated), ("tokens_file", &roll)] {
        let refused = given(&format!("{state}{place} = {path:?}"), |_| {}).expect_err(place);
        assert!(refused.contains("the control token"), "{refused}");
    }
}

#[test]
fn the_secret_that_signs_tokens_is_no_token_itself() {
    let dir = tempfile::tempdir().expect("a directory");
    let (key, roll) = (dir.path().join("key"), dir.path().join("roll"));
    let secret = "a-secret-that-is-long-enough-for-HS256";
    fs::write(&key, secret).expect("a file");
    let hash: String = Sha256::digest(secret).iter().map(|byte| format!("{byte:02x}")).collect();
    fs::write(&roll, format!("{hash} viewer board\n")).expect("a file");
    let jwt = format!("[auth.jwt]\nalgorithms = [\"HS256\"]\nkey_file = {key:?}");
    check(
        &format!("[auth]\nfeed_token_file = {key:?}\n{jwt}"),
        &[&format!(
            "2: `{}` holds the secret of [auth.jwt]: whoever reads the feeds could sign tokens; write another token there",
            key.display()
        )],
    );
    check(
        &format!("[auth]\ntokens_file = {roll:?}\n{jwt}"),
        &[&format!(
            "2: `{}`: line 1: is the hash of the secret of [auth.jwt]; give everybody a token of their own",
            roll.display()
        )],
    );
}
