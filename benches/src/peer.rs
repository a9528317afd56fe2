//! The interface between the load generator and a measured system. A system is one value that
//! implements [`Peer`] in a file of `peers/`. It holds no state, since client processes create
//! their own value.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::failure::Result;
use crate::process::Processes;
use crate::token::Issuer;

/// The configuration of a system for one run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunConfig {
    /// The free port of 127.0.0.1 on which clients connect.
    pub clients: u16,
    /// The free port of 127.0.0.1 on which services publish over HTTP. Unused if the system has one
    /// port for both.
    pub services: u16,
    /// One more free port.
    pub spare: u16,
    /// The port of this run's Redis on 127.0.0.1, which is empty and has no password.
    pub redis: u16,
    /// Signs tokens; has the key with which the system verifies them.
    pub issuer: Issuer,
    /// The run's folder for configuration files. It is removed afterwards.
    pub folder: PathBuf,
    /// Least number of connections that the system must accept.
    pub connections: u32,
    /// Seconds between two pings to an idle connection.
    pub heartbeat: u32,
}

/// How events enter the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Ingress {
    /// Commands on a connection to `RunConfig::redis`, pipelined.
    Redis,
    /// HTTP/1.1 requests on persistent connections, one event each.
    Http,
}

/// The recipient of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The user with this number, whose name is [`user_name`] of it.
    One(u32),
    /// All connected clients.
    All,
}

/// An optional feature of a system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ability {
    /// Events enter through Redis.
    Redis,
    /// Events enter through HTTP.
    Http,
    /// It verifies HS256 tokens itself.
    Hs256,
    /// It verifies ES256 tokens itself.
    Es256,
    /// It pings idle connections.
    Heartbeat,
    /// A client that reconnects with the cursor of its last event receives what it missed.
    Resume,
}

/// The state of a client's handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handshake {
    /// More frames follow.
    Pending,
    /// The client is subscribed to its user's events and to events for all.
    Subscribed,
    /// The system rejected the client.
    Rejected,
}

/// What a client's handshake consists of.
#[derive(Debug, Clone, Copy)]
pub struct ClientIdentity<'a> {
    /// The user number.
    pub user: u32,
    /// The token, from [`Peer::token`].
    pub token: &'a str,
    /// The cursor of the last event before the connection ended, from [`Peer::cursor`].
    pub cursor: Option<&'a str>,
}

/// A burst that the system itself generates; only the bare writer does.
#[derive(Debug, Clone, Copy)]
pub struct Burst {
    /// The phase of the marks.
    pub phase: u16,
    /// The users that receive events in turn; 0 for events to all.
    pub users: u32,
    /// The number of events.
    pub events: u32,
    /// Events a second; `None` for as fast as possible.
    pub rate: Option<u32>,
}

/// A system that can be measured.
pub trait Peer: Sync {
    /// Returns the name in lower case, as in tables and in `--peers`.
    fn name(&self) -> &'static str;

    /// Returns whether the system has this feature.
    fn can(&self, ability: Ability) -> bool;

    /// Returns whether it is a system of the list with other events. Only events are measured then.
    fn is_variant(&self) -> bool {
        false
    }

    /// Returns the version, as the program reports it.
    fn version(&self) -> Result<String>;

    /// Returns the settings chosen for speed, with the page of its documentation that advises each.
    /// Shown in the report.
    fn settings(&self) -> Vec<&'static str>;

    /// Installs the system unless it is installed. Called once, before anything is measured.
    fn prepare(&self) -> Result<()> {
        Ok(())
    }

    /// Starts the system. Returns once it accepts connections and receives events from its bus.
    fn start(&self, config: &RunConfig) -> Result<Processes>;

    /// Returns a token for this user. Most systems need only `sub` and `exp`.
    fn token(&self, issuer: &Issuer, user: u32) -> Result<String> {
        issuer.token(&serde_json::json!({}), &user_name(user))
    }

    /// Returns a client's first request, to its empty line: `GET … HTTP/1.1` with an upgrade to
    /// WebSocket. [`upgrade`] writes it.
    fn upgrade_request(&self, config: &RunConfig, identity: ClientIdentity<'_>) -> String;

    /// Handles a frame of a client that is not subscribed yet, and appends the text frames to send
    /// to `answers`. The first call has an empty frame and follows the response to the upgrade.
    fn handshake(
        &self,
        config: &RunConfig,
        identity: ClientIdentity<'_>,
        frame: &[u8],
        answers: &mut Vec<String>,
    ) -> Handshake;

    /// Returns a client's answer to a frame without a mark, once it is subscribed: a ping in the
    /// system's own protocol. WebSocket pings are answered by the load generator.
    fn pong(&self, _frame: &[u8]) -> Option<&'static str> {
        None
    }

    /// Returns the cursor in an event's frame, for a system with [`Ability::Resume`].
    fn cursor<'a>(&self, _frame: &'a [u8]) -> Option<&'a str> {
        None
    }

    /// Appends what publishes an event to `into`: for [`Ingress::Redis`] one command ([`command`]),
    /// for [`Ingress::Http`] one request. `event` is unique within the run. `payload` is a JSON
    /// object; it must reach clients byte for byte, if need be inside a string.
    fn publish(
        &self,
        config: &RunConfig,
        ingress: Ingress,
        to: Target,
        event: u64,
        payload: &str,
        into: &mut Vec<u8>,
    );

    /// Returns the port for requests of [`Ingress::Http`].
    fn http_port(&self, config: &RunConfig) -> u16 {
        config.services
    }

    /// Returns the commands to send to Redis before the first event, such as scripts to load.
    fn redis_setup(&self) -> Vec<Vec<u8>> {
        Vec::new()
    }

    /// Returns the line for `RunConfig::services` that requests a burst; only the bare writer has
    /// one.
    fn burst(&self, _burst: &Burst) -> Option<String> {
        None
    }
}

/// Returns the name of a user.
pub fn user_name(number: u32) -> String {
    format!("u{number}")
}

/// Appends a Redis command in RESP.
pub fn command(words: &[&[u8]], into: &mut Vec<u8>) {
    into.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        into.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        into.extend_from_slice(word);
        into.extend_from_slice(b"\r\n");
    }
}

/// Returns a request for an upgrade to WebSocket. `headers` are whole lines with their ends.
pub fn upgrade(port: u16, path: &str, headers: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    )
}

/// Appends a `POST` request with a body. `headers` are whole lines with their ends.
pub fn post(port: u16, path: &str, headers: &str, body: &str, into: &mut Vec<u8>) {
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}Content-Length: {length}\r\n\r\n");
    into.extend_from_slice(head.as_bytes());
    into.extend_from_slice(body.as_bytes());
}
