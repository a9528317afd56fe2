//! Revocations: tokens that are good no longer although they have not expired. They are few, so every node holds all of
//! them in memory and asks whether there are others; each is kept until no such token can be good anyhow.

use crate::Keys;
use crate::script::{Call, Script};

/// What is good no longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// Which tokens.
    pub tokens: Tokens,
    /// When all of them have expired, in seconds since the Unix epoch.
    pub until: u64,
}

/// Which tokens are good no longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tokens {
    /// Those of a user that were issued before this second, or do not say when they were.
    OfUser {
        /// The claim `sub`.
        user: String,
        /// In seconds since the Unix epoch.
        issued_before: u64,
    },
    /// Those of this name: the claim `jti`.
    Named(String),
}

/// All revocations, and by what they are known to be the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocations {
    /// Changes with every revocation.
    pub version: String,
    /// All of them; some may have run out.
    pub all: Vec<Revocation>,
}

/// Adds one; of two for the same user, what either of them says holds.
pub fn revoke(keys: &Keys, revocation: &Revocation) -> Call {
    let (field, before) = match &revocation.tokens {
        Tokens::OfUser { user, issued_before } => (format!("user {user}"), *issued_before),
        Tokens::Named(name) => (format!("token {name}"), 0),
    };
    let arguments = vec![field, before.to_string(), revocation.until.to_string()];
    Call { script: Script::Revoke, keys: vec![keys.revocations()], arguments }
}

/// Asks for all, unless that version is still the newest; answered as [`Revocations::parse`] reads.
pub fn revocations(keys: &Keys, known: &str) -> Call {
    Call { script: Script::Revocations, keys: vec![keys.revocations()], arguments: vec![known.to_owned()] }
}

impl Revocations {
    /// Reads what the script answers; none if there is nothing new.
    pub fn parse(answer: &[String]) -> Option<Self> {
        let mut found = Self { version: String::new(), all: Vec::new() };
        for pair in answer.chunks_exact(2) {
            match pair[0].split_once(' ') {
                Some((kind, name)) => found.all.extend(read(kind, name, &pair[1])),
                None => found.version.clone_from(&pair[1]),
            }
        }
        (!answer.is_empty()).then_some(found)
    }
}

fn read(kind: &str, name: &str, value: &str) -> Option<Revocation> {
    let (before, until) = value.split_once(' ')?;
    let tokens = match kind {
        "user" => Tokens::OfUser { user: name.to_owned(), issued_before: before.parse().ok()? },
        "token" => Tokens::Named(name.to_owned()),
        _ => return None,
    };
    Some(Revocation { tokens, until: until.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_revoked_is_read() {
        let answer = ["version", "7", "user 42", "5 9", "token a b", "0 8", "dog x", "1 2", "user 43", "?"];
        let answer: Vec<String> = answer.map(str::to_owned).to_vec();
        let of_user = Tokens::OfUser { user: "42".to_owned(), issued_before: 5 };
        let all = vec![
            Revocation { tokens: of_user, until: 9 },
            Revocation { tokens: Tokens::Named("a b".to_owned()), until: 8 },
        ];
        assert_eq!(Revocations::parse(&answer), Some(Revocations { version: "7".to_owned(), all }));
        assert_eq!(Revocations::parse(&[]), None);
    }
}
