//! Revocations: tokens that are rejected although they have not expired.
//!
//! Input: a request to revoke tokens. Output: script calls, and the parsed list of revocations.
//! Revocations are few, so every node keeps all of them in memory and polls for changes. Each
//! revocation is kept until all tokens it covers have expired.

use crate::Keys;
use crate::script::{Call, Script};

/// One revocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// The revoked tokens.
    pub tokens: Tokens,
    /// When all these tokens have expired, in seconds since the Unix epoch.
    pub until: u64,
}

/// The tokens that a revocation covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tokens {
    /// Tokens of a user that were issued before a time, and those without an `iat` claim.
    OfUser {
        /// The claim `sub`.
        user: String,
        /// In seconds since the Unix epoch.
        issued_before: u64,
    },
    /// The token with this claim `jti`.
    Named(String),
}

/// All revocations and their version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocations {
    /// Changes with every revocation.
    pub version: String,
    /// All revocations, possibly with expired ones.
    pub all: Vec<Revocation>,
}

/// Adds a revocation. Two revocations of one user are merged: the later times count.
pub fn revoke(keys: &Keys, revocation: &Revocation) -> Call {
    let (field, before) = match &revocation.tokens {
        Tokens::OfUser { user, issued_before } => (format!("user {user}"), *issued_before),
        Tokens::Named(name) => (format!("token {name}"), 0),
    };
    let arguments = vec![field, before.to_string(), revocation.until.to_string()];
    Call { script: Script::Revoke, keys: vec![keys.revocations()], arguments }
}

/// Reads all revocations, unless `known` is the current version. [`Revocations::parse`] parses the
/// reply.
pub fn revocations(keys: &Keys, known: &str) -> Call {
    Call { script: Script::Revocations, keys: vec![keys.revocations()], arguments: vec![known.to_owned()] }
}

impl Revocations {
    /// Parses the script's reply. Returns `None` if nothing has changed.
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
    fn revocations_are_parsed() {
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
