//! TLS: which cryptography rustls uses.

/// Makes sure that rustls has a provider for the process. One that the program has chosen already stays.
pub(crate) fn ensure_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Losing this race is as good as winning it: somebody else has installed one.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    }
}
