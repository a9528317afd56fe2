//! The options of a transport.

use std::time::Duration;

use wirebell_protocol::Keys;
use wirebell_protocol::publish::Retentions;

/// Options of a transport beside the URL.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) keys: Keys,
    pub(crate) retentions: Retentions,
    pub(crate) service_key: Option<String>,
    pub(crate) connect_timeout: Duration,
    pub(crate) answer_timeout: Duration,
}
