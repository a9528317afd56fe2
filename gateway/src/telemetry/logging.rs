//! Structured logs on stderr, and spans to an OTLP collector where one is configured.

use std::io::IsTerminal;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::config;

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The log filter is not one.
    #[error("telemetry.log: expected a filter like `info` or `info,gateway::bus=debug`: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The exporter cannot be made.
    #[error("telemetry.otlp_endpoint: expected the URL of a collector, like `http://collector:4318`: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// Somebody else has set up logging already.
    #[error("logging is set up twice: {0}")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Keeps the exporter; dropped at the end, after [`Telemetry::flush`].
#[derive(Debug)]
pub struct Telemetry {
    spans: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Sets up logs and spans for the whole process.
    pub fn start(config: &config::Telemetry) -> Result<Self, TelemetryError> {
        // What its clients say about a lost bus, the bus says itself, once. A filter that names them still wins.
        let filter = EnvFilter::try_new(format!("fred=off,redis=off,{}", config.log))?;
        let spans = config.otlp_endpoint.as_deref().map(|endpoint| exporter(endpoint, config)).transpose()?;
        // Spans do not obey the log's filter: they are sampled by their own ratio.
        let spans_layer = spans.as_ref().map(|provider| {
            tracing_opentelemetry::layer()
                .with_tracer(provider.tracer("wirebell"))
                .with_filter(tracing_subscriber::filter::filter_fn(|meta| meta.target() == DELIVERY))
        });
        Registry::default().with(logs(config).with_filter(filter)).with(spans_layer).try_init()?;
        Ok(Self { spans })
    }

    /// Sends what is left. It blocks, so it is called when nothing else runs any more.
    pub fn flush(self) {
        if let Some(provider) = self.spans
            && let Err(error) = provider.shutdown()
        {
            tracing::warn!(%error, "the last spans were not exported");
        }
    }
}

/// The target of spans that are exported. Everything else is a log line.
pub const DELIVERY: &str = "wirebell::delivery";

fn logs(config: &config::Telemetry) -> Box<dyn Layer<Registry> + Send + Sync> {
    let lines =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    match config.log_format {
        config::LogFormat::Json => lines.json().boxed(),
        config::LogFormat::Text => lines.with_target(false).boxed(),
    }
}

fn exporter(endpoint: &str, config: &config::Telemetry) -> Result<SdkTracerProvider, TelemetryError> {
    let traces = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
    let exporter = SpanExporter::builder().with_http().with_endpoint(traces).build()?;
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(config.trace_ratio))))
        .with_resource(Resource::builder().with_service_name(config.service_name.clone()).build())
        .build())
}
