//! A service in lines of JSON: it publishes what it reads, `{"publish":{…}}` or `{"confirm":{…}}` with an event in it, and
//! writes what comes to it: answers, events from clients, fallbacks, receipts. `tests/languages` runs it beside the same
//! in other languages.
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

/// What this service is to be.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    redis: String,
    service: String,
    group: Option<String>,
    gone_after: u64,
    batch: Option<String>,
    #[serde(default)]
    hangs: Vec<u64>,
}

/// A line that is read.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Publish(Box<RawValue>),
    Confirm(Box<RawValue>),
}

type Failed = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let wanted: Wanted = serde_json::from_str(&std::env::var("LANGUAGES")?)?;
    let publisher = Publisher::connect(&wanted.redis).await?;
    let inbox = Inbox::builder(&wanted.redis, &wanted.service)
        .gone_after(Duration::from_millis(wanted.gone_after))
        .backoff(Duration::from_millis(50), Duration::from_secs(1))
        .connect()
        .await?;
    listen(&inbox, &wanted);
    let worker = inbox.clone();
    tokio::spawn(async move { worker.run().await });
    let fallbacks = match &wanted.group {
        Some(group) => Some(follow(&publisher, &wanted.redis, group).await?),
        None => None,
    };
    tell(&json!({"ready": ME}));

    let mut lines = lines();
    while let Some(line) = lines.recv().await {
        match serve(&publisher, &line).await {
            Ok(answer) => tell(&json!({"answer": answer})),
            Err(error) => tell(&json!({"refused": error.to_string()})),
        }
    }
    let patience = Duration::from_secs(2);
    inbox.close(patience).await;
    if let Some(fallbacks) = fallbacks {
        fallbacks.close(patience).await;
    }
    tell(&json!({"closed": format!("{:?}", publisher.close(patience).await)}));
    Ok(())
}

/// Names the handlers.
fn listen(inbox: &Inbox, wanted: &Wanted) {
    inbox.on("ask-rust", |event: InboxEvent| async move {
        event.data::<Value>().map(|data| json!({"from": ME, "user": event.user, "data": data}))
    });
    for kind in ["note", "user.online", "user.offline"] {
        inbox.on(kind, |event: InboxEvent| async move {
            let InboxEvent { id, kind, user, device, data, .. } = event;
            tell(&json!({"event": id, "type": kind, "user": user, "device": device, "json": data}));
            Ok::<_, Infallible>(())
        });
    }
    let hangs = wanted.hangs.clone();
    inbox.on(wanted.batch.as_deref().unwrap_or("batch"), move |event: InboxEvent| {
        let hangs = hangs.clone();
        async move {
            let number: u64 = event.data()?;
            tell(&json!({"begun": number, "tries": event.tries}));
            if hangs.contains(&number) {
                // It never comes to its end here.
                tokio::time::sleep(Duration::from_secs(600)).await;
            }
            tell(&json!({"handled": number}));
            Ok::<_, serde_json::Error>(json!({"by": ME, "number": number}))
        }
    });
}

/// Takes over what falls back, and follows the receipts.
async fn follow(publisher: &Publisher, redis: &str, group: &str) -> Result<Fallbacks, Failed> {
    let mut receipts = publisher.follow(&Follow::Group(group.to_owned()))?;
    tokio::spawn(async move {
        loop {
            let told = receipts.next().await;
            tell(&json!({"receipt": told.id, "outcome": told.outcome.as_str()}));
        }
    });
    let fallbacks = Fallbacks::connect(redis, group).await?;
    let worker = fallbacks.clone();
    tokio::spawn(async move {
        worker
            .run(|fallback| async move {
                let data: Value = fallback.data()?;
                tell(&json!({"fallback": fallback.id, "channel": fallback.channel.as_str(), "data": data}));
                Ok::<_, serde_json::Error>(())
            })
            .await;
    });
    Ok(fallbacks)
}

/// Publishes, and waits for an acknowledgement if that is asked.
async fn serve(to: &Publisher, line: &str) -> Result<Value, Failed> {
    match serde_json::from_str(line)? {
        Line::Publish(event) => {
            let event = to.publish(read(&event)?).await?;
            Ok(json!({"id": event.id, "nodes": event.nodes()}))
        }
        Line::Confirm(event) => {
            let event = to.publish(read(&event)?.receipt()).await?;
            let seen = event.acknowledged(Duration::from_secs(10)).await?;
            Ok(json!({"id": event.id, "device": seen.device}))
        }
    }
}

fn read(event: &RawValue) -> Result<Event, Failed> {
    Ok(Event::parse(event.get().as_bytes(), MAX_DATA)?)
}

/// The lines of the standard input, until it ends.
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

/// One line.
fn tell(line: &Value) {
    println!("{line}");
}
