//! Splits URLs, as far as the checks of settings need it.

use std::net::IpAddr;

/// The parts of a URL.
pub(super) struct Parts<'a> {
    pub(super) scheme: &'a str,
    host: &'a str,
    user: Option<&'a str>,
    query: &'a str,
}

impl<'a> Parts<'a> {
    /// Splits an absolute URL. Returns `None` if it has no host, or a character that programs parse
    /// differently.
    pub(super) fn of(text: &'a str) -> Option<Self> {
        if text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
            return None;
        }
        let (scheme, rest) = text.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
        let (user, address) = match authority.rsplit_once('@') {
            Some((user, address)) => (Some(user), address),
            None => (None, authority),
        };
        let host = host_of(address)?;
        let query = rest.split('#').next().unwrap_or("").split_once('?').map_or("", |(_, query)| query);
        Some(Self { scheme, host, user, query })
    }

    /// Returns every value of that query parameter.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.query.split('&').filter_map(move |pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    /// Returns whether the scheme is `http` or `https`.
    pub(super) fn is_web(&self) -> bool {
        matches!(self.scheme, "http" | "https")
    }

    /// Returns whether the connection is protected (`https` or loopback) and the URL contains no
    /// password.
    pub(super) fn is_private(&self) -> bool {
        self.user.is_none() && (self.scheme == "https" || self.is_loopback())
    }

    fn is_loopback(&self) -> bool {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// Returns whether the text is an origin as browsers send it: scheme, lower-case host, optional
/// port, no path.
pub(super) fn is_origin(text: &str) -> bool {
    let plain = Parts::of(text).filter(|parts| parts.user.is_none() && !parts.scheme.is_empty());
    let Some(parts) = plain else { return false };
    let rest = &text[parts.scheme.len() + 3..];
    parts.is_web() && !rest.contains(['/', '?', '#', '*', ',']) && !text.contains(|c: char| c.is_ascii_uppercase())
}

/// Returns whether the text is `host:port`.
pub(super) fn is_address(text: &str) -> bool {
    text.contains(':') && host_of(text).is_some_and(|host| host.len() < text.len())
}

/// Returns the host of `host`, `host:port`, `[v6]` or `[v6]:port`.
fn host_of(address: &str) -> Option<&str> {
    let (host, port) = match address.rfind(']') {
        Some(end) => address.split_at(end + 1),
        None => address.split_at(address.find(':').unwrap_or(address.len())),
    };
    let port_is_good = port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    (!host.is_empty() && port_is_good).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_private(text: &str) -> bool {
        Parts::of(text).is_some_and(|parts| parts.is_web() && parts.is_private())
    }

    #[test]
    fn only_https_and_loopback_urls_are_private() {
        for good in [
            "https://id.example.com/jwks.json",
            "http://localhost:8000/k",
            "http://127.0.0.1/k",
            "http://[::1]:9/k",
        ] {
            assert!(is_private(good), "{good}");
        }
        for bad in [
            "http://id.example.com/jwks.json",
            "http://localhost@evil.example/k",
            "http://evil.example\\@localhost/k",
            "http://127.0.0.1.evil.example/k",
            "http://localhost.evil.example/k",
            "https://user:password@id.example.com/k",
            "https:///k",
            "https://id.example.com:port/k",
            "ftp://id.example.com/k",
            "file:///etc/keys",
            "id.example.com/jwks.json",
            "https://id example.com/",
        ] {
            assert!(!is_private(bad), "{bad}");
        }
    }

    #[test]
    fn query_values_are_found_by_name() {
        let parts = Parts::of("redis-sentinel://a:1/0?node=b:2&sentinelServiceName=main&node=c#node=d").unwrap();
        assert_eq!(parts.values("node").collect::<Vec<_>>(), ["b:2", "c"]);
        assert_eq!(parts.values("sentinelServiceName").collect::<Vec<_>>(), ["main"]);
        assert_eq!(parts.values("Name").count(), 0);
        assert!(is_address("b:2") && !is_address("c") && !is_address(":2") && !is_address("b:x"));
    }

    #[test]
    fn an_origin_has_no_path_and_is_lower_case() {
        for good in ["https://app.example.com", "http://localhost:3000", "https://[2001:db8::1]"] {
            assert!(is_origin(good), "{good}");
        }
        for bad in [
            "app.example.com",
            "https://app.example.com/",
            "https://app.example.com/path",
            "https://App.example.com",
            "https://*.example.com",
            "https://user@app.example.com",
            "ws://app.example.com",
            "https://a.example,https://b.example",
            "null",
            "",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
