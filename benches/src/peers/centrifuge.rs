//! Centrifuge, the library behind Centrifugo, in the server of `benches/peers/centrifuge`.
//! Centrifugo itself cannot be built here: the Go proxy does not serve the library revision that
//! its last release requires.

use std::process::Command;

use crate::failure::Result;
use crate::peer::{
    Ability, ClientIdentity, Handshake, Ingress, Peer, RunConfig, Target, command, upgrade, user_name,
};
use crate::peers::installed;
use crate::process::Processes;

/// A server with Centrifugo's connections, protocol and Redis broker.
#[derive(Debug)]
pub(super) struct Centrifuge;

impl Peer for Centrifuge {
    fn name(&self) -> &'static str {
        "centrifuge"
    }

    /// The library has no HTTP API for services; that of Centrifugo is not part of it.
    fn can(&self, ability: Ability) -> bool {
        matches!(ability, Ability::Redis | Ability::Hs256 | Ability::Es256 | Ability::Heartbeat)
    }

    fn version(&self) -> Result<String> {
        installed::printed(Command::new(installed::folder("centrifuge").join("server")).arg("--version"))
    }

    fn settings(&self) -> Vec<&'static str> {
        vec![
            "Redis broker, no history; server-side subscriptions from the token (centrifugal.dev/docs/server/server_subs)",
            "websocket read_buffer_size 512, use_write_buffer_pool (centrifugal.dev/docs/transports/websocket)",
            "JSON protocol, pings of its own, compression and logging off",
        ]
    }

    fn prepare(&self) -> Result<()> {
        installed::install("centrifuge")
    }

    fn start(&self, config: &RunConfig) -> Result<Processes> {
        let mut program = Command::new(installed::folder("centrifuge").join("server"));
        installed::environment(&mut program, config);
        let mut running = Processes::default();
        running.start("centrifuge", &config.folder, &mut program)?;
        running.wait_for_port(config.clients)?;
        Ok(running)
    }

    fn upgrade_request(&self, config: &RunConfig, _: ClientIdentity<'_>) -> String {
        upgrade(config.clients, "/connection/websocket", "")
    }

    fn handshake(
        &self,
        _: &RunConfig,
        identity: ClientIdentity<'_>,
        frame: &[u8],
        answers: &mut Vec<String>,
    ) -> Handshake {
        if frame.is_empty() {
            answers.push(format!(r#"{{"id":1,"connect":{{"token":"{}"}}}}"#, identity.token));
            Handshake::Pending
        } else if frame.starts_with(br#"{"id":1,"connect":"#) {
            Handshake::Subscribed
        } else {
            Handshake::Rejected
        }
    }

    /// Ping and pong of the protocol are an empty object.
    fn pong(&self, frame: &[u8]) -> Option<&'static str> {
        (frame == b"{}").then_some("{}")
    }

    /// Publishes like the broker of another node: a Protobuf `Publication` to the channel's name in
    /// Redis.
    fn publish(&self, _: &RunConfig, _: Ingress, to: Target, _: u64, payload: &str, into: &mut Vec<u8>) {
        let channel = match to {
            Target::One(number) => format!("centrifuge.client.user:{}", user_name(number)),
            Target::All => "centrifuge.client.all".to_owned(),
        };
        command(&[b"PUBLISH", channel.as_bytes(), &publication(payload)], into);
    }
}

/// Encodes a message whose only field, number 4, is the data.
fn publication(data: &str) -> Vec<u8> {
    let mut message = Vec::with_capacity(data.len() + 6);
    message.push(4 << 3 | 2);
    let mut left = data.len();
    while left > 0x7f {
        message.push((left & 0x7f | 0x80).to_le_bytes()[0]);
        left >>= 7;
    }
    message.push(left.to_le_bytes()[0]);
    message.extend_from_slice(data.as_bytes());
    message
}

#[cfg(test)]
mod tests {
    #[test]
    fn length_is_encoded_as_varint() {
        assert_eq!(super::publication("{}"), b"\x22\x02{}");
        assert_eq!(super::publication(&"x".repeat(200))[..3], [0x22, 0xc8, 0x01]);
    }
}
