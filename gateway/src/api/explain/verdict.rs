//! The verdict on an event on one channel: its delivery status, and if no device has acknowledged
//! it, why not.

use serde::Serialize;
use wirebell_protocol::tracking::{Receipt, State};

use super::facts::Facts;
use super::reason::{Reason, reason};
use super::{describe_connection, timestamp};

/// The delivery status of an event, and its reason.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(in crate::api) struct Verdict {
    /// A stable code, for programs.
    pub(in crate::api) code: &'static str,
    /// The stable code of the reason, if no device acknowledged the event in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::api) why: Option<&'static str>,
    /// A sentence, for people.
    pub(in crate::api) says: String,
}

/// Returns the verdict that follows from the facts.
pub(in crate::api) fn verdict(facts: &Facts) -> Verdict {
    let Some(receipt) = &facts.receipt else { return of(reason(facts)) };
    let at = |millis: Option<u64>| millis.map_or_else(|| "an unknown time".to_owned(), timestamp);
    match receipt.state {
        State::Scheduled => says("scheduled", format!("It is scheduled for {}.", at(receipt.deliver_at))),
        State::Cancelled => says("cancelled", format!("It was cancelled at {}.", at(receipt.settled_at))),
        State::Acknowledged => says("acknowledged", acknowledged(receipt)),
        State::Accepted if !receipt.acknowledged.is_empty() => says("acknowledged", acknowledged(receipt)),
        State::Accepted => of(reason(facts)),
        State::FallenBack => {
            let summary =
                format!("It was added to the fallback stream at {}, its deadline.", at(receipt.settled_at));
            unacknowledged("fallen_back", &summary, receipt, &reason(facts))
        }
        State::Expired => {
            let summary = format!("Until {} no device acknowledged it.", at(receipt.settled_at));
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
        format!(
            "The device `{device}` acknowledged it at {at} over {}.",
            describe_connection(&ack.connection, None)
        )
    });
    each.collect::<Vec<_>>().join(" ")
}

/// Returns the verdict on an event that no device acknowledged in time. A late acknowledgement is
/// possible.
fn unacknowledged(code: &'static str, summary: &str, receipt: &Receipt, reason: &Reason) -> Verdict {
    if receipt.acknowledged.is_empty() {
        return Verdict { code, why: Some(reason.code), says: format!("{summary} {}", reason.says) };
    }
    let says = format!("{summary} That was too late: {}", acknowledged(receipt));
    Verdict { code, why: Some("late"), says }
}
