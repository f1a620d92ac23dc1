//! The `redis` check: the server lets us in and answers `PING`.

use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo, RedisError, cmd};

use super::connection::{bounded, dialled};
use super::options::{Tls, name};
use super::outcome::{Outcome, missed};
use super::probe::{Ask, Asking, Kind, Prepared, peer_words, without};
use super::{ProbeOptions, Shared};
use crate::net::{Fault, Target};
use crate::secret::Secret;

/// The row of this kind.
pub(super) const KIND: Kind = Kind {
    name: "redis",
    schemes: &["redis", "rediss"],
    options: &[name::PASSWORD, name::SERVER_NAME, name::CACERT, name::INSECURE],
    new,
};

struct Redis {
    target: Target,
    tls: Option<Tls>,
    password: Option<Secret>,
    /// None: the one a connection begins with.
    database: Option<u32>,
}

fn new(target: &Target, options: &ProbeOptions, shared: &Shared) -> Prepared {
    let tls = if target.scheme() == "rediss" {
        Some(options.tls(target, shared, &[])?)
    } else {
        options.without_tls(target)?;
        None
    };
    let password = options.password_for(target)?;
    if target.user().is_some() && password.is_none() {
        return Err(format!("`{target}` has a user and no password; add one, or leave out the user"));
    }
    if target.query().is_some() {
        return Err(format!("a check of kind `redis` has no query; write `{target}`"));
    }
    let database = match target.path().trim_matches('/') {
        "" => None,
        number => {
            Some(number.parse().map_err(|_| format!("`{number}` in `{target}` is not the number of a database"))?)
        }
    };
    Ok(Arc::new(Redis { target: target.clone(), tls, password, database }))
}

impl Ask for Redis {
    fn ask(&self) -> Asking<'_> {
        Box::pin(async {
            let stream = match dialled(&self.target, self.tls.as_ref()).await {
                Ok(stream) => stream,
                Err(fault) => return missed(fault),
            };
            // Logging in is left to us: the crate keeps to itself why it failed.
            let info = RedisConnectionInfo::default().set_skip_set_lib_name();
            let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
            let opened = MultiplexedConnection::new_with_config(&info, bounded(stream), config).await;
            let (connection, driver) = opened.map_err(|error| in_words(&error, None))?;
            // The driver ends when the connection is dropped, and the talk when the driver finds the other side gone.
            let ((), answer) = tokio::join!(driver, self.talk(connection));
            answer.map_err(|error| in_words(&error, self.password.as_ref()))?;
            Ok(Outcome::Good)
        })
    }
}

impl Redis {
    async fn talk(&self, mut connection: MultiplexedConnection) -> Result<(), RedisError> {
        if let Some(password) = &self.password {
            let mut login = cmd("AUTH");
            if let Some(user) = self.target.user() {
                login.arg(user);
            }
            login.arg(password.expose()).exec_async(&mut connection).await?;
        }
        if let Some(database) = self.database {
            cmd("SELECT").arg(database).exec_async(&mut connection).await?;
        }
        cmd("PING").exec_async(&mut connection).await
    }
}

/// What a person does something with.
fn in_words(error: &RedisError, password: Option<&Secret>) -> String {
    if let Some(fault) = Fault::find(error) {
        return fault.to_string();
    }
    let detail = error.detail().unwrap_or_default();
    match error.code() {
        Some("WRONGPASS") => "wrong password".to_owned(),
        // Before version 6.
        Some("ERR") if detail.contains("invalid password") => "wrong password".to_owned(),
        Some("NOAUTH") => "password needed".to_owned(),
        Some("ERR") if detail.contains("AUTH") && detail.contains("password") => {
            "a password was given, and the server has none".to_owned()
        }
        Some(code) => format!("answered `{}`", peer_words(&without(password, &format!("{code} {detail}")))),
        None if error.is_connection_dropped() => Fault::Closed.to_string(),
        None => Fault::Protocol("redis", "what came is not its protocol".to_owned()).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_means_nothing_to_redis_is_refused() {
        for (url, error) in [
            ("redis://bob@h", "`redis://h:6379` has a user and no password; add one, or leave out the user"),
            ("redis://h/x", "`x` in `redis://h:6379/x` is not the number of a database"),
            ("redis://h?protocol=resp3", "a check of kind `redis` has no query; write `redis://h:6379`"),
        ] {
            let target = Target::parse(url).expect(url);
            assert_eq!(new(&target, &ProbeOptions::default(), &Shared::default()).err().as_deref(), Some(error));
        }
    }
}
