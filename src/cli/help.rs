//! What stands below the flags in `--help` and in the man pages: examples, environment, files, exit codes.

use crate::exit::EXIT_CODES;

/// The variables the commands read, beside those named next to their flags.
pub const ENVIRONMENT: &[(&str, &str)] = &[
    ("VELOFLUX_CONFIG", "settings file of `serve`"),
    ("VELOFLUX_LISTEN", "where `serve` listens"),
    ("VELOFLUX_STATE_DIR", "state directory of `serve`"),
    ("VELOFLUX_NODE", "name of the node that `serve` is"),
    ("VELOFLUX_TLS_CERT, VELOFLUX_TLS_KEY", "certificate and key of `serve`"),
    ("VELOFLUX_LOG", "what `serve` logs, for example `info` or `veloflux=debug`"),
    (
        "LISTEN_FDS, LISTEN_PID",
        "socket that a service manager hands over to `serve`; it goes before `--listen` and stays open over restarts",
    ),
    (
        "NOTIFY_SOCKET, WATCHDOG_USEC",
        "where `serve` tells a service manager what it is about, and how often that it is alive",
    ),
    ("VELOFLUX_SERVER", "server that `watch`, `probe` and `control` speak to"),
    ("VELOFLUX_CLIENT_CONFIG", "settings file of `watch`, `probe` and `control`"),
    ("VELOFLUX_TOKEN_FILE", "file that holds the token"),
    ("VELOFLUX_TOKEN", "the token itself, for CI secrets"),
    (
        "http_proxy, https_proxy, all_proxy, no_proxy",
        "the proxy on the way to a server (http, https, socks5, socks5h); never used for this machine",
    ),
    ("NO_COLOR", "when not empty, no colour"),
    ("CLICOLOR_FORCE", "when neither empty nor 0, colour also in a pipe"),
    ("TERM", "when `dumb`, no colour"),
];

/// The files the commands read and write.
pub const FILES: &[(&str, &str)] = &[
    (
        "$XDG_CONFIG_HOME/veloflux/client.toml, else ~/.config/veloflux/client.toml",
        "what `watch`, `probe` and `control` take for granted where no flag and no variable says otherwise: `server` (one \
         or a list), `token_file` (sent to those servers only), `cacert`, `cert`, `key`, `insecure`, `connect_timeout`, \
         `color`; paths are relative to the file",
    ),
    ("$STATE_DIRECTORY, else $XDG_STATE_HOME/veloflux, else ~/.local/state/veloflux", "state directory of `serve`"),
    ("<state directory>/token", "control token that `serve` generated, readable by its owner only"),
    ("<state directory>/ledger.db", "metered usage"),
    (
        "$XDG_RUNTIME_DIR/veloflux/<port>.json",
        "how `control` finds the token of a server that runs on this machine; without XDG_RUNTIME_DIR it stands in \
         veloflux-<uid> of the directory for temporary files",
    ),
];

/// The signals that `serve` hears.
pub const SIGNALS: &[(&str, &str)] = &[
    ("SIGTERM, SIGINT", "stop: close every connection with 1001, book the usage, leave; a second one leaves at once"),
    (
        "SIGUSR2",
        "stop because another server takes its place: close every connection with 1012 and a reason that says when to come \
         back, `retry_after_ms=…`, spread over the clients; for `RestartKillSignal=` of systemd",
    ),
    ("SIGHUP", "read the settings again, and the certificate"),
];

/// The language of conditions and selections, by example: what to write, and what it means.
pub const EXPRESSIONS: &[(&str, &str)] = &[
    (
        "healthy",
        "there is a backend and all are healthy, the status is healthy, the health report is: of those that are watched",
    ),
    (
        ".data.cpu < 50",
        "a path into the message, compared with == != < <= > >=; what is not there is null, which has no order",
    ),
    (
        ".state.metrics.cpu < 50",
        "a path into what the feeds of the server have said on the connections of now, by their names",
    ),
    (".state.backends[0].status == 'healthy'", "one item of a list; [-1] is the last"),
    ("all(.state.backends[].status == 'healthy')", "every item of a list; false where there is none"),
    ("any(.state.backends[].latency_ms > 200ms)", "one item at least; a duration is a number of milliseconds"),
    ("count(.state.backends[].status == 'unhealthy') <= 1", "how many items"),
    ("len(.state.status.reasons) == 0", "how many items, keys or characters"),
    (
        "has(.data.cpu) and .data.cpu > 90",
        "and, or, not, with brackets; from left to right, to where the answer is clear",
    ),
    (".state.status.version ~ '1.*'", "a text and a pattern: * is any characters, ? is one"),
];

/// The examples of a command, by its name: the command line and what it is for.
pub fn examples(command: &str) -> &'static [(&'static str, &'static str)] {
    match command {
        "serve" => &[
            ("veloflux serve", "measure this host"),
            ("veloflux serve --backend web=10.0.0.5:8080 --backend web=10.0.0.6:8080,weight=2", "check a pool"),
            ("veloflux serve --check database=postgres://app@db.internal/app", "check a dependency"),
            ("veloflux serve --config veloflux.toml --check-config", "check a settings file"),
        ],
        "watch" => &[
            ("veloflux watch", "follow all feeds of the server on this machine"),
            ("veloflux watch metrics --json -n 3", "three messages as JSON, then leave"),
            ("veloflux watch backends -s https://edge-1.example.com -s https://edge-2.example.com", "follow two nodes"),
            ("veloflux watch --dashboard", "everything on one screen"),
            ("veloflux watch status --no-reconnect --timeout 1m -n 1", "for scripts: one message, or a failure"),
            (
                "veloflux watch backends --until healthy --stable-for 30s --timeout 5m",
                "wait until a deployment is done",
            ),
            ("veloflux watch metrics --fail-if '.state.metrics.cpu > 95' -d 10m", "fail as soon as it is too much"),
            ("veloflux watch metrics -n 1 -q --select .data.cpu", "one figure, for a script"),
            ("veloflux watch backends health --changes", "only what changes, old -> new"),
            ("veloflux watch --exec 'mail -s veloflux ops' --on lost,stale", "tell somebody when a connection is lost"),
            ("veloflux watch --record monday.ndjson", "keep what happens"),
            ("veloflux watch --replay monday.ndjson --speed 10", "see it again, ten times as fast"),
        ],
        "probe" => &[
            ("veloflux probe", "try the five feeds of the server on this machine"),
            ("veloflux probe metrics --json", "one feed, as JSON"),
            ("veloflux probe status --wait 2m --expect healthy", "for deploys: wait until the fleet is healthy"),
            (
                "veloflux probe metrics --messages 3 --budget first_message=500ms,loss=0%,cadence=3s",
                "hold it to limits",
            ),
            ("veloflux probe --format nagios -w rtt_p95=100ms -c rtt_p95=500ms", "as a monitoring plugin"),
            (
                "veloflux probe -q --report junit=probe.xml --report prometheus=probe.prom",
                "reports for CI and node_exporter",
            ),
            ("veloflux probe metrics --conformance -v", "try how the server takes broken frames"),
            ("veloflux probe wss://edge-1.example.com/api/ws/health https://edge-1.example.com/livez", "try URLs"),
        ],
        "control" => &[
            ("veloflux control force-update", "measure and send every feed now"),
            ("veloflux control force-update metrics --verify", "and look whether it is sent, and how fast"),
            ("veloflux control pause billing", "stop the regular messages of a feed"),
            ("veloflux control resume all", "let all feeds go on"),
            ("veloflux control check --token-file - < token", "take the token from standard input"),
        ],
        _ => &[
            ("veloflux serve", "start a server on 127.0.0.1:8080"),
            ("veloflux watch metrics", "follow one of its feeds"),
            ("veloflux probe", "try all its feeds and time every phase"),
            ("veloflux control force-update", "have it measure and send now"),
        ],
    }
}

/// The end of a command's long help.
pub(super) fn page(command: &str) -> String {
    let mut text = "Examples:\n".to_owned();
    for (line, purpose) in examples(command) {
        text.push_str(&format!("  {line}\n      {purpose}\n"));
    }
    text.push_str("\nExit codes:\n");
    for (exit, meaning) in EXIT_CODES {
        text.push_str(&format!("  {:>3}  {meaning}\n", *exit as u8));
    }
    text
}
