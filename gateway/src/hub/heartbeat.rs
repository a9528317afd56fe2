//! The heartbeat: a silent client is pinged once a period. Its session ends if the client gives no
//! sign of life until the next ping.
//!
//! A period is divided into slots, and each session has one. The sessions of a slot are pinged one
//! after the other without being woken: a timer and a task wake-up for each would cost more than
//! the ping. Slots are short, so each has few sessions and other work does not wait long.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::sleep_until;

use super::Hub;
use super::send_buffer::SendBuffer;
use crate::lifecycle::next_tick;

/// Minimum length of a slot. Waking up for a shorter one costs more than it spreads.
const MIN_SLOT: Duration = Duration::from_millis(250);
/// Maximum number of slots in a period.
const MAX_SLOTS: usize = 500;
/// Number of pings before the task yields.
const PINGS_PER_YIELD: usize = 16;

/// Slot of the period in which a session's client is pinged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HeartbeatSlot(u16);

/// The sessions of each slot.
pub(super) struct Heartbeat {
    period: Duration,
    slots: Box<[Mutex<Vec<Arc<SendBuffer>>>]>,
}

impl Heartbeat {
    pub(super) fn new(period: Duration) -> Self {
        let fits = usize::try_from(period.as_millis() / MIN_SLOT.as_millis()).unwrap_or(MAX_SLOTS);
        let slots = (0..fits.clamp(1, MAX_SLOTS)).map(|_| Mutex::default()).collect();
        Self { period, slots }
    }

    /// Adds a session to a random slot: clients that connect together are not pinged together.
    pub(super) fn add(&self, buffer: &Arc<SendBuffer>) -> HeartbeatSlot {
        let slot = HeartbeatSlot(fastrand::u16(..u16::try_from(self.slots.len()).unwrap_or(u16::MAX)));
        self.buffers(slot).push(Arc::clone(buffer));
        slot
    }

    /// Removes a session.
    pub(super) fn remove(&self, slot: HeartbeatSlot, buffer: &Arc<SendBuffer>) {
        let mut buffers = self.buffers(slot);
        if let Some(index) = buffers.iter().position(|member| Arc::ptr_eq(member, buffer)) {
            buffers.swap_remove(index);
        }
    }

    fn buffers(&self, slot: HeartbeatSlot) -> MutexGuard<'_, Vec<Arc<SendBuffer>>> {
        self.slots[usize::from(slot.0)].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all(&self) -> impl Iterator<Item = HeartbeatSlot> {
        (0..self.slots.len()).filter_map(|number| u16::try_from(number).ok().map(HeartbeatSlot))
    }

    fn slot_length(&self) -> Duration {
        self.period / u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    async fn run_slot(&self, slot: HeartbeatSlot) {
        // A copy, so that sessions can join and leave during the writes.
        let buffers = self.buffers(slot).clone();
        for part in buffers.chunks(PINGS_PER_YIELD) {
            for buffer in part {
                buffer.heartbeat();
            }
            // Yields to other tasks and to other threads of this processor: events would wait too
            // long for a whole slot.
            yield_now().await;
            thread::yield_now();
        }
    }
}

/// Runs the slots while the node runs. After a pause of the process, no slot is skipped: its
/// clients would count as alive for one more period. No slot runs early either: answers must arrive
/// first.
pub(super) async fn run(hub: Arc<Hub>) {
    let heartbeat = &hub.heartbeat;
    let slot_length = heartbeat.slot_length();
    loop {
        for slot in heartbeat.all() {
            sleep_until(next_tick(slot_length)).await;
            heartbeat.run_slot(slot).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(heartbeat: &Heartbeat, count: u64) -> Vec<(HeartbeatSlot, Arc<SendBuffer>)> {
        let buffers = (0..count).map(|number| Arc::new(SendBuffer::new(number, 100)));
        buffers.map(|buffer| (heartbeat.add(&buffer), buffer)).collect()
    }

    #[test]
    fn slots_are_at_least_250_ms_long_and_at_most_500_per_period() {
        let slots = |millis| Heartbeat::new(Duration::from_millis(millis)).slots.len();
        assert_eq!([slots(10), slots(200), slots(1_000), slots(25_000), slots(600_000)], [1, 1, 4, 100, 500]);
        assert_eq!(Heartbeat::new(Duration::from_secs(250)).slot_length(), Duration::from_millis(500));
    }

    #[test]
    fn simultaneous_sessions_are_spread_over_slots_and_removed_when_they_end() {
        let heartbeat = Heartbeat::new(Duration::from_secs(1));
        let sessions = added(&heartbeat, 2_000);
        // 500 are expected in each of four slots; a deviation of 120 is six standard deviations.
        assert!(heartbeat.all().all(|slot| (380..=620).contains(&heartbeat.buffers(slot).len())));
        for (slot, buffer) in &sessions {
            heartbeat.remove(*slot, buffer);
        }
        assert!(heartbeat.all().all(|slot| heartbeat.buffers(slot).is_empty()));
        assert!(sessions.iter().all(|(_, buffer)| Arc::strong_count(buffer) == 1));
    }
}
