//! Publishing by the script of [`wirebell_protocol::publish`].
//!
//! In a Cluster the script goes to whoever has the channel's slot, and a batch may be spread over several primaries.

use std::collections::HashMap;

use fred::error::Error;
use futures_util::future::join_all;
use wirebell_protocol::publish::{Accepted, PublishScript};
use wirebell_protocol::script::Call;
use wirebell_protocol::tracking;
use wirebell_protocol::{Channel, Prepared};

use super::BusError;
use super::commands::{By, Commands, failed, is_forgotten, run};
use super::replicated::Replicated;

/// Events on their way at once. More would only wait in the client's queue.
const AT_ONCE: usize = 256;

/// Publishes each channel's events in order: what one connection is asked in order is done in order.
pub(super) async fn all(
    commands: &Commands,
    replicated: Option<&Replicated>,
    events: &[Prepared],
) -> Vec<Result<Accepted, BusError>> {
    if let Err(away) = commands.connected() {
        return events.iter().map(|_| Err(away.clone())).collect();
    }
    let mut answers = Vec::with_capacity(events.len());
    for batch in events.chunks(AT_ONCE) {
        answers.extend(batch_of(commands, replicated, batch).await);
    }
    answers
}

async fn batch_of(
    commands: &Commands,
    replicated: Option<&Replicated>,
    batch: &[Prepared],
) -> Vec<Result<Accepted, BusError>> {
    let unset = set_timers(commands, replicated, batch).await;
    let calls: Vec<(&Channel, Call)> = batch
        .iter()
        .enumerate()
        .filter(|(place, _)| !unset.contains_key(place))
        .map(|(_, event)| (&event.channel, call(commands, event)))
        .collect();
    let published: Vec<Result<Accepted, BusError>> = if let Some(replicated) = replicated {
        let calls: Vec<&Call> = calls.iter().map(|(_, call)| call).collect();
        let answers: Vec<Result<String, BusError>> = replicated.call(&calls).await;
        answers.into_iter().map(|answer| answer.and_then(|it| read(&it))).collect()
    } else {
        let answers = send_all(commands, &calls).await.into_iter();
        answers.map(|answer| answer.map_err(|error| failed(&error)).and_then(|it| read(&it))).collect()
    };
    let mut published = published.into_iter();
    let lost = || Err(BusError::Unavailable("no answer".to_owned()));
    let answer = |place| match unset.get(&place) {
        Some(error) => Err(error.clone()),
        None => published.next().unwrap_or_else(lost),
    };
    (0..batch.len()).map(answer).collect()
}

fn call(commands: &Commands, event: &Prepared) -> Call {
    tracking::publish(&commands.keys, event, &commands.retention(&event.channel))
}

/// Sets the timers of those that need one; says whose could not be set.
async fn set_timers(
    commands: &Commands,
    replicated: Option<&Replicated>,
    batch: &[Prepared],
) -> HashMap<usize, BusError> {
    let register = |event: &Prepared| {
        // Most events need none, and then nothing is looked up for them.
        event.tracking.as_ref()?;
        tracking::register(&commands.keys, event, &commands.retention(&event.channel))
    };
    let (places, calls): (Vec<usize>, Vec<Call>) =
        batch.iter().enumerate().filter_map(|(place, event)| Some((place, register(event)?))).unzip();
    let answers: Vec<Result<i64, BusError>> = match replicated {
        Some(replicated) => replicated.call(&calls.iter().collect::<Vec<_>>()).await,
        None => join_all(calls.iter().map(|call| commands.call(call))).await,
    };
    places.into_iter().zip(answers).filter_map(|(place, answer)| Some((place, answer.err()?))).collect()
}

async fn send_all(commands: &Commands, calls: &[(&Channel, Call)]) -> Vec<Result<String, Error>> {
    let mut answers = send(commands, By::Digest, &calls.iter().collect::<Vec<_>>()).await;
    // Sending the whole script loads it there too. What was done is not done again, and the rest is in its order.
    let places: Vec<usize> =
        (0..answers.len()).filter(|place| answers[*place].as_ref().is_err_and(is_forgotten)).collect();
    if !places.is_empty() {
        let missed: Vec<_> = places.iter().map(|place| &calls[*place]).collect();
        for (place, answer) in places.into_iter().zip(send(commands, By::Text, &missed).await) {
            answers[place] = answer;
        }
    }
    answers
}

async fn send(commands: &Commands, by: By, calls: &[&(&Channel, Call)]) -> Vec<Result<String, Error>> {
    if !commands.is_cluster() {
        return join_all(calls.iter().map(|(_, call)| run(&commands.client, by, call))).await;
    }
    // A command that is sent elsewhere by the Cluster must not be overtaken by the next one of its channel. fred
    // writes a pipeline in one go, and follows the answers in their order.
    let mut channels: HashMap<&Channel, Vec<usize>> = HashMap::new();
    for (place, (channel, _)) in calls.iter().enumerate() {
        channels.entry(channel).or_default().push(place);
    }
    let pipelines = channels.into_values().map(|places| pipeline(commands, by, calls, places));
    let mut answers: Vec<_> = join_all(pipelines).await.into_iter().flatten().collect();
    answers.sort_unstable_by_key(|(place, _)| *place);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

async fn pipeline(
    commands: &Commands,
    by: By,
    calls: &[&(&Channel, Call)],
    places: Vec<usize>,
) -> Vec<(usize, Result<String, Error>)> {
    if let [place] = places[..] {
        return vec![(place, run(&commands.client, by, &calls[place].1).await)];
    }
    let pipeline = commands.client.pipeline();
    for place in &places {
        // It is queued only.
        let _: Result<(), Error> = run(&pipeline, by, &calls[*place].1).await;
    }
    let mut answers = pipeline.try_all::<String>().await;
    // One answer for all is an error that concerns them all.
    if let ([Err(error)], true) = (answers.as_slice(), places.len() > 1) {
        answers = vec![Err(error.clone()); places.len()];
    }
    places.into_iter().zip(answers).collect()
}

fn read(answer: &str) -> Result<Accepted, BusError> {
    PublishScript::reply(answer).map_err(|error| BusError::Refused(error.to_string()))
}
