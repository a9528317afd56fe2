//! The verdict on an event on one channel: where it stands, and if no device has acknowledged it, why not.

use serde::Serialize;
use wirebell_protocol::tracking::{Receipt, State};

use super::facts::Facts;
use super::reason::{Reason, reason};
use super::{timestamp, describe_connection};

/// What has become of the event, and why.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(in crate::api) struct Verdict {
    /// A fixed word, for programs.
    pub(in crate::api) code: &'static str,
    /// Where the code says that nobody has acknowledged it in time: the fixed word for the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::api) why: Option<&'static str>,
    /// For people.
    pub(in crate::api) says: String,
}

/// What follows from the facts.
pub(in crate::api) fn verdict(facts: &Facts) -> Verdict {
    let Some(receipt) = &facts.receipt else { return of(reason(facts)) };
    let at = |millis: Option<u64>| millis.map_or_else(|| "an unknown time".to_owned(), timestamp);
    match receipt.state {
        State::Scheduled => says("scheduled", format!("It is to be published at {}.", at(receipt.deliver_at))),
        State::Cancelled => says("cancelled", format!("It was cancelled at {}.", at(receipt.settled_at))),
        State::Acknowledged => says("acknowledged", acknowledged(receipt)),
        State::Accepted if !receipt.acknowledged.is_empty() => says("acknowledged", acknowledged(receipt)),
        State::Accepted => of(reason(facts)),
        State::FallenBack => {
            let summary = format!("It fell back at {}, its deadline.", at(receipt.settled_at));
            unacknowledged("fallen_back", &summary, receipt, &reason(facts))
        }
        State::Expired => {
            let summary = format!("Until {} nobody had acknowledged it.", at(receipt.settled_at));
            unacknowledged("expired", &summary, receipt, &reason(facts))
        }
    }
}

fn says(code: &'static str, says: String) -> Verdict {
    Verdict { code, why: None, says }
}

fn of(reason: Reason) -> Verdict {
    Verdict { code: reason.code, why: None, says: reason.says }
}

fn acknowledged(receipt: &Receipt) -> String {
    let each = receipt.acknowledged.iter().map(|ack| {
        let (device, at) = (&ack.device, timestamp(ack.at));
        format!("The device `{device}` acknowledged it at {at} over {}.", describe_connection(&ack.connection, None))
    });
    each.collect::<Vec<_>>().join(" ")
}

/// Nobody acknowledged it in time; somebody may have since.
fn unacknowledged(code: &'static str, summary: &str, receipt: &Receipt, reason: &Reason) -> Verdict {
    if receipt.acknowledged.is_empty() {
        return Verdict { code, why: Some(reason.code), says: format!("{summary} {}", reason.says) };
    }
    let says = format!("{summary} That was too late: {}", acknowledged(receipt));
    Verdict { code, why: Some("late"), says }
}
