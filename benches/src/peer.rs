//! The seam: all that the load generator knows of a system it measures. A system is one value that implements [`Peer`]
//! in a file of `peers/`; it holds no state, since the processes that play clients make their own.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::failure::Result;
use crate::process::Processes;
use crate::token::Issuer;

/// Where one run of a system takes place, and with what.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunConfig {
    /// Where clients connect, on 127.0.0.1. It is free.
    pub clients: u16,
    /// Where services publish by HTTP, on 127.0.0.1. It is free; a system with one door for both leaves it unused.
    pub services: u16,
    /// One more free port, for a system that needs it.
    pub spare: u16,
    /// The Redis of this run, on 127.0.0.1, empty and without a password.
    pub redis: u16,
    /// What signs tokens, and what the system has to verify them with.
    pub issuer: Issuer,
    /// A folder of its own for files of configuration. It is removed afterwards.
    pub folder: PathBuf,
    /// Connections that it has to take at the least; no limit may stand in their way.
    pub connections: u32,
    /// Seconds between two pings to a quiet connection.
    pub heartbeat: u32,
}

/// By which way an event gets into the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Ingress {
    /// Commands on a connection to `RunConfig::redis`, many without waiting for the answers to the first.
    Redis,
    /// Requests of HTTP/1.1 on connections that are kept, one event a request.
    Http,
}

/// Whom an event is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The user of this number, whose name is [`user`] of it.
    One(u32),
    /// Everyone who is connected.
    All,
}

/// What not every system has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ability {
    /// Events come through Redis.
    Redis,
    /// Events come through HTTP.
    Http,
    /// It verifies tokens that HS256 signed, by itself.
    Hs256,
    /// It verifies tokens that ES256 signed, by itself.
    Es256,
    /// It pings quiet connections.
    Heartbeat,
    /// A client that comes back with the cursor of what it got last is given what it missed.
    Resume,
}

/// What a frame meant before the client was subscribed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handshake {
    /// There is more to come.
    Wait,
    /// From now on the client gets what is published to its user, and what is for all.
    Subscribed,
    /// The system does not want it.
    Refused,
}

/// What a client is: everything that its first frames are made of.
#[derive(Debug, Clone, Copy)]
pub struct ClientIdentity<'a> {
    /// Its user's number.
    pub user: u32,
    /// Its token, from [`Peer::token`].
    pub token: &'a str,
    /// What it got last before it went away, from [`Peer::cursor`].
    pub cursor: Option<&'a str>,
}

/// A burst that a system is asked for as a whole, since nobody else publishes into it.
#[derive(Debug, Clone, Copy)]
pub struct Burst {
    /// The phase that its marks carry.
    pub phase: u16,
    /// Events to each user in turn, or to all, if there are none.
    pub users: u32,
    /// How many events.
    pub events: u32,
    /// So many a second, or as fast as it goes.
    pub rate: Option<u32>,
}

/// A system that can be measured.
pub trait Peer: Sync {
    /// Its name, in lower case, as it stands in tables and behind `--peers`.
    fn name(&self) -> &'static str;

    /// What it can do.
    fn can(&self, ability: Ability) -> bool;

    /// Is it a system that is in the list already, given other events? Then only events are measured.
    fn is_variant(&self) -> bool {
        false
    }

    /// Its version, asked of the program itself.
    fn version(&self) -> Result<String>;

    /// What was set for speed, and which page of its documentation says so: shown in the report.
    fn settings(&self) -> Vec<&'static str>;

    /// Installs it, unless it is there. Called once, before anything is measured.
    fn prepare(&self) -> Result<()> {
        Ok(())
    }

    /// Starts it, and comes back once it takes connections and hears its bus.
    fn start(&self, config: &RunConfig) -> Result<Processes>;

    /// A token for this user. Most want no more than `sub` and `exp`.
    fn token(&self, issuer: &Issuer, user: u32) -> Result<String> {
        issuer.token(&serde_json::json!({}), user)
    }

    /// The request with which a client begins, to its empty line: `GET … HTTP/1.1` that asks for a WebSocket.
    /// [`upgrade`] writes it.
    fn upgrade_request(&self, config: &RunConfig, identity: ClientIdentity<'_>) -> String;

    /// Hears a frame of a client that is not subscribed yet, and writes the text frames that it answers with. The
    /// first call comes with an empty frame, once the upgrade is answered.
    fn handshake(&self, config: &RunConfig, identity: ClientIdentity<'_>, frame: &[u8], answers: &mut Vec<String>) -> Handshake;

    /// What a client answers to a frame without a mark once it is subscribed: a ping in the system's own language.
    /// Pings of the WebSocket protocol are answered without it.
    fn pong(&self, _frame: &[u8]) -> Option<&'static str> {
        None
    }

    /// The cursor in an event's frame, of a system that can [`Ability::Resume`].
    fn cursor<'a>(&self, _frame: &'a [u8]) -> Option<&'a str> {
        None
    }

    /// Writes what publishes an event to `into`: over [`Ingress::Redis`] one command ([`command`]), over [`Ingress::Http`] one
    /// request. `event` is unique within the run; `payload` is a JSON object and has to reach clients with all of its
    /// bytes, if need be inside a string.
    fn publish(&self, config: &RunConfig, ingress: Ingress, to: Target, event: u64, payload: &str, into: &mut Vec<u8>);

    /// Where requests of [`Ingress::Http`] go.
    fn http_port(&self, config: &RunConfig) -> u16 {
        config.services
    }

    /// Sent to Redis before the first event, one command each: scripts to load.
    fn redis_setup(&self) -> Vec<Vec<u8>> {
        Vec::new()
    }

    /// The line on `RunConfig::services` that asks for a burst, of the one system into which nobody publishes.
    fn burst(&self, _burst: &Burst) -> Option<String> {
        None
    }
}

/// The name of a user.
pub fn user_name(number: u32) -> String {
    format!("u{number}")
}

/// A command as Redis reads it.
pub fn command(words: &[&[u8]], into: &mut Vec<u8>) {
    into.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        into.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        into.extend_from_slice(word);
        into.extend_from_slice(b"\r\n");
    }
}

/// A request for a WebSocket. `headers` are whole lines with their ends.
pub fn upgrade(port: u16, path: &str, headers: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    )
}

/// A request that posts a body. `headers` are whole lines with their ends.
pub fn post(port: u16, path: &str, headers: &str, body: &str, into: &mut Vec<u8>) {
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}Content-Length: {length}\r\n\r\n");
    into.extend_from_slice(head.as_bytes());
    into.extend_from_slice(body.as_bytes());
}
