//! The replication state of a server: its role, and whether a replica is up to date.

use std::time::{Duration, Instant};

use redis::Value;

use super::Redis;

/// Time limit for a replica to catch up with its primary.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(8);

impl Redis {
    /// Returns whether the server is a primary.
    pub async fn is_primary(&self) -> bool {
        let role: Vec<Value> = self.query(&["ROLE"]).await.unwrap_or_default();
        role.first() == Some(&Value::BulkString(b"master".to_vec()))
    }

    /// Returns whether the server is a replica that is connected to its primary.
    pub async fn is_replica(&self) -> bool {
        let role: Vec<Value> = self.query(&["ROLE"]).await.unwrap_or_default();
        role.get(3) == Some(&Value::BulkString(b"connected".to_vec()))
    }

    /// Waits until a replica has everything that this primary has now. Returns false if that takes
    /// too long.
    pub async fn wait_for_replica(&self) -> bool {
        let started = Instant::now();
        let Some((wanted, _)) = self.offsets().await else { return false };
        while started.elapsed() < CATCH_UP_TIMEOUT {
            if self.offsets().await.is_some_and(|(_, copied)| copied >= wanted) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
    }

    /// Returns the replication offset of this server and of its replica; `None` without a replica.
    async fn offsets(&self) -> Option<(u64, u64)> {
        let info: String = self.query(&["INFO", "replication"]).await.ok()?;
        let own = info.lines().find_map(|line| line.strip_prefix("master_repl_offset:"))?;
        let copied = info.lines().filter(|line| line.contains("state=online")).filter_map(|line| {
            let offset = line.split(',').find_map(|part| part.strip_prefix("offset="))?;
            offset.parse().ok()
        });
        Some((own.trim().parse().ok()?, copied.max()?))
    }

    /// Makes the server a replica of the server on this port from its next start on, or a primary.
    pub(super) fn set_primary(&mut self, port: Option<u16>) {
        if let Some(at) = self.options.iter().position(|option| option == "--replicaof") {
            self.options.drain(at..at + 3);
        }
        if let Some(port) = port {
            self.options.extend(["--replicaof", "127.0.0.1", &port.to_string()].map(ToOwned::to_owned));
        }
    }
}
