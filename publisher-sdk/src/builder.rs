//! The builder: everything about a publisher that can be chosen, with the reason for what is usual.

use std::time::Duration;

use tokio::runtime::Handle;
use wirebell_protocol::publish::{Retention, Retentions};
use wirebell_protocol::{Durability, Keys};

use crate::buffer::{Buffer, Limits};
use crate::error::{ConnectError, PublishError};
use crate::failure::Verdict;
use crate::publisher::Publisher;
use crate::transport::{Options, Transport};

/// What a publisher is made from.
#[derive(Clone)]
pub struct Builder {
    url: String,
    prefix: Option<String>,
    retentions: Retentions,
    durability: Option<Durability>,
    service_key: Option<String>,
    limits: Limits,
    timeout: Duration,
    connect_timeout: Duration,
    answer_timeout: Duration,
}

impl Builder {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            prefix: None,
            retentions: Retentions::default(),
            durability: None,
            service_key: None,
            // About as many as a busy service publishes in the minute that a failover may take, in memory that it
            // can spare.
            limits: Limits { events: 10_000, bytes: 64 * 1024 * 1024 },
            // Short enough for the request that somebody waits for, long enough for a restart of Redis.
            timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(2),
            // A healthy bus answers within milliseconds; this finds the connection whose other end is gone.
            answer_timeout: Duration::from_secs(2),
        }
    }

    /// The prefix of the keys in Redis, as the nodes have it in `bus.prefix`. Usual: `wb`.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.prefix = Some(prefix.to_owned());
        self
    }

    /// How much a log keeps and for how long an id is remembered, as the nodes have it. Only over Redis. Trying an
    /// event again for longer than an id is remembered may publish it twice.
    #[must_use]
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retentions.usual = retention;
        self
    }

    /// Other bounds for the logs of the channels that fit, as the nodes have them in `bus.logs`; the first rule that
    /// fits holds. In the pattern, `*` stands for any run of characters: `topic:chat-*`. Only over Redis.
    #[must_use]
    pub fn log_rule(mut self, channels: &str, events: u64, age: Duration) -> Self {
        let millis = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        self.retentions = self.retentions.with_logs(channels, events, millis);
        self
    }

    /// When an event counts as published that does not say so itself. Usual: [`Durability::Primary`], once the primary
    /// has it. With [`Durability::Replicated`] a replica has to have it too, except for volatile events.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = Some(durability);
        self
    }

    /// The key with which this service opens the services' door. Only over HTTP.
    #[must_use]
    pub fn service_key(mut self, key: &str) -> Self {
        self.service_key = Some(key.to_owned());
        self
    }

    /// How many events may wait in the buffer behind `enqueue`. Usual: 10 000.
    #[must_use]
    pub fn buffer_events(mut self, events: usize) -> Self {
        self.limits.events = events;
        self
    }

    /// How many bytes of events, as JSON, may wait there. Usual: 64 MiB.
    #[must_use]
    pub fn buffer_bytes(mut self, bytes: usize) -> Self {
        self.limits.bytes = bytes;
        self
    }

    /// For how long `publish` tries, all tries together. Usual: 5 seconds.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// For how long one connection may take to open. Usual: 2 seconds.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// For how long the answer to one try may take. Usual: 2 seconds.
    #[must_use]
    pub fn answer_timeout(mut self, timeout: Duration) -> Self {
        self.answer_timeout = timeout;
        self
    }

    /// Makes the publisher and reaches for Redis once, so that a wrong password is found now and the first event
    /// finds a connection.
    ///
    /// A Redis that cannot be reached is no error: a service must be able to start while Redis is down. `enqueue`
    /// works from the first moment, `publish` fails with [`PublishError::Unavailable`] until Redis is there. This
    /// takes the connect timeout at the most; [`connect_lazy`](Self::connect_lazy) takes no time at all. Over HTTP
    /// nothing is sent before the first event.
    pub async fn connect(self) -> Result<Publisher, ConnectError> {
        let publisher = self.connect_lazy()?;
        match publisher.transport().open().await {
            Ok(()) => {}
            Err(failure) => match (failure.error, failure.verdict) {
                (PublishError::Refused(refusal), Verdict::Door) => return Err(ConnectError::Refused(refusal)),
                (error, _) => tracing::warn!(%error, "no connection yet, events will wait for it"),
            },
        }
        Ok(publisher)
    }

    /// Makes the publisher and sends nothing before the first event. It has to be called within a Tokio runtime.
    pub fn connect_lazy(self) -> Result<Publisher, ConnectError> {
        let runtime = Handle::try_current().map_err(|_| ConnectError::Runtime)?;
        let keys = self.prefix.as_deref().map_or_else(|| Ok(Keys::default()), Keys::new)?;
        let options = Options {
            keys,
            retentions: self.retentions,
            service_key: self.service_key,
            connect_timeout: self.connect_timeout,
            // Each try ends before the caller's patience does: only a try that ended says that the connection is dead.
            answer_timeout: self.answer_timeout.min(self.timeout.mul_f64(0.8)),
        };
        let transport = Transport::new(&self.url, options)?;
        Ok(Publisher::new(transport, Buffer::new(self.limits), self.timeout, self.durability, &runtime))
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Neither the URL nor the service key: both are secrets.
        f.debug_struct("Builder")
            .field("prefix", &self.prefix)
            .field("retentions", &self.retentions)
            .field("limits", &self.limits)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
