//! Every number that a node gives, each a field with the sentence that Prometheus shows as its help. Labels are
//! drawn from fixed lists only, so that the number of series does not grow with users or events.

use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

/// The node's metrics. Cheap to share behind an `Arc`.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Sessions open on this node, by `transport`.
    pub sessions: IntGaugeVec,
    /// Sessions admitted, by `transport`.
    pub admissions: IntCounterVec,
    /// Connections refused before they became a session, by `reason` (a fault code).
    pub refusals: IntCounterVec,
    /// Sessions that ended, by `reason`.
    pub goodbyes: IntCounterVec,
    /// Tokens renewed on a live socket, by `outcome`.
    pub renewals: IntCounterVec,
    /// Frames from clients, by `kind` and `outcome`.
    pub client_frames: IntCounterVec,
    /// Events that services published here over HTTP, by `class` and `outcome`.
    pub published: IntCounterVec,
    /// Requests to the services' door, by `route` and `status` class.
    pub requests: IntCounterVec,
    /// Events announced to this node, by `class`.
    pub announced: IntCounterVec,
    /// Frames handed to sessions, by `class` and `outcome`.
    pub deliveries: IntCounterVec,
    /// From the bus' acceptance of an event to the write to a client's socket, by `class`.
    pub publish_to_write: HistogramVec,
    /// Frames that found a session's outbox full, by `class`.
    pub outbox_overflows: IntCounterVec,
    /// Events that found no room behind a broadcast under way, by `class`.
    pub backlog_overflows: IntCounterVec,
    /// 1 while the bus answers and the node's subscriptions stand.
    pub bus_up: IntGauge,
    /// Round trip of a health probe to the bus.
    pub bus_round_trip: Histogram,
    /// Seconds since the bus last answered a probe.
    pub bus_silence: Gauge,
    /// Channels that this node listens for.
    pub bus_subscriptions: IntGauge,
    /// Channels subscribed again after a lost connection.
    pub bus_resubscriptions: IntCounter,
    /// Connections to the bus that were lost.
    pub bus_disconnections: IntCounter,
    /// Seconds since the node last heard its canaries through every shard of the bus.
    pub bus_canary_silence: Gauge,
    /// Subscriptions found deaf by their canary although their connection lived.
    pub bus_deaf: IntCounter,
    /// How long the node was deaf to the bus, each time that it was.
    pub bus_deafness: Histogram,
    /// Announcements that found the node's queue full; the log brings them back.
    pub bus_overflows: IntCounter,
    /// Messages from the bus that are not announcements.
    pub bus_unreadable: IntCounter,
    /// Announcements whose predecessor this node had not seen.
    pub chain_breaks: IntCounter,
    /// Events brought back from the log, since their announcement was missed.
    pub repaired: IntCounter,
    /// Gaps that no log could fill, one for each channel and time.
    pub gaps: IntCounter,
    /// Reports for which there was no room, by `kind`.
    pub report_overflows: IntCounterVec,
    /// Timers that went off and were attended to on this node, by what their `alarm` came to.
    pub timers: IntCounterVec,
    /// Who is online.
    pub presence: PresenceMetrics,
    /// Fetches of the JWKS, by `outcome`.
    pub jwks_fetches: IntCounterVec,
    /// Events that clients emitted, by `outcome`.
    pub emits: IntCounterVec,
    /// What clients were told of what they had emitted with a `ref`, by `outcome`.
    pub emit_answers: IntCounterVec,
    /// From a client's emit to its answer.
    pub emit_answer: Histogram,
    /// Events in the inbox that no worker has read yet, by `service`.
    pub inbox_lag: IntGaugeVec,
    /// Events in the inbox that workers have in their hands, by `service`.
    pub inbox_pending: IntGaugeVec,
    /// Dead letters of the inbox.
    pub inbox_dead: IntGauge,
    /// Tries of the webhook, by `outcome`.
    pub webhook_tries: IntCounterVec,
    /// How long the webhook's backend takes.
    pub webhook_request: Histogram,
    /// 1 while the node is being drained.
    pub draining: IntGauge,
}

/// What is told of who is online.
#[derive(Debug)]
pub struct PresenceMetrics {
    /// Users who are online on all nodes together, by `shard`.
    pub users: IntGaugeVec,
    /// Times that the node's sessions had to be entered again in a shard.
    pub lost: IntCounter,
    /// Leases of nodes that are gone which this node has cleared up, one for each shard.
    pub cleared: IntCounter,
    /// Sessions that came or went and found no room.
    pub overflows: IntCounter,
}

/// From a tenth of a millisecond to ten seconds.
const SECONDS: [f64; 16] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

impl Metrics {
    /// Registers everything. It fails only if two metrics had the same name.
    #[expect(clippy::too_many_lines, reason = "a table, with an entry for each metric")]
    pub fn new() -> Result<Self, prometheus::Error> {
        let new = Maker(Registry::new());
        let build = new.gauges("build_info", "The version that runs, as a label; always 1.", &["version"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        #[cfg(target_os = "linux")]
        new.0.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(Self {
            sessions: new.gauges("sessions", "Sessions open on this node.", &["transport"])?,
            admissions: new.counters("admissions_total", "Sessions admitted.", &["transport"])?,
            refusals: new.counters(
                "refusals_total",
                "Connections refused before they became a session, by fault code.",
                &["reason"],
            )?,
            goodbyes: new.counters("goodbyes_total", "Sessions that ended, by why.", &["reason"])?,
            renewals: new.counters("renewals_total", "Tokens renewed on a live socket.", &["outcome"])?,
            client_frames: new.counters("client_frames_total", "Frames from clients.", &["kind", "outcome"])?,
            published: new.counters(
                "published_total",
                "Events that services published through this node over HTTP, one for each channel.",
                &["class", "outcome"],
            )?,
            requests: new.counters("requests_total", "Requests to the services' door.", &["route", "status"])?,
            announced: new.counters("announced_total", "Events announced to this node.", &["class"])?,
            deliveries: new.counters("deliveries_total", "Frames handed to sessions.", &["class", "outcome"])?,
            publish_to_write: new.histograms(
                "publish_to_write_seconds",
                "From the bus' acceptance of an event to the write to a client's socket, by the two clocks involved.",
                &["class"],
            )?,
            outbox_overflows: new.counters(
                "outbox_overflows_total",
                "Frames that found a session's outbox full.",
                &["class"],
            )?,
            backlog_overflows: new.counters(
                "backlog_overflows_total",
                "Events that found no room behind others of their channel on the way to its many listeners: durable ones are read from the log again, volatile ones dropped.",
                &["class"],
            )?,
            bus_up: new.gauge("bus_up", "1 while the bus answers and the node's subscriptions stand.")?,
            bus_round_trip: new.histogram("bus_round_trip_seconds", "Round trip of a health probe to the bus.")?,
            bus_silence: new.float("bus_silence_seconds", "Seconds since the bus last answered a probe.")?,
            bus_subscriptions: new.gauge("bus_subscriptions", "Channels that this node listens for.")?,
            bus_resubscriptions: new.counter(
                "bus_resubscriptions_total",
                "Channels subscribed again after a lost connection.",
            )?,
            bus_disconnections: new.counter("bus_disconnections_total", "Connections to the bus that were lost.")?,
            bus_canary_silence: new.float(
                "bus_canary_silence_seconds",
                "Seconds since the node last heard its canaries through every shard of the bus.",
            )?,
            bus_deaf: new.counter(
                "bus_deaf_total",
                "Subscriptions found deaf by their canary although their connection lived; each was built anew.",
            )?,
            bus_deafness: new.histogram(
                "bus_deafness_seconds",
                "How long the node was deaf to the bus, whatever the cause: from the last canary heard to the next.",
            )?,
            bus_overflows: new.counter(
                "bus_overflows_total",
                "Announcements that found the node's queue full; the log brings durable ones back.",
            )?,
            bus_unreadable: new.counter("bus_unreadable_total", "Messages from the bus that are not announcements.")?,
            chain_breaks: new.counter(
                "chain_breaks_total",
                "Announcements whose predecessor this node had not seen.",
            )?,
            repaired: new.counter(
                "repaired_total",
                "Events brought back from the log, since their announcement was missed.",
            )?,
            gaps: new.counter(
                "gaps_total",
                "Gaps that the log could not fill and listeners were told of, one for each channel and time.",
            )?,
            report_overflows: new.counters(
                "report_overflows_total",
                "Reports (notes, acknowledgements, histories) for which there was no room; receipts and histories lack them.",
                &["kind"],
            )?,
            timers: new.counters(
                "timers_total",
                "Timers of events that went off and were attended to on this node, by what the alarm came to.",
                &["alarm"],
            )?,
            presence: PresenceMetrics::new(&new)?,
            jwks_fetches: new.counters("jwks_fetches_total", "Fetches of the JWKS.", &["outcome"])?,
            emits: new.counters(
                "emits_total",
                "Events that clients of this node emitted, by what came of it: stored, again (their id was known), or why they were refused.",
                &["outcome"],
            )?,
            emit_answers: new.counters(
                "emit_answers_total",
                "What clients were told of what they had emitted with a ref; late is an answer that nobody waited for any more.",
                &["outcome"],
            )?,
            emit_answer: new.histogram("emit_answer_seconds", "From a client's emit to its service's answer.")?,
            inbox_lag: new.gauges(
                "inbox_lag",
                "Events in the inbox that no worker of the service has read yet; the same on every node.",
                &["service"],
            )?,
            inbox_pending: new.gauges(
                "inbox_pending",
                "Events in the inbox that workers of the service have in their hands; the same on every node.",
                &["service"],
            )?,
            inbox_dead: new.gauge("inbox_dead", "Dead letters of the inbox, of all services; the same on every node.")?,
            webhook_tries: new.counters(
                "webhook_tries_total",
                "Tries of the webhook by this node: delivered, failed, or passed_over, since the type is not to be sent.",
                &["outcome"],
            )?,
            webhook_request: new.histogram("webhook_request_seconds", "How long the webhook's backend took, each try.")?,
            draining: new.gauge("draining", "1 while the node is being drained.")?,
            registry: new.0,
        })
    }

    /// Everything in Prometheus' text format.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

impl PresenceMetrics {
    fn new(new: &Maker) -> prometheus::Result<Self> {
        Ok(Self {
            users: new.gauges(
                "presence_users",
                "Users who are online on all nodes together; each node says the same. Their sum is over `shard`.",
                &["shard"],
            )?,
            lost: new.counter(
                "presence_lost_total",
                "Times that the bus had lost this node's sessions in a shard, or had given the node up, and they were entered again.",
            )?,
            cleared: new.counter(
                "presence_cleared_total",
                "Leases of nodes that were gone whose sessions this node has cleared up, one for each shard.",
            )?,
            overflows: new.counter(
                "presence_overflows_total",
                "Sessions that came or went and found no room on their way to the bus; all of the node's were entered again instead.",
            )?,
        })
    }
}

/// Makes a metric, registers it, and puts `wirebell_` before its name.
struct Maker(Registry);

impl Maker {
    fn keep<C: prometheus::core::Collector + Clone + 'static>(&self, metric: C) -> prometheus::Result<C> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        self.keep(IntCounter::with_opts(opts(name, help))?)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
        self.keep(IntCounterVec::new(opts(name, help), labels)?)
    }

    fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        self.keep(IntGauge::with_opts(opts(name, help))?)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
        self.keep(IntGaugeVec::new(opts(name, help), labels)?)
    }

    fn float(&self, name: &str, help: &str) -> prometheus::Result<Gauge> {
        self.keep(Gauge::with_opts(opts(name, help))?)
    }

    fn histogram(&self, name: &str, help: &str) -> prometheus::Result<Histogram> {
        self.keep(Histogram::with_opts(buckets(name, help))?)
    }

    fn histograms(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<HistogramVec> {
        self.keep(HistogramVec::new(buckets(name, help), labels)?)
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("wirebell")
}

fn buckets(name: &str, help: &str) -> HistogramOpts {
    HistogramOpts { common_opts: opts(name, help), buckets: SECONDS.to_vec() }
}
