//! `wirebell dev` and `wirebell serve`: start a node for development or production.

use std::path::PathBuf;

use clap::Args;

use super::CommandResult;
use crate::config::{self, Mode, Sources};
use crate::server;
use crate::telemetry::logging::Telemetry;

/// `wirebell dev`
#[derive(Debug, Args)]
#[command(after_long_help = after_help())]
pub(super) struct Dev {
    /// URL of a Redis to use instead of the embedded bus, such as `redis://127.0.0.1:6379`
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// HS256 secret of client tokens [default: wirebell-dev-secret]
    #[arg(long, value_name = "SECRET")]
    jwt_secret: Option<String>,
    /// URL of a backend that receives events from clients, such as `http://127.0.0.1:3000/events`
    #[arg(long, value_name = "URL")]
    webhook: Option<String>,
    #[command(flatten)]
    settings: Settings,
}

/// `wirebell serve`
#[derive(Debug, Args)]
#[command(after_long_help = after_help())]
pub(super) struct Serve {
    /// Configuration file in TOML
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// URL of Redis, such as `rediss://user:password@redis.internal:6379`
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Args)]
struct Settings {
    /// Address and port of the client API
    #[arg(long, value_name = "ADDRESS:PORT")]
    clients_listen: Option<String>,
    /// Address and port of the server API; never expose it to the internet
    #[arg(long, value_name = "ADDRESS:PORT")]
    services_listen: Option<String>,
    /// Any other setting; can be repeated
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE", value_parser = key_and_value)]
    set: Vec<(String, String)>,
}

fn after_help() -> String {
    format!(
        "Settings, for `--set`, the configuration file and WIREBELL_<SECTION>_<KEY>:\n\n{}",
        config::reference()
    )
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected `section.key=value`")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

impl Dev {
    pub(super) fn run(self) -> CommandResult {
        let named = [
            ("bus.redis", "--redis", self.redis),
            ("auth.secret", "--jwt-secret", self.jwt_secret),
            ("webhook.url", "--webhook", self.webhook),
        ];
        start(Mode::Dev, None, named, self.settings)
    }
}

impl Serve {
    pub(super) fn run(self) -> CommandResult {
        start(Mode::Serve, self.config, [("bus.redis", "--redis", self.redis)], self.settings)
    }
}

type NamedFlag = (&'static str, &'static str, Option<String>);

fn start(
    mode: Mode,
    file: Option<PathBuf>,
    named: impl IntoIterator<Item = NamedFlag>,
    settings: Settings,
) -> CommandResult {
    let mut sources = Sources::process();
    if file.is_some() {
        sources.file = file;
    }
    let listeners = [
        ("clients.listen", "--clients-listen", settings.clients_listen),
        ("services.listen", "--services-listen", settings.services_listen),
    ];
    for (key, flag, value) in named.into_iter().chain(listeners) {
        sources.flags.extend(value.map(|value| (key.to_owned(), value, flag.to_owned())));
    }
    for (key, value) in settings.set {
        let origin = format!("--set {key}");
        sources.flags.push((key, value, origin));
    }
    let config = config::load(&sources, mode).map_err(|errors| errors.to_string())?;
    let telemetry = Telemetry::start(&config.telemetry).map_err(|error| error.to_string())?;
    let result = run(config, mode);
    telemetry.flush();
    result
}

fn run(config: config::Config, mode: Mode) -> CommandResult {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers()).enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start the async runtime: {error}"))?;
    runtime.block_on(server::run(config, mode)).map_err(|error| error.to_string())
}

/// Returns the number of worker threads: one less than cores, since the delivery thread uses one.
/// More threads would only compete for the cores and wake each other up.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1))
}
