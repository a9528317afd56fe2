//! From the sources to a checked configuration.

use super::collect::collect;
use super::fault::Faults;
use super::reader::Reader;
use super::{
    Auth, Bus, Clients, Config, Drain, Inbox, Mode, Presence, Services, Sources, Telemetry, Webhook, sessions,
};

/// Reads and checks everything. All that is wrong is told at once.
pub fn load(sources: &Sources, mode: Mode) -> Result<Config, Faults> {
    let mut faults = Vec::new();
    let given = collect(sources, &mut faults);
    let mut reader = Reader::new(mode, &given, &mut faults);
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
    check_doors(&config, &mut reader);
    sessions::check(config.sessions, &config.presence, &mut reader);
    match Faults::new(faults) {
        None => Ok(config),
        Some(faults) => Err(faults),
    }
}

fn check_doors(config: &Config, reader: &mut Reader<'_>) {
    let (clients, services) = (config.clients.listen, config.services.listen);
    let same_address =
        clients.ip() == services.ip() || clients.ip().is_unspecified() || services.ip().is_unspecified();
    if clients.port() == services.port() && clients.port() != 0 && same_address {
        reader.fault("services.listen", format!("`{services}`"), "another port than that of clients.listen");
    }
}
