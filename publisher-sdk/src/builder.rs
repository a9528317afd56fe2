//! The builder of a publisher: all options, with the reasons for their defaults.

use std::time::Duration;

use wirebell_protocol::Durability;
use wirebell_protocol::publish::{Retention, Retentions};

use crate::buffer::Limits;

/// Options of a publisher.
#[derive(Clone)]
pub struct Builder {
    pub(crate) url: String,
    pub(crate) prefix: Option<String>,
    pub(crate) retentions: Retentions,
    pub(crate) durability: Option<Durability>,
    pub(crate) service_key: Option<String>,
    pub(crate) limits: Limits,
    pub(crate) timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) answer_timeout: Duration,
}

impl Builder {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            prefix: None,
            retentions: Retentions::default(),
            durability: None,
            service_key: None,
            // A busy service publishes about this many events in the minute that a failover may
            // take. The memory fits such a service.
            limits: Limits { events: 10_000, bytes: 64 * 1024 * 1024 },
            // Short enough for a request that a user waits for, long enough for a restart of Redis.
            timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(2),
            // A healthy bus answers within milliseconds; this detects a dead connection.
            answer_timeout: Duration::from_secs(2),
        }
    }

    /// Sets the prefix of the keys in Redis. It must equal the nodes' `bus.prefix`. Default: `wb`.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.prefix = Some(prefix.to_owned());
        self
    }

    /// Sets how much a log keeps and how long an id is remembered. It must equal the nodes'
    /// settings. Only over Redis. An event that is retried for longer than an id is remembered may
    /// be published twice.
    #[must_use]
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retentions.default = retention;
        self
    }

    /// Adds other log bounds for the channels that match a pattern, as in the nodes' `bus.logs`.
    /// The first matching rule applies. In the pattern, `*` matches any run of characters:
    /// `topic:chat-*`. Only over Redis.
    #[must_use]
    pub fn log_rule(mut self, channels: &str, events: u64, age: Duration) -> Self {
        let millis = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        self.retentions = self.retentions.with_logs(channels, events, millis);
        self
    }

    /// Sets the durability of events that name none. Default: [`Durability::Primary`], which
    /// confirms an event once the primary has it. [`Durability::Replicated`] also waits for a
    /// replica, except for volatile events.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = Some(durability);
        self
    }

    /// Sets the API key with which this service calls the server API. Only over HTTP.
    #[must_use]
    pub fn service_key(mut self, key: &str) -> Self {
        self.service_key = Some(key.to_owned());
        self
    }

    /// Sets how many events the buffer of `enqueue` may hold. Default: 10 000.
    #[must_use]
    pub fn buffer_events(mut self, events: usize) -> Self {
        self.limits.events = events;
        self
    }

    /// Sets how many bytes of events, as JSON, the buffer may hold. Default: 64 MiB.
    #[must_use]
    pub fn buffer_bytes(mut self, bytes: usize) -> Self {
        self.limits.bytes = bytes;
        self
    }

    /// Sets the total time of `publish`, all attempts together. Default: 5 seconds.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the timeout for opening a connection. Default: 2 seconds.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets the timeout for the response to one attempt. Default: 2 seconds.
    #[must_use]
    pub fn answer_timeout(mut self, timeout: Duration) -> Self {
        self.answer_timeout = timeout;
        self
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Omits the URL and the API key, which are secrets.
        f.debug_struct("Builder")
            .field("prefix", &self.prefix)
            .field("retentions", &self.retentions)
            .field("limits", &self.limits)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
