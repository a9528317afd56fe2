//! Who you are and what you may do.
//!
//! A token comes in as text and leaves this room as an [`Identity`] or a [`Refusal`]; nobody else sees its bytes, and
//! no message repeats any of them. Nothing is spawned here: the caller spawns [`Verifier::refresher`].
//!
//! | file | holds |
//! | --- | --- |
//! | `token` | where in a request a token may stand |
//! | `verifier` | the order of checks, from text to identity |
//! | `header`, `claims` | the two halves of a token that are read |
//! | `keys`, `pem`, `jwks` | keys, each with the algorithms that it may verify, and where they come from |
//! | `fetch`, `refresh` | a key set that changes while the node runs |
//! | `permission` | what an identity may subscribe to |
//! | `revocation` | tokens that are good no longer |
//! | `service_key` | the keys of services |
//! | `mint` | tokens for trying things |

mod algorithms;
mod claims;
mod fetch;
mod header;
mod jwks;
mod keys;
mod mint;
mod pem;
mod permission;
mod refresh;
mod refusal;
mod revocation;
mod service_key;
mod token;
mod verifier;

pub use fetch::OnFetch;
pub use mint::{Grant, MintError, Minter};
pub use permission::{Identity, Permits};
pub use refusal::Refusal;
pub use revocation::{Mark, News, Revoked};
pub use service_key::ServiceKeys;
pub use token::Token;
pub use verifier::Verifier;
