//! Tokens as issuers really make them, with keys that are made on the spot, against the verifier as it is configured.

mod claims;
mod issuer;
mod jwks;
mod key_server;
mod signatures;

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gateway::auth::{Identity, Refusal, Token, Verifier};
use gateway::config::{Auth, ConfigErrors, Secret};
use wirebell_protocol::ErrorCode;

/// What a test answers.
type Tested = Result<(), Box<dyn Error>>;

/// The secret of tests.
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A configuration with no way to verify tokens yet.
fn no_keys() -> Auth {
    Auth {
        algorithms: Vec::new(),
        secret: None,
        public_key: None,
        jwks_file: None,
        jwks_url: None,
        jwks_refresh: Duration::from_secs(300),
        issuer: None,
        audience: Vec::new(),
        leeway: Duration::from_secs(30),
    }
}

fn with_secret() -> Auth {
    Auth { secret: Some(Secret::new(SECRET)), ..no_keys() }
}

fn with_public_key(pem: &str) -> Auth {
    Auth { public_key: Some(pem.to_owned()), ..no_keys() }
}

fn verifier(config: &Auth) -> Result<Verifier, ConfigErrors> {
    Verifier::new(config, Arc::new(|_| {}))
}

async fn verify(verifier: &Verifier, token: &str) -> Result<Identity, Refusal> {
    let answer = verifier.verify(&Token::new(token.to_owned())).await;
    if let Err(refusal) = &answer {
        says_nothing_of(token, refusal);
    }
    answer
}

/// The code of a refusal, or none if the token was good.
async fn fault(verifier: &Verifier, token: &str) -> Option<ErrorCode> {
    verify(verifier, token).await.err().map(|refusal| refusal.fault)
}

/// No refusal may repeat any part of its token.
fn says_nothing_of(token: &str, refusal: &Refusal) {
    let shown = format!("{refusal} {refusal:?}");
    for part in token.split('.').filter(|part| part.len() > 3) {
        assert!(!shown.contains(part), "a part of the token is in: {shown}");
    }
    assert!(!shown.contains("hunter2"), "a claim of the token is in: {shown}");
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
