//! Mints tokens for development: `wirebell token` and the page of `wirebell dev`. In production,
//! the issuer mints tokens.

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;
use wirebell_protocol::{Channel, ChannelError};

use super::token::Token;
use super::verifier::now;
use crate::config::{self, Secret};

/// Mints tokens, signed with a secret.
#[derive(Debug, Clone)]
pub struct Minter {
    /// The secret that the verifier shares.
    pub secret: Secret,
    /// The claim `iss`, if the verifier expects one.
    pub issuer: Option<String>,
    /// The claim `aud`, if the verifier expects one.
    pub audience: Option<String>,
}

/// The contents of a token.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The claim `sub`.
    pub user: String,
    /// The claim `topics`: patterns of topics to which the user may subscribe.
    pub topics: Vec<String>,
    /// The claim `emit`: patterns of event types that the user may emit.
    pub emit: Vec<String>,
    /// The claim `device`.
    pub device: Option<String>,
    /// How long the token is valid.
    pub lifetime: Duration,
}

/// Why minting a token failed.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The user's id cannot name a channel.
    #[error("the user's id is not valid: {0}")]
    User(#[from] ChannelError),
    /// Signing failed.
    #[error("cannot sign the token")]
    Sign(#[from] jsonwebtoken::errors::Error),
}

#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    iat: u64,
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    topics: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    emit: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<&'a str>,
}

impl Minter {
    /// Creates a minter with this secret.
    pub fn new(secret: Secret) -> Self {
        Self { secret, issuer: None, audience: None }
    }

    /// Creates a minter whose tokens the configuration accepts. Returns `None` if it has no secret.
    pub fn from_config(config: &config::Auth) -> Option<Self> {
        let (issuer, audience) = (config.issuer.clone(), config.audience.first().cloned());
        config.secret.clone().map(|secret| Self { secret, issuer, audience })
    }

    /// Mints a token, signed with HS256.
    pub fn mint(&self, grant: &Grant) -> Result<Token, MintError> {
        Channel::user(&grant.user)?;
        let now = now();
        let claims = Claims {
            sub: &grant.user,
            iat: now,
            exp: now.saturating_add(grant.lifetime.as_secs()),
            iss: self.issuer.as_deref(),
            aud: self.audience.as_deref(),
            topics: &grant.topics,
            emit: &grant.emit,
            device: grant.device.as_deref(),
        };
        let key = EncodingKey::from_secret(self.secret.expose().as_bytes());
        Ok(Token::new(encode(&Header::new(Algorithm::HS256), &claims, &key)?))
    }
}
