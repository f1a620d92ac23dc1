//! From the claims of a verified token to rights. Pure.
//!
//! `role` (or the highest of `roles`) says how far somebody is trusted, `viewer` where it is missing. Scopes of the form
//! `feed:metrics` (in `scope` or `scp`, as text with blanks or as a list) narrow the feeds to those that are named;
//! `feed:*` and no such scope at all mean every feed. Other scopes are somebody else's.

use std::time::{Duration, SystemTime};

use serde::Deserialize;

use super::rights::{End, Rights, Role};
use crate::limits::TOKEN_LEEWAY;
use crate::protocol::Feed;

/// The claims that matter here.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Claims {
    /// When it expires, in seconds since 1970. That it is there and has not passed is checked after the claims are read.
    #[serde(default)]
    exp: Option<f64>,
    #[serde(default)]
    sub: Option<String>,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    scope: Words,
    #[serde(default)]
    scp: Words,
}

/// Words in one text or in a list.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Words {
    Text(String),
    List(Vec<String>),
}

impl Default for Words {
    fn default() -> Self {
        Words::List(Vec::new())
    }
}

impl Words {
    fn iter(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match self {
            Words::Text(text) => Box::new(text.split_ascii_whitespace()),
            Words::List(list) => Box::new(list.iter().map(String::as_str)),
        }
    }
}

impl Claims {
    /// What they come to. An unknown role or feed is an error: who wrote it meant something by it.
    pub(super) fn rights(self) -> Result<Rights, String> {
        let named: Option<Vec<Role>> = self.role.iter().chain(&self.roles).map(|word| Role::parse(word)).collect();
        let Some(named) = named else {
            let words: Vec<&str> = self.role.iter().chain(&self.roles).map(String::as_str).collect();
            let known = Role::ALL.map(Role::name).join(", ");
            return Err(format!("the token has a role that is none of {known}: {}", words.join(", ").escape_debug()));
        };
        let role = named.into_iter().max().unwrap_or(Role::Viewer);
        let mut rights = Rights::new(self.sub.clone().unwrap_or_default(), role);
        let scopes: Vec<&str> =
            self.scope.iter().chain(self.scp.iter()).filter_map(|word| word.strip_prefix("feed:")).collect();
        if !scopes.is_empty() && !scopes.contains(&"*") {
            let feeds: Result<Vec<Feed>, _> = scopes.iter().map(|word| word.parse::<Feed>()).collect();
            rights =
                rights.only(feeds.map_err(|unknown| format!("the token has a scope for no feed of ours: {unknown}"))?);
        }
        let end = self
            .exp
            .and_then(|end| Duration::try_from_secs_f64(end).ok())
            .and_then(|end| SystemTime::UNIX_EPOCH.checked_add(end + TOKEN_LEEWAY));
        let end = end.ok_or("the token expires at no time there is")?;
        Ok(rights.until(End::At(end)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::access::rights::Deed;

    fn rights(mut claims: serde_json::Value) -> Result<Rights, String> {
        claims["exp"] = json!(1_800_000_000);
        serde_json::from_value::<Claims>(claims).expect("claims").rights()
    }

    fn feeds(rights: &Rights) -> Vec<&'static str> {
        Feed::ALL.into_iter().filter(|feed| rights.reads(*feed)).map(Feed::name).collect()
    }

    #[test]
    fn a_plain_token_reads_everything_and_changes_nothing() {
        let plain = rights(json!({"sub": "ana"})).expect("rights");
        assert_eq!((plain.who.as_str(), plain.role), ("ana", Role::Viewer));
        assert_eq!(feeds(&plain).len(), Feed::ALL.len());
        assert!(!plain.may(Deed::Operate));
        assert_eq!(plain.end, End::At(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_030)));
    }

    #[test]
    fn each_role_may_what_the_one_before_may() {
        for (claims, operates, administers) in [
            (json!({"role": "viewer"}), false, false),
            (json!({"role": "operator"}), true, false),
            (json!({"role": "admin"}), true, true),
            (json!({"roles": ["viewer", "operator"]}), true, false),
        ] {
            let rights = rights(claims.clone()).expect("rights");
            assert_eq!((rights.may(Deed::Operate), rights.may(Deed::Administer)), (operates, administers), "{claims}");
        }
        let words = "the token has a role that is none of viewer, operator, admin: root";
        assert_eq!(rights(json!({"role": "root"})), Err(words.to_owned()));
    }

    #[test]
    fn scopes_narrow_the_feeds() {
        for (claims, expected) in [
            (json!({"scope": "openid feed:metrics feed:status"}), vec!["metrics", "status"]),
            (json!({"scp": ["feed:billing"]}), vec!["billing"]),
            (json!({"scope": "feed:billing feed:*"}), Feed::ALL.map(Feed::name).to_vec()),
            (json!({"scope": "openid"}), Feed::ALL.map(Feed::name).to_vec()),
        ] {
            assert_eq!(feeds(&rights(claims.clone()).expect("rights")), expected, "{claims}");
        }
        assert!(rights(json!({"scope": "feed:metric"})).is_err());
    }
}
