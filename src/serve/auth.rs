//! Who may read and who may control: what a request presents, held against everything that is known here.
//!
//! Known are the control token (which may do everything), the token of the feeds, the roll of static tokens, JSON Web
//! Tokens, and tickets. A client that can set no header offers the subprotocol `veloflux.v1` and either puts
//! `bearer.<token>` beside it or says the token as its first message.

mod denied;
mod presented;
mod tally;
mod token;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use http::HeaderMap;
use poem::{Request, Response};

pub use denied::Denied;
pub use presented::{SUBPROTOCOL, offers_subprotocol};
pub use tally::{Door, Reason, Tally};

use crate::access::{Deed, Refusal, Rights, Role, Roll, Tickets, Verifier};
use crate::config::{Auth, ControlToken, FeedAccess};
use crate::protocol::Feed;
use crate::secret::Secret;
use presented::{Presented, bearer, presented};

/// Decides by what is presented.
pub struct Guard {
    control: Secret,
    feeds: FeedAccess,
    roll: Arc<RwLock<Roll>>,
    jwt: Option<Arc<Verifier>>,
    query_tokens: bool,
    tickets: Tickets,
    tally: Arc<Tally>,
}

/// How the rights of a ticket are found.
type Lookup = fn(&Tickets, &str) -> Option<Rights>;

/// The guard, and where the control token can be read, if anywhere.
pub struct Armed {
    /// Decides.
    pub guard: Guard,
    /// The file that holds the control token.
    pub token_file: Option<PathBuf>,
}

/// How somebody comes to read.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// The feeds are open to everybody.
    Open,
    /// With these rights.
    With(Rights),
    /// They will say who they are in their first message.
    Unsaid,
}

impl Guard {
    /// Takes the configured tokens; reads or generates the control token where none is configured.
    ///
    /// # Errors
    /// When the generated token can neither be read nor written in `state_dir`.
    pub fn arm(auth: Auth, state_dir: &Path) -> io::Result<Armed> {
        let (control, token_file) = match &auth.control {
            ControlToken::Given(secret, path) => (secret.clone(), path.clone()),
            ControlToken::Generated => {
                let path = state_dir.join("token");
                (token::load_or_generate(&path)?, Some(path))
            }
        };
        Ok(Armed { guard: Guard::new(control, auth), token_file })
    }

    /// A guard with a control token that nobody knows, for a server whose state directory cannot be written: the feeds
    /// work, control does not.
    pub fn without_control(auth: Auth) -> Armed {
        let control = Secret::token(&token::generate()).expect("a generated token is letters and digits");
        Armed { guard: Guard::new(control, auth), token_file: None }
    }

    fn new(control: Secret, auth: Auth) -> Guard {
        Guard {
            control,
            feeds: auth.feeds,
            roll: Arc::new(RwLock::new(auth.roll)),
            jwt: auth.jwt,
            query_tokens: auth.query_tokens,
            tickets: Tickets::default(),
            tally: Arc::default(),
        }
    }

    /// The static tokens that are taken, to be replaced while the server runs.
    pub fn roll(&self) -> Arc<RwLock<Roll>> {
        Arc::clone(&self.roll)
    }

    /// How often somebody was not let in.
    pub fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    /// Counts somebody who is not let in, and makes the answer.
    fn deny(&self, door: Door, denied: Denied) -> Box<Response> {
        self.tally.count(door, denied.reason());
        Box::new(denied.response(door))
    }

    /// Finds out who wants to do something to the server. Only the header counts: what changes something is never sent by an
    /// address alone.
    ///
    /// # Errors
    /// Why not, as an answer.
    pub async fn holder(&self, headers: &HeaderMap, door: Door) -> Result<Rights, Box<Response>> {
        let denied = |denied| self.deny(door, denied);
        self.identify(bearer(headers).ok_or(Denied::Missing).map_err(denied)?).await.map_err(denied)
    }

    /// Lets somebody known do something to the server.
    ///
    /// # Errors
    /// Why not, as an answer.
    pub fn allow(&self, rights: &Rights, deed: Deed, door: Door) -> Result<(), Box<Response>> {
        if rights.may(deed) {
            return Ok(());
        }
        let (has, needs) = (rights.role.name(), deed.role().name());
        let why = format!("this token is one of a {has}; this needs one of a {needs}");
        Err(self.deny(door, Denied::Forbidden(why)))
    }

    /// Lets a request read these feeds. None: everybody may.
    ///
    /// # Errors
    /// Why not, as an answer.
    pub async fn read(&self, request: &Request, feeds: &[Feed]) -> Result<Option<Rights>, Box<Response>> {
        self.rights(request, feeds, Tickets::redeem).await.map_err(|denied| self.deny(Door::Feeds, denied))
    }

    /// Lets a handshake read these feeds, also where it offers to say later who it is.
    ///
    /// # Errors
    /// Why not, as an answer.
    pub async fn open(&self, request: &Request, feeds: &[Feed]) -> Result<Entry, Box<Response>> {
        self.enter(request, feeds, Tickets::redeem).await
    }

    /// As [`Guard::open`] for a request that opens nothing, as its handshake is not one: a ticket stays good.
    ///
    /// # Errors
    /// Why it would not have been let in, as an answer.
    pub async fn would_open(&self, request: &Request, feeds: &[Feed]) -> Result<(), Box<Response>> {
        self.enter(request, feeds, Tickets::holder).await.map(drop)
    }

    async fn enter(&self, request: &Request, feeds: &[Feed], ticket: Lookup) -> Result<Entry, Box<Response>> {
        match self.rights(request, feeds, ticket).await {
            Err(Denied::Missing) if offers_subprotocol(request.headers()) => Ok(Entry::Unsaid),
            Err(denied) => Err(self.deny(Door::Feeds, denied)),
            Ok(rights) => Ok(rights.map_or(Entry::Open, Entry::With)),
        }
    }

    async fn rights(&self, request: &Request, feeds: &[Feed], ticket: Lookup) -> Result<Option<Rights>, Denied> {
        if matches!(self.feeds, FeedAccess::Public) {
            return Ok(None);
        }
        let rights = match presented(request) {
            Presented::Nothing => return Err(Denied::Missing),
            Presented::Token(token) => self.identify(&token).await?,
            Presented::TokenInQuery(token) if self.query_tokens => self.identify(&token).await?,
            Presented::TokenInQuery(_) => {
                return Err(Denied::Unknown(
                    "a token in the address would stand in logs; send it in a header, as the subprotocol \
                     `bearer.<token>`, or get a ticket from `POST /api/ws/ticket`"
                        .to_owned(),
                ));
            }
            // It stands for its holder, and for no longer than the token that it was given for.
            Presented::Ticket(word) => {
                ticket(&self.tickets, &word).filter(|rights| !rights.end.has_come(SystemTime::now())).ok_or_else(
                    || Denied::Unknown("this ticket is not good; it opens one connection, within 30 s".to_owned()),
                )?
            }
        };
        allowed(&rights, feeds)?;
        Ok(Some(rights))
    }

    /// Lets whoever says this token on an open connection read these feeds.
    ///
    /// # Errors
    /// Why not.
    pub async fn say(&self, token: &str, feeds: &[Feed]) -> Result<Rights, Denied> {
        let rights = self.identify(token).await.and_then(|rights| allowed(&rights, feeds).map(|()| rights));
        rights.inspect_err(|denied| self.tally.count(Door::Message, denied.reason()))
    }

    /// Gives a ticket for the rights of whoever asks.
    ///
    /// # Errors
    /// Why not, as an answer.
    pub async fn ticket(&self, headers: &HeaderMap) -> Result<String, Box<Response>> {
        let denied = |denied| self.deny(Door::Ticket, denied);
        let rights = self.identify(bearer(headers).ok_or(Denied::Missing).map_err(denied)?).await.map_err(denied)?;
        let too_many = || denied(Denied::Unavailable("too many tickets are out; use them, or wait".to_owned()));
        self.tickets.issue(rights).ok_or_else(too_many)
    }

    async fn identify(&self, token: &str) -> Result<Rights, Denied> {
        if self.control.matches(token) {
            return Ok(Rights::new("control token", Role::Admin));
        }
        if matches!(&self.feeds, FeedAccess::Restricted(Some(feeds)) if feeds.matches(token)) {
            return Ok(Rights::new("feed token", Role::Viewer));
        }
        if let Some(rights) = self.roll.read().unwrap_or_else(PoisonError::into_inner).find(token) {
            return Ok(rights);
        }
        let unknown = || Denied::Unknown("this token is not known here".to_owned());
        let verifier = self.jwt.as_ref().ok_or_else(unknown)?;
        verifier.verify(token).await.map_err(|refusal| match refusal {
            Refusal::NotOne => unknown(),
            Refusal::Expired => Denied::Expired(refusal.to_string()),
            Refusal::Bad(_) => Denied::Unknown(refusal.to_string()),
            Refusal::NoKeys(_) => Denied::Unavailable(refusal.to_string()),
        })
    }
}

fn allowed(rights: &Rights, feeds: &[Feed]) -> Result<(), Denied> {
    match feeds.iter().find(|feed| !rights.reads(**feed)) {
        None => Ok(()),
        Some(feed) => Err(Denied::Forbidden(format!("this token does not read `{feed}`"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(authorization: Option<&str>) -> Request {
        let request = Request::builder().uri_str("/");
        match authorization {
            Some(value) => request.header("authorization", value).finish(),
            None => request.finish(),
        }
    }

    #[tokio::test]
    async fn each_token_opens_its_door_only() {
        let secret = |text| Secret::token(text).expect("a secret");
        // printf %s op | sha256sum
        let roll = "037aeaeaf4bbf26ddabe7256a8294dc52da48d575a1247b5c2598c47de7aebab operator deploys";
        let auth = Auth {
            control: ControlToken::Given(secret("c0"), None),
            feeds: FeedAccess::Restricted(Some(secret("f0"))),
            roll: Roll::parse(roll).expect("a roll"),
            roll_file: None,
            jwt: None,
            query_tokens: false,
        };
        let guard = Guard::arm(auth, Path::new("/")).expect("given").guard;
        for (value, read, operate, administer) in [
            (Some("Bearer c0"), 200, 200, 200),
            (Some("bearer  c0"), 200, 200, 200),
            (Some("Bearer op"), 200, 200, 403),
            (Some("Bearer f0"), 200, 403, 403),
            (Some("Bearer x"), 401, 401, 401),
            (Some("Bearer"), 401, 401, 401),
            (Some("Basic c0"), 401, 401, 401),
            (Some("Bearer c0 f0"), 401, 401, 401),
            (None, 401, 401, 401),
        ] {
            let request = request(value);
            let status = |response: Box<Response>| response.status().as_u16();
            let may = async |deed| {
                let holder = guard.holder(request.headers(), Door::Control).await;
                holder.and_then(|rights| guard.allow(&rights, deed, Door::Control)).map_or_else(status, |()| 200)
            };
            assert_eq!(guard.read(&request, &Feed::ALL).await.map_or_else(status, |_| 200), read, "{value:?}");
            assert_eq!(may(Deed::Operate).await, operate, "{value:?}");
            assert_eq!(may(Deed::Administer).await, administer, "{value:?}");
        }
    }
}
