//! Enqueues a hundred events without waiting, then waits up to ten seconds until they are
//! published.
//!
//! ```text
//! cargo run -p wirebell-publisher --example enqueue -- redis://127.0.0.1:6379
//! ```

use std::error::Error;
use std::time::Duration;

use wirebell_publisher::{Enqueued, Event, Publisher};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "redis://127.0.0.1:6379".to_owned());
    let publisher = Publisher::connect(&url).await?;
    for number in 1..=100 {
        let event = Event::new("user:42", "progress", &number)?;
        match publisher.enqueue(event) {
            Enqueued::Accepted { .. } => {}
            Enqueued::Full(event) | Enqueued::Closed(event) => println!("not accepted: {:?}", event.event_id()),
        }
    }
    println!("{:?}", publisher.close(Duration::from_secs(10)).await);
    println!("{:?}", publisher.counters());
    Ok(())
}
