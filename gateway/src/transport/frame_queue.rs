//! Frames on their way from requests to a session that has no socket to read them from: bounded, and without memory
//! while it is empty.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Frames that may wait for one session.
const CAPACITY: usize = 32;

/// One session's.
#[derive(Debug, Default)]
pub(super) struct FrameQueue(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<String>,
    waker: Option<Waker>,
}

/// It takes no more for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

impl FrameQueue {
    /// What the session finds when it begins.
    pub(super) fn with_frames(frames: VecDeque<String>) -> Self {
        Self(Mutex::new(State { frames, waker: None }))
    }

    /// All of the frames, or none.
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

    /// The next one.
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
    fn it_holds_so_many_and_takes_no_part_of_more() {
        let (frame_queue, context) = (FrameQueue::default(), Context::from_waker(Waker::noop()));
        assert!(frame_queue.poll(&context).is_pending());
        frame_queue.push(frames(30)).unwrap();
        assert_eq!(frame_queue.push(frames(3)), Err(Full));
        assert_eq!(frame_queue.push(frames(2)), Ok(()));
        assert_eq!(frame_queue.poll(&context), Poll::Ready("0".to_owned()));
        assert_eq!(frame_queue.push(frames(1)), Ok(()));
    }
}
