//! Numbers, logs and spans: what the node says about itself.

pub mod logging;
pub mod metrics;
pub mod propagation;

pub use metrics::Metrics;
