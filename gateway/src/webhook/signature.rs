//! Signatures as the specification Standard Webhooks has them.

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The keys by which requests are signed.
pub(super) struct Signer(Vec<Key>);

impl Signer {
    pub(super) fn new(keys: &[Vec<u8>]) -> Self {
        Self(keys.iter().map(|key| Key::new(HMAC_SHA256, key)).collect())
    }

    /// The header `webhook-signature`: one signature by each key, with spaces between them.
    pub(super) fn header(&self, id: &str, timestamp: u64, body: &str) -> String {
        let signed = format!("{id}.{timestamp}.{body}");
        let one = |key: &Key| format!("v1,{}", STANDARD.encode(sign(key, signed.as_bytes())));
        self.0.iter().map(one).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own documents.
    #[test]
    fn the_known_example_is_signed_as_known() {
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let header =
            Signer::new(&[key]).header("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(header, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
