//! `[auth]`: how clients' tokens are verified.

use std::path::PathBuf;
use std::time::Duration;

use super::mode::Mode;
use super::reader::Reader;
use super::secret::Secret;
use super::setting::{BLANK, Kind, Setting};
use super::url;

/// The secret of `wirebell dev`. Everybody knows it, so `serve` refuses it.
pub const DEV_SECRET: &str = "wirebell-dev-secret";

/// RFC 7518 asks for as many bytes as the hash has, 32 for HS256; less than half of that is refused outright.
const MIN_SECRET_BYTES: usize = 16;

/// Who may connect.
#[derive(Debug, Clone)]
pub struct Auth {
    /// Algorithms that are allowed; none named means those that fit the key.
    pub algorithms: Vec<String>,
    /// The secret of HS256, HS384 and HS512.
    pub secret: Option<Secret>,
    /// A public key in PEM.
    pub public_key: Option<String>,
    /// A file with a JSON Web Key Set.
    pub jwks_file: Option<PathBuf>,
    /// The address of a JSON Web Key Set.
    pub jwks_url: Option<String>,
    /// How often the JSON Web Key Set is read again.
    pub jwks_refresh: Duration,
    /// What `iss` must be.
    pub issuer: Option<String>,
    /// What `aud` must contain, one of them.
    pub audience: Vec<String>,
    /// By how much clocks may differ.
    pub leeway: Duration,
}

const ALGORITHMS: [&str; 12] =
    ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

/// The ways to verify tokens, of which there must be exactly one.
const WAYS: [&str; 4] = ["auth.secret", "auth.public_key", "auth.jwks_file", "auth.jwks_url"];

/// The rows of this section.
pub(super) const SETTINGS: [Setting; 9] = [
    Setting {
        key: "auth.algorithms",
        kind: Kind::List,
        description: "Signature algorithms that are allowed: HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, \
               ES256, ES384, EdDSA. None named: those that fit the key.",
        reason: "The key decides already: no token is ever verified by an algorithm that is not its key's.",
        ..BLANK
    },
    Setting {
        key: "auth.secret",
        dev: Some(DEV_SECRET),
        from_file: true,
        secret: true,
        description: "The secret that signs tokens with HS256, HS384 or HS512. `serve` refuses one of less than 16 bytes; \
               take 32 random ones or more.",
        reason: "A known secret admits everybody as anybody, which only `dev` may.",
        ..BLANK
    },
    Setting {
        key: "auth.public_key",
        from_file: true,
        description: "The public key of the tokens' issuer in PEM (`PUBLIC KEY`): RSA of 2048 bits or more, EC on P-256 or \
               P-384, or Ed25519.",
        reason: "Only you know whose tokens are good.",
        ..BLANK
    },
    Setting {
        key: "auth.jwks_file",
        description: "A file with the issuer's keys as a JSON Web Key Set. It is read again every `jwks_refresh`.",
        reason: "Only you know whose tokens are good.",
        ..BLANK
    },
    Setting {
        key: "auth.jwks_url",
        description: "The `https` address of the issuer's JSON Web Key Set; `http` only on the same machine. Redirects are \
               not followed, and symmetric keys in it are ignored.",
        reason: "Only you know whose tokens are good.",
        ..BLANK
    },
    Setting {
        key: "auth.jwks_refresh",
        kind: Kind::Duration(Duration::from_secs(1), Duration::from_secs(604_800)),
        default: Some("5m"),
        description: "How often the key set is read again. A token with an unknown `kid` has it read at once, within limits.",
        reason: "So long a key that the issuer withdrew is still good; no issuer is burdened by it.",
        ..BLANK
    },
    Setting {
        key: "auth.issuer",
        description: "What a token's `iss` must be.",
        reason: "Not every issuer writes one; set it wherever yours does.",
        ..BLANK
    },
    Setting {
        key: "auth.audience",
        kind: Kind::List,
        description: "What a token's `aud` must contain, one of them. If none is set, a token with an `aud` is refused, as \
               RFC 7519 demands: it is meant for somebody else.",
        reason: "Not every issuer writes one; set it wherever yours does.",
        ..BLANK
    },
    Setting {
        key: "auth.leeway",
        kind: Kind::Duration(Duration::ZERO, Duration::from_secs(600)),
        default: Some("30s"),
        description: "By how much the issuer's clock and this one may differ when `exp` and `nbf` are checked.",
        reason: "More than machines with NTP ever differ, and little against a token's lifetime.",
        ..BLANK
    },
];

impl Auth {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let another_way = WAYS[1..].iter().any(|key| reader.origin(key).is_some());
        let auth = Self {
            algorithms: reader.list("auth.algorithms"),
            // The default secret of `dev` gives way to whatever else is set.
            secret: (!another_way || reader.origin("auth.secret").is_some())
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
        check_ways(reader);
        auth.check_secret(reader);
        auth.check_names(reader);
        auth
    }

    fn check_secret(&self, reader: &mut Reader<'_>) {
        const KEY: &str = "auth.secret";
        let Some(secret) = self.secret.as_ref().filter(|_| reader.mode() == Mode::Serve) else { return };
        if secret.expose() == DEV_SECRET {
            reader.error(KEY, "the secret of `wirebell dev`, which everybody knows", "a secret of your own");
        } else if secret.expose().len() < MIN_SECRET_BYTES {
            let expected = format!("at least {MIN_SECRET_BYTES} bytes; 32 random ones or more are right");
            reader.error(KEY, "a secret that is too short", expected);
        }
    }

    fn check_names(&self, reader: &mut Reader<'_>) {
        for name in self.algorithms.iter().filter(|name| !ALGORITHMS.contains(&name.as_str())) {
            reader.error("auth.algorithms", format!("`{name}`"), format!("names among {}", ALGORITHMS.join(", ")));
        }
        let safe = |url: &String| url::Parts::of(url).is_some_and(|parts| parts.is_web() && parts.is_private());
        if !self.jwks_url.as_ref().is_none_or(safe) {
            let expected = "a URL with https:// (http:// only to localhost), a host, and no user or password";
            // The value may carry a password, so it is not repeated.
            reader.error("auth.jwks_url", "something else", expected);
        }
        if self.audience.iter().any(String::is_empty) {
            reader.error("auth.audience", "an empty text", "texts that `aud` may contain");
        }
    }
}

fn check_ways(reader: &mut Reader<'_>) {
    let given: Vec<&str> = WAYS.into_iter().filter(|key| reader.origin(key).is_some()).collect();
    match given.as_slice() {
        [] if reader.mode() == Mode::Serve && !WAYS.iter().any(|key| reader.has_error(key)) => {
            reader.missing("auth", format!("exactly one way to verify tokens: {}", WAYS.join(", ")));
        }
        [first, second, ..] => {
            let found = format!("also {second}");
            reader.error(first, found, format!("only one of {}", WAYS.join(", ")));
        }
        _ => {}
    }
}
