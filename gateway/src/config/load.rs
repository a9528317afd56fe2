//! The configuration, loaded from the sources and checked.

use wirebell_protocol::presence::SessionPolicy;

use super::auth::Auth;
use super::bus::Bus;
use super::clients::Clients;
use super::collect::collect;
use super::drain::Drain;
use super::environment::Sources;
use super::error::ConfigErrors;
use super::inbox::Inbox;
use super::mode::Mode;
use super::presence::Presence;
use super::reader::Reader;
use super::services::Services;
use super::telemetry::Telemetry;
use super::webhook::Webhook;
use super::{schema, sessions};

/// Every setting, parsed and checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The client API.
    pub clients: Clients,
    /// The server API.
    pub services: Services,
    /// How client tokens are verified.
    pub auth: Auth,
    /// The Redis that connects the nodes, and the limits of the logs.
    pub bus: Bus,
    /// How events from clients are stored.
    pub inbox: Inbox,
    /// The backend that receives events from clients over HTTP.
    pub webhook: Webhook,
    /// Whether nodes track which users are online.
    pub presence: Presence,
    /// How many sessions a user may have.
    pub sessions: SessionPolicy,
    /// How a node shuts down.
    pub drain: Drain,
    /// Logs and traces.
    pub telemetry: Telemetry,
}

/// Loads and checks the configuration. Reports all errors at once.
pub fn load(sources: &Sources, mode: Mode) -> Result<Config, ConfigErrors> {
    let mut errors = Vec::new();
    let given = collect(sources, &mut errors);
    let mut reader = Reader::new(mode, schema::settings(), &given, &mut errors);
    let config = Config {
        clients: Clients::read(&mut reader),
        services: Services::read(&mut reader),
        auth: Auth::read(&mut reader),
        bus: Bus::read(&mut reader),
        inbox: Inbox::read(&mut reader),
        webhook: Webhook::read(&mut reader),
        presence: Presence::read(&mut reader),
        sessions: sessions::read(&mut reader),
        drain: Drain::read(&mut reader),
        telemetry: Telemetry::read(&mut reader),
    };
    check_listen_addresses(&config, &mut reader);
    sessions::check(config.sessions, &config.presence, &mut reader);
    match ConfigErrors::new(errors) {
        None => Ok(config),
        Some(errors) => Err(errors),
    }
}

fn check_listen_addresses(config: &Config, reader: &mut Reader<'_>) {
    let (clients, services) = (config.clients.listen, config.services.listen);
    let same_address =
        clients.ip() == services.ip() || clients.ip().is_unspecified() || services.ip().is_unspecified();
    if clients.port() == services.port() && clients.port() != 0 && same_address {
        reader.error("services.listen", format!("`{services}`"), "a port other than that of clients.listen");
    }
}
