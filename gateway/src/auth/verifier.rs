//! The order of checks, from a token's text to an identity: shape, algorithm, key, signature,
//! claims, revocation.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use wirebell_protocol::ErrorCode;

use super::claims::ClaimsValidator;
use super::fetch::{self, OnFetch, Source};
use super::header::JwtParts;
use super::identity::Identity;
use super::keys::{Key, KeyError, KeySet};
use super::refresh::RefreshedKeySet;
use super::rejection::Rejection;
use super::revoked_tokens::RevokedTokens;
use super::token::Token;
use super::{algorithms, jwks, pem};
use crate::config::{self, ConfigErrors};

/// Verifies tokens.
pub struct Verifier {
    keys: Keys,
    allowed: Vec<Algorithm>,
    claims: ClaimsValidator,
    revoked: RevokedTokens,
}

enum Keys {
    /// The single key of the configuration. A `kid` has no effect then.
    One(Arc<Key>),
    /// The issuer's key set.
    Set(Arc<RefreshedKeySet>),
}

impl Verifier {
    /// Creates a verifier. `on_fetch` gets the result of each fetch of a key set. A key set at a
    /// URL is fetched by [`Self::refresher`], not here.
    pub fn new(config: &config::Auth, on_fetch: OnFetch) -> Result<Self, ConfigErrors> {
        let (keys, allowed) = Keys::new(config, on_fetch)?;
        Ok(Self { keys, allowed, claims: ClaimsValidator::new(config), revoked: RevokedTokens::default() })
    }

    /// Verifies a token, and returns the identity of its bearer. With a known key, this never
    /// waits.
    pub async fn verify(&self, token: &Token) -> Result<Identity, Rejection> {
        let parts = JwtParts::parse(token)?;
        if !self.allowed.contains(&parts.algorithm) {
            let message =
                format!("the token's `alg` is not allowed; expected one of {}", algorithms::list(&self.allowed));
            return Err(Rejection::new(ErrorCode::TokenAlgorithm, message));
        }
        let key = self.keys.select(parts.algorithm, parts.kid.as_deref()).await?;
        let valid = crypto::verify(parts.signature, parts.signed.as_bytes(), &key.decoding, parts.algorithm);
        if !valid.unwrap_or(false) {
            let message = "the token's signature is not valid; expected one by the trusted key";
            return Err(Rejection::new(ErrorCode::TokenSignature, message));
        }
        let identity = self.claims.validate(parts.payload, now())?;
        self.check(&identity)?;
        Ok(identity)
    }

    /// Checks that the token of a verified identity was not revoked since.
    pub fn check(&self, identity: &Identity) -> Result<(), Rejection> {
        self.revoked.check(identity, now())
    }

    /// Returns the revoked tokens. The caller keeps them up to date.
    pub fn revoked(&self) -> &RevokedTokens {
        &self.revoked
    }

    /// Returns the task that refreshes the key set. The caller spawns it once. It ends at once if
    /// there is nothing to refresh, and otherwise never. Without it, a key set at a URL stays
    /// empty, and no token is valid.
    pub fn refresher(&self) -> impl Future<Output = ()> + Send + use<> {
        let set = match &self.keys {
            Keys::One(_) => None,
            Keys::Set(set) => Some(Arc::clone(set)),
        };
        async move {
            if let Some(set) = set {
                set.run().await;
            }
        }
    }

    /// Returns whether there is any key. Only a key set at a URL has none, until it is fetched.
    pub fn has_keys(&self) -> bool {
        match &self.keys {
            Keys::One(_) => true,
            Keys::Set(set) => !set.keys().is_empty(),
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

impl Keys {
    /// Creates the source of keys that the configuration selects.
    fn new(config: &config::Auth, on_fetch: OnFetch) -> Result<(Self, Vec<Algorithm>), ConfigErrors> {
        if let Some(secret) = &config.secret {
            return Self::one(
                config,
                DecodingKey::from_secret(secret.expose().as_bytes()),
                algorithms::SECRET_ALGORITHMS,
            );
        }
        if let Some(text) = &config.public_key {
            let (key, supported) =
                pem::parse(text).map_err(|found| ConfigErrors::single("auth.public_key", found, pem::EXPECTED))?;
            return Self::one(config, key, supported);
        }
        match (&config.jwks_file, &config.jwks_url) {
            (Some(path), _) => Self::from_file(config, path, on_fetch),
            (None, Some(url)) => Self::from_url(config, url, on_fetch),
            (None, None) => Err(ConfigErrors::single("auth", "nothing", "a way to verify tokens")),
        }
    }

    fn one(
        config: &config::Auth,
        decoding: DecodingKey,
        supported: &[Algorithm],
    ) -> Result<(Self, Vec<Algorithm>), ConfigErrors> {
        let allowed = algorithms::allowed(&config.algorithms, supported)?;
        let key = Key { id: None, algorithms: allowed.clone(), decoding };
        Ok((Self::One(Arc::new(key)), allowed))
    }

    /// Reads a file at once, so an error in it is found at the start.
    fn from_file(
        config: &config::Auth,
        path: &Path,
        on_fetch: OnFetch,
    ) -> Result<(Self, Vec<Algorithm>), ConfigErrors> {
        let allowed = algorithms::allowed(&config.algorithms, algorithms::ALL_ALGORITHMS)?;
        let document = fetch::read(path);
        let keys = document.and_then(|document| jwks::parse(&document, &allowed).map_err(str::to_owned));
        let expected = "a file with a JSON Web Key Set with a key for the allowed algorithms";
        let keys = keys.map_err(|found| {
            ConfigErrors::single("auth.jwks_file", format!("{found} at {}", path.display()), expected)
        })?;
        Ok(Self::set(Source::File(path.to_owned()), config, allowed, keys, on_fetch))
    }

    /// Uses a URL. The node starts even if the URL is down. Symmetric keys in the set are ignored,
    /// since every reader of the URL could sign with them.
    fn from_url(
        config: &config::Auth,
        url: &str,
        on_fetch: OnFetch,
    ) -> Result<(Self, Vec<Algorithm>), ConfigErrors> {
        let allowed = algorithms::allowed(&config.algorithms, algorithms::PUBLIC_KEY_ALGORITHMS)?;
        let source =
            Source::web(url).map_err(|found| ConfigErrors::single("auth.jwks_url", found, "a usable address"))?;
        Ok(Self::set(source, config, allowed, KeySet::default(), on_fetch))
    }

    fn set(
        source: Source,
        config: &config::Auth,
        allowed: Vec<Algorithm>,
        keys: KeySet,
        on_fetch: OnFetch,
    ) -> (Self, Vec<Algorithm>) {
        let set = RefreshedKeySet::new(source, allowed.clone(), config.jwks_refresh, keys, on_fetch);
        (Self::Set(Arc::new(set)), allowed)
    }

    async fn select(&self, algorithm: Algorithm, kid: Option<&str>) -> Result<Arc<Key>, Rejection> {
        let set = match self {
            Self::One(key) => return Ok(Arc::clone(key)),
            Self::Set(set) => set,
        };
        match set.keys().select(algorithm, kid) {
            Err(KeyError::Unknown) => set.request_refresh().await,
            answer => return Ok(answer?),
        }
        let keys = set.keys();
        if keys.is_empty() {
            let message = "the issuer's keys cannot be fetched, so no token can be verified; try again later";
            return Err(Rejection::new(ErrorCode::Unavailable, message));
        }
        Ok(keys.select(algorithm, kid)?)
    }
}

/// Returns the seconds since the Unix epoch, the unit of times in tokens.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
