//! Signs requests as Standard Webhooks specifies.

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Signs requests with each of its keys.
pub(super) struct Signer(Vec<Key>);

impl Signer {
    pub(super) fn new(keys: &[Vec<u8>]) -> Self {
        Self(keys.iter().map(|key| Key::new(HMAC_SHA256, key)).collect())
    }

    /// Returns the header `webhook-signature`: one signature for each key, separated by spaces.
    pub(super) fn header(&self, id: &str, timestamp: u64, body: &str) -> String {
        let signed = format!("{id}.{timestamp}.{body}");
        let one = |key: &Key| format!("v1,{}", STANDARD.encode(sign(key, signed.as_bytes())));
        self.0.iter().map(one).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification.
    #[test]
    fn example_of_the_specification_has_the_expected_signature() {
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let header =
            Signer::new(&[key]).header("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(header, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
