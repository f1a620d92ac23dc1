//! The schemas of what the commands write with `--json`: the records of `watch`, the report of `probe`, the lines of
//! `control`; their keys and the JSON types of these. They stand in the man pages, and the tests hold the output to them.
//! Keys are only ever added.

/// A type of record.
#[derive(Debug, Clone, Copy)]
pub struct RecordType {
    /// What stands under `type`.
    pub name: &'static str,
    /// When it is written.
    pub when: &'static str,
    /// Its keys beside [`SHARED`].
    pub keys: &'static [Key],
}

/// A key: where it stands (`streams[].messages` is one of each item), its JSON type, and what it holds. A type is `string`,
/// `boolean`, `integer`, `number`, `array`, `object`, `any`, with `|null` where it may be null.
pub type Key = (&'static str, &'static str, &'static str);

/// The keys of every record.
pub const SHARED: &[Key] = &[
    ("type", "string", "what happened"),
    ("feed", "string|null", "the feed, null for a URL that is none and for what concerns all"),
    (
        "server",
        "string|null",
        "host and port, and the path before the feeds where servers share them; null for what concerns all",
    ),
    ("at", "string", "when, RFC 3339 in UTC with milliseconds"),
];

/// Every type of record.
pub const RECORD_TYPES: &[RecordType] = &[
    RecordType {
        name: "open",
        when: "a connection was made",
        keys: &[
            ("url", "string", "the URL without its query"),
            ("peer", "string", "the address that answered"),
            ("phases_ms", "object", "how long each phase took, in milliseconds"),
            ("phases_ms.dns", "number|null", "name lookup"),
            ("phases_ms.tcp", "number|null", "TCP"),
            ("phases_ms.tls", "number|null", "TLS"),
            ("phases_ms.upgrade", "number", "the WebSocket handshake"),
        ],
    },
    RecordType {
        name: "message",
        when: "a message arrived",
        keys: &[("payload", "any", "the server's document, untouched")],
    },
    RecordType {
        name: "values",
        when: "a message arrived, with --select in place of it",
        keys: &[("values", "array", "what was selected"), ("values[]", "any", "one value")],
    },
    RecordType {
        name: "changes",
        when: "a message changed something, with --changes in place of it",
        keys: &[
            ("changes", "array", "what changed, one leaf at least"),
            ("changes[].path", "string", "where it stands in the state of the feed"),
            ("changes[].old", "any", "what stood there before, null if nothing did"),
            ("changes[].new", "any", "what stands there now, null if nothing does"),
        ],
    },
    RecordType {
        name: "invalid",
        when: "something arrived that is no message",
        keys: &[("problem", "string", "what is wrong with it"), ("text", "string|null", "it, if it was text")],
    },
    RecordType {
        name: "gap",
        when: "messages were never seen",
        keys: &[
            ("missed", "integer", "how many"),
            ("after", "string", "the id of the last before"),
            ("before", "string", "the id of the first behind"),
        ],
    },
    RecordType {
        name: "stale",
        when: "a feed is silent for longer than --stale-after",
        keys: &[("silent_ms", "integer", "for how long")],
    },
    RecordType {
        name: "lost",
        when: "a connection was lost",
        keys: &[
            ("cause", "string", "in one word or close code"),
            ("reason", "string", "in words"),
            ("after_ms", "integer", "how long it lived"),
        ],
    },
    RecordType {
        name: "retry",
        when: "it waits, then connects again",
        keys: &[
            ("attempt", "integer", "which try in a row, from 1"),
            ("of", "integer|null", "of how many, null for ever"),
            ("delay_ms", "integer", "how long it waits"),
            ("cause", "string", "why, in one word or code"),
            ("reason", "string", "why, in words"),
        ],
    },
    RecordType {
        name: "until",
        when: "what --until waits for holds",
        keys: &[("expression", "string", "what that is"), ("held_ms", "integer", "for how long it has held")],
    },
    RecordType { name: "fail", when: "what --fail-if names holds", keys: &[("expression", "string", "what that is")] },
    RecordType {
        name: "error",
        when: "a stream is given up",
        keys: &[("reason", "string", "why, in words"), ("exit", "integer", "the exit code this stands for")],
    },
    RecordType {
        name: "summary",
        when: "the end; always the last",
        keys: &[
            ("exit", "integer", "the exit code"),
            ("elapsed_ms", "integer", "how long the watch ran"),
            ("streams", "array", "one entry a stream"),
            ("streams[].feed", "string|null", "the feed"),
            ("streams[].server", "string", "host and port, and the path where servers share them"),
            ("streams[].messages", "integer", "messages received"),
            ("streams[].missed", "integer", "messages never seen"),
            ("streams[].invalid", "integer", "what arrived and was no message"),
            ("streams[].stale", "integer", "how often it was silent for too long"),
            ("streams[].dropped", "integer", "messages not written because of --max-rate"),
            ("streams[].interval_ms", "object|null", "time between messages: min, p50, p95, max, avg, mdev"),
            ("streams[].interval_ms.*", "number", "in milliseconds"),
            ("streams[].connections", "integer", "connections made"),
            ("streams[].losses", "object", "connections lost and tries that failed, by cause"),
            ("streams[].losses.*", "integer", "how many"),
            ("streams[].down_ms", "integer", "time without a connection since the first"),
            ("streams[].availability", "number|null", "share of the time that it was connected, from 0 to 1"),
            ("streams[].outages", "array", "the newest connections lost"),
            ("streams[].outages[].at", "string", "when"),
            ("streams[].outages[].cause", "string", "in one word or close code"),
            ("streams[].outages[].reason", "string", "in words"),
            ("streams[].outages[].lived_ms", "integer", "how long the connection had lived"),
            ("streams[].outages[].down_ms", "integer|null", "time until the next one, null if there was none"),
            ("streams[].outages[].retries", "integer", "how often connecting was tried"),
            ("streams[].pongs", "integer", "pings answered"),
            ("streams[].pings_missed", "integer", "pings not answered in time"),
            ("streams[].rtt_ms", "object|null", "time between ping and pong: min, p50, p95, max, avg, mdev"),
            ("streams[].rtt_ms.*", "number", "in milliseconds"),
        ],
    },
];

/// The report of `probe --json`, one document.
pub const PROBE: &[Key] = &[
    ("ok", "boolean", "whether every target passed"),
    ("exit", "integer", "the exit code"),
    ("at", "string", "when it was over"),
    ("targets", "array", "one entry a target, in the order in which they were asked for"),
    ("targets[].name", "string", "the feed, or the URL; with its server where there are several"),
    ("targets[].feed", "string|null", "the feed, null for a URL that is none"),
    ("targets[].url", "string", "the URL without its query"),
    ("targets[].ok", "boolean", "whether it passed"),
    ("targets[].peer", "string|null", "the address that answered"),
    ("targets[].phases_ms", "object", "how long each phase took, the slowest of all runs"),
    ("targets[].phases_ms.dns", "number|null", "name lookup"),
    ("targets[].phases_ms.tcp", "number|null", "TCP"),
    ("targets[].phases_ms.proxy", "number|null", "the tunnel through a proxy"),
    ("targets[].phases_ms.tls", "number|null", "TLS"),
    ("targets[].phases_ms.upgrade", "number|null", "the WebSocket handshake"),
    ("targets[].phases_ms.first_message", "number|null", "from the handshake to the first message of a feed"),
    ("targets[].phases_ms.response", "number|null", "from the request to the head of the answer, of an http URL"),
    ("targets[].phases_ms.close", "number|null", "the closing handshake"),
    ("targets[].pings", "object|null", "how the pings went, those of all runs"),
    ("targets[].pings.sent", "integer", "how many were sent"),
    ("targets[].pings.answered", "integer", "how many were answered in time"),
    ("targets[].pings.rtt_ms", "object|null", "time between ping and pong: min, p50, p95, p99, max, avg, mdev"),
    ("targets[].pings.rtt_ms.*", "number", "in milliseconds"),
    ("targets[].status", "integer|null", "the HTTP status, 101 of a WebSocket"),
    ("targets[].total_ms", "number", "all phases together, of the slowest run"),
    ("targets[].retries", "integer", "how often it was tried again before it passed or was given up"),
    ("targets[].messages", "object|null", "the messages; null where none was waited for"),
    ("targets[].messages.received", "integer", "how many came"),
    ("targets[].messages.longest_gap_ms", "number|null", "the longest time between two"),
    ("targets[].handshake", "object|null", "what was agreed on in the WebSocket handshake"),
    ("targets[].handshake.extensions", "string|null", "the extensions in use"),
    ("targets[].handshake.subprotocol", "string|null", "the subprotocol in use"),
    ("targets[].compression", "object|null", "what compression saved, in all runs; null where it was not agreed on"),
    ("targets[].compression.wire_bytes", "integer", "bytes of the messages as they came, with their headers"),
    ("targets[].compression.plain_bytes", "integer", "as they would have come uncompressed"),
    ("targets[].certificate", "object|null", "the certificate of the server"),
    ("targets[].certificate.at", "string", "when it expires"),
    ("targets[].certificate.seconds_left", "integer", "until then; negative when it is over"),
    ("targets[].token", "object|null", "the token it was shown, where it says when it expires"),
    ("targets[].token.at", "string", "when it expires"),
    ("targets[].token.seconds_left", "integer", "until then; negative when it is over"),
    ("targets[].failure", "object|null", "where and why it failed"),
    ("targets[].failure.phase", "string", "the phase, or the check"),
    ("targets[].failure.reason", "string", "why, in words"),
    ("targets[].checks", "array", "what was looked at"),
    ("targets[].checks[].name", "string", "a phase, `schema`, `expect …`, `budget tcp`, `limit tcp`"),
    ("targets[].checks[].verdict", "string", "pass, warn, fail or skip"),
    ("targets[].checks[].ms", "number|null", "how long it took"),
    ("targets[].checks[].detail", "string|null", "what was seen"),
    ("targets[].runs", "array", "one entry a run"),
    ("targets[].runs[].at", "string", "when it was over"),
    ("targets[].runs[].ok", "boolean", "whether it got to its end"),
    ("targets[].runs[].phases_ms", "object", "how long each phase took"),
    ("targets[].runs[].phases_ms.dns", "number|null", "name lookup"),
    ("targets[].runs[].phases_ms.tcp", "number|null", "TCP"),
    ("targets[].runs[].phases_ms.proxy", "number|null", "the tunnel through a proxy"),
    ("targets[].runs[].phases_ms.tls", "number|null", "TLS"),
    ("targets[].runs[].phases_ms.upgrade", "number|null", "the WebSocket handshake"),
    ("targets[].runs[].phases_ms.first_message", "number|null", "from the handshake to the first message of a feed"),
    (
        "targets[].runs[].phases_ms.response",
        "number|null",
        "from the request to the head of the answer, of an http URL",
    ),
    ("targets[].runs[].phases_ms.close", "number|null", "the closing handshake"),
    ("targets[].runs[].total_ms", "number", "all phases together"),
    ("targets[].runs[].failure", "object|null", "where and why it failed"),
    ("targets[].runs[].failure.phase", "string", "the phase, or the check"),
    ("targets[].runs[].failure.reason", "string", "why, in words"),
    ("targets[].measured", "array", "what was measured, with the limits that hold for it"),
    ("targets[].measured[].key", "string", "the key of its budget"),
    ("targets[].measured[].value", "number", "the value"),
    ("targets[].measured[].unit", "string", "ms, %, d or s"),
    ("targets[].measured[].warning", "number|null", "past this it is worth a warning"),
    ("targets[].measured[].critical", "number|null", "past this it has failed"),
    ("targets[].measured[].bad", "string", "above or below: on which side of a limit the bad values are"),
];

/// What `control --json` writes, one line a server.
pub const CONTROL: &[Key] = &[
    ("server", "string", "host and port"),
    ("status", "integer", "the HTTP status"),
    ("answer", "any", "the server's document; what is not JSON as text"),
    ("verified", "object|null", "what --verify found, null without it"),
    ("verified.ok", "boolean", "whether it was done"),
    ("verified.sent_after_ms", "object|null", "of a forced update: after how long each feed has sent"),
    ("verified.sent_after_ms.*", "number|null", "in milliseconds, null for one that has not"),
];

/// What `control --dry-run --json` writes, one line a server.
pub const CONTROL_DRY_RUN: &[Key] = &[
    ("method", "string", "always POST"),
    ("url", "string", "where it would go"),
    ("authorization", "string|null", "how it would show the token, which is not repeated"),
    ("body", "any", "what would be sent, null for nothing"),
];
