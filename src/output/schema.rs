//! The schema of what `watch --json` writes: every type of record, its keys and their JSON types. It stands in the man page,
//! and the tests hold every record to it. Keys are only ever added.

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
/// `integer`, `number`, `array`, `object`, `any`, with `|null` where it may be null.
pub type Key = (&'static str, &'static str, &'static str);

/// The keys of every record.
pub const SHARED: &[Key] = &[
    ("type", "string", "what happened"),
    ("feed", "string|null", "the feed, null for a URL that is none and for what concerns all"),
    ("server", "string|null", "host and port, null for what concerns all"),
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
            ("streams[].server", "string", "host and port"),
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
