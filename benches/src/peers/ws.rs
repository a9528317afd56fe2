//! `ws` on Node.js with ioredis: the server in `benches/peers/ws`. It checks a token and subscribes
//! to a Redis channel for each user, like a push service that a team builds itself.

use crate::failure::Result;
use crate::peer::{
    Ability, ClientIdentity, Handshake, Ingress, Peer, RunConfig, Target, command, upgrade, user_name,
};
use crate::peers::installed;
use crate::process::Processes;

/// The `ws` server.
#[derive(Debug)]
pub(super) struct Ws;

impl Peer for Ws {
    fn name(&self) -> &'static str {
        "ws"
    }

    /// An HTTP API for services would be ours, not that of `ws`.
    fn can(&self, ability: Ability) -> bool {
        matches!(ability, Ability::Redis | Ability::Hs256 | Ability::Es256 | Ability::Heartbeat)
    }

    fn version(&self) -> Result<String> {
        installed::node_versions("ws", &["ws", "ioredis", "jsonwebtoken", "bufferutil"])
    }

    fn settings(&self) -> Vec<&'static str> {
        vec![
            "one process; perMessageDeflate: false, skipUTF8Validation: true (github.com/websockets/ws/blob/master/doc/ws.md)",
            "bufferutil installed (github.com/websockets/ws, «Opt-in for performance»)",
            "messages stay Buffers from Redis to the socket (ioredis: messageBuffer)",
        ]
    }

    fn prepare(&self) -> Result<()> {
        installed::install("ws")
    }

    fn start(&self, config: &RunConfig) -> Result<Processes> {
        let mut running = Processes::default();
        running.start("ws", &config.folder, &mut installed::node("ws", config))?;
        running.wait_for_port(config.clients)?;
        Ok(running)
    }

    fn upgrade_request(&self, config: &RunConfig, identity: ClientIdentity<'_>) -> String {
        upgrade(config.clients, "/", &format!("Authorization: Bearer {}\r\n", identity.token))
    }

    /// The server sends nothing by itself. It sends SUBSCRIBE to Redis before it responds to the
    /// upgrade, so an event published afterwards on another connection races with it but does not
    /// come first.
    fn handshake(&self, _: &RunConfig, _: ClientIdentity<'_>, _: &[u8], _: &mut Vec<String>) -> Handshake {
        Handshake::Subscribed
    }

    fn publish(&self, _: &RunConfig, _: Ingress, to: Target, _: u64, payload: &str, into: &mut Vec<u8>) {
        match to {
            Target::One(number) => {
                let channel = format!("user:{}", user_name(number));
                command(&[b"PUBLISH", channel.as_bytes(), payload.as_bytes()], into);
            }
            Target::All => command(&[b"PUBLISH", b"all", payload.as_bytes()], into),
        }
    }
}
