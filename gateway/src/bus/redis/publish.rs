//! Publishes events with the script of [`wirebell_protocol::publish`].
//!
//! In a Cluster, each call goes to the owner of the channel's slot, so a batch may go to several
//! primaries.

use std::collections::HashMap;

use fred::error::Error;
use futures_util::future::join_all;
use wirebell_protocol::publish::{Accepted, PublishScript};
use wirebell_protocol::script::Call;
use wirebell_protocol::tracking;
use wirebell_protocol::{Channel, Prepared};

use super::commands::{Commands, ScriptRef, bus_error, is_unknown_script, run};
use super::replicated::Replicated;
use crate::bus::BusError;

/// Events in flight at once. More would only wait in the client's queue.
const MAX_IN_FLIGHT: usize = 256;

/// Publishes events. Events of the same channel stay in order, since Redis executes the commands of
/// a connection in order.
pub(super) async fn publish(
    commands: &Commands,
    replicated: Option<&Replicated>,
    events: &[Prepared],
) -> Vec<Result<Accepted, BusError>> {
    if let Err(down) = commands.require_connection() {
        return events.iter().map(|_| Err(down.clone())).collect();
    }
    let mut answers = Vec::with_capacity(events.len());
    for batch in events.chunks(MAX_IN_FLIGHT) {
        answers.extend(publish_batch(commands, replicated, batch).await);
    }
    answers
}

/// Sets the timers of the events, then publishes those whose timer is set.
async fn publish_batch(
    commands: &Commands,
    replicated: Option<&Replicated>,
    batch: &[Prepared],
) -> Vec<Result<Accepted, BusError>> {
    let without_timer = set_timers(commands, replicated, batch).await;
    let calls: Vec<(&Channel, Call)> = batch
        .iter()
        .enumerate()
        .filter(|(index, _)| !without_timer.contains_key(index))
        .map(|(_, event)| (&event.channel, call(commands, event)))
        .collect();
    let published: Vec<Result<Accepted, BusError>> = if let Some(replicated) = replicated {
        let calls: Vec<&Call> = calls.iter().map(|(_, call)| call).collect();
        let answers: Vec<Result<String, BusError>> = replicated.call(&calls).await;
        answers.into_iter().map(|answer| answer.and_then(|it| parse(&it))).collect()
    } else {
        let answers = send_all(commands, &calls).await.into_iter();
        answers.map(|answer| answer.map_err(|error| bus_error(&error)).and_then(|it| parse(&it))).collect()
    };
    let mut published = published.into_iter();
    let no_reply = || Err(BusError::Unavailable("no answer".to_owned()));
    let answer = |index| match without_timer.get(&index) {
        Some(error) => Err(error.clone()),
        None => published.next().unwrap_or_else(no_reply),
    };
    (0..batch.len()).map(answer).collect()
}

fn call(commands: &Commands, event: &Prepared) -> Call {
    tracking::publish(&commands.keys, event, &commands.retention(&event.channel))
}

/// Sets the timers of the events that need one. Returns the errors by the index of the event.
async fn set_timers(
    commands: &Commands,
    replicated: Option<&Replicated>,
    batch: &[Prepared],
) -> HashMap<usize, BusError> {
    let register = |event: &Prepared| {
        // Most events need no timer, and need no lookup of their retention then.
        event.tracking.as_ref()?;
        tracking::register(&commands.keys, event, &commands.retention(&event.channel))
    };
    let (indices, calls): (Vec<usize>, Vec<Call>) =
        batch.iter().enumerate().filter_map(|(index, event)| Some((index, register(event)?))).unzip();
    let answers: Vec<Result<i64, BusError>> = match replicated {
        Some(replicated) => replicated.call(&calls.iter().collect::<Vec<_>>()).await,
        None => join_all(calls.iter().map(|call| commands.call(call))).await,
    };
    indices.into_iter().zip(answers).filter_map(|(index, answer)| Some((index, answer.err()?))).collect()
}

/// Runs the calls by digest, and by text those whose script Redis does not know.
async fn send_all(commands: &Commands, calls: &[(&Channel, Call)]) -> Vec<Result<String, Error>> {
    let mut answers = send(commands, ScriptRef::Digest, &calls.iter().collect::<Vec<_>>()).await;
    // Sending the text also loads the script. Completed calls are not repeated, and the others keep
    // their order.
    let indices: Vec<usize> =
        (0..answers.len()).filter(|index| answers[*index].as_ref().is_err_and(is_unknown_script)).collect();
    if !indices.is_empty() {
        let missed: Vec<_> = indices.iter().map(|index| &calls[*index]).collect();
        for (index, answer) in indices.into_iter().zip(send(commands, ScriptRef::Text, &missed).await) {
            answers[index] = answer;
        }
    }
    answers
}

/// Runs the calls at once; in a Cluster, as one pipeline for each channel.
async fn send(
    commands: &Commands,
    script_ref: ScriptRef,
    calls: &[&(&Channel, Call)],
) -> Vec<Result<String, Error>> {
    if !commands.is_cluster() {
        return join_all(calls.iter().map(|(_, call)| run(&commands.client, script_ref, call))).await;
    }
    // If the Cluster redirects a command, the next command of its channel must not overtake it.
    // fred writes a pipeline at once, and follows redirections in order.
    let mut channels: HashMap<&Channel, Vec<usize>> = HashMap::new();
    for (index, (channel, _)) in calls.iter().enumerate() {
        channels.entry(channel).or_default().push(index);
    }
    let pipelines = channels.into_values().map(|indices| pipeline(commands, script_ref, calls, indices));
    let mut answers: Vec<_> = join_all(pipelines).await.into_iter().flatten().collect();
    answers.sort_unstable_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// Runs the calls of one channel in order. Returns their replies by the index of the call.
async fn pipeline(
    commands: &Commands,
    script_ref: ScriptRef,
    calls: &[&(&Channel, Call)],
    indices: Vec<usize>,
) -> Vec<(usize, Result<String, Error>)> {
    if let [index] = indices[..] {
        return vec![(index, run(&commands.client, script_ref, &calls[index].1).await)];
    }
    let pipeline = commands.client.pipeline();
    for index in &indices {
        // This only queues the command.
        let _: Result<(), Error> = run(&pipeline, script_ref, &calls[*index].1).await;
    }
    let mut answers = pipeline.try_all::<String>().await;
    // A single answer to several commands is an error that applies to all of them.
    if let ([Err(error)], true) = (answers.as_slice(), indices.len() > 1) {
        answers = vec![Err(error.clone()); indices.len()];
    }
    indices.into_iter().zip(answers).collect()
}

fn parse(answer: &str) -> Result<Accepted, BusError> {
    PublishScript::reply(answer).map_err(|error| BusError::Rejected(error.to_string()))
}
