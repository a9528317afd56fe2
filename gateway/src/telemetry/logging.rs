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

/// Error while setting up telemetry.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The log filter is invalid.
    #[error("telemetry.log: expected a filter like `info` or `info,gateway::bus=debug`: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The exporter cannot be created.
    #[error("telemetry.otlp_endpoint: expected the URL of a collector, like `http://collector:4318`: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// Logging is set up already.
    #[error("cannot set up logging: it is set up already: {0}")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// The telemetry of the process. Call [`Telemetry::flush`] at the end.
#[derive(Debug)]
pub struct Telemetry {
    spans: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Sets up logs and spans for the process.
    pub fn start(config: &config::Telemetry) -> Result<Self, TelemetryError> {
        // The bus reports a lost connection once by itself, so the logs of its Redis clients are
        // off. A configured filter that names them wins.
        let filter = EnvFilter::try_new(format!("fred=off,redis=off,{}", config.log))?;
        let spans = config.otlp_endpoint.as_deref().map(|endpoint| exporter(endpoint, config)).transpose()?;
        // The log filter does not apply to spans: they are sampled by their own ratio.
        let spans_layer = spans.as_ref().map(|provider| {
            tracing_opentelemetry::layer()
                .with_tracer(provider.tracer("wirebell"))
                .with_filter(tracing_subscriber::filter::filter_fn(|meta| meta.target() == DELIVERY))
        });
        Registry::default().with(logs(config).with_filter(filter)).with(spans_layer).try_init()?;
        Ok(Self { spans })
    }

    /// Exports the remaining spans. It blocks, so call it when no other task runs.
    pub fn flush(self) {
        if let Some(provider) = self.spans
            && let Err(error) = provider.shutdown()
        {
            tracing::warn!(%error, "cannot export the last spans");
        }
    }
}

/// Target of the exported spans. Everything else is a log line.
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
