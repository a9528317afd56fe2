//! Publishing into Redis: first the timers of the events that have to be tracked, then the events.

use std::collections::HashMap;

use redis::Value;
use wirebell_protocol::publish::{Accepted, PublishScript};
use wirebell_protocol::{Durability, Outcome, Prepared, tracking};

use super::routes::{Request, Routes};
use super::{RedisBus, read, strange};
use crate::delivery::Waiting;
use crate::failure::Failure;
use crate::pipeline::{Batches, Tally};

impl RedisBus {
    /// Sends the events as pipelines, one batch after the other.
    pub(crate) async fn send(&self, events: &[Waiting]) -> Vec<Result<Outcome, Failure>> {
        let slot = self.slot();
        let mut tally = Tally::new(events);
        let routes = match self.routes(&slot).await {
            Ok(routes) => routes,
            Err(failure) => return tally.finish(&failure),
        };
        for batch in Batches::new(events) {
            tally.add(&batch, self.publish(routes, &batch).await);
            if let Some(failure) = tally.stopped() {
                if tally.is_elsewhere() {
                    self.forget(&slot);
                }
                return tally.finish(&failure);
            }
        }
        tally.finish(&Failure::unavailable("not every channel was answered for"))
    }

    /// One batch. All of a channel are in one pipeline, in their order.
    async fn publish(&self, routes: &Routes, batch: &[(usize, Prepared)]) -> Vec<Result<Accepted, Failure>> {
        let mut unset = self.set_timers(routes, batch).await;
        // What comes behind an event that has to be tried again must not overtake it.
        let end = unset.iter().filter(|(_, failure)| failure.stops()).map(|(place, _)| *place).min();
        let end = end.unwrap_or(batch.len());
        let places: Vec<usize> = (0..end).filter(|place| !unset.contains_key(place)).collect();
        let requests: Vec<Request> = places.iter().map(|place| self.request(&batch[*place].1)).collect();
        let stopped = unset.get(&end).cloned().unwrap_or_else(|| Failure::unavailable("no answer"));
        let mut answers: Vec<Result<Accepted, Failure>> = batch.iter().map(|_| Err(stopped.clone())).collect();
        for (place, answer) in places.into_iter().zip(routes.ask(&requests).await) {
            answers[place] = answer.and_then(accepted);
        }
        for (place, failure) in unset.drain() {
            answers[place] = Err(failure);
        }
        answers
    }

    fn request(&self, event: &Prepared) -> Request {
        let retention = self.options.retentions.of(&event.channel);
        Request::call(tracking::publish(&self.options.keys, event, &retention)).replicated(is_replicated(event))
    }

    /// Sets the timers of those that need one, which stand in other slots; says whose could not be set. Most events
    /// need none, and then nothing is asked.
    async fn set_timers(&self, routes: &Routes, batch: &[(usize, Prepared)]) -> HashMap<usize, Failure> {
        let timer = |(place, (_, event)): (usize, &(usize, Prepared))| {
            event.tracking.as_ref()?;
            let retention = self.options.retentions.of(&event.channel);
            let call = tracking::register(&self.options.keys, event, &retention)?;
            Some((place, Request::call(call).replicated(is_replicated(event))))
        };
        let (places, requests): (Vec<_>, Vec<_>) = batch.iter().enumerate().filter_map(timer).unzip();
        if requests.is_empty() {
            return HashMap::new();
        }
        let answers = routes.ask(&requests).await;
        places.into_iter().zip(answers).filter_map(|(place, answer)| Some((place, answer.err()?))).collect()
    }
}

fn is_replicated(event: &Prepared) -> bool {
    event.durability == Some(Durability::Replicated)
}

fn accepted(answer: Value) -> Result<Accepted, Failure> {
    let text: String = read(answer)?;
    PublishScript::reply(&text).map_err(|error| strange(error.to_string()))
}
