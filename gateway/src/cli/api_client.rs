//! An HTTP client for the server API, for the commands.

use std::path::Path;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Url};

/// Maximum duration of a request.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum size of a response body.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// A response.
pub(super) struct ApiResponse {
    pub(super) status: u16,
    pub(super) text: String,
}

/// Requests a path, whose segments are percent-encoded.
pub(super) async fn get(
    base_url: &str,
    path: &[&str],
    query: &[(&str, &str)],
    key: Option<&str>,
) -> Result<ApiResponse, String> {
    let url = url(base_url, path, query)?;
    let failed = |error: reqwest::Error| format!("{base_url}: {}", innermost(&error));
    let mut builder = Client::builder().timeout(TIMEOUT).redirect(Policy::none()).no_proxy();
    if url.scheme() != "https" {
        // Plain HTTP must work on a machine without root certificates.
        builder = builder.tls_certs_only([]);
    }
    let mut request = builder.build().map_err(failed)?.get(url);
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    let mut response = request.send().await.map_err(failed)?;
    let (status, mut body) = (response.status().as_u16(), Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_BYTES {
            return Err(format!("{base_url}: the response is larger than {MAX_BYTES} bytes"));
        }
    }
    Ok(ApiResponse { status, text: String::from_utf8_lossy(&body).into_owned() })
}

/// Reads the API key from a file.
pub(super) fn read_key(path: Option<&Path>) -> Result<Option<String>, String> {
    let Some(path) = path else { return Ok(None) };
    let text = std::fs::read_to_string(path).map_err(|error| format!("--key-file {}: {error}", path.display()))?;
    Ok(Some(text.trim_end().to_owned()))
}

fn url(base_url: &str, path: &[&str], query: &[(&str, &str)]) -> Result<Url, String> {
    let invalid =
        || format!("--url: expected the URL of the server API, such as http://127.0.0.1:9090, found `{base_url}`");
    let mut url =
        Url::parse(base_url).ok().filter(|url| matches!(url.scheme(), "http" | "https")).ok_or_else(invalid)?;
    url.path_segments_mut().map_err(|()| invalid())?.pop_if_empty().extend(path);
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Ok(url)
}

/// Returns the innermost cause, which is the useful one.
fn innermost(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_may_contain_any_character() {
        let path = ["v1", "events", "an id/with?anything"];
        let url = |base_url: &str| url(base_url, &path, &[("channel", "user:a&b")]).map(String::from);
        let expected = "http://x:9090/v1/events/an%20id%2Fwith%3Fanything?channel=user%3Aa%26b";
        assert_eq!(url("http://x:9090").as_deref(), Ok(expected));
        assert_eq!(url("http://x:9090/").as_deref(), Ok(expected));
        for base_url in ["redis://x", "x:9090", ""] {
            assert!(url(base_url).is_err(), "{base_url}");
        }
    }
}
