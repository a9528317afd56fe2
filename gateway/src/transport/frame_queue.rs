//! A bounded queue of frames that arrive by requests, for a session without a socket to read from.
//! It uses no memory while it is empty.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Maximum number of queued frames.
const CAPACITY: usize = 32;

/// The queue of one session.
#[derive(Debug, Default)]
pub(super) struct FrameQueue(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<String>,
    waker: Option<Waker>,
}

/// The queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

impl FrameQueue {
    /// Creates a queue with the frames that the session handles first.
    pub(super) fn with_frames(frames: VecDeque<String>) -> Self {
        Self(Mutex::new(State { frames, waker: None }))
    }

    /// Adds all of the frames, or none.
    pub(super) fn push(&self, frames: impl ExactSizeIterator<Item = String>) -> Result<(), Full> {
        let mut state = self.lock();
        if state.frames.len() + frames.len() > CAPACITY {
            return Err(Full);
        }
        state.frames.extend(frames);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// Returns the next frame, or wakes the task of `context` when one arrives.
    pub(super) fn poll(&self, context: &Context<'_>) -> Poll<String> {
        let mut state = self.lock();
        if let Some(frame) = state.frames.pop_front() {
            if state.frames.is_empty() {
                state.frames = VecDeque::new();
            }
            return Poll::Ready(frame);
        }
        if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            state.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(count: usize) -> std::vec::IntoIter<String> {
        (0..count).map(|number| number.to_string()).collect::<Vec<_>>().into_iter()
    }

    #[test]
    fn queue_is_bounded_and_takes_all_frames_of_a_post_or_none() {
        let (frame_queue, context) = (FrameQueue::default(), Context::from_waker(Waker::noop()));
        assert!(frame_queue.poll(&context).is_pending());
        frame_queue.push(frames(30)).unwrap();
        assert_eq!(frame_queue.push(frames(3)), Err(Full));
        assert_eq!(frame_queue.push(frames(2)), Ok(()));
        assert_eq!(frame_queue.poll(&context), Poll::Ready("0".to_owned()));
        assert_eq!(frame_queue.push(frames(1)), Ok(()));
    }
}
