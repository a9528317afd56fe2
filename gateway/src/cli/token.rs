//! `wirebell token`: creates a client token for tests.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::CommandResult;
use crate::auth::{Grant, Minter};
use crate::config::{DEV_SECRET, Secret};

/// `wirebell token --user 42`
#[derive(Debug, Args)]
pub(super) struct Token {
    /// User id, the token's `sub`
    #[arg(long)]
    user: String,
    /// Topics that the user may subscribe to; `*` matches any run of characters; can be repeated
    #[arg(long = "topic", value_name = "PATTERN")]
    topics: Vec<String>,
    /// Event types that the user may emit, like topics [default: `*` with the secret of `wirebell
    /// dev`, otherwise none]
    #[arg(long = "emit", value_name = "PATTERN")]
    emit: Vec<String>,
    /// Device name
    #[arg(long)]
    device: Option<String>,
    /// Seconds until the token expires
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    ttl: u64,
    /// File with the HS256 secret [default: the secret of `wirebell dev`]
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

impl Token {
    pub(super) fn run(self) -> CommandResult {
        let secret = match &self.secret_file {
            Some(path) => std::fs::read_to_string(path)
                .map(|text| text.trim_end().to_owned())
                .map_err(|error| format!("--secret-file {}: {error}", path.display()))?,
            None => DEV_SECRET.to_owned(),
        };
        let emit = if self.emit.is_empty() && self.secret_file.is_none() { match_all() } else { self.emit };
        let grant = Grant {
            user: self.user,
            topics: self.topics,
            emit,
            device: self.device,
            lifetime: Duration::from_secs(self.ttl),
        };
        println!("{}", mint(&secret, &grant)?);
        Ok(())
    }
}

/// Creates a signed token.
pub(super) fn mint(secret: &str, grant: &Grant) -> Result<String, String> {
    let token = Minter::new(Secret::new(secret.to_owned())).mint(grant).map_err(|error| error.to_string())?;
    Ok(token.expose().to_owned())
}

/// Returns the pattern that matches everything.
pub(super) fn match_all() -> Vec<String> {
    vec!["*".to_owned()]
}
