//! The delivery status of tracked events: receipts and fallbacks as a service can fetch them, and
//! the rules that compare them with what the devices did.
//!
//! A device acknowledges earlier than the bus learns of it. In between may be a cut link, a
//! failover, or a connection that breaks before the frame arrives. An event that was acknowledged
//! less than [`ACK_DELAY`] before its deadline may therefore be in the fallback stream or not.

use std::collections::HashMap;

use futures_util::{StreamExt, stream};
use serde_json::Value;
use wirebell_protocol::keys::Shard;
use wirebell_protocol::{Cursor, Keys};

use super::audit::{Violation, ViolationKind};
use super::frame::id;
use super::record::{DeviceEvent, DeviceRecord, SentEvent, Tracking};
use super::servers::Servers;
use crate::server_api::ServerApi;

/// How long an acknowledgement may take during faults, in milliseconds.
pub const ACK_DELAY: u64 = 8_000;
/// Maximum difference between two readings of the same machine's clock, in milliseconds.
const CLOCK_TOLERANCE: u64 = 50;
/// Concurrent requests.
const CONCURRENT_REQUESTS: usize = 16;

/// A delivery record, as far as the rules need it. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipt {
    /// The delivery status.
    pub state: String,
    /// The deadline for an acknowledgement.
    pub deadline_at: Option<u64>,
    /// The devices that acknowledged the event, and when.
    pub acknowledged: Vec<(String, u64)>,
}

/// All receipts and fallbacks of a run.
#[derive(Debug, Clone, Default)]
pub struct TrackedResults {
    /// The receipts by event.
    pub receipts: HashMap<u32, Receipt>,
    /// How often each event is in the fallback stream.
    pub fallbacks: HashMap<u32, usize>,
}

impl TrackedResults {
    /// Fetches the receipt of every confirmed tracked event from a node. Reads the fallback stream
    /// where a fallback service reads it.
    pub async fn fetch(api: &ServerApi, servers: &Servers, sent: &[SentEvent]) -> Self {
        let tracked = (0_u32..).zip(sent).filter(|(_, sent)| sent.tracking.is_some() && sent.confirmed.is_some());
        let requests = stream::iter(tracked.map(|(event, _)| event).collect::<Vec<_>>()).map(|event| async move {
            let response = api.get(&format!("/v1/events/{}", id(event))).await;
            (event, (response.status == 200).then(|| read(&response.json()["channels"][0])))
        });
        let found: Vec<(u32, Option<Receipt>)> = requests.buffer_unordered(CONCURRENT_REQUESTS).collect().await;
        let receipts = found.into_iter().filter_map(|(event, receipt)| Some((event, receipt?))).collect();
        let mut fallbacks = HashMap::new();
        for shard in Shard::all() {
            let entries = servers.stream(&Keys::default().fallback(shard)).await.unwrap_or_default();
            for fields in entries {
                let event = fields.get("id").and_then(|id| id.strip_prefix('e')?.parse().ok());
                *fallbacks.entry(event.unwrap_or(u32::MAX)).or_default() += 1;
            }
        }
        Self { receipts, fallbacks }
    }

    /// Returns the number of events in the fallback stream.
    pub fn fallback_count(&self) -> usize {
        self.fallbacks.len()
    }
}

fn read(channel: &Value) -> Receipt {
    let entry = |ack: &Value| Some((ack["device"].as_str()?.to_owned(), ack["at"].as_u64()?));
    Receipt {
        state: channel["state"].as_str().unwrap_or("").to_owned(),
        deadline_at: channel["deadline_at"].as_u64(),
        acknowledged: channel["acknowledged"].as_array().into_iter().flatten().filter_map(entry).collect(),
    }
}

/// The acknowledgements of one device: cursors, each with the time in milliseconds since 1970.
struct DeviceAcks {
    device: String,
    acks: Vec<(u64, Cursor)>,
}

impl DeviceAcks {
    /// Returns when the device first acknowledged an event at this cursor.
    fn first(&self, cursor: Cursor) -> Option<u64> {
        self.acks.iter().find(|(_, acknowledged)| *acknowledged >= cursor).map(|(at, _)| *at)
    }
}

/// Compares receipts and fallbacks with what the devices did. `started` is the start of the run in
/// milliseconds since 1970.
pub fn audit(
    started: u64,
    sent: &[SentEvent],
    records: &[DeviceRecord],
    results: &TrackedResults,
) -> Vec<Violation> {
    let device_acks = device_acks(started, records);
    let mut violations = Vec::new();
    for (event, sent) in (0_u32..).zip(sent) {
        let (Some(confirmed), Some(tracking)) = (sent.confirmed, sent.tracking) else { continue };
        let mut add = |kind| violations.push(Violation { kind, record: None, event: Some(event) });
        let Some(receipt) = results.receipts.get(&event) else {
            add(ViolationKind::WrongReceipt);
            continue;
        };
        let first_acks: HashMap<&str, u64> = device_acks
            .get(&sent.user)
            .into_iter()
            .flatten()
            .filter_map(|device_acks| Some((device_acks.device.as_str(), device_acks.first(confirmed.cursor)?)))
            .collect();
        if !agrees(receipt, &first_acks, tracking) {
            add(ViolationKind::WrongReceipt);
        }
        let count = results.fallbacks.get(&event).copied().unwrap_or(0);
        if count > 1 {
            add(ViolationKind::FallbackDuplicated);
        }
        match expects_fallback(receipt, &first_acks) {
            Some(true) if count == 0 => add(ViolationKind::FallbackMissed),
            Some(false) if count > 0 => add(ViolationKind::FallbackUnexpected),
            // Close to the deadline both are correct, if delivery record and stream agree.
            None if (count > 0) != (receipt.state == "fallen_back") => add(ViolationKind::FallbackMissed),
            _ => {}
        }
    }
    violations
}

/// Returns whether the receipt names exactly the devices that acknowledged, none before it did,
/// with a state that follows from it.
fn agrees(receipt: &Receipt, first_acks: &HashMap<&str, u64>, tracking: Tracking) -> bool {
    let known = |(device, at): &(String, u64)| {
        first_acks.get(device.as_str()).is_some_and(|first| *first <= at + CLOCK_TOLERANCE)
    };
    let all = first_acks.keys().all(|device| receipt.acknowledged.iter().any(|(name, _)| name == device));
    let state = match (receipt.state.as_str(), tracking) {
        ("acknowledged", _) => !receipt.acknowledged.is_empty(),
        ("accepted", Tracking::Receipt) => receipt.acknowledged.is_empty(),
        ("fallen_back", Tracking::Deadline(_)) => true,
        _ => false,
    };
    all && state && receipt.acknowledged.iter().all(known)
}

/// Returns whether the event must be in the fallback stream. `None` if both are correct.
fn expects_fallback(receipt: &Receipt, first_acks: &HashMap<&str, u64>) -> Option<bool> {
    let Some(deadline) = receipt.deadline_at else { return Some(false) };
    match first_acks.values().min() {
        None => Some(true),
        Some(first) if *first > deadline + CLOCK_TOLERANCE => Some(true),
        Some(first) if first + ACK_DELAY < deadline => Some(false),
        Some(_) => None,
    }
}

fn device_acks(started: u64, records: &[DeviceRecord]) -> HashMap<u32, Vec<DeviceAcks>> {
    let mut device_acks: HashMap<u32, Vec<DeviceAcks>> = HashMap::new();
    for record in records {
        let acks = record.entries.iter().filter_map(|entry| match entry.event {
            DeviceEvent::Acknowledged(cursor) => Some((started + entry.millis, cursor)),
            _ => None,
        });
        let device = format!("d{}", record.device);
        device_acks.entry(record.user).or_default().push(DeviceAcks { device, acks: acks.collect() });
    }
    device_acks
}

#[cfg(test)]
mod tests {
    use super::super::record::{Confirmed, RecordEntry};
    use super::*;

    const STARTED: u64 = 1_000_000;

    /// Event 0 is acknowledged at once by the user's device `d0`. Event 1 is not acknowledged.
    /// Event 2 wants only a receipt and has one.
    fn valid_run() -> (Vec<SentEvent>, Vec<DeviceRecord>, TrackedResults) {
        let sent = [Tracking::Deadline(12), Tracking::Deadline(3), Tracking::Receipt].into_iter().zip(1_u64..);
        let sent = sent.map(|(tracking, number)| {
            let confirmed = Confirmed { cursor: Cursor { millis: number, sequence: 0 }, at: number, millis: 0 };
            let user = u32::from(tracking == Tracking::Deadline(3));
            SentEvent { user, started: number, millis: 0, tracking: Some(tracking), confirmed: Some(confirmed) }
        });
        let ack = |millis: u64| DeviceEvent::Acknowledged(Cursor { millis, sequence: 0 });
        let entries = vec![RecordEntry { millis: 100, event: ack(1) }, RecordEntry { millis: 300, event: ack(3) }];
        let records = vec![
            DeviceRecord { user: 0, device: 0, entries },
            DeviceRecord { user: 1, device: 0, entries: Vec::new() },
        ];
        let receipt = |state: &str, deadline_at, acks: &[u64]| Receipt {
            state: state.to_owned(),
            deadline_at,
            acknowledged: acks.iter().map(|at| ("d0".to_owned(), STARTED + at)).collect(),
        };
        let receipts = HashMap::from([
            (0, receipt("acknowledged", Some(STARTED + 12_000), &[110])),
            (1, receipt("fallen_back", Some(STARTED + 3_000), &[])),
            (2, receipt("acknowledged", None, &[310])),
        ]);
        (sent.collect(), records, TrackedResults { receipts, fallbacks: HashMap::from([(1, 1)]) })
    }

    fn violations_after(
        tamper: impl FnOnce(&mut Vec<DeviceRecord>, &mut TrackedResults),
    ) -> Vec<(ViolationKind, u32)> {
        let (sent, mut records, mut results) = valid_run();
        tamper(&mut records, &mut results);
        let violations = audit(STARTED, &sent, &records, &results);
        violations.into_iter().map(|it| (it.kind, it.event.expect("an event"))).collect()
    }

    #[test]
    fn receipts_without_faults_pass() {
        assert_eq!(violations_after(|_, _| ()), []);
    }

    #[test]
    fn missing_duplicated_and_unexpected_fallbacks_are_reported() {
        let missing = violations_after(|_, results| _ = results.fallbacks.remove(&1));
        assert_eq!(missing, [(ViolationKind::FallbackMissed, 1)]);
        let doubled = violations_after(|_, results| _ = results.fallbacks.insert(1, 2));
        assert_eq!(doubled, [(ViolationKind::FallbackDuplicated, 1)]);
        let wrongly = violations_after(|_, results| _ = results.fallbacks.insert(0, 1));
        assert_eq!(wrongly, [(ViolationKind::FallbackUnexpected, 0)]);
        let without_deadline = violations_after(|_, results| _ = results.fallbacks.insert(2, 1));
        assert_eq!(without_deadline, [(ViolationKind::FallbackUnexpected, 2)]);
    }

    #[test]
    fn missing_or_wrong_receipt_is_reported() {
        let missing = violations_after(|_, results| _ = results.receipts.remove(&2));
        assert_eq!(missing, [(ViolationKind::WrongReceipt, 2)]);
        let unsaid = violations_after(|records, _| _ = records[0].entries.pop());
        assert_eq!(unsaid, [(ViolationKind::WrongReceipt, 2)]);
        let unheard = violations_after(|_, results| results.receipts.get_mut(&2).expect("it").acknowledged.clear());
        assert_eq!(unheard, [(ViolationKind::WrongReceipt, 2)]);
        let too_early = violations_after(|records, _| records[0].entries[0].millis = 200);
        assert_eq!(too_early, [(ViolationKind::WrongReceipt, 0)]);
    }

    #[test]
    fn fallback_is_optional_close_to_the_deadline_but_must_match_the_receipt() {
        let late = |records: &mut Vec<DeviceRecord>, results: &mut TrackedResults| {
            records[0].entries[0].millis = 11_000;
            records[0].entries[1].millis = 11_000;
            for event in [0, 2] {
                results.receipts.get_mut(&event).expect("it").acknowledged[0].1 = STARTED + 11_500;
            }
        };
        assert_eq!(violations_after(late), []);
        let fallback_count = violations_after(|records, results| {
            late(records, results);
            results.fallbacks.insert(0, 1);
            results.receipts.get_mut(&0).expect("it").state = "fallen_back".to_owned();
        });
        assert_eq!(fallback_count, []);
        let both = violations_after(|records, results| {
            late(records, results);
            results.fallbacks.insert(0, 1);
        });
        assert_eq!(both, [(ViolationKind::FallbackMissed, 0)]);
    }
}
