//! The bare writer, which shows the limit of this machine's kernel: one `write` of one frame to one
//! socket. It has no Redis, tokens, channels or reading.

use std::process::Command;

use crate::failure::{Context, Result};
use crate::peer::{Ability, Burst, ClientIdentity, Handshake, Ingress, Peer, RunConfig, Target, upgrade};
use crate::process::Processes;

/// The bare writer.
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

    fn start(&self, config: &RunConfig) -> Result<Processes> {
        let program = std::env::current_exe().context(|| "finding this program".to_owned())?;
        let mut command = Command::new(program.with_file_name("bare-writer"));
        command.args([config.clients.to_string(), config.services.to_string()]);
        let mut running = Processes::default();
        running.start("bare", &config.folder, &mut command)?;
        running.wait_for_port(config.services)?;
        Ok(running)
    }

    /// The path is the user's number, since the writer reads no token.
    fn upgrade_request(&self, config: &RunConfig, identity: ClientIdentity<'_>) -> String {
        upgrade(config.clients, &format!("/{}", identity.user), "")
    }

    fn handshake(&self, _: &RunConfig, _: ClientIdentity<'_>, _: &[u8], _: &mut Vec<String>) -> Handshake {
        Handshake::Subscribed
    }

    fn publish(&self, _: &RunConfig, _: Ingress, _: Target, _: u64, _: &str, _: &mut Vec<u8>) {}

    fn burst(&self, burst: &Burst) -> Option<String> {
        let Burst { phase, users, events, rate } = burst;
        Some(format!("{phase} {users} {events} {}\n", rate.unwrap_or_default()))
    }
}
