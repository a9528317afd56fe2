//! Server-Sent Events, <https://html.spec.whatwg.org/multipage/server-sent-events.html>: a session whose frames are
//! events of a stream, and whose own frames come as requests beside it.

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
