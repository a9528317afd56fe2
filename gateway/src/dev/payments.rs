//! The last payments and how far each of them is, for the page to look at.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use tokio::sync::watch;
use wirebell_protocol::Cursor;

/// How many are kept. More than run at once, so that none is forgotten while it is worked on.
const MAX_KEPT: usize = 128;

/// How far a payment is.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Progress {
    /// What has been done, in order.
    pub(super) steps: Vec<Step>,
    /// Nothing more will be done.
    pub(super) done: bool,
}

/// One step, and what came of telling the user.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Step {
    /// The payment's new status.
    pub(super) status: &'static str,
    /// Milliseconds since the request.
    pub(super) after: u64,
    /// What the publisher was told, or what was wrong.
    #[serde(flatten)]
    pub(super) published: Published,
}

/// What came of publishing.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Published {
    /// The bus has it.
    #[serde(rename = "told")]
    Accepted {
        /// The event.
        id: String,
        /// Its place in the user's log.
        cursor: Option<Cursor>,
        /// How many nodes listened.
        nodes: u64,
        /// Milliseconds that publishing took.
        millis: u64,
    },
    /// It was not published.
    Problem(String),
}

/// The last payments.
#[derive(Default)]
pub(super) struct Payments(Mutex<VecDeque<(String, watch::Receiver<Progress>)>>);

impl Payments {
    /// Opens an account of one payment; what is sent is what [`Payments::watch`] shows.
    pub(super) fn open(&self, payment: String) -> watch::Sender<Progress> {
        let (sender, receiver) = watch::channel(Progress::default());
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == MAX_KEPT {
            kept.pop_front();
        }
        kept.push_back((payment, receiver));
        sender
    }

    /// That payment's progress, now and from now on.
    pub(super) fn watch(&self, payment: &str) -> Option<watch::Receiver<Progress>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(name, _)| name == payment).map(|(_, progress)| progress.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten() {
        let payments = Payments::default();
        for number in 0..=MAX_KEPT {
            payments.open(format!("pay_{number}"));
        }
        assert!(payments.watch("pay_0").is_none());
        assert!(payments.watch("pay_1").is_some());
    }

    #[test]
    fn a_step_reads_as_the_page_expects() {
        let published = Published::Accepted { id: "e".to_owned(), cursor: "5-0".parse().ok(), nodes: 1, millis: 2 };
        let step = Step { status: "paid", after: 3000, published };
        let expected = r#"{"status":"paid","after":3000,"told":{"id":"e","cursor":"5-0","nodes":1,"millis":2}}"#;
        assert_eq!(serde_json::to_string(&step).unwrap(), expected);
        let step = Step { status: "paid", after: 0, published: Published::Problem("down".to_owned()) };
        assert_eq!(serde_json::to_string(&step).unwrap(), r#"{"status":"paid","after":0,"problem":"down"}"#);
    }
}
