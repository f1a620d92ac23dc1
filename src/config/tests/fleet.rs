//! Pools, backends and checks.

use std::time::Duration;

use super::*;

#[test]
fn pools_are_told_what_they_lack_or_have_twice() {
    check(
        "[[pool]]\n[[pool]]\nname = \"a\"\nbackends = []\n[[pool]]\nname = \"a\"\nbackends = [\"h:1\"]\nmin_healthy = 2",
        &[
            "1: `name` is missing in [[pool]]; write `name = \"web\"`",
            "1: `backends` is missing in [[pool]]; write `backends = [\"127.0.0.1:8081\"]`",
            "2: pool `a` has no backends; add one or leave the pool out",
            "5: pool `a` is there twice; give one another name",
            "8: `min_healthy = 2` can never be reached; write at most 1, the number of backends of pool `a`",
        ],
    );
    check(
        "[[pool]]\nname = \"a\"\nbackends = [\n\"h:1\",\n5,\n\"h:1\",\n\"pg\",\n\"::1\",\n\"u:secret@h:1\",\n{ address = \"h:2\", weight = 65536 },\n\
         \"redys://h:1\"]",
        &[
            "5: `backends` in [[pool]]: `5` is a whole number, expected `\"HOST:PORT\"` or `{ address = \"HOST:PORT\", weight = 1 }`",
            "6: backend `h:1` is there twice in pool `a`; leave one out",
            "7: `backends` in [[pool]]: target `tcp://pg` has no port, and `tcp` has no port of its own; write `tcp://pg:PORT`",
            "8: `backends` in [[pool]]: `::1` has no port; write `[::1]:PORT`",
            "9: `backends` in [[pool]]: `h:1` is not an address; write `HOST:PORT`, or a URL like `http://HOST:PORT/healthz`",
            "10: `weight` in a backend: `65536` is out of range; write a whole number from 0 to 65535",
            "11: `backends` in [[pool]]: there is no check of the kind `redys`; did you mean `redis`?",
        ],
    );
    check(
        "[pool]\nname = \"a\"",
        &[
            "1: `pool` in the file: `[pool]` is a table, expected a list of tables; write `[[pool]]` with two brackets above each",
        ],
    );
    assert_eq!(
        good("[[pool]]\nname = \"a\"\nbackends = [{ address = \"h:1\", weight = 65535 }]").pools[0].backends[0].weight,
        65_535
    );
}

#[test]
fn checks_refuse_what_they_cannot_do() {
    let pool = "[[pool]]\nname = \"a\"\nbackends = [\"h:1\"]\n[pool.check]\n";
    for (line, expected) in [
        ("kind = \"htp\"", "5: `kind` in [pool.check]: there is no check of the kind `htp`; did you mean `http`?"),
        ("kind = \"tcp\"\npath = \"/x\"", "6: a check of kind `tcp` has no `path`; it takes `send` and `expect`"),
        ("rise = 0", "5: `rise` in [pool.check]: `0` is out of range; write a whole number from 1 to 100"),
        ("fall = 101", "5: `fall` in [pool.check]: `101` is out of range; write a whole number from 1 to 100"),
        ("interval = \"99ms\"", "5: `interval` in [pool.check]: too short; write at least `100ms`"),
        ("timeout = \"0s\"", "5: `timeout` in [pool.check]: is zero; write for example `2s` or `500ms`"),
        ("timeout = \"6s\"", "5: `timeout = \"6s\"` is longer than the interval of `5s`; shorten it"),
        ("fast_interval = \"6s\"", "5: `fast_interval = \"6s\"` is longer than the interval of `5s`; shorten it"),
        ("degraded_above = \"3s\"", "5: `degraded_above = \"3s\"` is longer than the timeout of `2s`; shorten it"),
        (
            "status = [\"299-200\"]",
            "5: `status` in [pool.check]: `299-200` is not a status; write for example `200` or `\"200-299\"`, within 100 to 599",
        ),
        ("status = [99]", "5: `status` in [pool.check]: `99` is out of range; write a whole number from 100 to 599"),
        ("body = \"\"", "5: `body` in [pool.check]: is empty; leave it out or write what is meant"),
        ("body_matches = \"(\"", "5: `body_matches` is not a regular expression: unclosed group"),
        ("json_value = true", "5: `json_value` stands alone; say with `json_pointer` where to look"),
        ("json_pointer = \"x\"", "5: the `json_pointer` `x` does not begin with `/`; write for example `/status`"),
        ("json_value = [1]", "5: `json_value` in [pool.check]: `[1]` is a list, expected text, a number or a boolean"),
        (
            "warn_days = 826",
            "5: `warn_days` in [pool.check]: `826` is out of range; write a whole number from 0 to 825",
        ),
        (
            "warn_days = 3\ncritical_days = 4",
            "6: `warn_days = 3` is less than the `critical_days` of 4; nothing would warn",
        ),
        (
            "kind = \"https\"\nserver_name = \"10.0.0.1\"",
            "6: the `server_name` `10.0.0.1` is not a name; write for example `app.example.com`",
        ),
        (
            "password_file = \"/missing\"",
            "5: `/missing` cannot be read: no such file or directory; write the secret there, on one line",
        ),
    ] {
        check(&format!("{pool}{line}"), &[expected]);
    }
    check(
        "[[check]]\nname = \"x\"\nurl = \"pg:5432\"\n[[check]]\nname = \"y\"\nurl = \"redis://h\"\nbody = \"x\"\n[[check]]\nname = \"z\"",
        &[
            "3: `url` in [[check]]: target `pg:5432` has no scheme; write for example `postgres://pg:5432`",
            "7: a check of kind `redis` has no `body`; it takes `password`, `server_name`, `cacert` and `insecure`",
            "8: `url` is missing in [[check]]; write `url = \"postgres://127.0.0.1\"`",
        ],
    );
    check(
        "[[source]]\nname = \"s\"\nkind = \"push\"\nttl = \"1m\"\n[source.check]\nkind = \"https\"\ncacert = \"/missing/ca.pem\"",
        &["1: cannot use `/missing/ca.pem` as a list of authorities: no such file or directory"],
    );
    check(
        "[[check]]\nname = \"x\"\nurl = \"tcp://h:1\"\n[[check]]\nname = \"x\"\nurl = \"tcp://h:2\"",
        &["4: check `x` is there twice; give one another name"],
    );
}

#[test]
fn a_program_comes_from_the_file_only_and_takes_the_place_of_a_url() {
    let settings =
        good("[[check]]\nname = \"disk\"\ncommand = [\"/usr/lib/nagios/plugins/check_disk\", \"-w\", \"10%\"]");
    assert_eq!(settings.dependencies[0].check.probe.kind(), "command");
    let start = "[[check]]\nname = \"disk\"\n";
    for (lines, expected) in [
        (
            "command = [\"x\"]\nurl = \"tcp://h:1\"",
            "4: `url` in [[check]]: a check has a `url` or a `command`, not both; leave one out",
        ),
        (
            "command = []",
            "3: `command` is empty; write the program and its arguments, for example `[\"/usr/bin/true\"]`",
        ),
        ("command = [\"\"]", "3: `command` names no program"),
        ("command = [\"x\"]\nbody = \"y\"", "4: a check that runs a program has no `body`; it takes no options"),
        ("url = \"command://h/x\"", "3: `url` in [[check]]: there is no check of the kind `command`"),
    ] {
        let told = read(&format!("{start}{lines}")).expect_err(lines).to_string();
        assert!(told.contains(&format!("line {expected}")), "{told}");
    }
    let text = "command = \"/usr/bin/true\"";
    let told = read(&format!("{start}{text}")).expect_err(text).to_string();
    assert!(told.contains("expected a list in brackets"), "{told}");
}

#[test]
fn the_options_of_a_pool_decide_how_it_is_checked_and_a_short_interval_shortens_the_rest() {
    let kind = |check: &str, backend: &str| {
        let settings = good(&format!("[[pool]]\nname = \"a\"\nbackends = [\"{backend}\"]\n[pool.check]\n{check}"));
        (settings.pools[0].backends[0].check.probe.kind(), settings.pools[0].backends[0].address.clone())
    };
    assert_eq!(kind("", "h:1"), ("tcp", "h:1".to_owned()));
    assert_eq!(kind("path = \"/\"", "h:1"), ("http", "h:1".to_owned()));
    assert_eq!(kind("kind = \"https\"", "h:1"), ("http", "h:1".to_owned()));
    assert_eq!(kind("kind = \"redis\"", "h:1"), ("redis", "h:1".to_owned()));
    assert_eq!(kind("body_matches = \"ok\"", "h:1"), ("http", "h:1".to_owned()));
    assert_eq!(kind("json_pointer = \"/depth\"\njson_value = 3", "h:1"), ("http", "h:1".to_owned()));
    assert_eq!(kind("warn_days = 30", "h:1"), ("tls", "h:1".to_owned()));
    assert_eq!(kind("message_type = \"status\"\npath = \"/feed\"", "h:1"), ("websocket", "h:1".to_owned()));
    assert_eq!(kind("send = \"PING\\r\\n\"\nexpect = \"PONG\"", "h:1"), ("tcp", "h:1".to_owned()));
    assert_eq!(kind("", "http://[::1]:8080/healthz"), ("http", "[::1]:8080".to_owned()));
    let settings = good("[[check]]\nname = \"a\"\nurl = \"tcp://h:1\"\ninterval = \"500ms\"");
    let timing = &settings.dependencies[0].check.timing;
    assert_eq!([timing.fast_interval, timing.timeout], [Duration::from_millis(500); 2]);
}
