//! The bare writer: what this machine's kernel allows. One `write` of one frame to one socket, and nothing else: no
//! Redis, no tokens, no channels, no reading.

use std::process::Command;

use crate::failure::{Result, While};
use crate::peer::{Ability, Burst, Door, Greeting, Guest, Peer, Place, Target, upgrade};
use crate::process::Running;

/// The physical limit.
#[derive(Debug)]
pub(crate) struct Bare;

impl Peer for Bare {
    fn name(&self) -> &'static str {
        "bare"
    }

    fn can(&self, _ability: Ability) -> bool {
        false
    }

    fn version(&self) -> Result<String> {
        Ok("this repository's".to_owned())
    }

    fn settings(&self) -> Vec<&'static str> {
        vec!["one thread; one `write` for one frame, round the sockets; TCP_NODELAY"]
    }

    fn start(&self, place: &Place) -> Result<Running> {
        let program = std::env::current_exe().whilst(|| "finding this program".to_owned())?;
        let mut command = Command::new(program.with_file_name("bare-writer"));
        command.args([place.clients.to_string(), place.services.to_string()]);
        let mut running = Running::default();
        running.start("bare", &place.folder, &mut command)?;
        running.wait_for_port(place.services)?;
        Ok(running)
    }

    /// The path is the user's number: the writer has no other way to know.
    fn opening(&self, place: &Place, guest: Guest<'_>) -> String {
        upgrade(place.clients, &format!("/{}", guest.user), "")
    }

    fn greet(&self, _: &Place, _: Guest<'_>, _: &[u8], _: &mut Vec<String>) -> Greeting {
        Greeting::Subscribed
    }

    fn publish(&self, _: &Place, _: Door, _: Target, _: u64, _: &str, _: &mut Vec<u8>) {}

    fn burst(&self, burst: &Burst) -> Option<String> {
        let Burst { phase, users, events, rate } = burst;
        Some(format!("{phase} {users} {events} {}\n", rate.unwrap_or_default()))
    }
}
