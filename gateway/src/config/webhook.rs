//! `[webhook]`: what clients emit goes to a backend over HTTP, for those that want no Redis.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::mode::Mode;
use super::reader::Reader;
use super::secret::Secret;
use super::setting::{BLANK, Kind, Setting};
use super::url::Parts;

/// Where clients' events go.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// The backend; none for no webhook.
    pub url: Option<String>,
    /// With each of these every request is signed.
    pub secrets: Vec<Secret>,
    /// Patterns of the types of events that go there.
    pub types: Vec<String>,
    /// How long one try may take.
    pub timeout: Duration,
    /// How often an event is tried.
    pub tries: u32,
    /// Requests at the same time.
    pub concurrency: usize,
}

/// What a secret begins with, by the specification.
const PREFIX: &str = "whsec_";
/// The secret of `wirebell dev`, which `serve` refuses.
const DEV: &str = "whsec_d2lyZWJlbGwtZGV2LXdlYmhvb2stc2VjcmV0IQ==";

/// The rows of this section.
pub(super) const SETTINGS: [Setting; 6] = [
    Setting {
        key: "webhook.url",
        description: "Where clients' events are sent by `POST`, `http` or `https`.",
        reason: "Without it, services read the inbox from Redis by an SDK, and nothing is sent.",
        ..BLANK
    },
    Setting {
        key: "webhook.secrets",
        kind: Kind::List,
        dev: Some(DEV),
        from_file: true,
        secret: true,
        description: "Secrets by which requests are signed as Standard Webhooks has it, each `whsec_` and 24 to 64 bytes in base64; \
               the file has one a line. Each request carries a signature by every one of them.",
        reason: "The backend has to know that it is us. Several, so that one can be replaced without a pause.",
        ..BLANK
    },
    Setting {
        key: "webhook.types",
        kind: Kind::List,
        default: Some("*"),
        description: "Types of events that are sent; `*` is any run of characters. Others are passed over.",
        reason: "A backend without Redis has no other way to get any.",
        ..BLANK
    },
    Setting {
        key: "webhook.timeout",
        kind: Kind::Duration(Duration::from_millis(100), Duration::from_secs(300)),
        default: Some("8s"),
        description: "How long one try may take, from the connection to the end of the answer.",
        reason: "Shorter than a client waits for its answer.",
        ..BLANK
    },
    Setting {
        key: "webhook.tries",
        kind: Kind::Count(1, 100),
        default: Some("10"),
        description: "How often an event is tried until it becomes a dead letter: at once, then after 1, 2, 4… seconds, at most 5 \
               minutes, give or take a tenth.",
        reason: "About eight minutes: a deployment that went wrong and is taken back.",
        ..BLANK
    },
    Setting {
        key: "webhook.concurrency",
        kind: Kind::Count(1, 1_000),
        default: Some("16"),
        description: "Requests of each node at the same time; one user's events go one after the other.",
        reason: "Enough for thousands a second where the backend takes milliseconds, and no flood where it does not.",
        ..BLANK
    },
];

impl Webhook {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let webhook = Self {
            url: reader.text("webhook.url"),
            secrets: reader.list("webhook.secrets").into_iter().map(Secret::new).collect(),
            types: reader.list("webhook.types"),
            timeout: reader.duration("webhook.timeout"),
            tries: u32::try_from(reader.count("webhook.tries")).unwrap_or(u32::MAX),
            concurrency: reader.count("webhook.concurrency"),
        };
        webhook.check(reader);
        webhook
    }

    /// The keys that the secrets hold.
    pub fn keys(&self) -> Vec<Vec<u8>> {
        self.secrets.iter().filter_map(key).collect()
    }

    fn check(&self, reader: &mut Reader<'_>) {
        const SECRETS: &str = "webhook.secrets";
        let expected =
            "`whsec_` and 24 to 64 bytes in base64, such as `whsec_` and what `openssl rand -base64 32` prints";
        if self.secrets.iter().any(|secret| key(secret).is_none()) {
            reader.error(SECRETS, "a secret that is not shown", expected);
        }
        let Some(url) = &self.url else { return };
        if !Parts::of(url).is_some_and(|parts| parts.is_web()) {
            reader.error(
                "webhook.url",
                "an address that is not shown",
                "`http://` or `https://`, a host, and a path if any",
            );
        }
        if self.secrets.is_empty() {
            reader.missing(SECRETS, expected);
        }
        if reader.mode() == Mode::Serve && self.secrets.iter().any(|secret| secret.expose() == DEV) {
            reader.error(SECRETS, "the secret of `wirebell dev`, which everybody knows", "one of your own");
        }
    }
}

fn key(secret: &Secret) -> Option<Vec<u8>> {
    let key = STANDARD.decode(secret.expose().strip_prefix(PREFIX)?).ok()?;
    (24..=64).contains(&key.len()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_its_prefix_and_its_length() {
        let of = |text: &str| key(&Secret::new(text.to_owned())).map(|key| key.len());
        assert_eq!(of(DEV), Some(28));
        assert_eq!(of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Some(24));
        for bad in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_ü"] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
