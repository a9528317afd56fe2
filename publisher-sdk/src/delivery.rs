//! Delivery: tries a run of events until each has its answer. What is tried again keeps its place before those
//! that came after it.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use wirebell_protocol::{Event, Outcome};

use crate::error::PublishError;
use crate::failure::{Failure, Verdict};
use crate::retry::Backoff;
use crate::transport::Transport;

/// Most events in one try: enough to hide the way to the bus and back, few enough to bound what a lost
/// connection leaves in doubt.
pub(crate) const CHUNK: usize = 256;

/// A stamped event that has no answer yet.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// Its number among its kind, to give the answer to.
    pub(crate) slot: usize,
    /// What it weighs in a buffer.
    pub(crate) bytes: usize,
    pub(crate) event: Event,
}

/// What one event came to.
pub(crate) type Answer = Result<Outcome, PublishError>;

/// What one try of a run of events came to.
#[derive(Debug, Default)]
pub(crate) struct Round {
    /// The events that have their answer now.
    pub(crate) settled: Vec<(Waiting, Answer)>,
    /// Why the others have to be tried again, if there are others.
    pub(crate) kept: Option<Failure>,
}

/// Tries the events once. Those that are worth another try stay in `waiting`, in their order. Dropping the future
/// leaves all of them there.
pub(crate) async fn attempt(
    transport: &Transport,
    waiting: &mut Vec<Waiting>,
    keep: impl Fn(Verdict) -> bool,
) -> Round {
    let answers = transport.send(waiting).await;
    let mut round = Round::default();
    for (event, answer) in std::mem::take(waiting).into_iter().zip(answers) {
        match answer {
            Err(failure) if keep(failure.verdict) => {
                waiting.push(event);
                round.kept.get_or_insert(failure);
            }
            answer => round.settled.push((event, answer.map_err(|failure| failure.error))),
        }
    }
    round
}

/// Publishes the events in their order, each chunk within `timeout`. Once a chunk could not be finished, those
/// behind it are not tried: they would overtake.
pub(crate) async fn deliver(transport: &Transport, timeout: Duration, events: Vec<Event>) -> Vec<Answer> {
    let mut answers: Vec<Option<Answer>> = events.iter().map(|_| None).collect();
    let mut events = events.into_iter().enumerate().map(|(slot, event)| Waiting { slot, bytes: 0, event });
    let mut stopped = None;
    while stopped.is_none() {
        let mut chunk: Vec<_> = events.by_ref().take(CHUNK).collect();
        if chunk.is_empty() {
            break;
        }
        stopped = deliver_chunk(transport, timeout, &mut chunk, &mut answers).await.err();
    }
    let given_up = stopped.unwrap_or(PublishError::TimedOut { after: timeout });
    answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(given_up.clone()))).collect()
}

async fn deliver_chunk(
    transport: &Transport,
    timeout: Duration,
    chunk: &mut Vec<Waiting>,
    answers: &mut [Option<Answer>],
) -> Result<(), PublishError> {
    let deadline = Instant::now() + timeout;
    let mut backoff = Backoff::up_to(Duration::from_secs(1));
    // What a try ran into that came to its end says more than that the last one did not.
    let mut last = PublishError::TimedOut { after: timeout };
    loop {
        let worth_waiting = |verdict| verdict != Verdict::Event;
        let Ok(round) = timeout_at(deadline, attempt(transport, chunk, worth_waiting)).await else {
            return Err(last);
        };
        for (event, answer) in round.settled {
            if let Some(place) = answers.get_mut(event.slot) {
                *place = Some(answer);
            }
        }
        let Some(failure) = round.kept else { return Ok(()) };
        let pause = backoff.wait(failure.come_back_after());
        // Where waiting helps nobody, the caller is told at once.
        if failure.verdict == Verdict::Door || Instant::now() + pause >= deadline {
            return Err(failure.error);
        }
        last = failure.error;
        sleep(pause).await;
    }
}
