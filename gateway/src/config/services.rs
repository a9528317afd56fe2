//! `[services]`: the door for the services that publish.

use std::net::{IpAddr, SocketAddr};

use super::mode::Mode;
use super::reader::Reader;
use super::secret::Secret;
use super::setting::{BLANK, Kind, Setting};

/// The services' door.
#[derive(Debug, Clone)]
pub struct Services {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where other nodes reach it, if that was set; without a port it is the door's own.
    pub advertise: Option<(IpAddr, Option<u16>)>,
    /// Keys that services show as `Authorization: Bearer`.
    pub keys: Vec<Secret>,
    /// May callers on the same machine publish without a key?
    pub open_to_loopback: bool,
    /// The largest `data` of one event.
    pub max_data_bytes: usize,
    /// Events in one request.
    pub max_batch: usize,
}

/// The rows of this section.
pub(super) const SETTINGS: [Setting; 6] = [
    Setting {
        key: "services.listen",
        kind: Kind::Address,
        default: Some("0.0.0.0:9090"),
        dev: Some("127.0.0.1:9090"),
        description: "Address and port for services, probes and Prometheus. Port 0 takes a free one, which the log tells.",
        reason: "Services are on other machines of the same network; in `dev` they are on this one.",
        ..BLANK
    },
    Setting {
        key: "services.advertise",
        description: "The IP address, with or without a port, at which other nodes reach this door. A node that has lost its \
               bus asks the others whether they have it: then it alone is in trouble, and leaves the load balancer.",
        reason: "Not set, it is the address listened on; and where that is every address, the one from which this \
                  machine reaches Redis.",
        ..BLANK
    },
    Setting {
        key: "services.keys",
        kind: Kind::List,
        from_file: true,
        secret: true,
        description: "Keys that services show as `Authorization: Bearer`, any of which is good; the file has one a line.",
        reason: "A key that everybody can read in the source is none. Several, so that one can be replaced without a pause.",
        ..BLANK
    },
    Setting {
        key: "services.open_to_loopback",
        kind: Kind::Flag,
        default: Some("false"),
        dev: Some("true"),
        description: "Whether callers on the same machine may publish without a key.",
        reason: "Behind a proxy on the same machine everybody would be such a caller; in `dev` there is none.",
        ..BLANK
    },
    Setting {
        key: "services.max_data_bytes",
        kind: Kind::Count(1, 16_777_216),
        default: Some("65536"),
        description: "The largest `data` of one event.",
        reason: "An event tells that something happened; what is larger is better fetched by the client.",
        ..BLANK
    },
    Setting {
        key: "services.max_batch",
        kind: Kind::Count(1, 100_000),
        default: Some("1000"),
        description: "The most events in one request.",
        reason: "Enough that the request's own cost no longer counts, and answered within a second.",
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

    /// Where other nodes reach the door that listens there.
    pub fn reachable_at(&self, bound: SocketAddr) -> SocketAddr {
        let Some((ip, port)) = self.advertise else { return bound };
        SocketAddr::new(ip, port.unwrap_or(bound.port()))
    }

    fn check_keys(&self, reader: &mut Reader<'_>) {
        const KEY: &str = "services.keys";
        // A key must survive a header as it is.
        let usable = |key: &Secret| !key.expose().is_empty() && key.expose().bytes().all(|b| b.is_ascii_graphic());
        if !self.keys.iter().all(usable) {
            reader.error(KEY, "a key that is not shown", "keys of visible ASCII characters without spaces");
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
    let whole = text.parse::<SocketAddr>().map(|address| (address.ip(), Some(address.port())));
    let (ip, port) = whole.or_else(|_| text.parse::<IpAddr>().map(|ip| (ip, None))).ok()?;
    (!ip.is_unspecified() && port != Some(0)).then_some((ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_advertised_address_is_one_machines() {
        let ip = IpAddr::from([10, 0, 0, 7]);
        assert_eq!(address("10.0.0.7"), Some((ip, None)));
        assert_eq!(address("10.0.0.7:9"), Some((ip, Some(9))));
        assert!(address("fd00::7").is_some() && address("[fd00::7]:9090").is_some());
        for bad in ["0.0.0.0", "0.0.0.0:9090", "::", "[::]:9090", "10.0.0.7:0", "localhost", "10.0.0.7:x"] {
            assert_eq!(address(bad), None, "{bad}");
        }
    }
}
