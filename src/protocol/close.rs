//! The close codes a server may end a connection with, and what a client should do about each.

/// One row of [`CLOSE_CODES`], by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum CloseCode {
    /// The conversation is over.
    Done = 1000,
    /// The server stops.
    GoingAway = 1001,
    /// The peer broke RFC 6455.
    ProtocolError = 1002,
    /// The peer sent a binary message; the feeds are text.
    Unsupported = 1003,
    /// The peer sent text that is not UTF-8.
    InvalidPayload = 1007,
    /// The peer sent a message past the size limit.
    TooBig = 1009,
    /// The server restarts; the reason carries `retry_after_ms`.
    Restarting = 1012,
    /// The server has no room.
    OverCapacity = 1013,
    /// The peer read or answered too slowly.
    TooSlow = 4008,
    /// The credential is missing, wrong, has expired or was revoked.
    Unauthenticated = 4401,
    /// The credential does not allow this.
    Forbidden = 4403,
    /// The peer did not finish the handshake in time.
    HandshakeTimeout = 4408,
    /// The peer sent too many messages.
    TooMany = 4429,
}

/// What a client should do after a close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// The end was wanted: stay away.
    Stop,
    /// Connect again, with back-off.
    Reconnect,
    /// Connect again only with a new credential, or after changing what was sent.
    Change,
}

/// Every close code of the contract, its meaning in plain words and what to do about it.
pub const CLOSE_CODES: &[(CloseCode, &str, Advice)] = &[
    (CloseCode::Done, "done", Advice::Stop),
    (CloseCode::GoingAway, "the server is going away", Advice::Reconnect),
    (CloseCode::ProtocolError, "a frame broke RFC 6455", Advice::Change),
    (CloseCode::Unsupported, "the feeds take text only", Advice::Change),
    (CloseCode::InvalidPayload, "text was not UTF-8", Advice::Change),
    (CloseCode::TooBig, "a message was too big", Advice::Change),
    (CloseCode::Restarting, "the server is restarting", Advice::Reconnect),
    (CloseCode::OverCapacity, "the server is over capacity", Advice::Reconnect),
    (CloseCode::TooSlow, "read or answered too slowly", Advice::Reconnect),
    (CloseCode::Unauthenticated, "the token is missing, has expired or was revoked", Advice::Change),
    (CloseCode::Forbidden, "not allowed", Advice::Change),
    (CloseCode::HandshakeTimeout, "the handshake timed out", Advice::Change),
    (CloseCode::TooMany, "too many messages", Advice::Change),
];

impl CloseCode {
    /// The number in the close frame.
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// The row of [`CLOSE_CODES`] for a number, if the contract has it.
    pub fn lookup(code: u16) -> Option<&'static (CloseCode, &'static str, Advice)> {
        CLOSE_CODES.iter().find(|(row, _, _)| row.code() == code)
    }

    /// The meaning in plain words, sent as the close reason where there is nothing more to say.
    pub fn meaning(self) -> &'static str {
        CloseCode::lookup(self.code()).expect("every close code has its row").1
    }
}
