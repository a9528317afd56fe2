//! Socket.IO with its Redis adapter: the server in `benches/peers/socketio`, with one room for each
//! user.

use rmp_serde::Serializer;
use serde::Serialize;
use serde_json::Value;

use crate::failure::Result;
use crate::peer::{
    Ability, ClientIdentity, Handshake, Ingress, Peer, RunConfig, Target, command, upgrade, user_name,
};
use crate::peers::installed;
use crate::process::Processes;

/// The Socket.IO server.
#[derive(Debug)]
pub(super) struct SocketIo;

/// The message of a program without clients to the adapters of all servers, as
/// `@socket.io/redis-emitter` sends it.
#[derive(Serialize)]
struct Emission<'a>(&'static str, Packet<'a>, Options<'a>);

#[derive(Serialize)]
struct Packet<'a> {
    r#type: u8,
    data: (&'static str, &'a Value),
    nsp: &'static str,
}

#[derive(Serialize)]
struct Options<'a> {
    rooms: &'a [String],
    except: [&'static str; 0],
    flags: Flags,
}

#[derive(Serialize)]
struct Flags {}

/// The packet type of events.
const EVENT: u8 = 2;

impl Peer for SocketIo {
    fn name(&self) -> &'static str {
        "socketio"
    }

    /// An HTTP API for services would be ours, not that of Socket.IO.
    fn can(&self, ability: Ability) -> bool {
        matches!(ability, Ability::Redis | Ability::Hs256 | Ability::Es256 | Ability::Heartbeat)
    }

    fn version(&self) -> Result<String> {
        installed::node_versions(
            "socketio",
            &["socket.io", "@socket.io/redis-adapter", "ioredis", "ws", "bufferutil"],
        )
    }

    fn settings(&self) -> Vec<&'static str> {
        vec![
            "one process; WebSocket only, bufferutil installed (socket.io/docs/v4/performance-tuning)",
            "the first request of a connection is released (socket.io/docs/v4/memory-usage)",
            "Redis adapter on ioredis; events as the Redis emitter writes them (socket.io/docs/v4/redis-adapter)",
            "perMessageDeflate, httpCompression and serveClient off",
        ]
    }

    fn prepare(&self) -> Result<()> {
        installed::install("socketio")
    }

    fn start(&self, config: &RunConfig) -> Result<Processes> {
        let mut running = Processes::default();
        running.start("socketio", &config.folder, &mut installed::node("socketio", config))?;
        running.wait_for_port(config.clients)?;
        Ok(running)
    }

    fn upgrade_request(&self, config: &RunConfig, _: ClientIdentity<'_>) -> String {
        upgrade(config.clients, "/socket.io/?EIO=4&transport=websocket", "")
    }

    /// Engine.IO opens with `0`; `40` requests and confirms the Socket.IO connection.
    fn handshake(
        &self,
        _: &RunConfig,
        identity: ClientIdentity<'_>,
        frame: &[u8],
        answers: &mut Vec<String>,
    ) -> Handshake {
        match frame {
            [] => Handshake::Pending,
            [b'0', ..] => {
                answers.push(format!(r#"40{{"token":"{}"}}"#, identity.token));
                Handshake::Pending
            }
            [b'4', b'0', ..] => Handshake::Subscribed,
            _ => Handshake::Rejected,
        }
    }

    fn pong(&self, frame: &[u8]) -> Option<&'static str> {
        (frame == b"2").then_some("3")
    }

    fn publish(&self, _: &RunConfig, _: Ingress, to: Target, _: u64, payload: &str, into: &mut Vec<u8>) {
        let Ok(payload) = serde_json::from_str(payload) else { return };
        let (channel, rooms) = match to {
            Target::One(number) => {
                let room = format!("user:{}", user_name(number));
                (format!("socket.io#/#{room}#"), vec![room])
            }
            Target::All => ("socket.io#/#".to_owned(), Vec::new()),
        };
        command(&[b"PUBLISH", channel.as_bytes(), &emission(&payload, &rooms)], into);
    }
}

/// Encodes in `MessagePack`, with the names of all members.
fn emission(payload: &Value, rooms: &[String]) -> Vec<u8> {
    let packet = Packet { r#type: EVENT, data: ("measured", payload), nsp: "/" };
    let options = Options { rooms, except: [], flags: Flags {} };
    let mut bytes = Vec::with_capacity(512);
    // Writing to a vector cannot fail.
    let _ = Emission("emitter", packet, options).serialize(&mut Serializer::new(&mut bytes).with_struct_map());
    bytes
}

#[cfg(test)]
mod tests {
    #[test]
    fn emission_equals_that_of_the_redis_emitter() {
        let bytes = super::emission(&serde_json::json!({"a": "b"}), &["user:u3".to_owned()]);
        let expected = b"\x93\xa7emitter\x83\xa4type\x02\xa4data\x92\xa8measured\x81\xa1a\xa1b\xa3nsp\xa1/\
                         \x83\xa5rooms\x91\xa7user:u3\xa6except\x90\xa5flags\x80";
        assert_eq!(bytes, expected);
    }
}
