//! The roll of static tokens: a file with one line a token, of which it holds only the hash.
//!
//! A line is `<SHA-256 of the token in hex> <role> <name>`; empty lines and those that begin with `#` are left out. The
//! hash comes from `printf %s "$TOKEN" | sha256sum`. A plain hash is enough for what is long and random; a token that a
//! person made up would be guessed. A hash stands there once: which of two roles it gives must not be a matter of order.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::rights::{Rights, Role};

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
        None => Ok((hash, Rights::new(name, role))),
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
        assert_eq!(roll.find("hunter2"), Some(Rights::new("deploys", Role::Operator)));
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
