//! The output of a process, line by line.

use std::io::{BufRead, BufReader, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

/// The lines so far.
#[derive(Debug, Clone, Default)]
pub struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    open_sources: Arc<AtomicUsize>,
}

impl Log {
    /// Reads from `source` on its own thread, so the process never waits for its reader.
    pub fn follow(&self, source: impl Read + Send + 'static) {
        let log = self.clone();
        log.open_sources.fetch_add(1, Ordering::AcqRel);
        std::thread::spawn(move || {
            for line in BufReader::new(source).split(b'\n').map_while(Result::ok) {
                log.lines_mut().push(String::from_utf8_lossy(&line).into_owned());
            }
            log.open_sources.fetch_sub(1, Ordering::AcqRel);
        });
    }

    /// Returns whether every source has ended and is read.
    pub fn is_complete(&self) -> bool {
        self.open_sources.load(Ordering::Acquire) == 0
    }

    /// Returns a copy of all lines.
    pub fn lines(&self) -> Vec<String> {
        self.lines_mut().clone()
    }

    /// Returns all lines as one text.
    pub fn text(&self) -> String {
        self.lines().join("\n")
    }

    /// Returns the fields of the first JSON line with this message.
    pub fn fields(&self, message: &str) -> Option<Value> {
        let read = |line: &String| serde_json::from_str::<Value>(line).ok();
        let fields = |line: Value| line.get("fields").cloned().unwrap_or(line);
        self.lines_mut().iter().filter_map(read).map(fields).find(|fields| fields["message"] == message)
    }

    /// Returns the lines that contain any of these texts.
    pub fn lines_containing(&self, texts: &[&str]) -> Vec<String> {
        self.lines().into_iter().filter(|line| texts.iter().any(|text| line.contains(text))).collect()
    }

    fn lines_mut(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
