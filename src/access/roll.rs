//! The roll of static tokens: a file with one line a token, of which it holds only the hash.
//!
//! A line is `<SHA-256 of the token in hex> <role> <name>`; empty lines and those that begin with `#` are left out. The
//! hash comes from `printf %s "$TOKEN" | sha256sum`. A plain hash is enough for what is long and random; a token that a
//! person made up would be guessed. A hash stands there once: which of two roles it gives must not be a matter of order.
//!
//! Every role reads every feed, so a token that only has another role takes nothing from those who read with it. A token
//! that is taken off ends what they stand on.

use std::mem;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::lease::Lease;
use super::rights::{End, Rights, Role};

/// The static tokens that are known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Roll(Vec<Entry>);

/// One token.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    hash: [u8; 32],
    rights: Rights,
    /// At which line of the file, from 1.
    line: usize,
}

impl Roll {
    /// Reads the text of the file.
    ///
    /// # Errors
    /// The number of the first line that is wrong, and what is wrong there. The line is not repeated: it may be a token.
    pub fn parse(text: &str) -> Result<Roll, String> {
        let mut roll: Vec<Entry> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let number = index + 1;
            let (hash, rights) = entry(line).map_err(|why| format!("line {number}: {why}"))?;
            if let Some(before) = roll.iter().find(|before| before.hash == hash) {
                return Err(format!("line {number}: has the hash of line {}; keep one of them", before.line));
            }
            roll.push(Entry { hash, rights, line: number });
        }
        Ok(Roll(roll))
    }

    /// The rights of whoever holds this token.
    pub fn find(&self, token: &str) -> Option<Rights> {
        self.entry(token).map(|entry| entry.rights.clone())
    }

    /// Puts another in its place. Who holds a token that stands on both is left alone, the leases of the others end.
    pub fn replace(&mut self, next: Roll) {
        let before = mem::replace(self, next);
        for old in before.0 {
            let End::With(lease) = old.rights.end else { continue };
            match self.0.iter_mut().find(|new| new.hash == old.hash) {
                Some(new) => new.rights.end = End::With(lease),
                None => lease.end(),
            }
        }
    }

    /// What another has that is not on this one, what is gone, and what has another role or name, a sentence each.
    pub fn changes(&self, next: &Roll) -> Vec<String> {
        let of = |entry: &Entry| format!("token of `{}`", entry.rights.who);
        let before = |new: &Entry| self.0.iter().find(|old| old.hash == new.hash);
        let added = next.0.iter().filter(|new| before(new).is_none()).map(|new| format!("{} added", of(new)));
        let gone = self.0.iter().filter(|old| !next.0.iter().any(|new| new.hash == old.hash));
        let gone = gone.map(|old| format!("{} removed; connections that stand on it are closed", of(old)));
        let changed = next.0.iter().filter(|new| before(new).is_some_and(|old| old.rights != new.rights));
        added.chain(gone).chain(changed.map(|new| format!("{} changed", of(new)))).collect()
    }

    /// The line of the file at which this token stands.
    pub fn line_of(&self, token: &str) -> Option<usize> {
        self.entry(token).map(|entry| entry.line)
    }

    fn entry(&self, token: &str) -> Option<&Entry> {
        let hash = Sha256::digest(token.as_bytes());
        // All are looked at: how long it takes says nothing of which it was.
        let mut found = None;
        for entry in &self.0 {
            if bool::from(entry.hash.ct_eq(hash.as_slice())) {
                found = Some(entry);
            }
        }
        found
    }
}

fn entry(line: &str) -> Result<([u8; 32], Rights), String> {
    let mut words = line.split_ascii_whitespace();
    let hash = words.next().and_then(hash).ok_or("begins with no SHA-256 hash (64 hex digits)")?;
    let role = words.next().and_then(Role::parse);
    let role = role.ok_or_else(|| format!("names no role; write one of {}", Role::ALL.map(Role::name).join(", ")))?;
    let name = words.next().ok_or("says not whose token it is; write a name at the end")?;
    match words.next() {
        None => Ok((hash, Rights::new(name, role).until(End::With(Lease::default())))),
        Some(_) => Err("has more than a hash, a role and a name".to_owned()),
    }
}

fn hash(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf %s hunter2 | sha256sum`
    const HUNTER2: &str = "f52fbd32b2b3b86ff88ef6c490628285f482af15ddcb29541f94bcf526a3f6c7";

    #[test]
    fn a_token_is_known_by_its_hash() {
        let roll = Roll::parse(&format!("# ours\n\n{HUNTER2} operator deploys\n")).expect("a roll");
        let rights = roll.find("hunter2").expect("it is there");
        assert_eq!((rights.who.as_str(), rights.role), ("deploys", Role::Operator));
        for other in ["", "hunter", "hunter22", HUNTER2] {
            assert_eq!(roll.find(other), None, "{other}");
        }
    }

    #[test]
    fn a_hash_stands_there_once() {
        let upper = HUNTER2.to_uppercase();
        let twice = format!("{HUNTER2} viewer board\n# ours\n{upper} admin ana\n");
        assert_eq!(Roll::parse(&twice).expect_err("twice"), "line 3: has the hash of line 1; keep one of them");
        let roll = Roll::parse(&format!("\n{HUNTER2} viewer board\n")).expect("a roll");
        assert_eq!((roll.line_of("hunter2"), roll.line_of("hunter")), (Some(2), None));
    }

    #[test]
    fn a_lease_ends_with_its_place_on_the_roll_and_does_not_come_back() {
        let other = HUNTER2.replace('f', "0");
        let parse = |text: &str| Roll::parse(text).expect("a roll");
        let (one, both) = (format!("{HUNTER2} viewer board\n"), format!("{other} admin ana\n{HUNTER2} viewer board\n"));
        let mut roll = parse(&one);
        let held = |roll: &Roll| roll.find("hunter2").expect("it is there").end;
        let ended = |end: &End| matches!(end, End::With(lease) if lease.has_ended());
        let first = held(&roll);
        for (next, words) in [
            (both.clone(), &["token of `ana` added"][..]),
            (both.replace("viewer", "admin"), &["token of `board` changed"]),
            (
                format!("\n{one}"),
                &["token of `ana` removed; connections that stand on it are closed", "token of `board` changed"],
            ),
            (one.clone(), &[]),
        ] {
            let next = parse(&next);
            assert_eq!(roll.changes(&next), words);
            roll.replace(next);
            assert!(!ended(&first) && !ended(&held(&roll)), "{words:?}");
        }
        roll.replace(Roll::default());
        assert!(ended(&first));
        roll.replace(parse(&one));
        assert!(ended(&first) && !ended(&held(&roll)));
    }

    #[test]
    fn a_line_that_is_wrong_is_named_and_not_repeated() {
        for (line, why) in [
            ("hunter2 operator deploys".to_owned(), "begins with no SHA-256 hash (64 hex digits)"),
            (format!("{HUNTER2} root deploys"), "names no role; write one of viewer, operator, admin"),
            (format!("{HUNTER2} admin"), "says not whose token it is; write a name at the end"),
            (format!("{HUNTER2} admin a b"), "has more than a hash, a role and a name"),
            (format!("{} admin a", "é".repeat(32)), "begins with no SHA-256 hash (64 hex digits)"),
        ] {
            assert_eq!(Roll::parse(&format!("\n{line}")).expect_err("no roll"), format!("line 2: {why}"));
        }
    }
}
