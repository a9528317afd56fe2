//! W3C trace context: the span of a delivery continues the publisher's trace.

use std::collections::HashMap;

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Makes `span` a child of the span that `traceparent` names.
pub fn continue_from(span: &Span, traceparent: &str) {
    let carrier = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    // Fails only without an exporter, and then the parent is not needed.
    let _ = span.set_parent(TraceContextPropagator::new().extract(&carrier));
}

/// Returns the span's id as 16 hexadecimal digits, if the span is sampled for an exporter.
pub fn span_id(span: &Span) -> Option<String> {
    let context = span.context();
    let current = context.span().span_context().clone();
    (current.is_valid() && current.is_sampled()).then(|| current.span_id().to_string())
}
