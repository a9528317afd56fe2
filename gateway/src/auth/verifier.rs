//! The order of checks, from a token's text to an identity: shape, algorithm, key, signature, claims.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use wirebell_protocol::ErrorCode;

use super::claims::Expected;
use super::fetch::{self, OnFetch, Source};
use super::header::Parts;
use super::keys::{Key, KeySet, Miss};
use super::refresh::Refreshed;
use super::{Identity, Refusal, Revoked, Token, algorithms, jwks, pem};
use crate::config::{self, ConfigErrors};

/// Verifies tokens.
pub struct Verifier {
    keys: Keys,
    allowed: Vec<Algorithm>,
    expected: Expected,
    revoked: Revoked,
}

enum Keys {
    /// The one key of the configuration. A `kid` means nothing then.
    One(Arc<Key>),
    /// The issuer's set.
    Set(Arc<Refreshed>),
}

impl Verifier {
    /// A verifier as configured. `on_fetch` is told how each fetch of a key set ended. A set at an address is not
    /// fetched yet: that is what [`Self::refresher`] begins with.
    pub fn new(config: &config::Auth, on_fetch: OnFetch) -> Result<Self, ConfigErrors> {
        let (keys, allowed) = Keys::new(config, on_fetch)?;
        Ok(Self { keys, allowed, expected: Expected::new(config), revoked: Revoked::default() })
    }

    /// Who the bearer of the token is. With a known key this waits for nothing.
    pub async fn verify(&self, token: &Token) -> Result<Identity, Refusal> {
        let parts = Parts::of(token)?;
        if !self.allowed.contains(&parts.algorithm) {
            let message =
                format!("the token's `alg` is not allowed; expected one of {}", algorithms::list(&self.allowed));
            return Err(Refusal::new(ErrorCode::TokenAlgorithm, message));
        }
        let key = self.keys.choose(parts.algorithm, parts.kid.as_deref()).await?;
        let good = crypto::verify(parts.signature, parts.signed.as_bytes(), &key.decoding, parts.algorithm);
        if !good.unwrap_or(false) {
            let message = "the token's signature does not fit; expected one by the key that is trusted here";
            return Err(Refusal::new(ErrorCode::TokenSignature, message));
        }
        let identity = self.expected.identify(parts.payload, now())?;
        self.check(&identity)?;
        Ok(identity)
    }

    /// Has the token of one who was verified been revoked since?
    pub fn check(&self, identity: &Identity) -> Result<(), Refusal> {
        self.revoked.check(identity, now())
    }

    /// What is revoked; to be kept up to date by the caller.
    pub fn revoked(&self) -> &Revoked {
        &self.revoked
    }

    /// Keeps a key set fresh; to be spawned once by the caller. It ends at once where there is nothing to refresh,
    /// and otherwise never. Without it a set at an address stays empty and no token is good.
    pub fn refresher(&self) -> impl Future<Output = ()> + Send + use<> {
        let set = match &self.keys {
            Keys::One(_) => None,
            Keys::Set(set) => Some(Arc::clone(set)),
        };
        async move {
            if let Some(set) = set {
                set.keep_fresh().await;
            }
        }
    }

    /// Is there any key yet? Only a set at an address can lack one, until it was fetched.
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
    fn new(config: &config::Auth, on_fetch: OnFetch) -> Result<(Self, Vec<Algorithm>), ConfigErrors> {
        if let Some(secret) = &config.secret {
            return Self::one(config, DecodingKey::from_secret(secret.expose().as_bytes()), algorithms::OF_SECRET);
        }
        if let Some(text) = &config.public_key {
            let (key, fitting) =
                pem::parse(text).map_err(|found| ConfigErrors::single("auth.public_key", found, pem::EXPECTED))?;
            return Self::one(config, key, fitting);
        }
        match (&config.jwks_file, &config.jwks_url) {
            (Some(path), _) => Self::from_file(config, path, on_fetch),
            (None, Some(url)) => Self::from_web(config, url, on_fetch),
            (None, None) => Err(ConfigErrors::single("auth", "nothing", "a way to verify tokens")),
        }
    }

    fn one(
        config: &config::Auth,
        decoding: DecodingKey,
        fitting: &[Algorithm],
    ) -> Result<(Self, Vec<Algorithm>), ConfigErrors> {
        let allowed = algorithms::allowed(&config.algorithms, fitting)?;
        let key = Key { id: None, algorithms: allowed.clone(), decoding };
        Ok((Self::One(Arc::new(key)), allowed))
    }

    /// A file is read at once: if it is wrong now, somebody is there to correct it.
    fn from_file(
        config: &config::Auth,
        path: &Path,
        on_fetch: OnFetch,
    ) -> Result<(Self, Vec<Algorithm>), ConfigErrors> {
        let allowed = algorithms::allowed(&config.algorithms, algorithms::OF_ANY)?;
        let document = fetch::read(path);
        let keys = document.and_then(|document| jwks::parse(&document, &allowed).map_err(str::to_owned));
        let expected = "a file with a JSON Web Key Set in which a key fits the allowed algorithms";
        let keys = keys.map_err(|found| {
            ConfigErrors::single("auth.jwks_file", format!("{found} at {}", path.display()), expected)
        })?;
        Ok(Self::set(Source::File(path.to_owned()), config, allowed, keys, on_fetch))
    }

    /// An address may be down for a while, and then the node starts all the same. Symmetric keys in it do not count:
    /// whoever could read the address could sign with them.
    fn from_web(
        config: &config::Auth,
        url: &str,
        on_fetch: OnFetch,
    ) -> Result<(Self, Vec<Algorithm>), ConfigErrors> {
        let allowed = algorithms::allowed(&config.algorithms, algorithms::OF_PUBLIC)?;
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
        let set = Refreshed::new(source, allowed.clone(), config.jwks_refresh, keys, on_fetch);
        (Self::Set(Arc::new(set)), allowed)
    }

    async fn choose(&self, algorithm: Algorithm, kid: Option<&str>) -> Result<Arc<Key>, Refusal> {
        let set = match self {
            Self::One(key) => return Ok(Arc::clone(key)),
            Self::Set(set) => set,
        };
        match set.keys().choose(algorithm, kid) {
            Err(Miss::Unknown) => set.ask().await,
            answer => return Ok(answer?),
        }
        let keys = set.keys();
        if keys.is_empty() {
            let message = "the issuer's keys cannot be fetched just now, so no token can be verified; try again";
            return Err(Refusal::new(ErrorCode::Unavailable, message));
        }
        Ok(keys.choose(algorithm, kid)?)
    }
}

/// Seconds since the Unix epoch, as tokens count.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
