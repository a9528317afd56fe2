//! The files of the page. They are compiled into the program.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use wirebell_protocol::ErrorCode;

use crate::problem::Problem;

/// Allows scripts and styles from the gateway only, and none inline. HTML in an event could not run
/// even if the page failed to escape it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; \
                      img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

const FILES: [(&str, &str, &str); 19] = [
    ("style.css", CSS, include_str!("page/style.css")),
    ("cards.css", CSS, include_str!("page/cards.css")),
    ("app.js", SCRIPT, include_str!("page/app.js")),
    ("backend.js", SCRIPT, include_str!("page/backend.js")),
    ("card.js", SCRIPT, include_str!("page/card.js")),
    ("clock.js", SCRIPT, include_str!("page/clock.js")),
    ("close_codes.js", SCRIPT, include_str!("page/close_codes.js")),
    ("connection.js", SCRIPT, include_str!("page/connection.js")),
    ("devices.js", SCRIPT, include_str!("page/devices.js")),
    ("elements.js", SCRIPT, include_str!("page/elements.js")),
    ("event_row.js", SCRIPT, include_str!("page/event_row.js")),
    ("frames.js", SCRIPT, include_str!("page/frames.js")),
    ("http.js", SCRIPT, include_str!("page/http.js")),
    ("payments.js", SCRIPT, include_str!("page/payments.js")),
    ("snippets.js", SCRIPT, include_str!("page/snippets.js")),
    ("status.js", SCRIPT, include_str!("page/status.js")),
    ("theme.js", SCRIPT, include_str!("page/theme.js")),
    ("token.js", SCRIPT, include_str!("page/token.js")),
    ("event_text.js", SCRIPT, include_str!("page/event_text.js")),
];

/// The page, with the address of the server API filled in.
pub(super) struct Page {
    index: String,
}

impl Page {
    pub(super) fn new(services: SocketAddr) -> Self {
        Self { index: include_str!("page/index.html").replace("{services}", &services.to_string()) }
    }
}

/// `GET /`
pub(super) async fn index(State(page): State<Arc<Page>>) -> Response {
    answer(HTML, page.index.clone())
}

/// `GET /dev/{file}`
pub(super) async fn file(Path(name): Path<String>) -> Response {
    match FILES.into_iter().find(|(file, ..)| *file == name) {
        Some((_, kind, body)) => answer(kind, body.to_owned()),
        None => Problem::new(StatusCode::NOT_FOUND, ErrorCode::NotFound, "the live page has no such file")
            .into_response(),
    }
}

fn answer(kind: &'static str, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_imported_module_is_served() {
        for (file, _, text) in FILES {
            for import in text.lines().filter_map(|line| line.split_once(" from \"./")) {
                let wanted = import.1.trim_end_matches("\";");
                assert!(FILES.iter().any(|(name, ..)| *name == wanted), "{file} imports {wanted}");
            }
        }
    }

    #[test]
    fn the_page_names_the_server_api() {
        let page = Page::new(([127, 0, 0, 1], 9191).into());
        assert!(page.index.contains(r#"content="127.0.0.1:9191""#));
        assert!(!page.index.contains("{services}"));
    }
}
