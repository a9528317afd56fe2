//! The latest payments and their progress.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use tokio::sync::watch;
use wirebell_protocol::Cursor;

/// Maximum number of payments. More than the number of concurrent ones, so that none is removed
/// while in progress.
const MAX_KEPT: usize = 128;

/// The progress of a payment.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Progress {
    /// The completed steps, in order.
    pub(super) steps: Vec<Step>,
    /// Whether the payment is complete.
    pub(super) done: bool,
}

/// One step, and the result of publishing it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Step {
    /// The payment's new status.
    pub(super) status: &'static str,
    /// Milliseconds since the request.
    pub(super) after: u64,
    /// The publish result, or the error.
    #[serde(flatten)]
    pub(super) published: Published,
}

/// The result of publishing.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Published {
    /// The bus accepted the event.
    #[serde(rename = "told")]
    Accepted {
        /// The event's id.
        id: String,
        /// Its cursor in the user's log.
        cursor: Option<Cursor>,
        /// Number of nodes with subscribers.
        nodes: u64,
        /// How long publishing took, in milliseconds.
        millis: u64,
    },
    /// The event was not published.
    Problem(String),
}

/// The latest payments.
#[derive(Default)]
pub(super) struct Payments(Mutex<VecDeque<(String, watch::Receiver<Progress>)>>);

impl Payments {
    /// Adds a payment. [`Payments::watch`] shows the progress that the sender sends.
    pub(super) fn open(&self, payment: String) -> watch::Sender<Progress> {
        let (sender, receiver) = watch::channel(Progress::default());
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == MAX_KEPT {
            kept.pop_front();
        }
        kept.push_back((payment, receiver));
        sender
    }

    /// Returns a receiver of the payment's progress.
    pub(super) fn watch(&self, payment: &str) -> Option<watch::Receiver<Progress>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(name, _)| name == payment).map(|(_, progress)| progress.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_payment_is_removed() {
        let payments = Payments::default();
        for number in 0..=MAX_KEPT {
            payments.open(format!("pay_{number}"));
        }
        assert!(payments.watch("pay_0").is_none());
        assert!(payments.watch("pay_1").is_some());
    }

    #[test]
    fn a_step_serializes_as_the_page_expects() {
        let published = Published::Accepted { id: "e".to_owned(), cursor: "5-0".parse().ok(), nodes: 1, millis: 2 };
        let step = Step { status: "paid", after: 3000, published };
        let expected = r#"{"status":"paid","after":3000,"told":{"id":"e","cursor":"5-0","nodes":1,"millis":2}}"#;
        assert_eq!(serde_json::to_string(&step).unwrap(), expected);
        let step = Step { status: "paid", after: 0, published: Published::Problem("down".to_owned()) };
        assert_eq!(serde_json::to_string(&step).unwrap(), r#"{"status":"paid","after":0,"problem":"down"}"#);
    }
}
