//! The `mysql` check: the server greets as MySQL and MariaDB do, and does its part of a login.
//!
//! With a user in the URL it logs in as that user, who has no password, as is the custom for checks; without one it is
//! turned away as a stranger, and that is a pass. A check that left after the greeting would be counted as a broken
//! handshake, and the server blocks a host after a hundred of them (`max_connect_errors`).

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::connection::dialled;
use super::outcome::{Found, Outcome, missed};
use super::probe::{Ask, Asking, Kind, Prepared, peer_words};
use super::{ProbeOptions, Shared};
use crate::net::dial::Stream;
use crate::net::{Fault, Target};

/// The row of this kind.
pub(super) const KIND: Kind = Kind { name: "mysql", schemes: &["mysql"], options: &[], new };

/// Longest packet. A greeting is about a hundred bytes, and the words of an error at most 512.
const PACKET_BYTES_MAX: usize = 1024;

/// Protocol version 10, which every server since 3.21 speaks.
const GREETING: u8 = 10;

/// What the first byte of a later packet says.
const OK: u8 = 0;
const OTHER_PLUGIN: u8 = 0xfe;
const ERROR: u8 = 0xff;

/// Errors that are the right answer to a stranger: access denied (in two forms), a login that needs TLS or a newer client.
const TURNED_AWAY: [u16; 4] = [1045, 1698, 3159, 1251];

/// `COM_QUIT`, the first packet of a new exchange.
const QUIT: &[u8] = &[1, 0, 0, 0, 1];

/// Protocol 4.1, its kind of password hash, and the name of the plugin that made it.
const CAPABILITIES: u32 = 0x0200 | 0x8000 | 0x0008_0000;

/// UTF-8, by the number that all versions know.
const CHARACTER_SET: u8 = 33;

struct Mysql {
    target: Target,
    user: Option<String>,
}

fn new(target: &Target, _options: &ProbeOptions, _shared: &Shared) -> Prepared {
    if target.password().is_some() {
        return Err(format!(
            "a check of kind `mysql` knows no password; write `mysql://USER@{}` with a user who needs none, or no user",
            target.address()
        ));
    }
    if !matches!(target.path(), "" | "/") || target.query().is_some() {
        return Err(format!("a check of kind `mysql` has no path and no query; write `mysql://{}`", target.address()));
    }
    if target.user().is_some_and(|user| user.contains('\0')) {
        return Err(format!("the user of `{target}` cannot be sent"));
    }
    Ok(Arc::new(Mysql { target: target.clone(), user: target.user().map(str::to_owned) }))
}

impl Ask for Mysql {
    fn ask(&self) -> Asking<'_> {
        Box::pin(async { self.talk().await.unwrap_or_else(missed) })
    }
}

impl Mysql {
    async fn talk(&self) -> Result<Found, Fault> {
        let mut stream = dialled(&self.target, None).await?;
        let (number, greeting) = packet(&mut stream).await?;
        if let Some((number, words)) = error(&greeting) {
            return Ok(Err(answered(number, &words)));
        }
        // The version stands there as text, up to a zero.
        if number != 0 || greeting.first() != Some(&GREETING) || !greeting.contains(&0) {
            return Err(foreign());
        }
        let mut number = send(&mut stream, number, &login(self.user.as_deref().unwrap_or_default())).await?;
        loop {
            let (sent, packet) = packet(&mut stream).await?;
            if sent != number.wrapping_add(1) {
                return Err(foreign());
            }
            if packet.first() == Some(&OTHER_PLUGIN) {
                // Whatever the plugin: no password is an empty packet.
                number = send(&mut stream, sent, &[]).await?;
                continue;
            }
            if packet.first() == Some(&OK) {
                stream.write_all(QUIT).await?;
                let _ = stream.shutdown().await;
                return Ok(Ok(Outcome::Good));
            }
            return match error(&packet) {
                Some((number, _)) if self.user.is_none() && TURNED_AWAY.contains(&number) => Ok(Ok(Outcome::Good)),
                Some((number, words)) => Ok(Err(answered(number, &words))),
                None => Err(foreign()),
            };
        }
    }
}

/// Reads a packet: its number in the exchange, and what is in it.
async fn packet(stream: &mut Stream) -> Result<(u8, Vec<u8>), Fault> {
    let mut header = [0; 4];
    stream.read_exact(&mut header).await?;
    let [low, middle, high, number] = header;
    let length = u32::from_le_bytes([low, middle, high, 0]) as usize;
    if length > PACKET_BYTES_MAX {
        return Err(foreign());
    }
    let mut packet = vec![0; length];
    stream.read_exact(&mut packet).await?;
    Ok((number, packet))
}

/// Sends the answer to the packet with this number. Gives its own.
async fn send(stream: &mut Stream, answered: u8, payload: &[u8]) -> Result<u8, Fault> {
    let number = answered.wrapping_add(1);
    let length = u32::try_from(payload.len()).expect("a user that fits into a URL").to_le_bytes();
    let mut packet = vec![length[0], length[1], length[2], number];
    packet.extend_from_slice(payload);
    stream.write_all(&packet).await?;
    Ok(number)
}

/// `HandshakeResponse41` of a user without a password.
fn login(user: &str) -> Vec<u8> {
    let mut login = CAPABILITIES.to_le_bytes().to_vec();
    login.extend_from_slice(&(PACKET_BYTES_MAX as u32).to_le_bytes());
    login.push(CHARACTER_SET);
    login.extend_from_slice(&[0; 23]);
    login.extend_from_slice(user.as_bytes());
    // The end of the user, and a password of no bytes.
    login.extend_from_slice(&[0, 0]);
    login.extend_from_slice(b"mysql_native_password\0");
    login
}

/// The number and the words of an error packet.
fn error(packet: &[u8]) -> Option<(u16, String)> {
    let [ERROR, low, high, words @ ..] = packet else { return None };
    // Before the login there is mostly no `#` with the five letters of the SQL state.
    let words = if words.first() == Some(&b'#') { words.get(6..).unwrap_or_default() } else { words };
    Some((u16::from_le_bytes([*low, *high]), peer_words(&String::from_utf8_lossy(words))))
}

fn answered(number: u16, words: &str) -> String {
    format!("answered `{number} {words}`")
}

fn foreign() -> Fault {
    Fault::Protocol("mysql", "what came is not its protocol".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_in_the_servers_words() {
        let blocked = b"\xff\x69\x04Host '10.0.0.9' is blocked because of many connection errors";
        let words = "Host '10.0.0.9' is blocked because of many connection errors";
        assert_eq!(error(blocked), Some((1129, words.to_owned())));
        for full in [&b"\xff\x10\x04#08004Too many connections"[..], b"\xff\x10\x04Too many connections"] {
            assert_eq!(error(full), Some((1040, "Too many connections".to_owned())));
        }
        assert_eq!(error(b"\xff\x10\x04#0"), Some((1040, String::new())));
        for other in [&b""[..], b"\xff", b"\xff\x10", b"\x0a8.0\0"] {
            assert_eq!(error(other), None);
        }
    }

    #[test]
    fn a_login_is_laid_out_as_the_protocol_says() {
        let login = login("bob");
        assert_eq!(login[..9], [0x00, 0x82, 0x08, 0x00, 0x00, 0x04, 0x00, 0x00, 33]);
        assert_eq!(&login[32..], b"bob\0\0mysql_native_password\0");
    }

    #[test]
    fn what_it_cannot_do_is_refused() {
        for (url, words) in [
            (
                "mysql://app:hunter2@h",
                "a check of kind `mysql` knows no password; write `mysql://USER@h:3306` with a user who needs none, or no user",
            ),
            ("mysql://h/shop", "a check of kind `mysql` has no path and no query; write `mysql://h:3306`"),
            ("mysql://a%00b@h", "the user of `mysql://h:3306` cannot be sent"),
        ] {
            assert_eq!(
                new(&Target::parse(url).expect(url), &ProbeOptions::default(), &Shared::default()).err().as_deref(),
                Some(words)
            );
        }
    }
}
