//! Timers of delivery records. Every node polls for due timers, claims some, and does what their
//! records say is due. If a node dies meanwhile, the timers become due again, and another node
//! claims them.

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

use super::commands::{Commands, bus_error};
use crate::bus::BusError;
use crate::lifecycle::next_tick;
use crate::telemetry::Metrics;

/// How often a node polls for due timers. A quarter of a second is precise enough for deadlines of
/// seconds.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// How long a field outlives a record that was removed meanwhile.
const FIELD_TTL_SECONDS: i64 = 3_600;

/// Processes due timers for as long as the process runs.
pub(super) async fn run(commands: Arc<Commands>, metrics: Arc<Metrics>) {
    loop {
        tokio::time::sleep_until(next_tick(POLL_INTERVAL)).await;
        if commands.require_connection().is_err() {
            continue;
        }
        let shards: Vec<Shard> = Shard::all().collect();
        // One call covers all shards where one server holds them: mostly nothing is due, and each
        // call costs.
        let per_call = if commands.is_cluster() { 1 } else { shards.len() };
        let polls = shards.chunks(per_call).map(|shards| process_due(&commands, shards, &metrics));
        for error in join_all(polls).await.into_iter().filter_map(Result::err) {
            tracing::debug!(%error, "cannot process due timers; retrying");
        }
    }
}

/// Claims and processes due timers of the shards until none is left.
async fn process_due(commands: &Commands, shards: &[Shard], metrics: &Metrics) -> Result<(), BusError> {
    loop {
        let due: Vec<String> = commands.call(&tracking::claim(&commands.keys, shards)).await?;
        if due.is_empty() {
            return Ok(());
        }
        let timers: Vec<Timer> = due.iter().filter_map(|member| Timer::parse(member)).collect();
        let mut processed: FuturesUnordered<_> = timers.iter().map(|timer| process(commands, timer)).collect();
        while let Some(answer) = processed.next().await {
            match answer {
                Ok(alarm) => metrics.timers.with_label_values(&[label(&alarm)]).inc(),
                // The timer is due again when its lease expires.
                Err(error) => tracing::debug!(%error, "cannot process a timer; retrying when its lease expires"),
            }
        }
    }
}

/// Asks the record what is due, executes that, and finishes the timer.
pub(super) async fn process(commands: &Commands, timer: &Timer) -> Result<Alarm, BusError> {
    let answer: String = commands.call(&tracking::alarm(&commands.keys, timer)).await?;
    let alarm = Alarm::parse(&answer)
        .ok_or_else(|| BusError::Rejected("the alarm script returned an unexpected answer".to_owned()))?;
    finish(commands, timer, &alarm).await?;
    Ok(alarm)
}

/// Executes an alarm and removes its timer, and marks in the record that its final status was
/// reported.
pub(super) async fn finish(commands: &Commands, timer: &Timer, alarm: &Alarm) -> Result<(), BusError> {
    let reported: i64 = commands.call(&tracking::finish(&commands.keys, timer, alarm)).await?;
    if reported == 1 {
        let record = commands.keys.record(&timer.channel, &timer.id);
        let marked = async {
            let _: i64 = commands.client.hset(&record, ("told", "1")).await?;
            // If the record was removed meanwhile, the new field must expire as well.
            commands.client.expire::<i64, _>(&record, FIELD_TTL_SECONDS, Some(ExpireOptions::NX)).await
        };
        marked.await.map_err(|error: Error| bus_error(&error))?;
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
