//! Pipelines: cuts events into runs of commands, one for each channel, and puts the answers together again.

use std::iter::Peekable;

use wirebell_protocol::publish::Accepted;
use wirebell_protocol::{Outcome, Prepared, Reached};

use crate::delivery::{CHUNK, Waiting};
use crate::failure::Failure;

/// Most bytes in one pipeline: it is written whole before the first answer is read.
const PIPELINE_BYTES: usize = 1024 * 1024;

/// The commands of a run of events, each with its event's place, cut to size.
pub(crate) struct Batches<'a> {
    commands: Peekable<Box<dyn Iterator<Item = (usize, Prepared)> + Send + 'a>>,
}

impl<'a> Batches<'a> {
    pub(crate) fn new(events: &'a [Waiting]) -> Self {
        let each = |(place, waiting): (usize, &Waiting)| {
            Prepared::all(&waiting.event).into_iter().map(move |prepared| (place, prepared))
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
        while batch.len() < CHUNK {
            let fits = |(_, next): &(usize, Prepared)| bytes + next.size() <= PIPELINE_BYTES;
            let Some(command) = self.commands.next_if(fits) else { break };
            bytes += command.1.size();
            batch.push(command);
        }
        Some(batch)
    }
}

/// The answers so far, event by event.
pub(crate) struct Tally {
    events: Vec<Parts>,
}

struct Parts {
    id: String,
    wanted: usize,
    reached: Vec<Reached>,
    failure: Option<Failure>,
}

impl Tally {
    pub(crate) fn new(events: &[Waiting]) -> Self {
        let parts = |waiting: &Waiting| Parts {
            id: waiting.event.event_id().unwrap_or_default().to_owned(),
            wanted: waiting.event.channels().len(),
            reached: Vec::new(),
            failure: None,
        };
        Self { events: events.iter().map(parts).collect() }
    }

    /// Takes the answers to one batch.
    pub(crate) fn add(&mut self, batch: &[(usize, Prepared)], answers: Vec<Result<Accepted, Failure>>) {
        for ((place, prepared), answer) in batch.iter().zip(answers) {
            let Some(parts) = self.events.get_mut(*place) else { continue };
            match answer {
                Ok(accepted) => parts.reached.push(Reached {
                    channel: prepared.channel.clone(),
                    cursor: accepted.cursor,
                    nodes: accepted.nodes,
                    scheduled: accepted.scheduled,
                }),
                // One channel that is worth another try makes the event worth one: the others answer as before.
                Err(failure) if parts.failure.as_ref().is_none_or(|known| failure.verdict > known.verdict) => {
                    parts.failure = Some(failure);
                }
                Err(_) => {}
            }
        }
    }

    /// Did an answer say that this connection leads to the wrong server?
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.failures().any(|failure| failure.elsewhere)
    }

    /// The failure that stops what has not been sent yet, if there was one.
    pub(crate) fn stopped(&self) -> Option<Failure> {
        self.failures().find(|failure| failure.stops()).cloned()
    }

    fn failures(&self) -> impl Iterator<Item = &Failure> {
        self.events.iter().filter_map(|parts| parts.failure.as_ref())
    }

    /// The answer for each event; `rest` for those that were not sent to all of their channels.
    pub(crate) fn finish(self, rest: &Failure) -> Vec<Result<Outcome, Failure>> {
        self.events.into_iter().map(|parts| parts.finish(rest)).collect()
    }
}

impl Parts {
    fn finish(self, rest: &Failure) -> Result<Outcome, Failure> {
        match self.failure {
            Some(failure) => Err(failure),
            None if self.reached.len() == self.wanted => Ok(Outcome { id: self.id, channels: self.reached }),
            None => Err(rest.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use wirebell_protocol::Event;

    use super::*;
    use crate::error::PublishError;
    use crate::failure::Verdict;

    fn waiting(to: &[&str], bytes: usize) -> Waiting {
        let data = format!("\"{}\"", "x".repeat(bytes));
        let first = Event::from_json(to[0], "t", &data).unwrap();
        let mut event = to[1..].iter().fold(first, |event, channel| event.and_to(channel).unwrap());
        crate::stamp::stamp(&mut event);
        Waiting { slot: 0, bytes, event }
    }

    #[test]
    fn batches_are_cut_by_count_and_by_bytes() {
        let small: Vec<_> = (0..=CHUNK).map(|_| waiting(&["all"], 1)).collect();
        assert_eq!(Batches::new(&small).map(|batch| batch.len()).collect::<Vec<_>>(), [CHUNK, 1]);
        let large: Vec<_> = (0..3).map(|_| waiting(&["all"], 400 * 1024)).collect();
        assert_eq!(Batches::new(&large).map(|batch| batch.len()).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn an_event_is_done_when_all_its_channels_are() {
        let events = [waiting(&["user:1", "user:2"], 1), waiting(&["user:3"], 1)];
        let mut tally = Tally::new(&events);
        let batch: Vec<_> = Batches::new(&events).flatten().take(1).collect();
        tally.add(&batch, vec![Ok(Accepted { cursor: None, nodes: 2, again: false, scheduled: false })]);
        let answers = tally.finish(&Failure::unavailable("gone"));
        assert!(answers.iter().all(Result::is_err), "{answers:?}");
    }

    #[test]
    fn one_channel_worth_another_try_is_enough_for_one() {
        let events = [waiting(&["user:1", "user:2"], 1)];
        let mut tally = Tally::new(&events);
        let batch: Vec<_> = Batches::new(&events).flatten().collect();
        let refused = Failure::event(PublishError::Unavailable { reason: String::new() });
        tally.add(&batch, vec![Err(refused), Err(Failure::unavailable("OOM"))]);
        let answers = tally.finish(&Failure::unavailable("gone"));
        assert_eq!(answers[0].as_ref().unwrap_err().verdict, Verdict::Moment(None));
    }
}
