//! All rows: title, unit, and which direction is better.

/// What is measured together; the values of `--only`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Group {
    /// Memory and CPU of idle connections.
    Idle,
    /// Connecting with a token.
    Handshakes,
    /// An event to one user, through Redis.
    Unicast,
    /// An event to one user, through HTTP.
    Http,
    /// An event to all clients.
    Fanout,
    /// An event to one user while events to all are delivered.
    Payment,
    /// All clients reconnect at once.
    Storm,
    /// Clients reconnect with their cursors.
    Catchup,
    /// The cost of storing an event in Redis.
    Durable,
    /// The Rust SDK.
    Sdk,
    /// The cost of an event when something grows tenfold.
    Growth,
    /// More events than can be delivered.
    Overload,
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Less of it.
    Less,
    /// More of it.
    More,
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Its id in the raw data.
    pub id: &'static str,
    /// Its group.
    pub group: Group,
    /// Its title.
    pub title: &'static str,
    /// The unit of its figures.
    pub unit: &'static str,
    /// Which way is better.
    pub better: Better,
}

const fn row(id: &'static str, group: Group, title: &'static str, unit: &'static str, better: Better) -> Row {
    Row { id, group, title, unit, better }
}

use Better::{Less, More};

/// All rows, in the order of the report.
pub const ROWS: &[Row] = &[
    row(
        "idle-memory",
        Group::Idle,
        "Memory of an idle connection, with its token and its own channel",
        "bytes",
        Less,
    ),
    row(
        "whole-memory",
        Group::Idle,
        "Memory of the whole system with all connections, per connection",
        "bytes",
        Less,
    ),
    row("loaded-memory", Group::Idle, "The same after all the load of its run", "bytes", Less),
    row("idle-cpu", Group::Idle, "CPU of an idle connection, pinged every 25 s", "µs a second", Less),
    row("handshakes-hs256", Group::Handshakes, "Connections with an HS256 token, subscribed", "per CPU s", More),
    row("handshakes-es256", Group::Handshakes, "Connections with an ES256 token, subscribed", "per CPU s", More),
    row("unicast", Group::Unicast, "An event to one user through Redis", "deliveries per CPU s", More),
    row("unicast-redis", Group::Unicast, "CPU of Redis for it", "µs an event", Less),
    row("unicast-p50", Group::Unicast, "Its latency at a fixed rate, p50", "µs", Less),
    row("unicast-p99", Group::Unicast, "Its latency at a fixed rate, p99", "µs", Less),
    row("unicast-p99-typical", Group::Unicast, "The same, p99 within the median quarter of a second", "µs", Less),
    row("http", Group::Http, "An event to one user through HTTP", "deliveries per CPU s", More),
    row("http-p50", Group::Http, "Its latency at a fixed rate, p50", "µs", Less),
    row("http-p99", Group::Http, "Its latency at a fixed rate, p99", "µs", Less),
    row("http-p99-typical", Group::Http, "The same, p99 within the median quarter of a second", "µs", Less),
    row("fanout", Group::Fanout, "An event to all clients", "deliveries per CPU s", More),
    row("fanout-last", Group::Fanout, "One event to all clients, until the last has it", "ms", Less),
    row("payment-alone", Group::Payment, "An event to one user without other load, p99", "µs", Less),
    row("payment-amid", Group::Payment, "The same while events to all are delivered, p99", "µs", Less),
    row("payment-ratio", Group::Payment, "The second over the first", "times", Less),
    row("storm-time", Group::Storm, "All clients reconnect at once, until the last is subscribed", "s", Less),
    row("storm-cpu", Group::Storm, "CPU of the system for it", "µs a connection", Less),
    row(
        "catchup-time",
        Group::Catchup,
        "Clients reconnect with cursors, until the last has all missed events",
        "s",
        Less,
    ),
    row(
        "catchup-cpu",
        Group::Catchup,
        "CPU of the system for it, reconnecting included",
        "µs an event missed",
        Less,
    ),
    row(
        "durable-rate",
        Group::Durable,
        "Publishing on one connection, 512 calls in flight",
        "events a second",
        More,
    ),
    row("durable-cpu", Group::Durable, "CPU of Redis for it", "µs an event", Less),
    row("sdk-rate", Group::Sdk, "Publishing durable events with the Rust SDK", "events a second", More),
    row("sdk-cpu", Group::Sdk, "CPU of the publishing process for it", "µs an event", Less),
    row("sdk-enqueue-p50", Group::Sdk, "Duration of a call of `enqueue`, p50", "µs", Less),
    row("sdk-enqueue-p99", Group::Sdk, "Duration of a call of `enqueue`, p99", "µs", Less),
    row("growth-server", Group::Growth, "CPU of the nodes for an event to one user", "µs an event", Less),
    row("growth-redis", Group::Growth, "CPU of Redis for it", "µs an event", Less),
    row(
        "overload-offered",
        Group::Overload,
        "Durable deliveries requested, over those the node could make",
        "times",
        More,
    ),
    row("overload-lost", Group::Overload, "Of these, lost without an error", "deliveries", Less),
];
