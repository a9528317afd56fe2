//! The publishers of a run, through the SDK and over HTTP. Each event has an id and is retried with
//! the same id until it is confirmed.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};
use tokio::sync::{RwLock, watch};
use tokio::time::{Instant, sleep, timeout};
use wirebell_protocol::event::Durability;
use wirebell_protocol::{Cursor, Event};
use wirebell_publisher::{Published, Publisher, Retention};

use super::device::{DeviceCommands, never_acknowledges};
use super::fleet::Fleet;
use super::frame::{data, id, user_name};
use super::record::{PublishLog, Tracking};
use crate::node::API_KEY;
use crate::server_api::ServerApi;

/// Time limit for one attempt. It is longer than a node or the SDK needs to give up.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(12);
/// How long an event is retried after all faults have ended.
const FINAL_ATTEMPTS: Duration = Duration::from_secs(30);
/// Share of events that go to the few busy users, out of ten.
const BUSY_SHARE: u32 = 3;
/// Number of busy users.
const BUSY_USERS: u32 = 5;
/// Maximum padding of an ordinary event.
const PADDING: usize = 600;

/// A deadline, in seconds, that is long enough to be met through every fault.
pub const LONG_DEADLINE: u64 = 12;

/// The path of a publisher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishPath {
    /// The SDK into Redis, one event per call.
    Single,
    /// The SDK into Redis, several events per call.
    Batch,
    /// HTTP to any node.
    Http,
}

/// What all publishers share.
pub struct Publishers {
    /// Record of all published events.
    pub publish_log: Arc<PublishLog>,
    /// The SDK.
    pub publisher: Publisher,
    /// The nodes.
    pub fleet: Arc<Fleet>,
    /// Locked while nothing may be in flight to Redis.
    pub gate: RwLock<()>,
    /// Number of users.
    pub users: u32,
    /// When an event counts as published.
    pub durability: Durability,
}

/// An event that has its number.
#[derive(Debug, Clone, Copy)]
struct Draft {
    event: u32,
    user: u32,
    padding: usize,
    tracking: Option<Tracking>,
}

impl Publishers {
    /// Returns the SDK with the same settings as the nodes.
    pub async fn sdk(url: &str) -> Publisher {
        let retention = Retention { log_events: super::LOG_EVENTS, ..Retention::default() };
        Publisher::builder(url).retention(retention).connect().await.expect("the SDK takes the URL")
    }

    /// Publishes on this path, at this many events per second, until faults end.
    pub async fn publish_at_rate(
        &self,
        path: PublishPath,
        rate: f64,
        mut commands: watch::Receiver<DeviceCommands>,
        mut rng: Rng,
    ) {
        let mut apis = HashMap::new();
        let size = if path == PublishPath::Batch { 8 } else { 1 };
        let mut next = Instant::now() + Duration::from_secs_f64(rng.f64() / rate);
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                _ = commands.wait_for(|commands| commands.faults_over) => return,
            }
            let count = rng.usize(1..=size);
            // A publisher that had to wait for Redis does not catch up afterwards.
            next = (next + Duration::from_secs_f64(to_f64(count) / rate)).max(Instant::now());
            let drafts: Vec<Draft> = (0..count).map(|_| self.draft(path, &mut rng)).collect();
            self.until_confirmed(path, drafts, &mut apis, &mut commands).await;
        }
    }

    /// Publishes many events to one user as fast as possible.
    pub async fn burst(
        &self,
        user: u32,
        count: usize,
        padding: usize,
        mut commands: watch::Receiver<DeviceCommands>,
    ) {
        let draft = |_| Draft { event: self.publish_log.begin(user, None), user, padding, tracking: None };
        let drafts = (0..count).map(draft).collect();
        self.until_confirmed(PublishPath::Batch, drafts, &mut HashMap::new(), &mut commands).await;
    }

    /// Publishes one event to every user.
    pub async fn publish_to_all_users(&self, mut commands: watch::Receiver<DeviceCommands>) {
        let draft = |user| Draft { event: self.publish_log.begin(user, None), user, padding: 0, tracking: None };
        let drafts = (0..self.users).map(draft).collect();
        self.until_confirmed(PublishPath::Batch, drafts, &mut HashMap::new(), &mut commands).await;
    }

    fn draft(&self, path: PublishPath, rng: &mut Rng) -> Draft {
        let busy = rng.u32(..10) < BUSY_SHARE;
        let user = rng.u32(..if busy { BUSY_USERS.min(self.users) } else { self.users });
        let tracking = match rng.u32(..4) {
            // A service tracks only some of its events.
            _ if path == PublishPath::Batch => None,
            0 => None,
            1 => Some(Tracking::Receipt),
            // Without an acknowledgement the event goes to the fallback stream. With one, the
            // deadline is long enough for any fault.
            _ if never_acknowledges(user) => Some(Tracking::Deadline(rng.u64(3..7))),
            _ => Some(Tracking::Deadline(LONG_DEADLINE)),
        };
        Draft { event: self.publish_log.begin(user, tracking), user, padding: rng.usize(..PADDING), tracking }
    }

    /// Retries the events that are not confirmed yet, with the same ids.
    async fn until_confirmed(
        &self,
        path: PublishPath,
        mut drafts: Vec<Draft>,
        apis: &mut HashMap<SocketAddr, ServerApi>,
        commands: &mut watch::Receiver<DeviceCommands>,
    ) {
        let mut ended_at = None;
        while !drafts.is_empty() {
            let responses = {
                let _open = self.gate.read().await;
                timeout(ATTEMPT_TIMEOUT, self.attempt(path, &drafts, apis)).await.unwrap_or_default()
            };
            let mut cursors = responses.into_iter().chain(std::iter::repeat(None));
            drafts.retain(|draft| match cursors.next().flatten() {
                Some(cursor) => {
                    self.publish_log.confirm(draft.event, cursor);
                    false
                }
                None => true,
            });
            if commands.borrow_and_update().faults_over {
                let since = *ended_at.get_or_insert_with(Instant::now);
                if since.elapsed() > FINAL_ATTEMPTS {
                    return;
                }
            }
            if !drafts.is_empty() {
                sleep(Duration::from_millis(fastrand::u64(30..200))).await;
            }
        }
    }

    /// Makes one attempt. Returns a cursor for each event that is confirmed.
    async fn attempt(
        &self,
        path: PublishPath,
        drafts: &[Draft],
        apis: &mut HashMap<SocketAddr, ServerApi>,
    ) -> Vec<Option<Cursor>> {
        match path {
            PublishPath::Single | PublishPath::Batch => {
                let events: Vec<Event> = drafts.iter().map(|draft| draft.event(self.durability)).collect();
                let results = self.publisher.publish_all(events).await;
                results.iter().map(|result| result.as_ref().ok().and_then(Published::cursor)).collect()
            }
            PublishPath::Http => {
                let Some(node) = self.fleet.pick() else { return Vec::new() };
                let api = apis.entry(node.services).or_insert_with(|| ServerApi::new(node.services, Some(API_KEY)));
                let mut cursors = Vec::new();
                for draft in drafts {
                    let response = api.publish(&draft.json(self.durability)).await;
                    let body = response.json();
                    let cursor = body["cursor"].as_str().and_then(|text| text.parse().ok());
                    cursors.push(cursor.filter(|_| response.status == 202));
                }
                cursors
            }
        }
    }
}

impl Draft {
    fn json(&self, durability: Durability) -> Value {
        let to = format!("user:{}", user_name(self.user));
        let mut json =
            json!({"to": to, "type": "chaos", "id": id(self.event), "data": data(self.event, self.padding)});
        json["durability"] = json!(durability.as_str());
        match self.tracking {
            Some(Tracking::Receipt) => json["receipt"] = json!(true),
            Some(Tracking::Deadline(seconds)) => json["deadline"] = json!(seconds),
            None => {}
        }
        json
    }

    fn event(&self, durability: Durability) -> Event {
        let json = self.json(durability);
        Event::parse(json.to_string().as_bytes(), 64 * 1024).expect("a valid event")
    }
}

fn to_f64(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}
