//! `wirebell publish`: a service, from a shell.

use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use wirebell_publisher::{Class, Durability, Event, EventError, Publisher};

use super::{CommandResult, block_on, api_client};

/// `wirebell publish --to user:42 --type payment-status --data '{"ok":true}'`
#[derive(Debug, Args)]
pub(super) struct Publish {
    /// A channel: user:<id>, topic:<name>, conn:<connection id> or all; may be given several times
    #[arg(long, required = true, value_name = "CHANNEL")]
    to: Vec<String>,
    /// The event's type
    #[arg(long = "type", value_name = "TYPE")]
    kind: String,
    /// The event's data in JSON; `-` reads it from standard input
    #[arg(long, value_name = "JSON")]
    data: String,
    /// The event's id and idempotency key
    #[arg(long)]
    id: Option<String>,
    /// Which service says so
    #[arg(long)]
    source: Option<String>,
    /// How the event is kept
    #[arg(long, value_parser = ["durable", "retained", "volatile"], default_value = "durable")]
    class: String,
    /// What it is the newest value of, which makes it a retained event
    #[arg(long, value_name = "KEY", conflicts_with = "class")]
    retained_key: Option<String>,
    /// For how many seconds it is worth delivering
    #[arg(long, value_name = "SECONDS")]
    ttl: Option<u64>,
    /// Ask what becomes of it: `wirebell explain` tells
    #[arg(long)]
    receipt: bool,
    /// Unless a device has acknowledged it after so many seconds, it goes to the fallback stream
    #[arg(long, value_name = "SECONDS")]
    deadline: Option<u64>,
    /// Publish it at this time, in RFC 3339
    #[arg(long, value_name = "TIME")]
    deliver_at: Option<String>,
    /// Count as published once the primary has it, or once a replica has it too
    #[arg(long, value_parser = ["primary", "replicated"])]
    durability: Option<String>,
    /// Wait so long for a device to acknowledge it, then tell what became of it; ends with a failure if none has
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
    /// The W3C trace context to continue
    #[arg(long)]
    traceparent: Option<String>,
    /// The services' door, or a Redis
    #[arg(long, default_value = "http://127.0.0.1:9090")]
    url: String,
    /// The service key in a file
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

impl Publish {
    pub(super) fn run(self) -> CommandResult {
        let event = self.event()?;
        let mut publisher = Publisher::builder(&self.url);
        if let Some(key) = api_client::read_key(self.key_file.as_deref())? {
            publisher = publisher.service_key(&key);
        }
        block_on(async move {
            let publisher = publisher.connect().await.map_err(|error| error.to_string())?;
            let result = publisher.publish(event).await.map_err(|error| error.to_string())?;
            print_json(&result)?;
            let Some(seconds) = self.wait else { return Ok(()) };
            let acknowledged = result.acknowledged(Duration::from_secs(seconds)).await;
            print_json(&publisher.receipts(&result.id).await.map_err(|error| error.to_string())?)?;
            acknowledged.map(drop).map_err(|error| error.to_string())
        })
    }

    fn event(&self) -> Result<Event, String> {
        self.build().map_err(|error| error.to_string())
    }

    fn build(&self) -> Result<Event, Box<dyn std::error::Error>> {
        let data = self.data()?;
        let (first, rest) = self.to.split_first().ok_or("--to: expected a channel")?;
        let mut event = Event::from_json(first, &self.kind, &data)?;
        for channel in rest {
            event = event.and_to(channel)?;
        }
        if let Some(id) = &self.id {
            event = event.id(id)?;
        }
        if let Some(source) = &self.source {
            event = event.source(source)?;
        }
        if let Some(class) = Class::parse(&self.class) {
            event = event.class(class)?;
        }
        if let Some(key) = &self.retained_key {
            event = event.key(key)?;
        }
        if let Some(ttl) = self.ttl {
            event = event.ttl(ttl)?;
        }
        if let Some(traceparent) = &self.traceparent {
            event = event.traceparent(traceparent)?;
        }
        Ok(self.add_delivery_options(event)?)
    }

    fn add_delivery_options(&self, mut event: Event) -> Result<Event, EventError> {
        // Whoever waits wants to know.
        if self.receipt || (self.wait.is_some() && self.deadline.is_none()) {
            event = event.receipt();
        }
        if let Some(seconds) = self.deadline {
            event = event.deadline(seconds)?;
        }
        if let Some(time) = &self.deliver_at {
            event = event.deliver_at(time)?;
        }
        if let Some(durability) = self.durability.as_deref().and_then(Durability::parse) {
            event = event.durability(durability)?;
        }
        Ok(event)
    }

    fn data(&self) -> std::io::Result<String> {
        if self.data != "-" {
            return Ok(self.data.clone());
        }
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        Ok(text)
    }
}

/// One line of JSON.
fn print_json(what: &impl Serialize) -> Result<(), String> {
    println!("{}", serde_json::to_string(what).map_err(|error| error.to_string())?);
    Ok(())
}
