//! The publishers of a run: through the SDK and over HTTP, each event with its id, tried again with the same id until
//! it is confirmed.

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

/// How long one try may take: longer than a node or the SDK needs to give up by itself.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(12);
/// How long an event is tried once nothing stands in the path any more.
const FINAL_ATTEMPTS: Duration = Duration::from_secs(30);
/// Events of the few users to whom much is published, among ten.
const BUSY_SHARE: u32 = 3;
/// How many those are.
const BUSY_USERS: u32 = 5;
/// The largest padding of an ordinary event.
const PADDING: usize = 600;

/// Seconds of a deadline that is to be kept through every fault.
pub const LONG_DEADLINE: u64 = 12;

/// By which path a publisher goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishPath {
    /// The SDK into Redis, one event at a time.
    Single,
    /// The SDK into Redis, some at a time.
    Batch,
    /// HTTP, to any node.
    Http,
}

/// DeviceEvent all publishers share.
pub struct Publishers {
    /// Where everything is written down.
    pub publish_log: Arc<PublishLog>,
    /// The SDK.
    pub publisher: Publisher,
    /// The nodes.
    pub fleet: Arc<Fleet>,
    /// Held while nothing may be on its path to Redis.
    pub gate: RwLock<()>,
    /// How many users there are.
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
    /// The SDK, set up as the nodes are.
    pub async fn sdk(url: &str) -> Publisher {
        let retention = Retention { log_events: super::LOG_EVENTS, ..Retention::default() };
        Publisher::builder(url).retention(retention).connect().await.expect("the SDK takes the URL")
    }

    /// Publishes by this path, so many events a second, until all is faults_over.
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
            // Whoever had to wait for Redis does not hurry afterwards.
            next = (next + Duration::from_secs_f64(to_f64(count) / rate)).max(Instant::now());
            let drafts: Vec<Draft> = (0..count).map(|_| self.draft(path, &mut rng)).collect();
            self.until_confirmed(path, drafts, &mut apis, &mut commands).await;
        }
    }

    /// Publishes many events to one user, as fast as it goes.
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

    /// One event for every user.
    pub async fn publish_to_all_users(&self, mut commands: watch::Receiver<DeviceCommands>) {
        let draft = |user| Draft { event: self.publish_log.begin(user, None), user, padding: 0, tracking: None };
        let drafts = (0..self.users).map(draft).collect();
        self.until_confirmed(PublishPath::Batch, drafts, &mut HashMap::new(), &mut commands).await;
    }

    fn draft(&self, path: PublishPath, rng: &mut Rng) -> Draft {
        let busy = rng.u32(..10) < BUSY_SHARE;
        let user = rng.u32(..if busy { BUSY_USERS.min(self.users) } else { self.users });
        let tracking = match rng.u32(..4) {
            // A service asks about some of its events only.
            _ if path == PublishPath::Batch => None,
            0 => None,
            1 => Some(Tracking::Receipt),
            // Nobody acknowledges: it falls back. Somebody does: in good time, whatever happens meanwhile.
            _ if never_acknowledges(user) => Some(Tracking::Deadline(rng.u64(3..7))),
            _ => Some(Tracking::Deadline(LONG_DEADLINE)),
        };
        Draft { event: self.publish_log.begin(user, tracking), user, padding: rng.usize(..PADDING), tracking }
    }

    /// Tries again and again, each time with the same ids, those that are not confirmed yet.
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

    /// One try; a cursor for each event that is confirmed.
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
        Event::parse(json.to_string().as_bytes(), 64 * 1024).expect("a good event")
    }
}

fn to_f64(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}
