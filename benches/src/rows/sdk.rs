//! The Rust SDK: one call after the other, many concurrent calls, batches, and `enqueue`.

use std::time::{Duration, Instant};

use wirebell_publisher::{Event, Flushed, Publisher};

use super::connections::micros_each;
use super::{Samples, Sizes};
use crate::failure::{Context, Failure, Result};
use crate::latency::Latency;
use crate::mark::Mark;
use crate::peer::{Target, user_name};
use crate::publish::PAYLOAD;
use crate::scenario::RedisServer;
use crate::usage;

/// Tasks that publish concurrently.
const TASKS: u32 = 64;
/// Events in a batch.
const BATCH: u32 = 256;
/// Users that receive events in turn.
const USERS: u32 = 1000;

pub(super) fn run(sizes: &Sizes, samples: &mut Samples) -> Result<()> {
    let redis = RedisServer::start()?;
    let url = format!("redis://127.0.0.1:{}", redis.config.redis);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let publisher = Publisher::connect(&url).await.context(|| "connecting the SDK".to_owned())?;
        one_by_one(&publisher, sizes.published / 20, samples).await?;
        many_tasks(&publisher, sizes.published, samples).await?;
        batches(&publisher, sizes.published, samples).await?;
        enqueue(&url, sizes.published, samples).await
    })
}

fn event(number: u32) -> Result<Event> {
    let mut payload = String::new();
    Mark { to: Target::One(number % USERS), phase: 0, number, at: 0 }.payload(PAYLOAD, &mut payload);
    let to = format!("user:{}", user_name(number % USERS));
    Event::from_json(&to, "measured", &payload).context(|| "making an event".to_owned())
}

/// Wall time and CPU of this process.
struct Measure(Instant, Duration);

impl Measure {
    fn begin() -> Self {
        Self(Instant::now(), usage::cpu(&[std::process::id()]))
    }

    fn end(&self, subject: &str, events: u32, samples: &mut Samples) {
        let seconds = self.0.elapsed().as_secs_f64();
        let cpu = usage::cpu(&[std::process::id()]).saturating_sub(self.1);
        samples.add_of("sdk-rate", subject, f64::from(events) / seconds);
        samples.add_of("sdk-cpu", subject, micros_each(cpu, events.into()));
    }
}

async fn one_by_one(publisher: &Publisher, events: u32, samples: &mut Samples) -> Result<()> {
    let measure = Measure::begin();
    for number in 0..events {
        publisher.publish(event(number)?).await.context(|| "publishing".to_owned())?;
    }
    measure.end("publish, one by one", events, samples);
    Ok(())
}

async fn many_tasks(publisher: &Publisher, events: u32, samples: &mut Samples) -> Result<()> {
    let measure = Measure::begin();
    let mut tasks = tokio::task::JoinSet::new();
    for first in 0..TASKS {
        let publisher = publisher.clone();
        tasks.spawn(async move {
            for number in (first..events).step_by(TASKS as usize) {
                publisher.publish(event(number)?).await.context(|| "publishing".to_owned())?;
            }
            Ok::<_, Failure>(())
        });
    }
    while let Some(outcome) = tasks.join_next().await {
        outcome.context(|| "a task".to_owned())??;
    }
    measure.end("publish, 64 tasks", events, samples);
    Ok(())
}

async fn batches(publisher: &Publisher, events: u32, samples: &mut Samples) -> Result<()> {
    let measure = Measure::begin();
    for first in (0..events).step_by(BATCH as usize) {
        let batch = (first..events.min(first + BATCH)).map(event).collect::<Result<Vec<_>>>()?;
        for answer in publisher.publish_all(batch).await {
            answer.context(|| "publishing".to_owned())?;
        }
    }
    measure.end("publish_all of 256", events, samples);
    Ok(())
}

/// Measures only the call: the buffer has room for all events, like one sized for the bursts of its
/// service.
async fn enqueue(url: &str, events: u32, samples: &mut Samples) -> Result<()> {
    let builder = Publisher::builder(url).buffer_events(events as usize).buffer_bytes(1 << 30);
    let publisher = builder.connect().await.context(|| "connecting the SDK".to_owned())?;
    let mut latency = Latency::default();
    let all = (0..events).map(event).collect::<Result<Vec<_>>>()?;
    let measure = Measure::begin();
    for event in all {
        let begun = Instant::now();
        let enqueued = publisher.enqueue(event);
        latency.record(u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX));
        if !enqueued.is_accepted() {
            return Err(Failure::new("the buffer rejected an event although it has room"));
        }
    }
    match publisher.close(Duration::from_secs(30)).await {
        Flushed::Done => measure.end("enqueue", events, samples),
        other => return Err(Failure::new(format!("the buffer is not empty after 30 s: {other:?}"))),
    }
    samples.add_of("sdk-enqueue-p50", "enqueue", latency.micros(0.5));
    samples.add_of("sdk-enqueue-p99", "enqueue", latency.micros(0.99));
    Ok(())
}
