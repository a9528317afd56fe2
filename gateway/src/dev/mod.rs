//! The live page of `wirebell dev`. It shows what the gateway does.
//!
//! In: requests of the page. Out: the page, tokens, and events through the publisher SDK. Must not
//! know: the hub and the bus, since a real backend does not know them either.
//!
//! A simulated backend accepts payments and publishes their progress through the publisher SDK,
//! like a real service. Each card of the page is a real WebSocket to the client API, with a token
//! from `/dev/token`.
//!
//! `serve` never exposes these routes: a caller of `/dev/token` can act as any user.

mod backend;
mod page;
mod pay;
mod payments;
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

/// The dependencies of the live page.
pub struct Context {
    /// Signs the page's tokens.
    pub minter: Minter,
    /// Publishes the events of the simulated backend.
    pub publisher: Publisher,
    /// Tracks the simulated work, so that a shutdown can wait for it.
    pub tasks: TaskTracker,
    /// Address of the server API, for the page's example.
    pub services: SocketAddr,
}

/// Returns the routes of the page and of its requests.
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
