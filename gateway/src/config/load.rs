//! From the sources to a checked configuration.

use super::collect::collect;
use super::error::ConfigErrors;
use super::reader::Reader;
use super::{
    Auth, Bus, Clients, Config, Drain, Inbox, Mode, Presence, Services, Sources, Telemetry, Webhook, sessions,
};

/// Reads and checks everything. All that is wrong is told at once.
pub fn load(sources: &Sources, mode: Mode) -> Result<Config, ConfigErrors> {
    let mut errors = Vec::new();
    let given = collect(sources, &mut errors);
    let mut reader = Reader::new(mode, &given, &mut errors);
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
        reader.error("services.listen", format!("`{services}`"), "another port than that of clients.listen");
    }
}
