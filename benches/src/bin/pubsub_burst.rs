//! Compares two Redis clients on a burst of a node's subscription: fred's broadcast ring and the
//! redis crate's push channel. A child process publishes as fast as one connection can; this
//! process subscribes and counts. Both clients get the same bursts in turn, several times, and both
//! pass the messages to a consumer that does a little work.
//!
//! `cargo run --release -p wirebell-benches --bin pubsub-burst [MESSAGES] [ROUNDS] [QUEUE]`
//! where QUEUE is how many messages may wait for the consumer.

#![expect(clippy::expect_used, reason = "a benchmark that cannot run has to fail")]
#![expect(clippy::cast_precision_loss, reason = "figures of a few digits are shown")]

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fred::prelude::{Builder, ClientLike, EventInterface, PubsubInterface};
use fred::types::RespVersion;
use fred::types::config::Config;
use redis::{AsyncConnectionConfig, IntoConnectionInfo, ProtocolVersion, PushInfo, PushKind};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use wirebell_benches::usage::cpu;
use wirebell_tests::redis::Redis;

const CHANNEL: &str = "wb:{user:42}:announce";

/// The figures of one round.
struct Round {
    received: u64,
    dropped: u64,
    elapsed: Duration,
    cpu: Duration,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, default: u64| arguments.get(index).and_then(|a| a.parse().ok()).unwrap_or(default);
    match arguments.first().map(String::as_str) {
        Some("publish") => publish(&arguments[1], number(2, 0)),
        _ => compare(number(0, 1_000_000), number(1, 3), usize::try_from(number(2, 65_536)).unwrap_or(65_536)),
    }
}

#[tokio::main(worker_threads = 2)]
async fn compare(messages: u64, rounds: u64, queue: usize) {
    let server =
        Redis::start_with(&["--save", "", "--appendonly", "no", "--client-output-buffer-limit", "pubsub 0 0 0"])
            .await;
    println!("{messages} messages of 300 bytes in a burst, queue of {queue}, {rounds} rounds interleaved");
    println!("| client | received | dropped | messages/s | CPU µs/message |\n| --- | --- | --- | --- | --- |");
    for _ in 0..rounds {
        report("fred, message_rx", &with_fred(&server.url(), messages, queue).await);
        report("redis crate, push", &with_redis(&server.url(), messages, queue).await);
    }
}

fn report(client: &str, round: &Round) {
    let rate = round.received as f64 / round.elapsed.as_secs_f64();
    let cpu = round.cpu.as_secs_f64() * 1e6 / round.received.max(1) as f64;
    println!("| {client} | {} | {} | {rate:.0} | {cpu:.2} |", round.received, round.dropped);
}

async fn with_fred(url: &str, messages: u64, queue: usize) -> Round {
    let mut config = Config::from_url(url).expect("a URL");
    config.version = RespVersion::RESP3;
    let client = Builder::from_config(config)
        .with_performance_config(|performance| performance.broadcast_channel_capacity = queue)
        .build_subscriber_client()
        .expect("a client");
    client.init().await.expect("connected");
    client.ssubscribe(CHANNEL).await.expect("subscribed");
    let mut receiver = client.message_rx();
    let counter = Counter::default();
    let counting = counter.clone();
    let consumer = tokio::spawn(async move {
        loop {
            match receiver.recv().await {
                Ok(message) => counting.take(message.value.as_bytes().unwrap_or_default()),
                Err(RecvError::Lagged(missed)) => counting.drop(missed),
                Err(RecvError::Closed) => return,
            }
        }
    });
    let round = counter.measure(url, messages).await;
    consumer.abort();
    client.quit().await.expect("disconnected");
    round
}

async fn with_redis(url: &str, messages: u64, queue: usize) -> Round {
    let counter = Counter::default();
    let (sender, mut receiver) = mpsc::channel::<PushInfo>(queue);
    let dropping = counter.clone();
    let config = AsyncConnectionConfig::new().set_push_sender(move |push: PushInfo| {
        if push.kind == PushKind::SMessage && sender.try_send(push).is_err() {
            dropping.drop(1);
        }
        Ok::<(), redis::aio::SendError>(())
    });
    let info = url.into_connection_info().expect("a URL");
    let resp3 = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let client = redis::Client::open(info.set_redis_settings(resp3)).expect("a client");
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await.expect("connected");
    redis::cmd("SSUBSCRIBE").arg(CHANNEL).exec_async(&mut connection).await.expect("subscribed");
    let counting = counter.clone();
    let consumer = tokio::spawn(async move {
        while let Some(push) = receiver.recv().await {
            if let Some(redis::Value::BulkString(message)) = push.data.last() {
                counting.take(message);
            }
        }
    });
    let round = counter.measure(url, messages).await;
    consumer.abort();
    round
}

#[derive(Clone, Default)]
struct Counter(Arc<[AtomicU64; 3]>);

impl Counter {
    /// Reads every byte, as decoding would.
    fn take(&self, message: &[u8]) {
        let sum: u64 = message.iter().map(|byte| u64::from(*byte)).sum();
        self.0[2].fetch_add(sum, Ordering::Relaxed);
        self.0[0].fetch_add(1, Ordering::Relaxed);
    }

    fn drop(&self, messages: u64) {
        self.0[1].fetch_add(messages, Ordering::Relaxed);
    }

    async fn measure(&self, url: &str, messages: u64) -> Round {
        let (start, cpu) = (Instant::now(), cpu_time());
        let program = std::env::current_exe().expect("this program");
        let mut child =
            Command::new(program).args(["publish", url, &messages.to_string()]).spawn().expect("a publisher");
        let count = |index: usize| self.0[index].load(Ordering::Relaxed);
        let mut last = (Instant::now(), 0);
        // Until all messages are accounted for, or none has arrived for a while.
        while count(0) + count(1) < messages && last.0.elapsed() < Duration::from_secs(5) {
            tokio::time::sleep(Duration::from_millis(5)).await;
            if count(0) + count(1) != last.1 {
                last = (Instant::now(), count(0) + count(1));
            }
        }
        let elapsed = last.0.duration_since(start);
        child.wait().expect("the publisher ends");
        Round {
            received: count(0),
            dropped: messages.saturating_sub(count(0)),
            elapsed,
            cpu: cpu_time().saturating_sub(cpu),
        }
    }
}

fn publish(url: &str, messages: u64) {
    let mut connection = redis::Client::open(url).and_then(|c| c.get_connection()).expect("connected");
    let payload = [b'x'; 300];
    let mut left = messages;
    while left > 0 {
        let batch = left.min(2_000);
        let mut pipe = redis::pipe();
        for _ in 0..batch {
            pipe.cmd("SPUBLISH").arg(CHANNEL).arg(&payload[..]).ignore();
        }
        pipe.exec(&mut connection).expect("published");
        left -= batch;
    }
}

/// Returns user and system time of this process.
fn cpu_time() -> Duration {
    cpu(&[std::process::id()])
}
