//! `wirebell publish`: publishes an event from a shell.

use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use wirebell_publisher::{Class, Durability, Event, EventError, Publisher};

use super::{CommandResult, api_client, block_on};

/// `wirebell publish --to user:42 --type payment-status --data '{"ok":true}'`
#[derive(Debug, Args)]
pub(super) struct Publish {
    /// Channel: user:<id>, topic:<name>, conn:<connection id> or all; can be repeated
    #[arg(long, required = true, value_name = "CHANNEL")]
    to: Vec<String>,
    /// Type of the event
    #[arg(long = "type", value_name = "TYPE")]
    kind: String,
    /// Data of the event in JSON; `-` reads it from standard input
    #[arg(long, value_name = "JSON")]
    data: String,
    /// Id and idempotency key of the event [default: generated]
    #[arg(long)]
    id: Option<String>,
    /// Name of the publishing service
    #[arg(long)]
    source: Option<String>,
    /// How the event is stored
    #[arg(long, value_parser = ["durable", "retained", "volatile"], default_value = "durable")]
    class: String,
    /// Key of a retained event: the event is the key's newest value
    #[arg(long, value_name = "KEY", conflicts_with = "class")]
    retained_key: Option<String>,
    /// Seconds after which the event is no longer delivered
    #[arg(long, value_name = "SECONDS")]
    ttl: Option<u64>,
    /// Track the delivery; `wirebell explain` shows it
    #[arg(long)]
    receipt: bool,
    /// Seconds within which a device must acknowledge the event; otherwise it goes to the fallback
    /// stream
    #[arg(long, value_name = "SECONDS")]
    deadline: Option<u64>,
    /// Time at which to publish the event, in RFC 3339
    #[arg(long, value_name = "TIME")]
    deliver_at: Option<String>,
    /// When the event counts as published: stored on the primary, or on a replica too
    #[arg(long, value_parser = ["primary", "replicated"])]
    durability: Option<String>,
    /// Wait up to this many seconds for an acknowledgement, then print the delivery status; fails
    /// without one
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
    /// W3C trace context to continue
    #[arg(long)]
    traceparent: Option<String>,
    /// URL of the server API, or of Redis
    #[arg(long, default_value = "http://127.0.0.1:9090")]
    url: String,
    /// File with the API key
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
        // Waiting for an acknowledgement requires tracking.
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

/// Prints a value as one line of JSON.
fn print_json(value: &impl Serialize) -> Result<(), String> {
    println!("{}", serde_json::to_string(value).map_err(|error| error.to_string())?);
    Ok(())
}
