//! `GET /openapi.json`: the OpenAPI document of the server API. It is written by hand. The tests
//! below compare it with the routes, codes and limits of the code, and `tests/openapi` with the
//! behavior of a node.

use axum::Router;
use axum::http::header;
use axum::routing::get;
use wirebell_protocol::OPENAPI;

/// Returns the document's route. It requires no key, since the document is public.
pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/openapi.json", get(async || ([(header::CONTENT_TYPE, "application/json")], OPENAPI)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use serde_json::Value;
    use wirebell_protocol::ErrorCode;
    use wirebell_protocol::event::{MAX_CHANNELS, MAX_NAME_BYTES};
    use wirebell_protocol::{cloudevents, problem};

    use super::*;
    use crate::api::wait;
    use crate::config::{Mode, Sources};

    const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

    fn document() -> Value {
        serde_json::from_str(OPENAPI).unwrap()
    }

    fn documented() -> BTreeSet<(String, &'static str)> {
        let document = document();
        let paths = document["paths"].as_object().unwrap();
        let each = |(path, item): (&String, &Value)| {
            let has = METHODS.into_iter().filter(|method| item.get(method).is_some());
            has.map(|method| (path.clone(), method)).collect::<Vec<_>>()
        };
        paths.iter().flat_map(each).collect()
    }

    /// Finds the routes in source code: `.route("/path", get(…).delete(…))`.
    fn routes(source: &str) -> Vec<(String, &'static str)> {
        let source = source.split("#[cfg(test)]").next().unwrap_or_default();
        let calls = source.split(".route(\"").skip(1);
        let each = |call: &str| {
            let (path, rest) = call.split_once('"').unwrap();
            let rest = rest.split(".route").next().unwrap_or_default().lines().next().unwrap_or_default();
            let takes = |method: &&str| {
                let call = format!("{method}(");
                rest.match_indices(&call).any(|(at, _)| rest[..at].ends_with([' ', '.']))
            };
            METHODS.into_iter().filter(takes).map(|method| (path.to_owned(), method)).collect::<Vec<_>>()
        };
        calls.flat_map(each).collect()
    }

    #[test]
    fn paths_and_methods_match_the_routes() {
        let sources = [include_str!("mod.rs"), include_str!("openapi.rs"), include_str!("../admin/mod.rs")];
        let routed: BTreeSet<(String, &str)> = sources.into_iter().flat_map(routes).collect();
        assert!(routed.contains(&("/v1/events/{id}".to_owned(), "delete")), "no routes found: {routed:?}");
        assert_eq!(documented(), routed);
    }

    #[test]
    fn error_codes_match_the_protocol() {
        fn row(line: &str) -> impl Iterator<Item = &str> {
            line.split('|').nth(2).unwrap_or_default().split('`').skip(1).step_by(2)
        }
        let document = document();
        let schema = &document["components"]["schemas"]["Problem"]["properties"];
        let codes: BTreeSet<&str> =
            schema["code"]["enum"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
        for code in &codes {
            assert!(ErrorCode::parse(code).is_some(), "{code}");
        }
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/protocol.md")).unwrap();
        let table = page.split("| status | code | when |").nth(1).unwrap().split("\n\n").next().unwrap();
        let in_prose: BTreeSet<&str> = table.lines().skip(2).flat_map(row).collect();
        assert_eq!(codes, in_prose);
        assert!(schema["type"]["pattern"].as_str().unwrap().replace('\\', "").contains(problem::TYPE_BASE));
    }

    #[test]
    fn limits_match_the_code() {
        let document = document();
        let at = |pointer: &str| document.pointer(pointer).unwrap_or(&Value::Null).as_u64();
        let number = |number: usize| u64::try_from(number).ok();
        assert_eq!(at("/components/schemas/Name/maxLength"), number(MAX_NAME_BYTES));
        for class in ["DurableEvent", "RetainedEvent", "VolatileEvent"] {
            let to = format!("/components/schemas/{class}/properties/to/anyOf/1/maxItems");
            assert_eq!(at(&to), number(MAX_CHANNELS), "{class}");
        }
        let wait = "/paths/~1v1~1events~1{id}/get/parameters/1/schema/maximum";
        assert_eq!(at(wait).map(Duration::from_secs), Some(wait::MAX_WAIT));
        let config = crate::config::load(&Sources::default(), Mode::Dev).unwrap();
        let body = "/paths/~1v1~1events/post/requestBody/content";
        assert_eq!(
            at(&format!("{body}/application~1json/schema/anyOf/1/maxItems")),
            number(config.services.max_batch)
        );
        let batch = cloudevents::BATCH_MEDIA_TYPE.replace('/', "~1");
        assert_eq!(at(&format!("{body}/{batch}/schema/maxItems")), number(config.services.max_batch));
        let data = document.pointer("/components/schemas/DurableEvent/properties/data/description").unwrap();
        let max = config.services.max_data_bytes;
        assert!(data.as_str().unwrap().contains(&format!("{},{:03} bytes", max / 1000, max % 1000)), "{data}");
    }
}
