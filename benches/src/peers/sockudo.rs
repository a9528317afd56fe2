//! Sockudo, a server of the Pusher protocol, with its Redis adapter.

use std::fmt::Write;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use crate::failure::{Context, Result};
use crate::http;
use crate::peer::{Ability, ClientIdentity, Handshake, Ingress, Peer, RunConfig, Target, post, upgrade, user_name};
use crate::peers::installed;
use crate::process::Processes;

/// The Sockudo server, built from its crate.
#[derive(Debug)]
pub(super) struct Sockudo;

/// The only application of a run. Its secret signs channels and requests.
const APP: &str = "bench";
const SECRET: &[u8] = b"a-secret-of-the-benches";
/// The channel of all clients, which needs no signature.
const ALL_CLIENTS: &str = "all";

impl Peer for Sockudo {
    fn name(&self) -> &'static str {
        "sockudo"
    }

    /// Services publish over HTTP; its traffic in Redis is for its other nodes. Authentication of
    /// the Pusher protocol is an HMAC over the connection's id and the channel, so there is no JWT
    /// to verify.
    fn can(&self, ability: Ability) -> bool {
        matches!(ability, Ability::Http | Ability::Heartbeat)
    }

    fn version(&self) -> Result<String> {
        installed::printed(Command::new(installed::folder("sockudo").join("bin/sockudo")).arg("--version"))
    }

    fn settings(&self) -> Vec<&'static str> {
        vec![
            "no default features but redis, LTO over the whole program (sockudo.io/docs/getting-started/installation)",
            "Redis adapter, cache and queue in memory; rate limits, metrics and logging off (sockudo.io/docs/reference/configuration)",
            "max_messages 100, a third of the memory that 1,000 take; write_buffer_size 1 KiB (the same page)",
            "protocol 7 of Pusher; private channels, signed; compression off",
        ]
    }

    fn prepare(&self) -> Result<()> {
        installed::install("sockudo")
    }

    fn start(&self, config: &RunConfig) -> Result<Processes> {
        let template = installed::sources("sockudo").join("sockudo.toml");
        let text = std::fs::read_to_string(&template).context(|| format!("reading {}", template.display()))?;
        let path = config.folder.join("sockudo.toml");
        std::fs::write(&path, fill(&text, config)).context(|| format!("writing {}", path.display()))?;
        let mut program = Command::new(installed::folder("sockudo").join("bin/sockudo"));
        program.arg("--config").arg(&path).env("SOCKUDO_LOG_PROD", "off").current_dir(&config.folder);
        let mut running = Processes::default();
        running.start("sockudo", &config.folder, &mut program)?;
        running.wait_for_port(config.clients)?;
        running.wait_for("sockudo is up", || http::get(config.clients, "/up").is_ok_and(|status| status == 200))?;
        Ok(running)
    }

    fn token(&self, _: &crate::token::Issuer, _: u32) -> Result<String> {
        Ok(String::new())
    }

    fn upgrade_request(&self, config: &RunConfig, _: ClientIdentity<'_>) -> String {
        upgrade(config.clients, &format!("/app/{APP}?protocol=7&client=bench&version=1"), "")
    }

    /// The server names the connection; the subscription to a user's channel is signed over that
    /// name.
    fn handshake(
        &self,
        _: &RunConfig,
        identity: ClientIdentity<'_>,
        frame: &[u8],
        answers: &mut Vec<String>,
    ) -> Handshake {
        let Ok(message) = serde_json::from_slice::<Value>(frame) else { return Handshake::Pending };
        match (message["event"].as_str(), message["channel"].as_str()) {
            (Some("pusher:connection_established"), _) => {
                let data: Value =
                    serde_json::from_str(message["data"].as_str().unwrap_or_default()).unwrap_or_default();
                let (socket, channel) = (data["socket_id"].as_str().unwrap_or_default(), channel(identity.user));
                let auth = format!("{APP}:{}", signature(format!("{socket}:{channel}").as_bytes()));
                answers.push(subscribe(&json!({"channel": channel, "auth": auth})));
                Handshake::Pending
            }
            (Some("pusher_internal:subscription_succeeded"), Some(ALL_CLIENTS)) => Handshake::Subscribed,
            (Some("pusher_internal:subscription_succeeded"), _) => {
                answers.push(subscribe(&json!({"channel": ALL_CLIENTS})));
                Handshake::Pending
            }
            _ => Handshake::Rejected,
        }
    }

    fn pong(&self, frame: &[u8]) -> Option<&'static str> {
        frame.starts_with(br#"{"event":"pusher:ping""#).then_some(r#"{"event":"pusher:pong","data":{}}"#)
    }

    fn http_port(&self, config: &RunConfig) -> u16 {
        config.clients
    }

    fn publish(&self, config: &RunConfig, _: Ingress, to: Target, _: u64, payload: &str, into: &mut Vec<u8>) {
        let channel = match to {
            Target::One(number) => channel(number),
            Target::All => ALL_CLIENTS.to_owned(),
        };
        let body = json!({"name": "measured", "channel": channel, "data": payload}).to_string();
        let path = format!("/apps/{APP}/events");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let query =
            format!("auth_key={APP}&auth_timestamp={now}&auth_version=1.0&body_md5={:x}", md5::compute(&body));
        let signature = signature(format!("POST\n{path}\n{query}").as_bytes());
        let path = format!("{path}?{query}&auth_signature={signature}");
        post(config.clients, &path, "Content-Type: application/json\r\n", &body, into);
    }
}

fn fill(template: &str, config: &RunConfig) -> String {
    template
        .replace("@PORT@", &config.clients.to_string())
        .replace("@REDIS@", &config.redis.to_string())
        .replace("@HEARTBEAT@", &config.heartbeat.to_string())
        .replace("@CONNECTIONS@", &(config.connections + 1000).to_string())
}

fn channel(number: u32) -> String {
    format!("private-user-{}", user_name(number))
}

fn subscribe(data: &Value) -> String {
    json!({"event": "pusher:subscribe", "data": data}).to_string()
}

/// Signs a message; in hexadecimal, as the Pusher protocol requires.
fn signature(message: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    let mut text = String::with_capacity(64);
    for byte in hmac::sign(&key, message).as_ref() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
