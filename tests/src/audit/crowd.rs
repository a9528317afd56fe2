//! Many clients at once, each a small task that writes down what it gets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Got, Record};
use crate::PATIENCE;
use crate::client::{Client, Seen, is_event};
use crate::token::Issuer;

/// How many connect at the same time.
const AT_ONCE: usize = 64;

/// What all clients count together.
#[derive(Debug, Default)]
struct Counts {
    events: AtomicU64,
    pings: AtomicU64,
    lost: AtomicU64,
}

/// Clients that stay until they are told to leave.
pub struct Crowd {
    counts: Arc<Counts>,
    leave: watch::Sender<bool>,
    tasks: Vec<JoinHandle<Record>>,
}

/// The name of a user by number, as it stands in tokens and channels.
pub fn user(number: u32) -> String {
    format!("u{number}")
}

/// The event of this number for this user, as a service writes it.
pub fn event(number: u32, of_user: u32) -> Value {
    json!({"to": format!("user:{}", user(of_user)), "type": "audited", "id": format!("e{number}"), "data": {"n": number}})
}

impl Crowd {
    /// Connects one client for each place: a user's number and a node.
    pub async fn connect(places: &[(u32, SocketAddr)]) -> Self {
        let (leave, told) = watch::channel(false);
        let counts = Arc::new(Counts::default());
        let issuer = Issuer::default();
        let connected = stream::iter(places.to_vec()).map(|(number, address)| {
            let token = issuer.token(&user(number));
            async move { (number, Client::connect(address, &token).await) }
        });
        let tasks = connected
            .buffer_unordered(AT_ONCE)
            .map(|(number, client)| tokio::spawn(attend(number, client, Arc::clone(&counts), told.clone())))
            .collect()
            .await;
        Self { counts, leave, tasks }
    }

    /// Events that all clients got so far.
    pub fn events(&self) -> u64 {
        self.counts.events.load(Ordering::Relaxed)
    }

    /// Pings that all clients got so far.
    pub fn pings(&self) -> u64 {
        self.counts.pings.load(Ordering::Relaxed)
    }

    /// Clients whose connection ended without being told to.
    pub fn lost(&self) -> u64 {
        self.counts.lost.load(Ordering::Relaxed)
    }

    /// Waits until so many events have come, or until none has come for long; says how many came.
    pub async fn wait_for_events(&self, expected: u64) -> u64 {
        let (mut best, mut since) = (self.events(), Instant::now());
        while best < expected && since.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let now = self.events();
            if now > best {
                (best, since) = (now, Instant::now());
            }
        }
        best
    }

    /// Lets all go, and gives what they wrote down.
    pub async fn leave(self) -> Vec<Record> {
        let _ = self.leave.send(true);
        let mut records = Vec::with_capacity(self.tasks.len());
        for task in self.tasks {
            records.push(task.await.expect("a client does not panic"));
        }
        records
    }
}

async fn attend(number: u32, mut client: Client, counts: Arc<Counts>, mut told: watch::Receiver<bool>) -> Record {
    let mut record = Record { user: number, ..Record::default() };
    loop {
        let seen = tokio::select! {
            seen = client.next(Duration::from_secs(3600)) => seen,
            _ = told.changed() => return record,
        };
        match seen {
            Seen::Frame(frame) if is_event(&frame) => {
                record.got.push(got(&frame, number));
                counts.events.fetch_add(1, Ordering::Relaxed);
            }
            Seen::Ping => {
                counts.pings.fetch_add(1, Ordering::Relaxed);
            }
            Seen::Frame(_) | Seen::Silence => {}
            Seen::Closed(_) | Seen::Lost => {
                counts.lost.fetch_add(1, Ordering::Relaxed);
                record.lost = true;
                return record;
            }
        }
    }
}

fn got(frame: &Value, of_user: u32) -> Got {
    let number = frame["id"].as_str().and_then(|id| id.strip_prefix('e')).and_then(|number| number.parse().ok());
    // No run publishes this many: an id that cannot be read is an event that nobody published.
    let number = number.unwrap_or(u32::MAX);
    let expected = event(number, of_user);
    let cursor = frame["cursor"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default();
    let same = frame["channel"] == expected["to"] && frame["data"] == expected["data"];
    Got { event: number, cursor, intact: same && frame["type"] == expected["type"] }
}
