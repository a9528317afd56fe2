//! Which web pages may connect. Only browsers send an `Origin`; a client without one is not a web
//! page.

/// Origins of web pages that may connect.
#[derive(Debug, Clone)]
pub enum Origins {
    /// Any origin.
    Any,
    /// These origins, such as `https://shop.example`.
    Only(Vec<String>),
}

impl Origins {
    /// Creates the origins from a list, in which `*` stands for any.
    pub fn new(list: &[String]) -> Self {
        if list.iter().any(|origin| origin == "*") {
            return Self::Any;
        }
        Self::Only(list.iter().map(|origin| origin.trim_end_matches('/').to_ascii_lowercase()).collect())
    }

    /// Returns whether a page of this origin may connect.
    pub fn permits(&self, origin: Option<&str>) -> bool {
        match (self, origin) {
            (Self::Any, _) | (_, None) => true,
            (Self::Only(list), Some(origin)) => list.contains(&origin.to_ascii_lowercase()),
        }
    }
}

impl Origins {
    /// Returns whether this origin is listed by name.
    pub fn lists(&self, origin: &str) -> bool {
        matches!(self, Self::Only(list) if list.contains(&origin.to_ascii_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_origins_and_clients_without_an_origin_may_connect() {
        let origins = Origins::new(&["https://Shop.example/".to_owned()]);
        assert!(origins.permits(Some("https://shop.example")));
        assert!(origins.permits(None));
        assert!(!origins.permits(Some("https://shop.example.evil")));
        assert!(!origins.permits(Some("http://shop.example")));
        assert!(!origins.permits(Some("null")));
        let any = Origins::new(&["*".to_owned()]);
        assert!(any.permits(Some("null")) && !any.lists("null"));
        assert!(origins.lists("https://SHOP.example") && !origins.lists("http://shop.example"));
    }
}
