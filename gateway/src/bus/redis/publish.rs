//! Publishing by the script of [`wirebell_protocol::publish`].

use fred::error::Error;
use fred::interfaces::{ClientLike, LuaInterface};
use futures_util::future::join_all;
use wirebell_protocol::Prepared;
use wirebell_protocol::publish::{Accepted, PublishScript};

use super::BusError;
use super::commands::{Commands, failed};

/// Events on their way at once. More would only wait in the client's queue.
const AT_ONCE: usize = 256;

/// Publishes in order. What one connection is asked in order is done in order, so a batch keeps it too.
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
    let answers = send(commands, &digest, batch).await;
    if !answers.iter().any(|answer| answer.as_ref().is_err_and(is_forgotten)) {
        return answers.into_iter().map(read).collect();
    }
    // Redis was restarted and has forgotten the script. Trying the whole batch again keeps its order, and the ids
    // keep anything from happening twice.
    match commands.load_script().await {
        Ok(digest) => send(commands, &digest, batch).await.into_iter().map(read).collect(),
        Err(error) => batch.iter().map(|_| Err(failed(&error))).collect(),
    }
}

async fn send(commands: &Commands, digest: &str, batch: &[Prepared]) -> Vec<Result<String, Error>> {
    let calls = batch.iter().map(|event| {
        let keys = PublishScript::keys(&commands.keys, event).to_vec();
        let arguments = PublishScript::arguments(event, &commands.retention).to_vec();
        commands.client.evalsha(digest.to_owned(), keys, arguments)
    });
    join_all(calls).await
}

fn read(answer: Result<String, Error>) -> Result<Accepted, BusError> {
    let text = answer.map_err(|error| failed(&error))?;
    PublishScript::reply(&text).map_err(|error| BusError::Refused(error.to_string()))
}

fn is_forgotten(error: &Error) -> bool {
    error.details().starts_with("NOSCRIPT")
}
