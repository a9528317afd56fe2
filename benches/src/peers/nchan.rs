//! nchan, a module of nginx: with Redis, as servers that share channels use it, and without.

use std::process::Command;

use crate::failure::{Context, Result};
use crate::http;
use crate::peer::{Ability, ClientIdentity, Handshake, Ingress, Peer, RunConfig, Target, post, upgrade, user_name};
use crate::peers::installed;
use crate::process::Processes;

/// nchan with one of its stores.
#[derive(Debug)]
pub(super) struct Nchan {
    name: &'static str,
    redis: bool,
}

/// Events pass through Redis.
pub(super) static REDIS: Nchan = Nchan { name: "nchan", redis: true };
/// Events stay within the one server; there cannot be a second one.
pub(super) static MEMORY: Nchan = Nchan { name: "nchan-memory", redis: false };

impl Nchan {
    /// Fills in `benches/peers/nchan/nginx.conf`.
    fn configuration(&self, config: &RunConfig) -> Result<String> {
        let path = installed::sources("nchan").join("nginx.conf");
        let template = std::fs::read_to_string(&path).context(|| format!("reading {}", path.display()))?;
        let (store, pass) =
            if self.redis { (upstream(config.redis), "nchan_redis_pass redis;") } else { Default::default() };
        Ok(template
            .replace("@CLIENTS@", &config.clients.to_string())
            .replace("@SERVICES@", &config.services.to_string())
            .replace("@HEARTBEAT@", &config.heartbeat.to_string())
            // If less than a sixteenth is free, nginx closes idle connections: those of the
            // publishers.
            .replace("@FILES@", &(config.connections * 5 / 4 + 1000).to_string())
            .replace("@STORE@", &store)
            .replace("@PASS@", pass))
    }
}

/// Redis transports messages and stores none.
fn upstream(port: u16) -> String {
    format!(
        "upstream redis {{ nchan_redis_server redis://127.0.0.1:{port}; nchan_redis_storage_mode nostore; \
         nchan_redis_nostore_fastpublish on; }}"
    )
}

impl Peer for Nchan {
    fn name(&self) -> &'static str {
        self.name
    }

    /// nchan verifies no tokens itself: `nchan_authorize_request` calls another server, which no
    /// run has. Its traffic in Redis is private, so services publish over HTTP with either store.
    fn can(&self, ability: Ability) -> bool {
        matches!(ability, Ability::Http | Ability::Heartbeat)
    }

    fn version(&self) -> Result<String> {
        let packages = ["-W", "-f", "${Package} ${Version}, ", "nginx", "libnginx-mod-nchan"];
        let versions = installed::printed(Command::new("dpkg-query").args(packages))?;
        Ok(versions.trim_end_matches(',').to_owned())
    }

    fn settings(&self) -> Vec<&'static str> {
        let mut settings = vec![
            "one worker: nothing passes between processes (benches/peers/nchan/README.md)",
            "nchan_store_messages off; a user's channel and «all» multiplexed; access_log off (github.com/slact/nchan)",
        ];
        if self.redis {
            settings.push(
                "nchan_redis_storage_mode nostore, nchan_redis_nostore_fastpublish on (github.com/slact/nchan)",
            );
        }
        settings
    }

    fn prepare(&self) -> Result<()> {
        installed::install("nchan")
    }

    fn start(&self, config: &RunConfig) -> Result<Processes> {
        let path = config.folder.join("nginx.conf");
        std::fs::write(&path, self.configuration(config)?).context(|| format!("writing {}", path.display()))?;
        let mut program = Command::new("/usr/sbin/nginx");
        program.args(["-e", "stderr", "-c", "nginx.conf", "-p"]).arg(&config.folder);
        let mut running = Processes::default();
        running.start(self.name, &config.folder, &mut program)?;
        running.wait_for_port(config.services)?;
        // Responds 503 until it is connected to Redis.
        running.wait_for("nchan can publish", || {
            http::get(config.services, "/pub?to=all").is_ok_and(|status| status < 500)
        })?;
        Ok(running)
    }

    fn token(&self, _: &crate::token::Issuer, _: u32) -> Result<String> {
        Ok(String::new())
    }

    fn upgrade_request(&self, config: &RunConfig, identity: ClientIdentity<'_>) -> String {
        upgrade(config.clients, &format!("/sub?user={}", user_name(identity.user)), "")
    }

    fn handshake(&self, _: &RunConfig, _: ClientIdentity<'_>, _: &[u8], _: &mut Vec<String>) -> Handshake {
        Handshake::Subscribed
    }

    fn publish(&self, config: &RunConfig, _: Ingress, to: Target, _: u64, payload: &str, into: &mut Vec<u8>) {
        let channel = match to {
            Target::One(number) => format!("user_{}", user_name(number)),
            Target::All => "all".to_owned(),
        };
        post(config.services, &format!("/pub?to={channel}"), "Content-Type: application/json\r\n", payload, into);
    }
}
