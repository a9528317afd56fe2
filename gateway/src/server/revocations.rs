//! Keeps the node's revocations as the bus has them, and ends the sessions of tokens that were revoked.

use std::sync::Arc;
use std::time::Duration;

use crate::auth::Verifier;
use crate::bus::SharedBus;
use crate::hub::{Hub, Order};
use crate::lifecycle::next_turn;

/// How often the bus is asked for news: so long a revoked token may be good elsewhere.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// Looks for as long as the process lives. While the bus is away, what was known last holds.
pub(super) async fn keep(bus: SharedBus, verifier: Arc<Verifier>, hub: Arc<Hub>) {
    let mut version = String::new();
    loop {
        match bus.revocations(&version).await {
            Ok(Some(found)) => {
                let news = verifier.revoked().replace(&found.all);
                if news.anybody {
                    hub.order_all(|| Order::Check);
                } else {
                    news.users.iter().for_each(|user| hub.check(user));
                }
                version = found.version;
            }
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "revocations are as they were known last"),
        }
        tokio::time::sleep_until(next_turn(CHECK_INTERVAL)).await;
    }
}
