//! `[webhook]`: sends events from clients to a backend over HTTP, for installations without Redis.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::mode::Mode;
use super::reader::Reader;
use super::secret::Secret;
use super::setting::{BLANK, Kind, Setting};
use super::url::Parts;

/// The backend that receives events from clients.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// The URL of the backend; `None` disables the webhook.
    pub url: Option<String>,
    /// Secrets; each request carries one signature per secret.
    pub secrets: Vec<Secret>,
    /// Patterns of the event types that are sent.
    pub types: Vec<String>,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// Maximum number of attempts per event.
    pub tries: u32,
    /// Maximum number of concurrent requests.
    pub concurrency: usize,
}

/// Prefix of a secret, as Standard Webhooks defines it.
const PREFIX: &str = "whsec_";
/// The secret of `wirebell dev`. It is public, so `serve` rejects it.
const DEV_SECRET: &str = "whsec_d2lyZWJlbGwtZGV2LXdlYmhvb2stc2VjcmV0IQ==";

/// The settings of this section.
pub(super) const SETTINGS: [Setting; 6] = [
    Setting {
        key: "webhook.url",
        description: "Backend URL, `http` or `https`, to which client events are sent with `POST`.",
        reason: "Without it nothing is sent, and services consume the inbox from Redis with an SDK.",
        ..BLANK
    },
    Setting {
        key: "webhook.secrets",
        kind: Kind::List,
        dev: Some(DEV_SECRET),
        from_file: true,
        secret: true,
        description: "Secrets that sign requests according to Standard Webhooks, each `whsec_` and 24 to 64 \
               bytes in base64. The file has one secret per line. Each request carries one signature per \
               secret.",
        reason: "The backend must be able to verify the sender. Several secrets allow a rotation without downtime.",
        ..BLANK
    },
    Setting {
        key: "webhook.types",
        kind: Kind::List,
        default: Some("*"),
        description: "Types of events that are sent; `*` matches any run of characters. Other events are skipped.",
        reason: "A backend without Redis has no other way to receive events.",
        ..BLANK
    },
    Setting {
        key: "webhook.timeout",
        kind: Kind::Duration(Duration::from_millis(100), Duration::from_secs(300)),
        default: Some("8s"),
        description: "How long one attempt may take, from the connection to the end of the response.",
        reason: "Shorter than a client waits for its reply.",
        ..BLANK
    },
    Setting {
        key: "webhook.tries",
        kind: Kind::Count(1, 100),
        default: Some("10"),
        description: "Maximum number of attempts before an event becomes a dead letter. The first attempt is \
               immediate. The next ones follow after 1, 2, 4… seconds, at most 5 minutes, with a jitter of one \
               tenth.",
        reason: "About eight minutes: enough to roll back a failed deployment.",
        ..BLANK
    },
    Setting {
        key: "webhook.concurrency",
        kind: Kind::Count(1, 1_000),
        default: Some("16"),
        description: "Maximum number of concurrent requests of each node. Events of one user are sent one \
               after the other.",
        reason: "Enough for thousands of events per second if the backend takes milliseconds, and a limited \
               load if it does not.",
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

    /// Returns the decoded signing keys.
    pub fn keys(&self) -> Vec<Vec<u8>> {
        self.secrets.iter().filter_map(key).collect()
    }

    fn check(&self, reader: &mut Reader<'_>) {
        const SECRETS: &str = "webhook.secrets";
        let expected = "`whsec_` and 24 to 64 bytes in base64; `openssl rand -base64 32` prints such bytes";
        if self.secrets.iter().any(|secret| key(secret).is_none()) {
            reader.error(SECRETS, "an invalid secret (not shown)", expected);
        }
        let Some(url) = &self.url else { return };
        if !Parts::of(url).is_some_and(|parts| parts.is_web()) {
            reader.error(
                "webhook.url",
                "an invalid URL (not shown)",
                "`http://` or `https://`, a host, and an optional path",
            );
        }
        if self.secrets.is_empty() {
            reader.missing(SECRETS, expected);
        }
        if reader.mode() == Mode::Serve && self.secrets.iter().any(|secret| secret.expose() == DEV_SECRET) {
            reader.error(SECRETS, "the public secret of `wirebell dev`", "a secret of your own");
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
    fn a_secret_needs_its_prefix_and_length() {
        let of = |text: &str| key(&Secret::new(text.to_owned())).map(|key| key.len());
        assert_eq!(of(DEV_SECRET), Some(28));
        assert_eq!(of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Some(24));
        for bad in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_ü"] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
