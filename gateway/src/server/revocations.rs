//! Copies revocations from the bus to this node, and closes the sessions of revoked tokens.

use std::sync::Arc;
use std::time::Duration;

use crate::auth::Verifier;
use crate::bus::SharedBus;
use crate::hub::{Hub, SessionCommand};
use crate::lifecycle::next_tick;

/// How often the bus is polled. A revoked token stays valid on other nodes for up to this long.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// Polls until the process ends. While the bus is unreachable, the last known revocations apply.
pub(super) async fn run(bus: SharedBus, verifier: Arc<Verifier>, hub: Arc<Hub>) {
    let mut version = String::new();
    loop {
        match bus.revocations(&version).await {
            Ok(Some(found)) => {
                let changed = verifier.revoked().replace(&found.all);
                if changed.by_token_id {
                    hub.command_all(|| SessionCommand::CheckToken);
                } else {
                    changed.users.iter().for_each(|user| hub.check_tokens(user));
                }
                version = found.version;
            }
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "cannot read revocations; the last known ones apply"),
        }
        tokio::time::sleep_until(next_tick(CHECK_INTERVAL)).await;
    }
}
