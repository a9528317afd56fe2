//! The live page of `wirebell dev`: what the gateway does, to be looked at. A simulated backend takes payments and
//! publishes their progress through the publisher SDK, as a service of one's own would; every card of the page is a
//! real WebSocket at the clients' door, which gets its token here.
//!
//! Nothing here is reachable in `serve`: whoever can ask this room for a token can be any user.

mod backend;
mod payments;
mod page;
mod pay;
mod request;
mod token;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use tokio_util::task::TaskTracker;
use wirebell_publisher::Publisher;

use crate::auth::Minter;
use backend::Backend;
use page::Page;

/// What the page needs from the rest of the program.
pub struct Context {
    /// Signs the tokens that the page asks for.
    pub minter: Minter,
    /// How the simulated backend tells its users.
    pub publisher: Publisher,
    /// Where the simulated work runs, so that a stopping process knows of it.
    pub tasks: TaskTracker,
    /// The services' door, as the page's example names it.
    pub services: SocketAddr,
}

/// The page and the requests that it makes.
pub fn router(context: Context) -> Router {
    let Context { minter, publisher, tasks, services } = context;
    let backend = Arc::new(Backend::new(publisher, tasks));
    Router::new()
        .route("/", get(page::index))
        .route("/dev/{file}", get(page::file))
        .with_state(Arc::new(Page::new(services)))
        .merge(Router::new().route("/dev/token", post(token::mint)).with_state(Arc::new(minter)))
        .merge(
            Router::new()
                .route("/dev/pay", post(pay::pay))
                .route("/dev/payments/{payment}", get(pay::progress))
                .with_state(backend),
        )
}
