//! Wirebell with its defaults; for the report, built as its image is. Measured twice, with durable
//! and with volatile events, since storing an event has a cost. The peers store none.

use std::path::PathBuf;
use std::process::Command;

use wirebell_protocol::publish::{PublishScript, Retention};
use wirebell_protocol::{Event, Keys, Prepared};

use crate::failure::{Context, Result};
use crate::http;
use crate::peer::{
    Ability, ClientIdentity, Handshake, Ingress, Peer, RunConfig, Target, command, post, upgrade, user_name,
};
use crate::process::Processes;

/// The API key of the server API.
pub(crate) const SERVICE_KEY: &str = "a-service-key-of-the-benches";

/// Wirebell with events of one class.
#[derive(Debug)]
pub(crate) struct Wirebell {
    name: &'static str,
    class: &'static str,
}

/// Durable events, in a log and with a cursor; the default for services.
pub(crate) static DURABLE: Wirebell = Wirebell { name: "wirebell", class: "durable" };
/// Volatile events, which are not stored, like those of the peers.
pub(crate) static VOLATILE: Wirebell = Wirebell { name: "wirebell-volatile", class: "volatile" };

/// Returns the program: `WIREBELL_BIN`, or the one built beside this one.
pub(crate) fn program() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("WIREBELL_BIN") {
        return Ok(path.into());
    }
    let mut path = std::env::current_exe()?;
    path.set_file_name("wirebell");
    Ok(path)
}

/// Returns the command of a node with this configuration.
pub(crate) fn node(config: &RunConfig) -> Result<Command> {
    let mut program = Command::new(program()?);
    program
        .arg("serve")
        .env_remove("WIREBELL_BIN")
        .env("WIREBELL_BUS_REDIS", format!("redis://127.0.0.1:{}", config.redis))
        .env("WIREBELL_CLIENTS_LISTEN", format!("127.0.0.1:{}", config.clients))
        .env("WIREBELL_SERVICES_LISTEN", format!("127.0.0.1:{}", config.services))
        .env("WIREBELL_CLIENTS_HEARTBEAT", format!("{}s", config.heartbeat))
        .env("WIREBELL_CLIENTS_MAX_CONNECTIONS", (config.connections + 100).to_string())
        .env("WIREBELL_SERVICES_KEYS", SERVICE_KEY);
    match (config.issuer.secret(), config.issuer.public()) {
        (Some(secret), _) => program.env("WIREBELL_AUTH_SECRET", secret),
        (_, Some(public)) => program.env("WIREBELL_AUTH_PUBLIC_KEY", public),
        (None, None) => &mut program,
    };
    Ok(program)
}

impl Peer for Wirebell {
    fn name(&self) -> &'static str {
        self.name
    }

    fn can(&self, _ability: Ability) -> bool {
        true
    }

    fn is_variant(&self) -> bool {
        self.class != DURABLE.class
    }

    fn version(&self) -> Result<String> {
        let output = Command::new(program()?).arg("--version").output().context(|| "asking wirebell".to_owned())?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn settings(&self) -> Vec<&'static str> {
        match self.class {
            "durable" => {
                vec!["defaults; events are `durable`: in their user's log, with a cursor, once for each id"]
            }
            _ => vec!["defaults; events are `volatile`: not stored, once for each id"],
        }
    }

    fn start(&self, config: &RunConfig) -> Result<Processes> {
        let mut running = Processes::default();
        running.start(self.name, &config.folder, &mut node(config)?)?;
        running.wait_for_port(config.services)?;
        running.wait_for("wirebell is ready", || {
            http::get(config.services, "/readyz").is_ok_and(|code| code == 200)
        })?;
        Ok(running)
    }

    fn upgrade_request(&self, config: &RunConfig, identity: ClientIdentity<'_>) -> String {
        let query = identity.cursor.map_or_else(String::new, |cursor| format!("?cursor={cursor}"));
        let headers =
            format!("Sec-WebSocket-Protocol: wirebell.v1\r\nAuthorization: Bearer {}\r\n", identity.token);
        upgrade(config.clients, &format!("/ws{query}"), &headers)
    }

    fn handshake(
        &self,
        _: &RunConfig,
        _: ClientIdentity<'_>,
        frame: &[u8],
        _answers: &mut Vec<String>,
    ) -> Handshake {
        if frame.starts_with(br#"{"type":"wirebell.welcome""#) {
            Handshake::Subscribed
        } else if frame.is_empty() {
            Handshake::Pending
        } else {
            Handshake::Rejected
        }
    }

    fn cursor<'a>(&self, frame: &'a [u8]) -> Option<&'a str> {
        let name = br#","cursor":""#;
        let begin = memchr::memmem::find(frame, name)? + name.len();
        let end = begin + memchr::memchr(b'"', &frame[begin..])?;
        std::str::from_utf8(&frame[begin..end]).ok()
    }

    fn publish(
        &self,
        config: &RunConfig,
        ingress: Ingress,
        to: Target,
        event: u64,
        payload: &str,
        into: &mut Vec<u8>,
    ) {
        let to = match to {
            Target::One(number) => format!("user:{}", user_name(number)),
            Target::All => "all".to_owned(),
        };
        let class = self.class;
        let body = format!(
            r#"{{"to":"{to}","type":"measured","id":"m{event}","class":"{class}","time":"2026-11-21T10:00:00Z","data":{payload}}}"#
        );
        match ingress {
            Ingress::Redis => script(&body, into),
            Ingress::Http => {
                let headers = "Content-Type: application/json\r\nAuthorization: Bearer ";
                let headers = format!("{headers}{SERVICE_KEY}\r\n");
                post(config.services, "/v1/events", &headers, &body, into);
            }
        }
    }

    fn redis_setup(&self) -> Vec<Vec<u8>> {
        let mut load = Vec::new();
        command(&[b"SCRIPT", b"LOAD", PublishScript::SOURCE.as_bytes()], &mut load);
        vec![load]
    }
}

/// Appends the call of the publish script, as the SDK sends it.
fn script(body: &str, into: &mut Vec<u8>) {
    let Ok(event) = Event::parse(body.as_bytes(), usize::MAX) else { return };
    for prepared in Prepared::all(&event) {
        let keys = PublishScript::keys(&Keys::default(), &prepared);
        let arguments = PublishScript::arguments(&prepared, &Retention::default());
        let count = keys.len().to_string();
        let mut command_args: Vec<&[u8]> = vec![b"EVALSHA", digest().as_bytes(), count.as_bytes()];
        command_args.extend(keys.iter().map(String::as_bytes));
        command_args.extend(arguments.iter().map(String::as_bytes));
        command(&command_args, into);
    }
}

/// Returns the digest under which Redis has the script.
fn digest() -> &'static str {
    static DIGEST: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    DIGEST.get_or_init(|| redis::Script::new(PublishScript::SOURCE).get_hash().to_owned())
}
