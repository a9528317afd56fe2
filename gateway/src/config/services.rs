//! `[services]`: the server API, for services that publish.

use std::net::{IpAddr, SocketAddr};

use super::mode::Mode;
use super::reader::Reader;
use super::secret::Secret;
use super::setting::{BLANK, Kind, Setting};

/// The settings of the server API.
#[derive(Debug, Clone)]
pub struct Services {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The address at which other nodes reach this API, if set; without a port, the listen port is
    /// used.
    pub advertise: Option<(IpAddr, Option<u16>)>,
    /// API keys that services send as `Authorization: Bearer`.
    pub keys: Vec<Secret>,
    /// Whether callers on the same machine may publish without a key.
    pub open_to_loopback: bool,
    /// Maximum size of `data` in one event.
    pub max_data_bytes: usize,
    /// Maximum number of events in one request.
    pub max_batch: usize,
}

/// The settings of this section.
pub(super) const SETTINGS: [Setting; 6] = [
    Setting {
        key: "services.listen",
        kind: Kind::Address,
        default: Some("0.0.0.0:9090"),
        dev: Some("127.0.0.1:9090"),
        description: "Address and port of the server API, probes and Prometheus. Port 0 picks a free port; the \
               log names it.",
        reason: "Services run on other machines of the same network; in `dev` they run on this one.",
        ..BLANK
    },
    Setting {
        key: "services.advertise",
        description: "IP address, with or without a port, at which other nodes reach this server API. A node \
               that loses its bus asks the others whether they have it. If they do, only this node is \
               affected, and it leaves the load balancer.",
        reason: "If unset, it is the listen address. If that is every address, it is the address from which \
               this machine reaches Redis.",
        ..BLANK
    },
    Setting {
        key: "services.keys",
        kind: Kind::List,
        from_file: true,
        secret: true,
        description: "API keys that services send as `Authorization: Bearer`. Each of them is valid. The file \
               has one key per line.",
        reason: "A key in the source code would be public. Several keys allow a rotation without downtime.",
        ..BLANK
    },
    Setting {
        key: "services.open_to_loopback",
        kind: Kind::Flag,
        default: Some("false"),
        dev: Some("true"),
        description: "Whether callers on the same machine may publish without a key.",
        reason: "With a proxy on the same machine every caller would be such a caller; in `dev` there is no proxy.",
        ..BLANK
    },
    Setting {
        key: "services.max_data_bytes",
        kind: Kind::Count(1, 16_777_216),
        default: Some("65536"),
        description: "Maximum size of `data` in one event.",
        reason: "An event says that something happened; the client fetches larger content itself.",
        ..BLANK
    },
    Setting {
        key: "services.max_batch",
        kind: Kind::Count(1, 100_000),
        default: Some("1000"),
        description: "Maximum number of events in one request.",
        reason: "Large enough that the cost of the request itself no longer matters, and still answered within \
               a second.",
        ..BLANK
    },
];

impl Services {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let services = Self {
            listen: reader.address("services.listen"),
            advertise: advertise(reader),
            keys: reader.list("services.keys").into_iter().map(Secret::new).collect(),
            open_to_loopback: reader.flag("services.open_to_loopback"),
            max_data_bytes: reader.count("services.max_data_bytes"),
            max_batch: reader.count("services.max_batch"),
        };
        services.check_keys(reader);
        services
    }

    /// Returns the address at which other nodes reach the API that listens at `bound`.
    pub fn reachable_at(&self, bound: SocketAddr) -> SocketAddr {
        let Some((ip, port)) = self.advertise else { return bound };
        SocketAddr::new(ip, port.unwrap_or(bound.port()))
    }

    fn check_keys(&self, reader: &mut Reader<'_>) {
        const KEY: &str = "services.keys";
        // A key must be valid in a header without encoding.
        let usable = |key: &Secret| !key.expose().is_empty() && key.expose().bytes().all(|b| b.is_ascii_graphic());
        if !self.keys.iter().all(usable) {
            reader.error(KEY, "an invalid key (not shown)", "keys of visible ASCII characters without spaces");
        }
        if self.keys.is_empty() && reader.mode() == Mode::Serve {
            reader.missing(KEY, "at least one key for the services that publish");
        }
    }
}

fn advertise(reader: &mut Reader<'_>) -> Option<(IpAddr, Option<u16>)> {
    const KEY: &str = "services.advertise";
    let text = reader.text(KEY)?;
    let found = address(&text);
    if found.is_none() {
        reader.error(KEY, format!("`{text}`"), "the IP address of one machine, such as 10.0.0.7 or 10.0.0.7:9090");
    }
    found
}

fn address(text: &str) -> Option<(IpAddr, Option<u16>)> {
    let with_port = text.parse::<SocketAddr>().map(|address| (address.ip(), Some(address.port())));
    let (ip, port) = with_port.or_else(|_| text.parse::<IpAddr>().map(|ip| (ip, None))).ok()?;
    (!ip.is_unspecified() && port != Some(0)).then_some((ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_advertised_address_names_one_machine() {
        let ip = IpAddr::from([10, 0, 0, 7]);
        assert_eq!(address("10.0.0.7"), Some((ip, None)));
        assert_eq!(address("10.0.0.7:9"), Some((ip, Some(9))));
        assert!(address("fd00::7").is_some() && address("[fd00::7]:9090").is_some());
        for bad in ["0.0.0.0", "0.0.0.0:9090", "::", "[::]:9090", "10.0.0.7:0", "localhost", "10.0.0.7:x"] {
            assert_eq!(address(bad), None, "{bad}");
        }
    }
}
