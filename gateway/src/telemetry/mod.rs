//! Telemetry of the node: metrics, logs and spans.
//!
//! It owns the metrics registry, the log output and the span exporter. Other modules count, log and
//! open spans. Out go the page for Prometheus, log lines on stderr, and spans to an OTLP collector.
//! This module does not know what it measures.

pub mod logging;
pub mod metrics;
pub mod propagation;

pub use metrics::Metrics;
