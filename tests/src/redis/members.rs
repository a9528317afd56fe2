//! The members of a Cluster as its servers currently see them, also after failovers and crashes.

use std::time::{Duration, Instant};

use redis::RedisResult;

use super::{Cluster, Redis};

/// Keys that are moved per command.
const KEYS_AT_ONCE: &str = "50";
/// Time limit for all servers to agree on the owner of a slot.
const AGREEMENT_TIMEOUT: Duration = Duration::from_secs(5);

/// A server of the Cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Index among the servers.
    pub index: usize,
    /// Id within the Cluster.
    pub id: String,
    /// Id of its primary; `None` for a primary.
    pub primary: Option<String>,
    /// Whether the other servers consider it failed.
    pub failed: bool,
    /// The slot ranges that it owns.
    pub slots: Vec<(u16, u16)>,
}

impl Member {
    /// Returns whether it owns this slot.
    pub fn owns(&self, slot: u16) -> bool {
        self.slots.iter().any(|(first, last)| (*first..=*last).contains(&slot))
    }
}

impl Cluster {
    /// Returns all servers, as the first reachable server sees them.
    pub async fn members(&self) -> Vec<Member> {
        for node in self.nodes().iter().filter(|node| node.is_running()) {
            if let Ok(list) = node.query::<String>(&["CLUSTER", "NODES"]).await {
                return self.read(&list);
            }
        }
        Vec::new()
    }

    /// Returns the primary that owns the slot.
    pub async fn primary_of(&self, slot: u16) -> Option<Member> {
        self.members().await.into_iter().find(|member| member.owns(slot) && !member.failed)
    }

    /// Returns a running replica of this primary.
    pub async fn replica_of(&self, primary: &Member) -> Option<Member> {
        let is_its = |member: &Member| member.primary.as_deref() == Some(&primary.id);
        self.members().await.into_iter().find(|member| is_its(member) && self.nodes()[member.index].is_running())
    }

    /// Moves a slot with all its keys to this primary while services publish. Returns the number of
    /// keys. A move that fails leaves the slot stable at its source.
    pub async fn move_slot(&self, slot: u16, source: &Member, target: &Member) -> RedisResult<usize> {
        let moved = self.try_to_move(slot, source, target).await;
        if moved.is_err() {
            for member in [source, target] {
                let words = ["CLUSTER", "SETSLOT", &slot.to_string(), "STABLE"];
                let _ = self.nodes()[member.index].query::<()>(&words).await;
            }
        }
        moved
    }

    async fn try_to_move(&self, slot: u16, source: &Member, target: &Member) -> RedisResult<usize> {
        let (from, to) = (&self.nodes()[source.index], &self.nodes()[target.index]);
        let (slot_text, port) = (slot.to_string(), to.port().to_string());
        to.query::<()>(&["CLUSTER", "SETSLOT", &slot_text, "IMPORTING", &source.id]).await?;
        from.query::<()>(&["CLUSTER", "SETSLOT", &slot_text, "MIGRATING", &target.id]).await?;
        let mut moved = 0;
        loop {
            let keys: Vec<String> = from.query(&["CLUSTER", "GETKEYSINSLOT", &slot_text, KEYS_AT_ONCE]).await?;
            if keys.is_empty() {
                break;
            }
            let words = ["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "KEYS"];
            let words: Vec<&str> = words.into_iter().chain(keys.iter().map(String::as_str)).collect();
            from.query::<()>(&words).await?;
            moved += keys.len();
        }
        for node in [to, from] {
            node.query::<()>(&["CLUSTER", "SETSLOT", &slot_text, "NODE", &target.id]).await?;
        }
        self.wait_for_agreement(slot, target.index).await;
        Ok(moved)
    }

    /// Waits until every server agrees on the owner of the slot. A failover before that could bring
    /// the old owner back.
    async fn wait_for_agreement(&self, slot: u16, index: usize) {
        let started = Instant::now();
        while started.elapsed() < AGREEMENT_TIMEOUT {
            let mut agreed = true;
            for node in self.nodes().iter().filter(|node| node.is_running()) {
                agreed &= self.owner_according_to(node, slot).await == Some(index);
            }
            if agreed {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn owner_according_to(&self, node: &Redis, slot: u16) -> Option<usize> {
        let list: String = node.query(&["CLUSTER", "NODES"]).await.ok()?;
        self.read(&list).into_iter().find(|member| member.owns(slot)).map(|member| member.index)
    }

    fn read(&self, list: &str) -> Vec<Member> {
        let index = |port: u16| self.nodes().iter().position(|node| node.port() == port);
        list.lines().filter_map(|line| member(line, index)).collect()
    }
}

/// Parses a line of `CLUSTER NODES`: id, address, flags, primary, ping, pong, epoch, link, slots.
fn member(line: &str, index: impl Fn(u16) -> Option<usize>) -> Option<Member> {
    let words: Vec<&str> = line.split(' ').collect();
    let &[id, address, flags, primary, _, _, _, _, ref slots @ ..] = words.as_slice() else { return None };
    let port = address.split('@').next()?.rsplit(':').next()?.parse().ok()?;
    Some(Member {
        index: index(port)?,
        id: id.to_owned(),
        primary: (primary != "-").then(|| primary.to_owned()),
        failed: flags.split(',').any(|flag| flag == "fail"),
        // Slots that are being moved are in brackets.
        slots: slots.iter().filter(|word| !word.starts_with('[')).filter_map(|word| range(word)).collect(),
    })
}

fn range(word: &str) -> Option<(u16, u16)> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    Some((first.parse().ok()?, last.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cluster_nodes_line_is_parsed() {
        let line = "07c3 127.0.0.1:30004@31004,host slave,fail e7d1 0 1426238317239 4 connected";
        let read = member(line, |port| (port == 30_004).then_some(3)).unwrap();
        assert_eq!((read.index, read.primary.as_deref(), read.failed), (3, Some("e7d1"), true));
        let line = "e7d1 127.0.0.1:30001@31001 myself,master - 0 0 1 connected 0-5460 5462 [5461->-67ed]";
        let read = member(line, |_| Some(0)).unwrap();
        assert_eq!((read.primary.is_none(), read.failed), (true, false));
        assert!(read.owns(5460) && read.owns(5462) && !read.owns(5461));
    }
}
