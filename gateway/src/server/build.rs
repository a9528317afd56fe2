//! The composition root: creates the parts of a node and connects them.

use std::sync::Arc;

use wirebell_protocol::inbox::Bounds;
use wirebell_protocol::presence;
use wirebell_protocol::publish::{Retention, Retentions};
use wirebell_protocol::{Keys, NodeId};

use super::{StartError, identity, revocations};
use crate::auth::{OnFetch, Verifier};
use crate::bus::memory::MemoryBus;
use crate::bus::redis::{self, RedisBus, Roster};
use crate::bus::{DeliveryReceiver, SharedBus};
use crate::config::{self, Config};
use crate::hub::{self, Hub};
use crate::lifecycle::{Lifecycle, Readiness, millis};
use crate::session::{Limits, Meters, Sessions};
use crate::telemetry::Metrics;
use crate::webhook;

/// A node without its listeners.
pub(super) struct Node {
    pub(super) id: NodeId,
    pub(super) metrics: Arc<Metrics>,
    pub(super) bus: SharedBus,
    /// The roster of live nodes. None with the embedded bus.
    pub(super) roster: Option<Roster>,
    pub(super) hub: Arc<Hub>,
    pub(super) sessions: Arc<Sessions>,
}

/// The reason of a node that is not ready because it has no key to verify tokens.
const KEYS_MISSING: &str = "keys";

/// Builds a node and starts its tasks.
pub(super) fn node(config: &Config, life: &Lifecycle) -> Result<Node, StartError> {
    let id = identity::new();
    let metrics = Arc::new(Metrics::new()?);
    let verifier = verifier(&config.auth, life, &metrics)?;
    let (bus, roster, deliveries) = bus(config, id, life, &metrics)?;
    let settings = hub::Settings {
        node: id,
        linger: config.bus.linger,
        send_buffer_bytes: config.clients.outbox_bytes,
        connection_log: config.bus.history,
        reply_timeout: config.inbox.reply_timeout,
        heartbeat: config.clients.heartbeat,
        presence: presence(config),
    };
    let hub = Hub::start(settings, Arc::clone(&bus), deliveries, life, Arc::clone(&metrics));
    life.spawn(revocations::run(Arc::clone(&bus), Arc::clone(&verifier), Arc::clone(&hub)));
    let sessions = Arc::new(Sessions {
        hub: Arc::clone(&hub),
        verifier,
        limits: limits(config),
        meters: Meters::new(&metrics),
        metrics: Arc::clone(&metrics),
        life: life.clone(),
    });
    Ok(Node { id, metrics, bus, roster, hub, sessions })
}

fn verifier(config: &config::Auth, life: &Lifecycle, metrics: &Arc<Metrics>) -> Result<Arc<Verifier>, StartError> {
    let verifier = Arc::new(Verifier::new(config, on_fetch(metrics, &life.readiness))?);
    if !verifier.has_keys() {
        life.readiness.set_not_ready(KEYS_MISSING, "the key set is not fetched yet");
    }
    life.spawn(verifier.refresher());
    Ok(verifier)
}

fn on_fetch(metrics: &Arc<Metrics>, readiness: &Readiness) -> OnFetch {
    let (metrics, readiness) = (Arc::clone(metrics), readiness.clone());
    Arc::new(move |fetched| {
        metrics.jwks_fetches.with_label_values(&[if fetched { "ok" } else { "failed" }]).inc();
        if fetched {
            readiness.clear(KEYS_MISSING);
        }
    })
}

/// Starts the bus that the configuration selects, and the webhook if there is one.
fn bus(
    config: &Config,
    node: NodeId,
    life: &Lifecycle,
    metrics: &Arc<Metrics>,
) -> Result<(SharedBus, Option<Roster>, DeliveryReceiver), StartError> {
    let (inbox, webhook, config) = (bounds(config.inbox), &config.webhook, &config.bus);
    let retentions = retentions(config);
    let limits = webhook::DeliveryLimits { attempts: webhook.tries, concurrency: webhook.concurrency };
    let Some(url) = &config.redis else {
        let (bus, deliveries) = MemoryBus::start(node, retentions, inbox, config.queue, life, Arc::clone(metrics));
        if let Some(to) = &webhook.url {
            webhook::start(to, webhook, webhook::Source::memory(&bus, limits), life, metrics)?;
        }
        return Ok((Arc::new(bus), None, deliveries));
    };
    // The configuration has validated the prefix.
    let keys = Keys::new(&config.prefix).unwrap_or_default();
    if let Some(to) = &webhook.url {
        let source = webhook::Source::redis(url.expose(), &config.prefix, limits);
        webhook::start(to, webhook, source, life, metrics)?;
    }
    let durability = config.durability;
    let (url, queue) = (url.expose().to_owned(), config.queue);
    let settings = redis::Settings { url, keys, retentions, inbox, durability, queue, node };
    let (bus, deliveries) = RedisBus::start(settings, life, metrics)?;
    let roster = bus.roster();
    Ok((Arc::new(bus), Some(roster), deliveries))
}

fn retentions(config: &config::Bus) -> Retentions {
    let defaults = Retentions::new(Retention {
        log_events: config.log_events as u64,
        log_millis: millis(config.log_age),
        seen_millis: millis(config.seen),
        receipt_millis: millis(config.receipts),
        retained_keys: config.retained_keys as u64,
        retained_millis: millis(config.retained_age),
    });
    let with = |retentions: Retentions, rule: &config::LogRule| {
        retentions.with_logs(&rule.channels, rule.events, millis(rule.age))
    };
    config.logs.iter().fold(defaults, with)
}

fn bounds(config: config::Inbox) -> Bounds {
    Bounds {
        length: config.max_length as u64,
        age_millis: millis(config.max_age),
        seen_millis: millis(config.seen),
    }
}

fn presence(config: &Config) -> Option<presence::Settings> {
    config.presence.enabled.then_some(presence::Settings {
        lease_millis: millis(hub::LEASE),
        grace_millis: millis(config.presence.grace),
        policy: config.sessions,
        inbox: bounds(config.inbox),
    })
}

fn limits(config: &Config) -> Limits {
    let (config, leeway) = (&config.clients, config.auth.leeway);
    Limits {
        leeway,
        connections: config.max_connections,
        subscriptions: config.max_subscriptions,
        auth_timeout: config.auth_timeout,
        write_timeout: config.write_timeout,
        heartbeat: config.heartbeat,
        expiring_notice: config.expiring_notice,
        emit_rate: config.emit_rate as u64,
        emit_burst: config.emit_burst as u64,
        emit_bytes: config.max_emit_bytes,
    }
}
