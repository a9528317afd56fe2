//! Splits events into bounded batches of commands, one command for each channel, and collects the
//! results.

use std::iter::Peekable;

use wirebell_protocol::publish::Accepted;
use wirebell_protocol::{ChannelResult, Prepared, PublishResult};

use crate::failure::Failure;
use crate::pending::{MAX_BATCH_EVENTS, PendingEvent};

/// Maximum bytes of a pipeline, which is written completely before the first reply is read.
const PIPELINE_BYTES: usize = 1024 * 1024;

/// The commands of a list of events, each with its event's index, in bounded batches.
pub(crate) struct Batches<'a> {
    commands: Peekable<Box<dyn Iterator<Item = (usize, Prepared)> + Send + 'a>>,
}

impl<'a> Batches<'a> {
    pub(crate) fn new(events: &'a [PendingEvent]) -> Self {
        let each = |(index, waiting): (usize, &PendingEvent)| {
            Prepared::all(&waiting.event).into_iter().map(move |prepared| (index, prepared))
        };
        let commands: Box<dyn Iterator<Item = _> + Send> = Box::new(events.iter().enumerate().flat_map(each));
        Self { commands: commands.peekable() }
    }
}

impl Iterator for Batches<'_> {
    type Item = Vec<(usize, Prepared)>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut batch = vec![self.commands.next()?];
        let mut bytes = batch[0].1.size();
        while batch.len() < MAX_BATCH_EVENTS {
            let fits = |(_, next): &(usize, Prepared)| bytes + next.size() <= PIPELINE_BYTES;
            let Some(command) = self.commands.next_if(fits) else { break };
            bytes += command.1.size();
            batch.push(command);
        }
        Some(batch)
    }
}

/// The results so far, one entry for each event.
pub(crate) struct BatchResults {
    events: Vec<EventProgress>,
}

struct EventProgress {
    id: String,
    wanted: usize,
    channels: Vec<ChannelResult>,
    failure: Option<Failure>,
}

impl BatchResults {
    pub(crate) fn new(events: &[PendingEvent]) -> Self {
        let progress = |waiting: &PendingEvent| EventProgress {
            id: waiting.event.event_id().unwrap_or_default().to_owned(),
            wanted: waiting.event.channels().len(),
            channels: Vec::new(),
            failure: None,
        };
        Self { events: events.iter().map(progress).collect() }
    }

    /// Adds the replies to one batch.
    pub(crate) fn add(&mut self, batch: &[(usize, Prepared)], answers: Vec<Result<Accepted, Failure>>) {
        for ((index, prepared), answer) in batch.iter().zip(answers) {
            let Some(progress) = self.events.get_mut(*index) else { continue };
            match answer {
                Ok(accepted) => progress.channels.push(ChannelResult {
                    channel: prepared.channel.clone(),
                    cursor: accepted.cursor,
                    nodes: accepted.nodes,
                    scheduled: accepted.scheduled,
                }),
                // The channel most worth a retry decides for the event: the others answer a retry
                // as before.
                Err(failure) if progress.failure.as_ref().is_none_or(|known| failure.kind > known.kind) => {
                    progress.failure = Some(failure);
                }
                Err(_) => {}
            }
        }
    }

    /// Returns whether a reply said that the connection leads to the wrong server.
    pub(crate) fn needs_reconnect(&self) -> bool {
        self.failures().any(|failure| failure.reconnect)
    }

    /// Returns the failure that stops the remaining events, if there is one.
    pub(crate) fn stopped(&self) -> Option<Failure> {
        self.failures().find(|failure| failure.stops_batch()).cloned()
    }

    fn failures(&self) -> impl Iterator<Item = &Failure> {
        self.events.iter().filter_map(|progress| progress.failure.as_ref())
    }

    /// Returns the result of each event; `rest` for events that were not sent to all of their
    /// channels.
    pub(crate) fn finish(self, rest: &Failure) -> Vec<Result<PublishResult, Failure>> {
        self.events.into_iter().map(|progress| progress.finish(rest)).collect()
    }
}

impl EventProgress {
    fn finish(self, rest: &Failure) -> Result<PublishResult, Failure> {
        match self.failure {
            Some(failure) => Err(failure),
            None if self.channels.len() == self.wanted => {
                Ok(PublishResult { id: self.id, channels: self.channels })
            }
            None => Err(rest.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use wirebell_protocol::Event;

    use super::*;
    use crate::error::PublishError;
    use crate::failure::FailureKind;

    fn waiting(to: &[&str], bytes: usize) -> PendingEvent {
        let data = format!("\"{}\"", "x".repeat(bytes));
        let first = Event::from_json(to[0], "t", &data).unwrap();
        let mut event = to[1..].iter().fold(first, |event, channel| event.and_to(channel).unwrap());
        crate::stamp::stamp(&mut event);
        PendingEvent { sequence: 0, bytes, event }
    }

    #[test]
    fn batches_are_bounded_by_count_and_bytes() {
        let small: Vec<_> = (0..=MAX_BATCH_EVENTS).map(|_| waiting(&["all"], 1)).collect();
        assert_eq!(Batches::new(&small).map(|batch| batch.len()).collect::<Vec<_>>(), [MAX_BATCH_EVENTS, 1]);
        let large: Vec<_> = (0..3).map(|_| waiting(&["all"], 400 * 1024)).collect();
        assert_eq!(Batches::new(&large).map(|batch| batch.len()).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn event_is_published_once_all_channels_have_it() {
        let events = [waiting(&["user:1", "user:2"], 1), waiting(&["user:3"], 1)];
        let mut results = BatchResults::new(&events);
        let batch: Vec<_> = Batches::new(&events).flatten().take(1).collect();
        results.add(&batch, vec![Ok(Accepted { cursor: None, nodes: 2, duplicate: false, scheduled: false })]);
        let answers = results.finish(&Failure::unavailable("gone"));
        assert!(answers.iter().all(Result::is_err), "{answers:?}");
    }

    #[test]
    fn one_retryable_channel_makes_the_event_retryable() {
        let events = [waiting(&["user:1", "user:2"], 1)];
        let mut results = BatchResults::new(&events);
        let batch: Vec<_> = Batches::new(&events).flatten().collect();
        let refused = Failure::event(PublishError::Unavailable { reason: String::new() });
        results.add(&batch, vec![Err(refused), Err(Failure::unavailable("OOM"))]);
        let answers = results.finish(&Failure::unavailable("gone"));
        assert_eq!(answers[0].as_ref().unwrap_err().kind, FailureKind::Transient(None));
    }
}
