//! Publishes one event and prints the result.
//!
//! ```text
//! cargo run -p wirebell-publisher --example publish -- redis://127.0.0.1:6379
//! ```

use std::error::Error;

use wirebell_publisher::{Event, Publisher};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "redis://127.0.0.1:6379".to_owned());
    let publisher = Publisher::connect(&url).await?;
    let event = Event::from_json("user:42", "payment-status", r#"{"status":"paid"}"#)?.source("example")?;
    let outcome = publisher.publish(event).await?;
    for reached in &outcome.channels {
        let cursor = reached.cursor.map_or_else(|| "no log".to_owned(), |cursor| cursor.to_string());
        println!("{} on {}: {cursor}, {} nodes with subscribers", outcome.id, reached.channel, reached.nodes);
    }
    Ok(())
}
