//! Counts how often each event was handed to a handler.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// The counts, shared by all clones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<HashMap<String, u32>>>);

impl Seen {
    /// Counts one delivery; returns the event's deliveries so far.
    pub(crate) fn note(&self, id: &str) -> u32 {
        let mut seen = self.0.lock().unwrap();
        let count = seen.entry(id.to_owned()).or_default();
        *count += 1;
        *count
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub(crate) fn all_once(&self) -> bool {
        self.0.lock().unwrap().values().all(|count| *count == 1)
    }
}
