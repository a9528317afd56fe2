//! A service driven by lines of JSON. It publishes the events that it reads, `{"publish":{…}}` or
//! `{"confirm":{…}}`, and writes what it receives: results, events from clients, fallback events,
//! receipts. `tests/languages` runs it beside the same service in other languages.
//!
//! ```text
//! LANGUAGES='{"redis":"redis://127.0.0.1:6379","service":"chat","group":"rust","goneAfter":30000}' \
//!     cargo run -p wirebell-publisher --example service
//! ```

use std::convert::Infallible;
use std::error::Error;
use std::io::BufRead;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use wirebell_publisher::{Event, Fallbacks, Follow, Inbox, InboxEvent, Publisher};

const ME: &str = "rust";
/// The most `data` that an event may have, in bytes.
const MAX_DATA: usize = 1_048_576;

/// The options of this service.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    redis: String,
    service: String,
    group: Option<String>,
    gone_after: u64,
    batch: Option<String>,
    #[serde(default)]
    hangs: Vec<u64>,
}

/// A line of the input.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Publish(Box<RawValue>),
    Confirm(Box<RawValue>),
}

type BoxError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let settings: Settings = serde_json::from_str(&std::env::var("LANGUAGES")?)?;
    let publisher = Publisher::connect(&settings.redis).await?;
    let inbox = Inbox::builder(&settings.redis, &settings.service)
        .gone_after(Duration::from_millis(settings.gone_after))
        .backoff(Duration::from_millis(50), Duration::from_secs(1))
        .connect()
        .await?;
    register_handlers(&inbox, &settings);
    let worker = inbox.clone();
    tokio::spawn(async move { worker.run().await });
    let fallbacks = match &settings.group {
        Some(group) => Some(follow(&publisher, &settings.redis, group).await?),
        None => None,
    };
    print_line(&json!({"ready": ME}));

    let mut lines = lines();
    while let Some(line) = lines.recv().await {
        match handle(&publisher, &line).await {
            Ok(answer) => print_line(&json!({"answer": answer})),
            Err(error) => print_line(&json!({"refused": error.to_string()})),
        }
    }
    let timeout = Duration::from_secs(2);
    inbox.close(timeout).await;
    if let Some(fallbacks) = fallbacks {
        fallbacks.close(timeout).await;
    }
    print_line(&json!({"closed": format!("{:?}", publisher.close(timeout).await)}));
    Ok(())
}

/// Registers the handlers of the inbox.
fn register_handlers(inbox: &Inbox, settings: &Settings) {
    inbox.on("ask-rust", |event: InboxEvent| async move {
        event.data::<Value>().map(|data| json!({"from": ME, "user": event.user, "data": data}))
    });
    for kind in ["note", "user.online", "user.offline"] {
        inbox.on(kind, |event: InboxEvent| async move {
            let InboxEvent { id, kind, user, device, data, .. } = event;
            print_line(&json!({"event": id, "type": kind, "user": user, "device": device, "json": data}));
            Ok::<_, Infallible>(())
        });
    }
    let hangs = settings.hangs.clone();
    inbox.on(settings.batch.as_deref().unwrap_or("batch"), move |event: InboxEvent| {
        let hangs = hangs.clone();
        async move {
            let number: u64 = event.data()?;
            print_line(&json!({"begun": number, "tries": event.tries}));
            if hangs.contains(&number) {
                // Never finishes here, so that another worker must take over.
                tokio::time::sleep(Duration::from_secs(600)).await;
            }
            print_line(&json!({"handled": number}));
            Ok::<_, serde_json::Error>(json!({"by": ME, "number": number}))
        }
    });
}

/// Handles fallback events and follows the receipts.
async fn follow(publisher: &Publisher, redis: &str, group: &str) -> Result<Fallbacks, BoxError> {
    let mut receipts = publisher.follow(&Follow::Group(group.to_owned()))?;
    tokio::spawn(async move {
        loop {
            let update = receipts.next().await;
            print_line(&json!({"receipt": update.id, "outcome": update.outcome.as_str()}));
        }
    });
    let fallbacks = Fallbacks::connect(redis, group).await?;
    let worker = fallbacks.clone();
    tokio::spawn(async move {
        worker
            .run(|fallback| async move {
                let data: Value = fallback.data()?;
                print_line(&json!({"fallback": fallback.id, "channel": fallback.channel.as_str(), "data": data}));
                Ok::<_, serde_json::Error>(())
            })
            .await;
    });
    Ok(fallbacks)
}

/// Publishes an event, and waits for an acknowledgement if requested.
async fn handle(to: &Publisher, line: &str) -> Result<Value, BoxError> {
    match serde_json::from_str(line)? {
        Line::Publish(event) => {
            let event = to.publish(parse(&event)?).await?;
            Ok(json!({"id": event.id, "nodes": event.nodes()}))
        }
        Line::Confirm(event) => {
            let event = to.publish(parse(&event)?.receipt()).await?;
            let seen = event.acknowledged(Duration::from_secs(10)).await?;
            Ok(json!({"id": event.id, "device": seen.device}))
        }
    }
}

fn parse(event: &RawValue) -> Result<Event, BoxError> {
    Ok(Event::parse(event.get().as_bytes(), MAX_DATA)?)
}

/// Returns the lines of the standard input.
fn lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

fn print_line(line: &Value) {
    println!("{line}");
}
