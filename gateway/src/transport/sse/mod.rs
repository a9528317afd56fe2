//! Server-Sent Events, <https://html.spec.whatwg.org/multipage/server-sent-events.html>.
//!
//! A session's frames leave as events of a stream. The client's own frames arrive by `POST`
//! requests.

mod encode;
mod open;
mod output;
mod position;
mod post;
mod registry;
mod retry_stream;
mod stream;

pub(super) use open::open;
pub(super) use post::post;
pub use registry::StreamRegistry;
