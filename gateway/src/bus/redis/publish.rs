//! Publishing by the script of [`wirebell_protocol::publish`].
//!
//! In a Cluster the script goes to whoever has the channel's slot, and a batch may be spread over several primaries.

use std::collections::HashMap;

use fred::error::Error;
use fred::interfaces::ClientLike;
use fred::types::{ClusterHash, CustomCommand, FromValue};
use fred::util::redis_keyslot;
use futures_util::future::join_all;
use wirebell_protocol::publish::{Accepted, PublishScript};
use wirebell_protocol::{Channel, Prepared};

use super::BusError;
use super::commands::{Commands, failed};

/// Events on their way at once. More would only wait in the client's queue.
const AT_ONCE: usize = 256;

/// Publishes each channel's events in order: what one connection is asked in order is done in order.
pub(super) async fn all(commands: &Commands, events: &[Prepared]) -> Vec<Result<Accepted, BusError>> {
    // Waiting for a Redis that is known to be away only makes the publisher wait.
    if !commands.client.is_connected() {
        let away = BusError::Unavailable("Redis is not connected".to_owned());
        return events.iter().map(|_| Err(away.clone())).collect();
    }
    let mut answers = Vec::with_capacity(events.len());
    for batch in events.chunks(AT_ONCE) {
        answers.extend(batch_of(commands, batch).await);
    }
    answers
}

async fn batch_of(commands: &Commands, batch: &[Prepared]) -> Vec<Result<Accepted, BusError>> {
    let digest = match commands.script().await {
        Ok(digest) => digest,
        Err(error) => return batch.iter().map(|_| Err(failed(&error))).collect(),
    };
    let mut answers = send(commands, Script::Known(digest), &batch.iter().collect::<Vec<_>>()).await;
    // A Redis that was restarted, failed over or given the slot does not know the script. Sending all of it loads
    // it there too. What was done is not done again, and the rest is in its order.
    let places: Vec<usize> = (0..answers.len()).filter(|place| is_forgotten(&answers[*place])).collect();
    if !places.is_empty() {
        let missed: Vec<&Prepared> = places.iter().map(|place| &batch[*place]).collect();
        for (place, answer) in places.into_iter().zip(send(commands, Script::Whole, &missed).await) {
            answers[place] = answer;
        }
    }
    answers.into_iter().map(read).collect()
}

/// How the script is named in a command.
#[derive(Clone)]
enum Script {
    /// By its digest.
    Known(String),
    /// By its text.
    Whole,
}

async fn send(commands: &Commands, script: Script, events: &[&Prepared]) -> Vec<Result<String, Error>> {
    if !commands.is_cluster() {
        return join_all(events.iter().map(|event| run(&commands.client, commands, script.clone(), event))).await;
    }
    // A command that is sent elsewhere by the Cluster must not be overtaken by the next one of its channel. fred
    // writes a pipeline in one go, and follows the answers in their order.
    let mut channels: HashMap<&Channel, Vec<usize>> = HashMap::new();
    for (place, event) in events.iter().enumerate() {
        channels.entry(&event.channel).or_default().push(place);
    }
    let pipelines = channels.into_values().map(|places| pipeline(commands, script.clone(), events, places));
    let mut answers: Vec<_> = join_all(pipelines).await.into_iter().flatten().collect();
    answers.sort_unstable_by_key(|(place, _)| *place);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

async fn pipeline(
    commands: &Commands,
    script: Script,
    events: &[&Prepared],
    places: Vec<usize>,
) -> Vec<(usize, Result<String, Error>)> {
    if let [place] = places[..] {
        return vec![(place, run(&commands.client, commands, script, events[place]).await)];
    }
    let pipeline = commands.client.pipeline();
    for place in &places {
        // It is queued only.
        let _: Result<(), Error> = run(&pipeline, commands, script.clone(), events[*place]).await;
    }
    let mut answers = pipeline.try_all::<String>().await;
    // One answer for all is an error that concerns them all.
    if let ([Err(error)], true) = (answers.as_slice(), places.len() > 1) {
        answers = vec![Err(error.clone()); places.len()];
    }
    places.into_iter().zip(answers).collect()
}

/// One event by one command, on a connection or into a pipeline.
async fn run<C: ClientLike, R: FromValue>(
    client: &C,
    commands: &Commands,
    script: Script,
    event: &Prepared,
) -> Result<R, Error> {
    let keys = PublishScript::keys(&commands.keys, event);
    let (word, script) = match script {
        Script::Known(digest) => ("EVALSHA", digest),
        Script::Whole => ("EVAL", PublishScript::SOURCE.to_owned()),
    };
    let place = ClusterHash::Custom(redis_keyslot(keys[0].as_bytes()));
    let count = keys.len().to_string();
    let arguments = PublishScript::arguments(event, &commands.retention);
    let words: Vec<String> = [script, count].into_iter().chain(keys).chain(arguments).collect();
    client.custom(CustomCommand::new_static(word, place, false), words).await
}

fn read(answer: Result<String, Error>) -> Result<Accepted, BusError> {
    let text = answer.map_err(|error| failed(&error))?;
    PublishScript::reply(&text).map_err(|error| BusError::Refused(error.to_string()))
}

fn is_forgotten(answer: &Result<String, Error>) -> bool {
    answer.as_ref().is_err_and(|error| error.details().starts_with("NOSCRIPT"))
}
