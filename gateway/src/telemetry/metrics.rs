//! All metrics of a node. Each is a field, with the help text that Prometheus shows. Label values
//! come from fixed lists, so the number of series does not grow with users or events.

use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

/// The node's metrics, shared behind an `Arc`.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Open sessions on this node, by `transport`.
    pub sessions: IntGaugeVec,
    /// Connections accepted as sessions, by `transport`.
    pub accepted_connections: IntCounterVec,
    /// Connections rejected before they became a session, by `reason` (an error code).
    pub rejections: IntCounterVec,
    /// Sessions that ended, by `reason`.
    pub session_ends: IntCounterVec,
    /// Token renewals on an open connection, by `outcome`.
    pub renewals: IntCounterVec,
    /// Frames from clients, by `kind` and `outcome`.
    pub client_frames: IntCounterVec,
    /// Events published through this node over HTTP, by `class` and `outcome`.
    pub published: IntCounterVec,
    /// Requests to the server API, by `route` and `status` class.
    pub requests: IntCounterVec,
    /// Events announced to this node, by `class`.
    pub announced: IntCounterVec,
    /// Frames passed to sessions, by `class` and `outcome`.
    pub deliveries: IntCounterVec,
    /// Time from the bus' acceptance of an event to the write to a client's socket, by `class`.
    pub publish_to_write: HistogramVec,
    /// Frames that did not fit into a session's send buffer, by `class`.
    pub send_buffer_overflows: IntCounterVec,
    /// Events that did not fit into the queue of a channel with many subscribers, by `class`.
    pub backlog_overflows: IntCounterVec,
    /// 1 while the bus answers and the subscriptions of the node are established.
    pub bus_up: IntGauge,
    /// Round trip of a health probe to the bus.
    pub bus_round_trip: Histogram,
    /// Seconds since the bus last answered a probe.
    pub bus_silence: Gauge,
    /// Channels that this node subscribes to.
    pub bus_subscriptions: IntGauge,
    /// Channels subscribed again after a lost connection.
    pub bus_resubscriptions: IntCounter,
    /// Lost connections to the bus.
    pub bus_disconnections: IntCounter,
    /// Seconds since the node last received its canaries through every shard of the bus.
    pub bus_canary_silence: Gauge,
    /// Subscriptions found deaf by their canary although their connection was open.
    pub bus_deaf: IntCounter,
    /// How long the node was deaf to the bus.
    pub bus_deafness: Histogram,
    /// Announcements that did not fit into the node's queue.
    pub bus_overflows: IntCounter,
    /// Messages from the bus that cannot be decoded.
    pub bus_unreadable: IntCounter,
    /// Announcements whose predecessor this node had not seen.
    pub chain_breaks: IntCounter,
    /// Events read from the log because their announcement was missed.
    pub repaired: IntCounter,
    /// Gaps that the log could not fill, counted once for each channel and gap.
    pub gaps: IntCounter,
    /// Reports dropped for lack of room, by `kind`.
    pub report_overflows: IntCounterVec,
    /// Timers of events that this node has handled, by the result of the `alarm`.
    pub timers: IntCounterVec,
    /// Presence metrics.
    pub presence: PresenceMetrics,
    /// Fetches of the JWKS, by `outcome`.
    pub jwks_fetches: IntCounterVec,
    /// Events that clients of this node emitted, by `outcome`.
    pub emits: IntCounterVec,
    /// Answers to events that clients emitted with a `ref`, by `outcome`.
    pub emit_answers: IntCounterVec,
    /// Time from a client's emit to the service's reply.
    pub emit_answer: Histogram,
    /// Events in the inbox that no worker has read yet, by `service`.
    pub inbox_lag: IntGaugeVec,
    /// Events in the inbox that workers have read but not acknowledged, by `service`.
    pub inbox_pending: IntGaugeVec,
    /// Dead letters of the inbox.
    pub inbox_dead: IntGauge,
    /// Delivery attempts of the webhook, by `outcome`.
    pub webhook_tries: IntCounterVec,
    /// Response time of the webhook's backend.
    pub webhook_request: Histogram,
    /// 1 while the node is draining.
    pub draining: IntGauge,
}

/// Metrics of presence.
#[derive(Debug)]
pub struct PresenceMetrics {
    /// Users online on all nodes together, by `shard`.
    pub users: IntGaugeVec,
    /// Times that the node had to register its sessions in a shard again.
    pub lost: IntCounter,
    /// Expired leases of other nodes that this node cleared, counted once for each shard.
    pub cleared: IntCounter,
    /// Session changes that did not fit into the queue to the bus.
    pub overflows: IntCounter,
}

/// Histogram buckets from a tenth of a millisecond to ten seconds.
const SECONDS: [f64; 16] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

impl Metrics {
    /// Registers all metrics. Fails only if two metrics have the same name.
    #[expect(clippy::too_many_lines, reason = "a table, with an entry for each metric")]
    pub fn new() -> Result<Self, prometheus::Error> {
        let new = MetricFactory(Registry::new());
        let build = new.gauges("build_info", "Version of the node, as a label; always 1.", &["version"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        #[cfg(target_os = "linux")]
        new.0.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(Self {
            sessions: new.gauges("sessions", "Open sessions on this node.", &["transport"])?,
            accepted_connections: new.counters("admissions_total", "Connections accepted as sessions.", &["transport"])?,
            rejections: new.counters(
                "refusals_total",
                "Connections rejected before they became a session, by error code.",
                &["reason"],
            )?,
            session_ends: new.counters("goodbyes_total", "Sessions that ended, by reason.", &["reason"])?,
            renewals: new.counters("renewals_total", "Token renewals on an open connection.", &["outcome"])?,
            client_frames: new.counters("client_frames_total", "Frames from clients.", &["kind", "outcome"])?,
            published: new.counters(
                "published_total",
                "Events published through this node over HTTP, counted once for each channel.",
                &["class", "outcome"],
            )?,
            requests: new.counters("requests_total", "Requests to the server API.", &["route", "status"])?,
            announced: new.counters("announced_total", "Events announced to this node.", &["class"])?,
            deliveries: new.counters("deliveries_total", "Frames passed to sessions.", &["class", "outcome"])?,
            publish_to_write: new.histograms(
                "publish_to_write_seconds",
                "Time from the bus' acceptance of an event to the write to a client's socket, by the two clocks involved.",
                &["class"],
            )?,
            send_buffer_overflows: new.counters(
                "outbox_overflows_total",
                "Frames that did not fit into a session's send buffer.",
                &["class"],
            )?,
            backlog_overflows: new.counters(
                "backlog_overflows_total",
                "Events that did not fit into the queue of a channel with many subscribers: durable ones are read from the log again, volatile ones are dropped.",
                &["class"],
            )?,
            bus_up: new.gauge("bus_up", "1 while the bus answers and the subscriptions of the node are established.")?,
            bus_round_trip: new.histogram("bus_round_trip_seconds", "Round trip of a health probe to the bus.")?,
            bus_silence: new.float("bus_silence_seconds", "Seconds since the bus last answered a probe.")?,
            bus_subscriptions: new.gauge("bus_subscriptions", "Channels that this node subscribes to.")?,
            bus_resubscriptions: new.counter(
                "bus_resubscriptions_total",
                "Channels subscribed again after a lost connection.",
            )?,
            bus_disconnections: new.counter("bus_disconnections_total", "Lost connections to the bus.")?,
            bus_canary_silence: new.float(
                "bus_canary_silence_seconds",
                "Seconds since the node last received its canaries through every shard of the bus.",
            )?,
            bus_deaf: new.counter(
                "bus_deaf_total",
                "Subscriptions found deaf by their canary although their connection was open; each was rebuilt.",
            )?,
            bus_deafness: new.histogram(
                "bus_deafness_seconds",
                "How long the node was deaf to the bus, for any cause: from the last canary received to the next one.",
            )?,
            bus_overflows: new.counter(
                "bus_overflows_total",
                "Announcements that did not fit into the node's queue; durable ones are read from the log.",
            )?,
            bus_unreadable: new.counter("bus_unreadable_total", "Messages from the bus that cannot be decoded.")?,
            chain_breaks: new.counter(
                "chain_breaks_total",
                "Announcements whose predecessor this node had not seen.",
            )?,
            repaired: new.counter(
                "repaired_total",
                "Events read from the log because their announcement was missed.",
            )?,
            gaps: new.counter(
                "gaps_total",
                "Gaps that the log could not fill, counted once for each channel and gap; subscribers were notified.",
            )?,
            report_overflows: new.counters(
                "report_overflows_total",
                "Reports (delivery notes, acknowledgements, connection log entries) dropped for lack of room; receipts and connection logs lack them.",
                &["kind"],
            )?,
            timers: new.counters(
                "timers_total",
                "Timers of events that this node has handled, by the result of the alarm.",
                &["alarm"],
            )?,
            presence: PresenceMetrics::new(&new)?,
            jwks_fetches: new.counters("jwks_fetches_total", "Fetches of the JWKS.", &["outcome"])?,
            emits: new.counters(
                "emits_total",
                "Events that clients of this node emitted, by outcome: stored, again (the id was known), or the error code.",
                &["outcome"],
            )?,
            emit_answers: new.counters(
                "emit_answers_total",
                "Answers to events that clients emitted with a ref; late: the reply arrived when the request no longer existed.",
                &["outcome"],
            )?,
            emit_answer: new.histogram("emit_answer_seconds", "Time from a client's emit to the service's reply.")?,
            inbox_lag: new.gauges(
                "inbox_lag",
                "Events in the inbox that no worker of the service has read yet; the same on every node.",
                &["service"],
            )?,
            inbox_pending: new.gauges(
                "inbox_pending",
                "Events in the inbox that workers of the service have read but not acknowledged; the same on every node.",
                &["service"],
            )?,
            inbox_dead: new.gauge("inbox_dead", "Dead letters of the inbox, of all services; the same on every node.")?,
            webhook_tries: new.counters(
                "webhook_tries_total",
                "Delivery attempts of the webhook by this node: delivered, failed, or passed_over (skipped, since the type is not configured).",
                &["outcome"],
            )?,
            webhook_request: new.histogram("webhook_request_seconds", "Response time of the webhook's backend, for each attempt.")?,
            draining: new.gauge("draining", "1 while the node is draining.")?,
            registry: new.0,
        })
    }

    /// Returns all metrics in Prometheus' text format.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

impl PresenceMetrics {
    fn new(new: &MetricFactory) -> prometheus::Result<Self> {
        Ok(Self {
            users: new.gauges(
                "presence_users",
                "Users online on all nodes together; the same on every node. Sum it over shard.",
                &["shard"],
            )?,
            lost: new.counter(
                "presence_lost_total",
                "Times that the bus lost this node's sessions in a shard or expired its lease, and the node registered them again.",
            )?,
            cleared: new.counter(
                "presence_cleared_total",
                "Expired leases of other nodes whose sessions this node removed, counted once for each shard.",
            )?,
            overflows: new.counter(
                "presence_overflows_total",
                "Session changes that did not fit into the queue to the bus; the node registered all of its sessions again.",
            )?,
        })
    }
}

/// Creates and registers metrics, with the prefix `wirebell_` before their names.
struct MetricFactory(Registry);

impl MetricFactory {
    fn register<C: prometheus::core::Collector + Clone + 'static>(&self, metric: C) -> prometheus::Result<C> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        self.register(IntCounter::with_opts(opts(name, help))?)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
        self.register(IntCounterVec::new(opts(name, help), labels)?)
    }

    fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        self.register(IntGauge::with_opts(opts(name, help))?)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
        self.register(IntGaugeVec::new(opts(name, help), labels)?)
    }

    fn float(&self, name: &str, help: &str) -> prometheus::Result<Gauge> {
        self.register(Gauge::with_opts(opts(name, help))?)
    }

    fn histogram(&self, name: &str, help: &str) -> prometheus::Result<Histogram> {
        self.register(Histogram::with_opts(histogram_opts(name, help))?)
    }

    fn histograms(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<HistogramVec> {
        self.register(HistogramVec::new(histogram_opts(name, help), labels)?)
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("wirebell")
}

fn histogram_opts(name: &str, help: &str) -> HistogramOpts {
    HistogramOpts { common_opts: opts(name, help), buckets: SECONDS.to_vec() }
}
