//! Authentication and permissions: who a client is, and what it may do.
//!
//! A token comes in as text, and leaves this module as an [`Identity`] or a [`Rejection`]. No other
//! module sees its bytes, and no message repeats any of them. This module knows neither HTTP nor
//! sessions, and spawns no task: the caller spawns [`Verifier::refresher`].
//!
//! | file | holds |
//! | --- | --- |
//! | `token` | where a request carries a token |
//! | `verifier` | the order of checks, from text to identity |
//! | `header`, `claims` | parsing and validation of the two readable parts of a token |
//! | `keys`, `algorithms`, `pem`, `jwks` | keys, their algorithms and sources |
//! | `fetch`, `refresh` | a key set that changes while the node runs |
//! | `identity` | a verified user, and what the token permits |
//! | `revocation_key`, `revoked_tokens` | revoked tokens |
//! | `rejection` | why a token or a request was rejected |
//! | `api_key` | the API keys of services |
//! | `mint` | tokens for development |

mod algorithms;
mod api_key;
mod claims;
mod fetch;
mod header;
mod identity;
mod jwks;
mod keys;
mod mint;
mod pem;
mod refresh;
mod rejection;
mod revocation_key;
mod revoked_tokens;
mod token;
mod verifier;

pub use api_key::ApiKeys;
pub use fetch::OnFetch;
pub use identity::{Identity, Permissions};
pub use mint::{Grant, MintError, Minter};
pub use rejection::Rejection;
pub use revocation_key::RevocationKey;
pub use revoked_tokens::{NewRevocations, RevokedTokens};
pub use token::Token;
pub use verifier::Verifier;
