//! Server-Sent Events, <https://html.spec.whatwg.org/multipage/server-sent-events.html>.
//!
//! In: `GET` requests that open a stream, and `POST` requests with the client's own frames. Out: a
//! peer for the session, whose frames leave as events of the stream. Each event's `id` is the
//! position from which a browser resumes. Must not know: what a frame means.

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
