//! What became of watched events: the receipts and the fallbacks as a service can ask for them, and the rules that
//! hold them against what the devices did.
//!
//! The moment in which a device acknowledges and the moment in which the bus hears of it differ by whatever stands in
//! the way: a link that is cut, a failover, a connection that breaks before the frame has arrived. So an event that
//! was acknowledged less than [`BAND`] before its deadline may have fallen back and may not.

use std::collections::HashMap;

use futures_util::{StreamExt, stream};
use serde_json::Value;
use wirebell_protocol::keys::Shard;
use wirebell_protocol::{Cursor, Keys};

use super::audit::{Objection, Wrong};
use super::frame::id;
use super::record::{Record, Sent, Watch, What};
use super::servers::Servers;
use crate::http::Services;

/// Milliseconds that an acknowledgement may take in a storm.
pub const BAND: u64 = 8_000;
/// Milliseconds by which two readings of the same machine's clock may differ here.
const BLUR: u64 = 50;
/// Requests at a time.
const AT_ONCE: usize = 16;

/// A record, as far as the rules need it. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipt {
    /// What became of it.
    pub state: String,
    /// By when it had to be acknowledged.
    pub deadline_at: Option<u64>,
    /// Which devices have acknowledged it, and when.
    pub acknowledged: Vec<(String, u64)>,
}

/// All that can be asked for after a run.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// The receipts by event.
    pub receipts: HashMap<u32, Receipt>,
    /// How often each event fell back.
    pub fallbacks: HashMap<u32, usize>,
}

impl Told {
    /// Asks a node for the receipt of every watched event that was confirmed, and reads what fell back where a
    /// service that takes it over reads it.
    pub async fn ask(door: &Services, servers: &Servers, sent: &[Sent]) -> Self {
        let watched = (0_u32..).zip(sent).filter(|(_, sent)| sent.watch.is_some() && sent.confirmed.is_some());
        let asked = stream::iter(watched.map(|(event, _)| event).collect::<Vec<_>>()).map(|event| async move {
            let answer = door.get(&format!("/v1/events/{}", id(event))).await;
            (event, (answer.status == 200).then(|| read(&answer.json()["channels"][0])))
        });
        let found: Vec<(u32, Option<Receipt>)> = asked.buffer_unordered(AT_ONCE).collect().await;
        let receipts = found.into_iter().filter_map(|(event, receipt)| Some((event, receipt?))).collect();
        let mut fallbacks = HashMap::new();
        for shard in Shard::all() {
            let fallen = servers.stream(&Keys::default().fallback(shard)).await.unwrap_or_default();
            for fields in fallen {
                let event = fields.get("id").and_then(|id| id.strip_prefix('e')?.parse().ok());
                *fallbacks.entry(event.unwrap_or(u32::MAX)).or_default() += 1;
            }
        }
        Self { receipts, fallbacks }
    }

    /// How many events fell back.
    pub fn fallen(&self) -> usize {
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

/// What one device said it had handled: cursors, each with the time, in milliseconds since 1970.
struct Said {
    device: String,
    acks: Vec<(u64, Cursor)>,
}

impl Said {
    /// When it first acknowledged an event at this place.
    fn first(&self, place: Cursor) -> Option<u64> {
        self.acks.iter().find(|(_, cursor)| *cursor >= place).map(|(at, _)| *at)
    }
}

/// Holds receipts and fallbacks against what the devices did. `begun` is the run's beginning in milliseconds since
/// 1970.
pub fn audit(begun: u64, sent: &[Sent], records: &[Record], told: &Told) -> Vec<Objection> {
    let said = said(begun, records);
    let mut objections = Vec::new();
    for (event, sent) in (0_u32..).zip(sent) {
        let (Some(confirmed), Some(watch)) = (sent.confirmed, sent.watch) else { continue };
        let mut object = |wrong| objections.push(Objection { wrong, record: None, event: Some(event) });
        let Some(receipt) = told.receipts.get(&event) else {
            object(Wrong::Receipt);
            continue;
        };
        let firsts: HashMap<&str, u64> = said
            .get(&sent.user)
            .into_iter()
            .flatten()
            .filter_map(|said| Some((said.device.as_str(), said.first(confirmed.cursor)?)))
            .collect();
        if !agrees(receipt, &firsts, watch) {
            object(Wrong::Receipt);
        }
        let fell = told.fallbacks.get(&event).copied().unwrap_or(0);
        if fell > 1 {
            object(Wrong::FallbackDoubled);
        }
        match should_fall(receipt, &firsts) {
            Some(true) if fell == 0 => object(Wrong::FallbackMissed),
            Some(false) if fell > 0 => object(Wrong::FallbackWrong),
            // In the band either is right, if record and stream say the same.
            None if (fell > 0) != (receipt.state == "fallen_back") => object(Wrong::FallbackMissed),
            _ => {}
        }
    }
    objections
}

/// Does the receipt name exactly the devices that acknowledged, none before it did, and a state that follows from it?
fn agrees(receipt: &Receipt, firsts: &HashMap<&str, u64>, watch: Watch) -> bool {
    let known = |(device, at): &(String, u64)| firsts.get(device.as_str()).is_some_and(|first| *first <= at + BLUR);
    let all = firsts.keys().all(|device| receipt.acknowledged.iter().any(|(name, _)| name == device));
    let state = match (receipt.state.as_str(), watch) {
        ("acknowledged", _) => !receipt.acknowledged.is_empty(),
        ("accepted", Watch::Receipt) => receipt.acknowledged.is_empty(),
        ("fallen_back", Watch::Deadline(_)) => true,
        _ => false,
    };
    all && state && receipt.acknowledged.iter().all(known)
}

/// Must the event have fallen back? None if nobody can tell.
fn should_fall(receipt: &Receipt, firsts: &HashMap<&str, u64>) -> Option<bool> {
    let Some(deadline) = receipt.deadline_at else { return Some(false) };
    match firsts.values().min() {
        None => Some(true),
        Some(first) if *first > deadline + BLUR => Some(true),
        Some(first) if first + BAND < deadline => Some(false),
        Some(_) => None,
    }
}

fn said(begun: u64, records: &[Record]) -> HashMap<u32, Vec<Said>> {
    let mut said: HashMap<u32, Vec<Said>> = HashMap::new();
    for record in records {
        let acks = record.lines.iter().filter_map(|line| match line.what {
            What::Acknowledged(cursor) => Some((begun + line.millis, cursor)),
            _ => None,
        });
        let device = format!("d{}", record.device);
        said.entry(record.user).or_default().push(Said { device, acks: acks.collect() });
    }
    said
}

#[cfg(test)]
mod tests {
    use super::super::record::{Confirmed, Line};
    use super::*;

    const BEGUN: u64 = 1_000_000;

    /// Event 0 is acknowledged by the user's device `d0` at once, 1 by nobody, 2 wants a receipt only, and has one.
    fn sound() -> (Vec<Sent>, Vec<Record>, Told) {
        let sent = [Watch::Deadline(12), Watch::Deadline(3), Watch::Receipt].into_iter().zip(1_u64..);
        let sent = sent.map(|(watch, number)| {
            let confirmed = Confirmed { cursor: Cursor { millis: number, sequence: 0 }, at: number, millis: 0 };
            let user = u32::from(watch == Watch::Deadline(3));
            Sent { user, began: number, millis: 0, watch: Some(watch), confirmed: Some(confirmed) }
        });
        let ack = |millis: u64| What::Acknowledged(Cursor { millis, sequence: 0 });
        let lines = vec![Line { millis: 100, what: ack(1) }, Line { millis: 300, what: ack(3) }];
        let records = vec![Record { user: 0, device: 0, lines }, Record { user: 1, device: 0, lines: Vec::new() }];
        let receipt = |state: &str, deadline_at, acks: &[u64]| Receipt {
            state: state.to_owned(),
            deadline_at,
            acknowledged: acks.iter().map(|at| ("d0".to_owned(), BEGUN + at)).collect(),
        };
        let receipts = HashMap::from([
            (0, receipt("acknowledged", Some(BEGUN + 12_000), &[110])),
            (1, receipt("fallen_back", Some(BEGUN + 3_000), &[])),
            (2, receipt("acknowledged", None, &[310])),
        ]);
        (sent.collect(), records, Told { receipts, fallbacks: HashMap::from([(1, 1)]) })
    }

    fn objections_to(doctor: impl FnOnce(&mut Vec<Record>, &mut Told)) -> Vec<(Wrong, u32)> {
        let (sent, mut records, mut told) = sound();
        doctor(&mut records, &mut told);
        let objections = audit(BEGUN, &sent, &records, &told);
        objections.into_iter().map(|it| (it.wrong, it.event.expect("an event"))).collect()
    }

    #[test]
    fn sound_receipts_pass() {
        assert_eq!(objections_to(|_, _| ()), []);
    }

    #[test]
    fn a_fallback_that_is_missing_or_doubled_or_wrongly_made_is_seen() {
        let missing = objections_to(|_, told| _ = told.fallbacks.remove(&1));
        assert_eq!(missing, [(Wrong::FallbackMissed, 1)]);
        let doubled = objections_to(|_, told| _ = told.fallbacks.insert(1, 2));
        assert_eq!(doubled, [(Wrong::FallbackDoubled, 1)]);
        let wrongly = objections_to(|_, told| _ = told.fallbacks.insert(0, 1));
        assert_eq!(wrongly, [(Wrong::FallbackWrong, 0)]);
        let without_deadline = objections_to(|_, told| _ = told.fallbacks.insert(2, 1));
        assert_eq!(without_deadline, [(Wrong::FallbackWrong, 2)]);
    }

    #[test]
    fn a_receipt_that_is_missing_or_names_others_is_seen() {
        let missing = objections_to(|_, told| _ = told.receipts.remove(&2));
        assert_eq!(missing, [(Wrong::Receipt, 2)]);
        let unsaid = objections_to(|records, _| _ = records[0].lines.pop());
        assert_eq!(unsaid, [(Wrong::Receipt, 2)]);
        let unheard = objections_to(|_, told| told.receipts.get_mut(&2).expect("it").acknowledged.clear());
        assert_eq!(unheard, [(Wrong::Receipt, 2)]);
        let too_early = objections_to(|records, _| records[0].lines[0].millis = 200);
        assert_eq!(too_early, [(Wrong::Receipt, 0)]);
    }

    #[test]
    fn close_to_the_deadline_either_is_right_but_not_both() {
        let late = |records: &mut Vec<Record>, told: &mut Told| {
            records[0].lines[0].millis = 11_000;
            records[0].lines[1].millis = 11_000;
            for event in [0, 2] {
                told.receipts.get_mut(&event).expect("it").acknowledged[0].1 = BEGUN + 11_500;
            }
        };
        assert_eq!(objections_to(late), []);
        let fallen = objections_to(|records, told| {
            late(records, told);
            told.fallbacks.insert(0, 1);
            told.receipts.get_mut(&0).expect("it").state = "fallen_back".to_owned();
        });
        assert_eq!(fallen, []);
        let both = objections_to(|records, told| {
            late(records, told);
            told.fallbacks.insert(0, 1);
        });
        assert_eq!(both, [(Wrong::FallbackMissed, 0)]);
    }
}
