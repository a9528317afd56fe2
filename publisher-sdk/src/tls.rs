//! Selects the cryptography provider of rustls.

/// Installs a rustls provider for the process, unless the program has installed one.
pub(crate) fn ensure_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Losing the race is fine: another thread has installed a provider.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    }
}
