//! `[auth]`: how client tokens are verified.

use std::path::PathBuf;
use std::time::Duration;

use super::mode::Mode;
use super::reader::Reader;
use super::secret::Secret;
use super::setting::{BLANK, Kind, Setting};
use super::url;

/// The default secret of `wirebell dev`. It is public, so `serve` rejects it.
pub const DEV_SECRET: &str = "wirebell-dev-secret";

/// RFC 7518 requires as many bytes as the hash has, 32 for HS256. Less than half of that is
/// rejected.
const MIN_SECRET_BYTES: usize = 16;

/// How client tokens are verified.
#[derive(Debug, Clone)]
pub struct Auth {
    /// Allowed algorithms; empty means all that fit the key.
    pub algorithms: Vec<String>,
    /// The secret for HS256, HS384 and HS512.
    pub secret: Option<Secret>,
    /// The issuer's public key in PEM.
    pub public_key: Option<String>,
    /// The file with the issuer's JSON Web Key Set.
    pub jwks_file: Option<PathBuf>,
    /// The URL of the issuer's JSON Web Key Set.
    pub jwks_url: Option<String>,
    /// Interval at which the JSON Web Key Set is read again.
    pub jwks_refresh: Duration,
    /// The required `iss`.
    pub issuer: Option<String>,
    /// The accepted values of `aud`.
    pub audience: Vec<String>,
    /// The tolerated difference between clocks.
    pub leeway: Duration,
}

const ALGORITHMS: [&str; 12] =
    ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

/// The keys of which exactly one must be set.
const KEY_SOURCES: [&str; 4] = ["auth.secret", "auth.public_key", "auth.jwks_file", "auth.jwks_url"];

/// The settings of this section.
pub(super) const SETTINGS: [Setting; 9] = [
    Setting {
        key: "auth.algorithms",
        kind: Kind::List,
        description: "Signature algorithms that are allowed: HS256, HS384, HS512, RS256, RS384, RS512, PS256, \
               PS384, PS512, ES256, ES384, EdDSA. If unset, all algorithms that fit the key.",
        reason: "The key decides already: a token is only verified with an algorithm of its key.",
        ..BLANK
    },
    Setting {
        key: "auth.secret",
        dev: Some(DEV_SECRET),
        from_file: true,
        secret: true,
        description: "Secret that signs tokens with HS256, HS384 or HS512. `serve` rejects a secret of less \
               than 16 bytes; use 32 or more random bytes.",
        reason: "A known secret lets anyone connect as any user, which is acceptable only in `dev`.",
        ..BLANK
    },
    Setting {
        key: "auth.public_key",
        from_file: true,
        description: "Public key of the token issuer in PEM (`PUBLIC KEY`): RSA of 2048 bits or more, EC on \
               P-256 or P-384, or Ed25519.",
        reason: "Only you know which issuer to trust.",
        ..BLANK
    },
    Setting {
        key: "auth.jwks_file",
        description: "File with the issuer's keys as a JSON Web Key Set. It is read again every `jwks_refresh`.",
        reason: "Only you know which issuer to trust.",
        ..BLANK
    },
    Setting {
        key: "auth.jwks_url",
        description: "`https` URL of the issuer's JSON Web Key Set; `http` only on the same machine. Redirects \
               are not followed, and symmetric keys in the set are ignored.",
        reason: "Only you know which issuer to trust.",
        ..BLANK
    },
    Setting {
        key: "auth.jwks_refresh",
        kind: Kind::Duration(Duration::from_secs(1), Duration::from_secs(604_800)),
        default: Some("5m"),
        description: "Interval at which the key set is read again. A token with an unknown `kid` triggers a \
               read at once, within limits.",
        reason: "A key that the issuer withdrew stays valid for this long; the load on the issuer is negligible.",
        ..BLANK
    },
    Setting {
        key: "auth.issuer",
        description: "Required value of a token's `iss`.",
        reason: "Not every issuer sets it; configure it if yours does.",
        ..BLANK
    },
    Setting {
        key: "auth.audience",
        kind: Kind::List,
        description: "Accepted values of a token's `aud`. If unset, a token with an `aud` is rejected, as RFC \
               7519 requires: it is meant for another recipient.",
        reason: "Not every issuer sets it; configure it if yours does.",
        ..BLANK
    },
    Setting {
        key: "auth.leeway",
        kind: Kind::Duration(Duration::ZERO, Duration::from_secs(600)),
        default: Some("30s"),
        description: "Tolerated difference between the issuer's clock and this one when `exp` and `nbf` are \
               checked.",
        reason: "More than the clocks of machines with NTP differ, and little compared with a token's lifetime.",
        ..BLANK
    },
];

impl Auth {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let has_other_source = KEY_SOURCES[1..].iter().any(|key| reader.origin(key).is_some());
        let auth = Self {
            algorithms: reader.list("auth.algorithms"),
            // Any other key source replaces the default secret of `dev`.
            secret: (!has_other_source || reader.origin("auth.secret").is_some())
                .then(|| reader.text("auth.secret").map(Secret::new))
                .flatten(),
            public_key: reader.text("auth.public_key"),
            jwks_file: reader.text("auth.jwks_file").map(PathBuf::from),
            jwks_url: reader.text("auth.jwks_url"),
            jwks_refresh: reader.duration("auth.jwks_refresh"),
            issuer: reader.text("auth.issuer"),
            audience: reader.list("auth.audience"),
            leeway: reader.duration("auth.leeway"),
        };
        check_key_sources(reader);
        auth.check_secret(reader);
        auth.check_values(reader);
        auth
    }

    fn check_secret(&self, reader: &mut Reader<'_>) {
        const KEY: &str = "auth.secret";
        let Some(secret) = self.secret.as_ref().filter(|_| reader.mode() == Mode::Serve) else { return };
        if secret.expose() == DEV_SECRET {
            reader.error(KEY, "the public secret of `wirebell dev`", "a secret of your own");
        } else if secret.expose().len() < MIN_SECRET_BYTES {
            let expected = format!("at least {MIN_SECRET_BYTES} bytes; use 32 or more random bytes");
            reader.error(KEY, "a secret that is too short", expected);
        }
    }

    fn check_values(&self, reader: &mut Reader<'_>) {
        for name in self.algorithms.iter().filter(|name| !ALGORITHMS.contains(&name.as_str())) {
            reader.error("auth.algorithms", format!("`{name}`"), format!("names among {}", ALGORITHMS.join(", ")));
        }
        let safe = |url: &String| url::Parts::of(url).is_some_and(|parts| parts.is_web() && parts.is_private());
        if !self.jwks_url.as_ref().is_none_or(safe) {
            let expected = "a URL with https:// (http:// only to localhost), a host, and no user or password";
            // The message does not repeat the value, which may contain a password.
            reader.error("auth.jwks_url", "another value", expected);
        }
        if self.audience.iter().any(String::is_empty) {
            reader.error("auth.audience", "an empty text", "non-empty texts");
        }
    }
}

fn check_key_sources(reader: &mut Reader<'_>) {
    let given: Vec<&str> = KEY_SOURCES.into_iter().filter(|key| reader.origin(key).is_some()).collect();
    match given.as_slice() {
        [] if reader.mode() == Mode::Serve && !KEY_SOURCES.iter().any(|key| reader.has_error(key)) => {
            reader.missing("auth", format!("exactly one key source: {}", KEY_SOURCES.join(", ")));
        }
        [first, second, ..] => {
            let found = format!("also {second}");
            reader.error(first, found, format!("only one of {}", KEY_SOURCES.join(", ")));
        }
        _ => {}
    }
}
