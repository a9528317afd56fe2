//! Timers: every node looks for those that have gone off, takes some, and does what their records say is due. A node
//! that dies over it leaves them to another: they go off again.

use std::sync::Arc;
use std::time::Duration;

use fred::error::Error;
use fred::interfaces::{HashesInterface, KeysInterface};
use fred::types::ExpireOptions;
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use wirebell_protocol::Shard;
use wirebell_protocol::tracking::{self, Alarm, Timer};

use super::super::BusError;
use super::commands::{Commands, failed};
use crate::lifecycle::next_tick;
use crate::telemetry::Metrics;

/// How often a node looks: a quarter of a second late is in time for whoever waits seconds.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long a note outlives a record that has gone.
const NOTE_SECONDS: i64 = 3_600;

/// Looks for as long as the process lives.
pub(super) async fn run(commands: Arc<Commands>, metrics: Arc<Metrics>) {
    loop {
        tokio::time::sleep_until(next_tick(LOOK_EVERY)).await;
        if commands.connected().is_err() {
            continue;
        }
        let shards: Vec<Shard> = Shard::all().collect();
        // All in one call where one server has them all: nothing is due most of the time, and asking is what costs.
        let together = if commands.is_cluster() { 1 } else { shards.len() };
        let looks = shards.chunks(together).map(|shards| work_off(&commands, shards, &metrics));
        for error in join_all(looks).await.into_iter().filter_map(Result::err) {
            tracing::debug!(%error, "timers are not worked off");
        }
    }
}

/// Takes timers of the shards until there are none that have gone off.
async fn work_off(commands: &Commands, shards: &[Shard], metrics: &Metrics) -> Result<(), BusError> {
    loop {
        let due: Vec<String> = commands.call(&tracking::claim(&commands.keys, shards)).await?;
        if due.is_empty() {
            return Ok(());
        }
        let timers: Vec<Timer> = due.iter().filter_map(|member| Timer::parse(member)).collect();
        let mut attended: FuturesUnordered<_> = timers.iter().map(|timer| attend(commands, timer)).collect();
        while let Some(answer) = attended.next().await {
            match answer {
                Ok(alarm) => metrics.timers.with_label_values(&[label(&alarm)]).inc(),
                // It goes off again when its lease has run out.
                Err(error) => tracing::debug!(%error, "a timer is left for later"),
            }
        }
    }
}

/// Asks the record what is due, does it, and finishes with the timer.
pub(super) async fn attend(commands: &Commands, timer: &Timer) -> Result<Alarm, BusError> {
    let answer: String = commands.call(&tracking::alarm(&commands.keys, timer)).await?;
    let alarm = Alarm::parse(&answer)
        .ok_or_else(|| BusError::Refused("the alarm script answered something else than it does".to_owned()))?;
    finish(commands, timer, &alarm).await?;
    Ok(alarm)
}

/// Finishes with a timer, and notes in the record that it is done with.
pub(super) async fn finish(commands: &Commands, timer: &Timer, alarm: &Alarm) -> Result<(), BusError> {
    let told: i64 = commands.call(&tracking::finish(&commands.keys, timer, alarm)).await?;
    if told == 1 {
        let record = commands.keys.record(&timer.channel, &timer.id);
        let noted = async {
            let _: i64 = commands.client.hset(&record, ("told", "1")).await?;
            // Should the record have gone meanwhile, the note must not stay for ever.
            commands.client.expire::<i64, _>(&record, NOTE_SECONDS, Some(ExpireOptions::NX)).await
        };
        noted.await.map_err(|error: Error| failed(&error))?;
    }
    Ok(())
}

fn label(alarm: &Alarm) -> &'static str {
    match alarm {
        Alarm::Absent => "absent",
        Alarm::Later(_) => "later",
        Alarm::Done => "done",
        Alarm::Final { .. } => "outcome",
        Alarm::Fallback { .. } => "fallback",
    }
}
