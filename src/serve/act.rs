//! An act: what somebody known does to the server, from the token to the line in the audit log.

use std::net::IpAddr;
use std::sync::Arc;

use poem::{Request, Response};
use serde_json::Value;

use super::App;
use super::auth::Door;
use super::proxies::Client;
use crate::access::{Deed, Rights};
use crate::audit::{Outcome, Record};
use crate::protocol::Timestamp;
use crate::protocol::control::Command;

/// What somebody does. It ends with [`Act::done`] or [`Act::refused`], which write the line.
pub struct Act {
    app: Arc<App>,
    rights: Rights,
    door: Door,
    from: Option<IpAddr>,
    action: String,
    arguments: Value,
    reason: Option<String>,
}

impl Act {
    /// Finds out who wants to do something, and whether they may. That somebody known may not goes into the log; somebody
    /// unknown does not, or anybody could fill it.
    ///
    /// # Errors
    /// Why not, as an answer.
    pub async fn begin(
        app: &Arc<App>,
        request: &Request,
        door: Door,
        deed: Deed,
        action: &str,
    ) -> Result<Act, Box<Response>> {
        let rights = app.guard.holder(request.headers(), door).await?;
        let act = Act {
            app: Arc::clone(app),
            rights,
            door,
            from: request.extensions().get::<Client>().map(|client| client.address),
            action: action.to_owned(),
            arguments: Value::Null,
            reason: None,
        };
        act.allowed(deed).await
    }

    /// The same where it takes more than what it took to begin.
    ///
    /// # Errors
    /// Why not, as an answer.
    pub async fn allowed(self, deed: Deed) -> Result<Act, Box<Response>> {
        match self.app.guard.allow(&self.rights, deed, self.door) {
            Ok(()) => Ok(self),
            Err(refusal) => {
                let (has, needs) = (self.rights.role.name(), deed.role().name());
                self.refused(&format!("a {has} may not; it takes one of a {needs}")).await;
                Err(refusal)
            }
        }
    }

    /// Who does it.
    pub fn who(&self) -> &str {
        &self.rights.who
    }

    /// To what it is done.
    pub fn to(self, arguments: Value) -> Act {
        Act { arguments, ..self }
    }

    /// That it is this command.
    pub fn of(self, command: &Command) -> Act {
        let mut arguments = command.body();
        let mut take = |key: &str| match arguments.as_object_mut().and_then(|object| object.remove(key)) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let (action, reason) = (take("action"), take("reason"));
        Act { action: action.unwrap_or(self.action), reason, arguments, ..self }
    }

    /// It was done.
    pub async fn done(self) {
        self.end(Outcome::Done, None).await;
    }

    /// It was not done.
    pub async fn refused(self, why: &str) {
        self.end(Outcome::Refused, Some(why.to_owned())).await;
    }

    async fn end(self, outcome: Outcome, error: Option<String>) {
        let record = Record {
            time: Timestamp::now(),
            who: self.rights.who,
            role: Some(self.rights.role.name()),
            from: self.from,
            action: self.action,
            arguments: self.arguments,
            reason: self.reason,
            outcome,
            error,
        };
        self.app.world.audit.write(record).await;
    }
}
