//! Reads the document of a key set from a file or over HTTP, bounded in time and size.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Url};

/// A callback that gets whether each fetch succeeded, for metrics.
pub type OnFetch = Arc<dyn Fn(bool) + Send + Sync>;

/// Maximum duration of a fetch, from the connection to the last byte. Clients with a new key wait
/// for it.
pub(super) const TIMEOUT: Duration = Duration::from_secs(4);
/// Maximum size of a key set. Real ones have a few kilobytes.
const MAX_BYTES: usize = 512 * 1024;
const TOO_LARGE: &str = "a document of more than 512 KiB";

/// Where a key set comes from.
pub(super) enum Source {
    File(PathBuf),
    Web(Client, Url),
}

impl Source {
    /// Creates a source for a URL. It follows no redirects, since they could lead to keys that are
    /// not protected.
    pub(super) fn web(url: &str) -> Result<Self, String> {
        let url = Url::parse(url).map_err(|error| format!("an address that cannot be parsed ({error})"))?;
        let client = Client::builder().timeout(TIMEOUT).redirect(Policy::none()).no_proxy().build();
        client.map(|client| Self::Web(client, url)).map_err(|error| format!("TLS that cannot be set up ({error})"))
    }

    /// Returns the document, or what was found instead.
    pub(super) async fn get(&self) -> Result<Vec<u8>, String> {
        match self {
            // A small local file, read every few minutes, needs no blocking thread.
            Self::File(path) => read(path),
            Self::Web(client, url) => fetch(client, url).await,
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File(_) => "File",
            Self::Web(..) => "Web",
        })
    }
}

/// Returns the document in a file, or what was found instead.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let mut document = Vec::new();
    let limit = MAX_BYTES as u64 + 1;
    let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut document));
    read.map_err(|error| format!("a file that cannot be read ({error})"))?;
    if document.len() > MAX_BYTES { Err(TOO_LARGE.to_owned()) } else { Ok(document) }
}

async fn fetch(client: &Client, url: &Url) -> Result<Vec<u8>, String> {
    // The query of a URL may contain a secret, so no message repeats the URL.
    let failed = |error: reqwest::Error| format!("no answer ({})", reason(&error.without_url()));
    let mut response = client.get(url.clone()).header("accept", "application/json").send().await.map_err(failed)?;
    if !response.status().is_success() {
        return Err(format!("an answer with status {}", response.status().as_u16()));
    }
    let mut document = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if document.len() + chunk.len() > MAX_BYTES {
            return Err(TOO_LARGE.to_owned());
        }
        document.extend_from_slice(&chunk);
    }
    Ok(document)
}

/// Returns the innermost cause, which is the most specific.
fn reason(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), reason)
}
