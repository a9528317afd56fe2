//! `wirebell publish`: a service, from a shell.

use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use wirebell_publisher::{Class, Event, Publisher};

use super::{Outcome, block_on};

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
    #[arg(long, value_parser = ["durable", "volatile"], default_value = "durable")]
    class: String,
    /// For how many seconds it is worth delivering
    #[arg(long, value_name = "SECONDS")]
    ttl: Option<u64>,
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
    pub(super) fn run(self) -> Outcome {
        let event = self.event()?;
        let mut publisher = Publisher::builder(&self.url);
        if let Some(path) = &self.key_file {
            let key =
                std::fs::read_to_string(path).map_err(|error| format!("--key-file {}: {error}", path.display()))?;
            publisher = publisher.service_key(key.trim_end());
        }
        block_on(async move {
            let publisher = publisher.connect().await.map_err(|error| error.to_string())?;
            let outcome = publisher.publish(event).await.map_err(|error| error.to_string())?;
            println!("{}", serde_json::to_string(&outcome).map_err(|error| error.to_string())?);
            Ok(())
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
        if let Some(ttl) = self.ttl {
            event = event.ttl(ttl)?;
        }
        if let Some(traceparent) = &self.traceparent {
            event = event.traceparent(traceparent)?;
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
