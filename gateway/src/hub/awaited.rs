//! Answers that connections wait for: by `ref`, each until its time has passed. A connection that waits for none has
//! nothing here, and nothing in its session either.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use wirebell_protocol::Fault;
use wirebell_protocol::inbox::Answer;

use super::Hub;
use super::frame::Frame;
use crate::lifecycle::{instant_at, uptime_millis};

/// Answers that one connection may wait for.
pub(super) const MOST: usize = 1_000;

/// The table, with a bell for the task that looks whose time has passed.
#[derive(Default)]
pub(super) struct Awaited {
    state: Mutex<State>,
    news: Notify,
}

#[derive(Default)]
struct State {
    waiting: HashMap<u64, Vec<Asked>>,
    /// In the order of their ends, answered or not: all wait equally long.
    ends: VecDeque<End>,
    tickets: u64,
}

struct Asked {
    ticket: Ticket,
    reference: Box<str>,
    since: u64,
}

struct End {
    at: u64,
    connection: u64,
    ticket: Ticket,
}

/// One question, told apart from others with the same `ref`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket(u64);

impl Awaited {
    /// The connection waits for an answer for so many milliseconds. None if it waits for too many.
    pub(super) fn ask(&self, connection: u64, reference: &str, now: u64, patience: u64) -> Option<Ticket> {
        let mut state = self.lock();
        state.tickets += 1;
        let ticket = Ticket(state.tickets);
        let waiting = state.waiting.entry(connection).or_default();
        if waiting.len() >= MOST {
            return None;
        }
        waiting.push(Asked { ticket, reference: reference.into(), since: now });
        let was_empty = state.ends.is_empty();
        state.ends.push_back(End { at: now + patience, connection, ticket });
        drop(state);
        if was_empty {
            self.news.notify_one();
        }
        Some(ticket)
    }

    /// There is an answer: for how many milliseconds was it waited for? None if nobody waits for it any more.
    pub(super) fn answered(&self, connection: u64, reference: &str, now: u64) -> Option<u64> {
        let asked = self.lock().take(connection, |asked| *asked.reference == *reference)?;
        Some(now.saturating_sub(asked.since))
    }

    /// It is answered otherwise. False if it was answered before.
    pub(super) fn settle(&self, connection: u64, ticket: Ticket) -> bool {
        self.lock().take(connection, |asked| asked.ticket == ticket).is_some()
    }

    /// The connection is gone.
    pub(super) fn forget(&self, connection: u64) {
        self.lock().waiting.remove(&connection);
    }

    /// Whose time has passed by now, by connection and `ref`; and when the next one's has.
    fn overdue(&self, now: u64) -> (Vec<(u64, Box<str>)>, Option<u64>) {
        let (mut state, mut overdue) = (self.lock(), Vec::new());
        while state.ends.front().is_some_and(|end| end.at <= now) {
            let Some(end) = state.ends.pop_front() else { break };
            let asked = state.take(end.connection, |asked| asked.ticket == end.ticket);
            overdue.extend(asked.map(|asked| (end.connection, asked.reference)));
        }
        let next = state.ends.front().map(|end| end.at);
        (overdue, next)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, connection: u64, fits: impl Fn(&Asked) -> bool) -> Option<Asked> {
        let waiting = self.waiting.get_mut(&connection)?;
        let place = waiting.iter().position(fits)?;
        let asked = waiting.remove(place);
        if waiting.is_empty() {
            self.waiting.remove(&connection);
        }
        Some(asked)
    }
}

/// Tells those who wait in vain, for as long as the process lives.
pub(super) async fn run(hub: Arc<Hub>) {
    loop {
        let (overdue, next) = hub.awaited.overdue(uptime_millis());
        for (connection, reference) in overdue {
            hub.metrics.emit_answers.with_label_values(&["no_reply"]).inc();
            let frame = Answer::Error(Fault::NoReply).frame(&reference);
            hub.insist(connection, Frame::reply(frame));
        }
        match next {
            Some(at) => sleep_until(Instant::from_std(instant_at(at))).await,
            None => hub.awaited.news.notified().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_question_is_answered_once() {
        let awaited = Awaited::default();
        awaited.ask(1, "a", 0, 100).unwrap();
        assert_eq!(awaited.answered(2, "a", 5), None, "another connection's");
        assert_eq!(awaited.answered(1, "a", 5), Some(5));
        assert_eq!(awaited.answered(1, "a", 6), None);
        assert_eq!(awaited.overdue(1_000), (vec![], None));
    }

    #[test]
    fn who_waits_in_vain_is_told_in_time() {
        let awaited = Awaited::default();
        awaited.ask(1, "a", 0, 100).unwrap();
        awaited.ask(1, "b", 50, 100).unwrap();
        assert_eq!(awaited.overdue(99), (vec![], Some(100)));
        assert_eq!(awaited.overdue(100), (vec![(1, "a".into())], Some(150)));
        assert_eq!(awaited.answered(1, "b", 120), Some(70));
        assert!(awaited.lock().waiting.is_empty(), "nothing is kept of who waits for nothing");
    }

    #[test]
    fn the_same_name_twice_is_two_questions() {
        let awaited = Awaited::default();
        let first = awaited.ask(1, "a", 0, 100).unwrap();
        awaited.ask(1, "a", 0, 100).unwrap();
        assert!(awaited.settle(1, first) && !awaited.settle(1, first));
        assert!(awaited.answered(1, "a", 1).is_some() && awaited.answered(1, "a", 1).is_none());
    }

    #[test]
    fn who_is_gone_waits_for_nothing_and_nobody_for_too_much() {
        let awaited = Awaited::default();
        for _ in 0..MOST {
            awaited.ask(1, "a", 0, 100).unwrap();
        }
        assert!(awaited.ask(1, "a", 0, 100).is_none());
        assert!(awaited.ask(2, "a", 0, 100).is_some());
        awaited.forget(1);
        assert_eq!(awaited.overdue(200).0, [(2, "a".into())]);
    }
}
