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

use super::device::{Orders, is_silent, user_name};
use super::fleet::Fleet;
use super::frame::{data, id};
use super::record::{Book, Watch};
use crate::http::Services;
use crate::node::SERVICE_KEY;

/// How long one try may take: longer than a node or the SDK needs to give up by itself.
const TRY: Duration = Duration::from_secs(12);
/// How long an event is tried once nothing stands in the way any more.
const LAST_TRIES: Duration = Duration::from_secs(30);
/// Events of the few users to whom much is published, among ten.
const TO_THE_BUSY: u32 = 3;
/// How many those are.
const BUSY: u32 = 5;
/// The largest padding of an ordinary event.
const PADDING: usize = 600;

/// Seconds of a deadline that is to be kept through every fault.
pub const AMPLE: u64 = 12;

/// By which way a publisher goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The SDK into Redis, one event at a time.
    Single,
    /// The SDK into Redis, some at a time.
    Batch,
    /// HTTP, to any node.
    Http,
}

/// What all publishers share.
pub struct Press {
    /// Where everything is written down.
    pub book: Arc<Book>,
    /// The SDK.
    pub publisher: Publisher,
    /// The nodes.
    pub fleet: Arc<Fleet>,
    /// Held while nothing may be on its way to Redis.
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
    watch: Option<Watch>,
}

impl Press {
    /// The SDK, set up as the nodes are.
    pub async fn sdk(url: &str) -> Publisher {
        let retention = Retention { log_events: super::LOG_EVENTS, ..Retention::default() };
        Publisher::builder(url).retention(retention).connect().await.expect("the SDK takes the URL")
    }

    /// Publishes by this way, so many events a second, until all is calm.
    pub async fn work(&self, way: Way, rate: f64, mut orders: watch::Receiver<Orders>, mut rng: Rng) {
        let mut doors = HashMap::new();
        let size = if way == Way::Batch { 8 } else { 1 };
        let mut next = Instant::now() + Duration::from_secs_f64(rng.f64() / rate);
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                _ = orders.wait_for(|orders| orders.calm) => return,
            }
            let count = rng.usize(1..=size);
            // Whoever had to wait for Redis does not hurry afterwards.
            next = (next + Duration::from_secs_f64(to_f64(count) / rate)).max(Instant::now());
            let drafts: Vec<Draft> = (0..count).map(|_| self.draft(way, &mut rng)).collect();
            self.until_confirmed(way, drafts, &mut doors, &mut orders).await;
        }
    }

    /// Publishes many events to one user, as fast as it goes.
    pub async fn burst(&self, user: u32, count: usize, padding: usize, mut orders: watch::Receiver<Orders>) {
        let draft = |_| Draft { event: self.book.begin(user, None), user, padding, watch: None };
        let drafts = (0..count).map(draft).collect();
        self.until_confirmed(Way::Batch, drafts, &mut HashMap::new(), &mut orders).await;
    }

    /// One event for every user.
    pub async fn round(&self, mut orders: watch::Receiver<Orders>) {
        let draft = |user| Draft { event: self.book.begin(user, None), user, padding: 0, watch: None };
        let drafts = (0..self.users).map(draft).collect();
        self.until_confirmed(Way::Batch, drafts, &mut HashMap::new(), &mut orders).await;
    }

    fn draft(&self, way: Way, rng: &mut Rng) -> Draft {
        let busy = rng.u32(..10) < TO_THE_BUSY;
        let user = rng.u32(..if busy { BUSY.min(self.users) } else { self.users });
        let watch = match rng.u32(..4) {
            // A service asks about some of its events only.
            _ if way == Way::Batch => None,
            0 => None,
            1 => Some(Watch::Receipt),
            // Nobody acknowledges: it falls back. Somebody does: in good time, whatever happens meanwhile.
            _ if is_silent(user) => Some(Watch::Deadline(rng.u64(3..7))),
            _ => Some(Watch::Deadline(AMPLE)),
        };
        Draft { event: self.book.begin(user, watch), user, padding: rng.usize(..PADDING), watch }
    }

    /// Tries again and again, each time with the same ids, those that are not confirmed yet.
    async fn until_confirmed(
        &self,
        way: Way,
        mut drafts: Vec<Draft>,
        doors: &mut HashMap<SocketAddr, Services>,
        orders: &mut watch::Receiver<Orders>,
    ) {
        let mut calm_since = None;
        while !drafts.is_empty() {
            let answers = {
                let _open = self.gate.read().await;
                timeout(TRY, self.attempt(way, &drafts, doors)).await.unwrap_or_default()
            };
            let mut cursors = answers.into_iter().chain(std::iter::repeat(None));
            drafts.retain(|draft| match cursors.next().flatten() {
                Some(cursor) => {
                    self.book.confirm(draft.event, cursor);
                    false
                }
                None => true,
            });
            if orders.borrow_and_update().calm {
                let since = *calm_since.get_or_insert_with(Instant::now);
                if since.elapsed() > LAST_TRIES {
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
        way: Way,
        drafts: &[Draft],
        doors: &mut HashMap<SocketAddr, Services>,
    ) -> Vec<Option<Cursor>> {
        match way {
            Way::Single | Way::Batch => {
                let events: Vec<Event> = drafts.iter().map(|draft| draft.event(self.durability)).collect();
                let outcomes = self.publisher.publish_all(events).await;
                outcomes.iter().map(|outcome| outcome.as_ref().ok().and_then(Published::cursor)).collect()
            }
            Way::Http => {
                let Some(found) = self.fleet.pick() else { return Vec::new() };
                let door =
                    doors.entry(found.services).or_insert_with(|| Services::new(found.services, Some(SERVICE_KEY)));
                let mut cursors = Vec::new();
                for draft in drafts {
                    let answer = door.publish(&draft.json(self.durability)).await;
                    let told = answer.json();
                    let cursor = told["cursor"].as_str().and_then(|text| text.parse().ok());
                    cursors.push(cursor.filter(|_| answer.status == 202));
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
        match self.watch {
            Some(Watch::Receipt) => json["receipt"] = json!(true),
            Some(Watch::Deadline(seconds)) => json["deadline"] = json!(seconds),
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
