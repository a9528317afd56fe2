//! Publishes events to Redis: first sets the timers of tracked events, then appends the events.

use std::collections::HashMap;

use redis::Value;
use wirebell_protocol::publish::{Accepted, PublishScript};
use wirebell_protocol::{Durability, Prepared, PublishResult, tracking};

use super::routes::{Request, Routes};
use super::{RedisBus, bad_reply, read};
use crate::failure::Failure;
use crate::pending::PendingEvent;
use crate::pipeline::{BatchResults, Batches};

impl RedisBus {
    /// Sends the events as pipelines, one batch after the other.
    pub(crate) async fn send(&self, events: &[PendingEvent]) -> Vec<Result<PublishResult, Failure>> {
        let current = self.current();
        let mut results = BatchResults::new(events);
        let routes = match self.routes(&current).await {
            Ok(routes) => routes,
            Err(failure) => return results.finish(&failure),
        };
        for batch in Batches::new(events) {
            results.add(&batch, self.publish(routes, &batch).await);
            if let Some(failure) = results.stopped() {
                if results.needs_reconnect() {
                    self.discard(&current);
                }
                return results.finish(&failure);
            }
        }
        results.finish(&Failure::unavailable("no reply for some of the event's channels"))
    }

    /// Publishes one batch. All events of a channel are in one pipeline, in order.
    async fn publish(&self, routes: &Routes, batch: &[(usize, Prepared)]) -> Vec<Result<Accepted, Failure>> {
        let mut failed = self.set_timers(routes, batch).await;
        // Later events must not overtake one that has to be retried.
        let end = failed.iter().filter(|(_, failure)| failure.stops_batch()).map(|(index, _)| *index).min();
        let end = end.unwrap_or(batch.len());
        let indexes: Vec<usize> = (0..end).filter(|index| !failed.contains_key(index)).collect();
        let requests: Vec<Request> = indexes.iter().map(|index| self.request(&batch[*index].1)).collect();
        let stopped = failed.get(&end).cloned().unwrap_or_else(|| Failure::unavailable("no reply from Redis"));
        let mut answers: Vec<Result<Accepted, Failure>> = batch.iter().map(|_| Err(stopped.clone())).collect();
        for (index, answer) in indexes.into_iter().zip(routes.execute(&requests).await) {
            answers[index] = answer.and_then(accepted);
        }
        for (index, failure) in failed.drain() {
            answers[index] = Err(failure);
        }
        answers
    }

    fn request(&self, event: &Prepared) -> Request {
        let retention = self.options.retentions.of(&event.channel);
        Request::call(tracking::publish(&self.options.keys, event, &retention)).replicated(is_replicated(event))
    }

    /// Sets the timers of the events that need one, which are in other slots. Returns the failures
    /// by index. Most events need no timer, and then no request is sent.
    async fn set_timers(&self, routes: &Routes, batch: &[(usize, Prepared)]) -> HashMap<usize, Failure> {
        let timer = |(index, (_, event)): (usize, &(usize, Prepared))| {
            event.tracking.as_ref()?;
            let retention = self.options.retentions.of(&event.channel);
            let call = tracking::register(&self.options.keys, event, &retention)?;
            Some((index, Request::call(call).replicated(is_replicated(event))))
        };
        let (indexes, requests): (Vec<_>, Vec<_>) = batch.iter().enumerate().filter_map(timer).unzip();
        if requests.is_empty() {
            return HashMap::new();
        }
        let answers = routes.execute(&requests).await;
        indexes.into_iter().zip(answers).filter_map(|(index, answer)| Some((index, answer.err()?))).collect()
    }
}

fn is_replicated(event: &Prepared) -> bool {
    event.durability == Some(Durability::Replicated)
}

fn accepted(answer: Value) -> Result<Accepted, Failure> {
    let text: String = read(answer)?;
    PublishScript::reply(&text).map_err(|error| bad_reply(error.to_string()))
}
