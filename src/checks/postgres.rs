//! The `postgres` check: with a user, a login and `SELECT 1`; without one, that the server answers its protocol.
//!
//! `sslmode` of the URL means what it means to `libpq`: `disable`, `prefer` (default), `require` and `verify-full`. The
//! middle two take any certificate unless `cacert` names an authority.
//!
//! Without a user the server is asked whether it has TLS, and where it has none, or `disable` says to do without, that is all:
//! nothing but the one byte of its answer may come. A login would be noted in its log. So is one thing: that we leave a
//! server that has TLS before the handshake, as `disable` means; `prefer` leaves its log alone.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, Error, NoTls};

use super::connection::{bounded, dialled};
use super::options::{Tls, name};
use super::outcome::{Outcome, missed};
use super::probe::{Ask, Asking, Kind, Prepared, listed, peer_words, without};
use super::{ProbeOptions, Shared};
use crate::limits::CHECK_SILENCE_TIME;
use crate::net::dial::{Stream, shake};
use crate::net::tls::Trust;
use crate::net::{Fault, Target};
use crate::secret::Secret;

/// The row of this kind.
pub(super) const KIND: Kind = Kind {
    name: "postgres",
    schemes: &["postgres", "postgresql"],
    options: &[name::PASSWORD, name::SERVER_NAME, name::CACERT, name::INSECURE],
    new,
};

/// `SSLRequest`: eight bytes long, and the number that stands for it.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

struct Postgres {
    target: Target,
    encryption: Encryption,
    /// How to log in; none: not at all.
    login: Option<Config>,
    password: Option<Secret>,
}

/// What is said over TLS.
enum Encryption {
    /// Nothing.
    Never,
    /// Everything, where the server has TLS.
    Offered(Tls),
    /// Everything.
    Always(Tls),
}

fn new(target: &Target, options: &ProbeOptions, shared: &Shared) -> Prepared {
    let password = options.password_for(target)?;
    let database = target.path_text().ok_or_else(|| format!("the database in `{target}` is not UTF-8"))?;
    let login = match target.user() {
        Some(user) => {
            let mut login = Config::new();
            // TLS is done before the crate gets the connection: see `Postgres::open`.
            login.user(user).application_name("veloflux").ssl_mode(SslMode::Disable);
            if let Some(password) = &password {
                login.password(password.expose());
            }
            if !database.is_empty() {
                login.dbname(database);
            }
            Some(login)
        }
        None if password.is_some() || !database.is_empty() => {
            return Err(format!("`{target}` has no user to log in; write `{}://USER@HOST…`", target.scheme()));
        }
        None => None,
    };
    Ok(Arc::new(Postgres { target: target.clone(), encryption: encryption(target, options, shared)?, login, password }))
}

/// What the query of the URL and the options say about TLS.
fn encryption(target: &Target, options: &ProbeOptions, shared: &Shared) -> Result<Encryption, String> {
    let mut mode = "prefer".to_owned();
    for (key, value) in target.url().query_pairs() {
        if key != "sslmode" {
            return Err(format!("a check of kind `postgres` does not know `{}`; it takes `sslmode`", peer_words(&key)));
        }
        mode = value.into_owned();
    }
    let unless_told = |trust: Trust| options.tls_unless_told(target, shared, &[], trust);
    match mode.as_str() {
        "disable" => {
            options.without_tls(target)?;
            Ok(Encryption::Never)
        }
        "prefer" => unless_told(Trust::Anyone).map(Encryption::Offered),
        "require" => unless_told(Trust::Anyone).map(Encryption::Always),
        "verify-full" => unless_told(Trust::Platform).map(Encryption::Always),
        other => Err(format!(
            "`sslmode={}` is not one of {}",
            peer_words(other),
            listed(&["disable", "prefer", "require", "verify-full"])
        )),
    }
}

impl Ask for Postgres {
    fn ask(&self) -> Asking<'_> {
        Box::pin(async {
            let stream = match self.open().await {
                Ok(stream) => stream,
                Err(fault) => return missed(fault),
            };
            if let Some(login) = &self.login {
                let answer = select_one(login, stream).await;
                answer.map_err(|error| in_words(&error, self.password.as_ref()))?;
            }
            Ok(Outcome::Good)
        })
    }
}

impl Postgres {
    /// Connects, asks for TLS and shakes hands if the server has it.
    ///
    /// That is done here and not by `tokio_postgres`, which takes every answer but `S` for "no TLS" and goes on: a peer
    /// that is no PostgreSQL at all is found out by this one byte. And a server with TLS that sees the connection end
    /// before the handshake complains in its log, every time.
    async fn open(&self) -> Result<Stream, Fault> {
        let mut stream = dialled(&self.target, None).await?;
        let (tls, required) = match &self.encryption {
            Encryption::Never if self.login.is_some() => return Ok(stream),
            // Even so the question is how to learn that the server answers.
            Encryption::Never => (None, false),
            Encryption::Offered(tls) => (Some(tls), false),
            Encryption::Always(tls) => (Some(tls), true),
        };
        stream.write_all(&SSL_REQUEST).await?;
        match (stream.read_u8().await?, tls) {
            (b'S', Some(tls)) => self.encrypted(stream, tls).await,
            // `E` begins an error message: it does not know the question, which no server since 7.1 does.
            (b'N', _) if required => Err(Fault::Tls("the server has none".to_owned())),
            (b'S' | b'N', _) if self.login.is_none() => nothing_more(stream).await,
            (b'N', _) => Ok(stream),
            _ => Err(foreign()),
        }
    }

    async fn encrypted(&self, stream: Stream, tls: &Tls) -> Result<Stream, Fault> {
        let mut stream = shake(&tls.config, &tls.name, stream).await?;
        if self.login.is_none() {
            stream.shutdown().await?;
        }
        Ok(stream)
    }
}

/// Takes leave. A greeting of another protocol may begin with the same byte, as that of SSH does: there the rest follows at
/// once.
async fn nothing_more(mut stream: Stream) -> Result<Stream, Fault> {
    // One that is gone already has no more to say.
    let _ = stream.shutdown().await;
    match timeout(CHECK_SILENCE_TIME, stream.read(&mut [0])).await {
        Ok(Ok(1..)) => Err(foreign()),
        // It has left, or waits for more, as a proxy may.
        _ => Ok(stream),
    }
}

fn foreign() -> Fault {
    Fault::Protocol("postgres", "what came is not its protocol".to_owned())
}

/// Logs in and asks for a row.
async fn select_one<S>(login: &Config, stream: S) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (client, connection) = login.connect_raw(bounded(stream), NoTls).await?;
    let asking = async move { client.simple_query("SELECT 1").await.map(drop) };
    // The connection says good-bye to the server once the client is dropped, and ends by itself when the server does.
    let (_, answer) = tokio::join!(connection, asking);
    answer
}

/// What a person does something with.
fn in_words(error: &Error, password: Option<&Secret>) -> String {
    if let Some(refusal) = error.as_db_error() {
        return match refusal.code() {
            &SqlState::INVALID_PASSWORD => "wrong password".to_owned(),
            _ => format!("answered `{}`", peer_words(&without(password, refusal.message()))),
        };
    }
    if let Some(fault) = Fault::find(error) {
        return fault.to_string();
    }
    if error.is_closed() {
        return Fault::Closed.to_string();
    }
    match std::error::Error::source(error).map(ToString::to_string) {
        Some(cause) if cause == "password missing" => "password needed".to_owned(),
        Some(cause) => Fault::Protocol("postgres", cause).to_string(),
        None => Fault::Protocol("postgres", error.to_string()).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_means_nothing_to_postgres_is_refused() {
        let none = ProbeOptions::default();
        let insecure = ProbeOptions { insecure: true, ..none.clone() };
        for (url, options, error) in [
            ("postgres://h/db", &none, "`postgres://h:5432/db` has no user to log in; write `postgres://USER@HOST…`"),
            ("postgres://:pw@h", &none, "`postgres://h:5432` has no user to log in; write `postgres://USER@HOST…`"),
            ("postgres://h?x=1", &none, "a check of kind `postgres` does not know `x`; it takes `sslmode`"),
            (
                "postgres://h?sslmode=verify-ca",
                &none,
                "`sslmode=verify-ca` is not one of `disable`, `prefer`, `require` and `verify-full`",
            ),
            ("postgres://h?sslmode=disable", &insecure, "`insecure` is about TLS, and `postgres://` has none"),
        ] {
            let target = Target::parse(url).expect(url);
            assert_eq!(new(&target, options, &Shared::default()).err().as_deref(), Some(error));
        }
    }
}
