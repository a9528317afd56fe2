//! The heartbeat: a silent client is asked for a sign of life once a period, and given up if it gave none by the next.
//!
//! Every session has its beat, one of many that a period is divided into. What sessions share a beat are asked one after
//! the other, without being woken: a timer and a task's turn for each would cost more than the ping itself. Beats are
//! short, so that few are asked at once, and whatever else goes on in between does not wait for them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::sleep_until;

use super::Hub;
use super::outbox::Outbox;
use crate::lifecycle::next_turn;

/// No beat is shorter: waking up for it costs more than it spreads.
const SHORTEST: Duration = Duration::from_millis(250);
/// Beats in a period, at most.
const MOST: usize = 500;
/// So many are asked before whatever else waits has its turn.
const AT_ONCE: usize = 16;

/// When in the period a session's client is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Beat(u16);

/// Who is asked when.
pub(super) struct Heartbeat {
    period: Duration,
    beats: Box<[Mutex<Vec<Arc<Outbox>>>]>,
}

impl Heartbeat {
    pub(super) fn new(period: Duration) -> Self {
        let fits = usize::try_from(period.as_millis() / SHORTEST.as_millis()).unwrap_or(MOST);
        let beats = (0..fits.clamp(1, MOST)).map(|_| Mutex::default()).collect();
        Self { period, beats }
    }

    /// Takes a session in, at any beat: clients who came together are not asked together.
    pub(super) fn enrol(&self, outbox: &Arc<Outbox>) -> Beat {
        let beat = Beat(fastrand::u16(..u16::try_from(self.beats.len()).unwrap_or(u16::MAX)));
        self.members(beat).push(Arc::clone(outbox));
        beat
    }

    /// The session ends.
    pub(super) fn leave(&self, beat: Beat, outbox: &Arc<Outbox>) {
        let mut members = self.members(beat);
        if let Some(index) = members.iter().position(|member| Arc::ptr_eq(member, outbox)) {
            members.swap_remove(index);
        }
    }

    fn members(&self, beat: Beat) -> MutexGuard<'_, Vec<Arc<Outbox>>> {
        self.beats[usize::from(beat.0)].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all(&self) -> impl Iterator<Item = Beat> {
        (0..self.beats.len()).filter_map(|number| u16::try_from(number).ok().map(Beat))
    }

    fn length(&self) -> Duration {
        self.period / u32::try_from(self.beats.len()).unwrap_or(u32::MAX)
    }

    async fn beat(&self, beat: Beat) {
        // A copy: nobody who comes or goes waits for a write.
        let members = self.members(beat).clone();
        for some in members.chunks(AT_ONCE) {
            for outbox in some {
                outbox.beat();
            }
            // To tasks, and to whoever else wants this processor: a whole beat would be a long time to wait for an event.
            yield_now().await;
            thread::yield_now();
        }
    }
}

/// Beats for as long as the node lives. After a stop of the process no beat is skipped, since its clients would count as
/// alive for a period more; but none is hurried either, since their answers have to come in first.
pub(super) async fn run(hub: Arc<Hub>) {
    let heartbeat = &hub.heartbeat;
    let length = heartbeat.length();
    loop {
        for beat in heartbeat.all() {
            sleep_until(next_turn(length)).await;
            heartbeat.beat(beat).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enrolled(heartbeat: &Heartbeat, count: u64) -> Vec<(Beat, Arc<Outbox>)> {
        let outboxes = (0..count).map(|number| Arc::new(Outbox::new(number, 100)));
        outboxes.map(|outbox| (heartbeat.enrol(&outbox), outbox)).collect()
    }

    #[test]
    fn a_period_has_as_many_beats_as_are_worth_waking_up_for() {
        let beats = |millis| Heartbeat::new(Duration::from_millis(millis)).beats.len();
        assert_eq!([beats(10), beats(200), beats(1_000), beats(25_000), beats(600_000)], [1, 1, 4, 100, 500]);
        assert_eq!(Heartbeat::new(Duration::from_secs(250)).length(), Duration::from_millis(500));
    }

    #[test]
    fn those_who_come_together_are_spread_and_those_who_leave_are_forgotten() {
        let heartbeat = Heartbeat::new(Duration::from_secs(1));
        let sessions = enrolled(&heartbeat, 2_000);
        // Five hundred at each of four beats; more or less by a hundred and twenty is six standard deviations away.
        assert!(heartbeat.all().all(|beat| (380..=620).contains(&heartbeat.members(beat).len())));
        for (beat, outbox) in &sessions {
            heartbeat.leave(*beat, outbox);
        }
        assert!(heartbeat.all().all(|beat| heartbeat.members(beat).is_empty()));
        assert!(sessions.iter().all(|(_, outbox)| Arc::strong_count(outbox) == 1));
    }
}
