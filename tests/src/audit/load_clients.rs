//! Many concurrent clients. Each is a small task that records what it receives.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{ClientRecord, ReceivedEvent};
use crate::TIMEOUT;
use crate::client::{Client, Incoming, is_event};
use crate::token::Issuer;

/// Clients that connect at the same time.
const CONCURRENT_CONNECTS: usize = 64;

/// Counters that all clients share.
#[derive(Debug, Default)]
struct Counts {
    events: AtomicU64,
    pings: AtomicU64,
    lost: AtomicU64,
}

/// Clients that stay connected until [`LoadClients::stop`].
pub struct LoadClients {
    counts: Arc<Counts>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<ClientRecord>>,
}

/// Returns the name of a user in tokens and channels.
pub fn user(number: u32) -> String {
    format!("u{number}")
}

/// Returns the event with this number for this user, as a publisher sends it.
pub fn event(number: u32, of_user: u32) -> Value {
    json!({"to": format!("user:{}", user(of_user)), "type": "audited", "id": format!("e{number}"), "data": {"n": number}})
}

impl LoadClients {
    /// Connects one client for each target. A target is a user's number and a node.
    pub async fn connect(targets: &[(u32, SocketAddr)]) -> Self {
        let (stop, stopped) = watch::channel(false);
        let counts = Arc::new(Counts::default());
        let issuer = Issuer::default();
        let connected = stream::iter(targets.to_vec()).map(|(number, address)| {
            let token = issuer.token(&user(number));
            async move { (number, Client::connect(address, &token).await) }
        });
        let tasks = connected
            .buffer_unordered(CONCURRENT_CONNECTS)
            .map(|(number, client)| {
                tokio::spawn(record_events(number, client, Arc::clone(&counts), stopped.clone()))
            })
            .collect()
            .await;
        Self { counts, stop, tasks }
    }

    /// Returns the number of events that all clients have received so far.
    pub fn events(&self) -> u64 {
        self.counts.events.load(Ordering::Relaxed)
    }

    /// Returns the number of pings that all clients have received so far.
    pub fn pings(&self) -> u64 {
        self.counts.pings.load(Ordering::Relaxed)
    }

    /// Returns the number of clients whose connection ended early.
    pub fn lost(&self) -> u64 {
        self.counts.lost.load(Ordering::Relaxed)
    }

    /// Waits until `expected` events have arrived, or until none arrives for a long time. Returns
    /// their number.
    pub async fn wait_for_events(&self, expected: u64) -> u64 {
        let (mut best, mut since) = (self.events(), Instant::now());
        while best < expected && since.elapsed() < TIMEOUT {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let now = self.events();
            if now > best {
                (best, since) = (now, Instant::now());
            }
        }
        best
    }

    /// Stops all clients and returns their records.
    pub async fn stop(self) -> Vec<ClientRecord> {
        let _ = self.stop.send(true);
        let mut records = Vec::with_capacity(self.tasks.len());
        for task in self.tasks {
            records.push(task.await.expect("a client does not panic"));
        }
        records
    }
}

async fn record_events(
    number: u32,
    mut client: Client,
    counts: Arc<Counts>,
    mut stopped: watch::Receiver<bool>,
) -> ClientRecord {
    let mut record = ClientRecord { user: number, ..ClientRecord::default() };
    loop {
        let seen = tokio::select! {
            seen = client.next(Duration::from_secs(3600)) => seen,
            _ = stopped.changed() => return record,
        };
        match seen {
            Incoming::Frame(frame) if is_event(&frame) => {
                record.received.push(received(&frame, number));
                counts.events.fetch_add(1, Ordering::Relaxed);
            }
            Incoming::Ping => {
                counts.pings.fetch_add(1, Ordering::Relaxed);
            }
            Incoming::Frame(_) | Incoming::Silence => {}
            Incoming::Closed(_) | Incoming::Lost => {
                counts.lost.fetch_add(1, Ordering::Relaxed);
                record.lost = true;
                return record;
            }
        }
    }
}

fn received(frame: &Value, of_user: u32) -> ReceivedEvent {
    let number = frame["id"].as_str().and_then(|id| id.strip_prefix('e')).and_then(|number| number.parse().ok());
    // No run publishes this many events. An unreadable id therefore counts as an event that was
    // never published.
    let number = number.unwrap_or(u32::MAX);
    let expected = event(number, of_user);
    let cursor = frame["cursor"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default();
    let same = frame["channel"] == expected["to"] && frame["data"] == expected["data"];
    ReceivedEvent { event: number, cursor, intact: same && frame["type"] == expected["type"] }
}
