//! The route tables of the client API and the server API, and their listeners.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use tokio::net::TcpListener;
use wirebell_protocol::ErrorCode;
use wirebell_publisher::Publisher;

use super::build::Node;
use super::{StartError, listener};
use crate::auth::{ApiKeys, Minter};
use crate::config::{Config, Mode};
use crate::lifecycle::Lifecycle;
use crate::problem::Problem;
use crate::telemetry::Metrics;
use crate::transport::Origins;
use crate::{admin, api, dev, transport};

/// The bound addresses of both APIs.
pub(super) struct Listeners {
    pub(super) clients: SocketAddr,
    pub(super) services: SocketAddr,
}

/// Starts serving both APIs.
pub(super) fn serve(
    config: &Config,
    mode: Mode,
    node: &Node,
    life: &Lifecycle,
    clients: TcpListener,
    services: TcpListener,
) -> Result<Listeners, StartError> {
    let bound = |listener: &TcpListener, key, address| {
        listener.local_addr().map_err(|error| StartError::Bind { key, address, error })
    };
    let listeners = Listeners {
        clients: bound(&clients, "clients.listen", config.clients.listen)?,
        services: bound(&services, "services.listen", config.services.listen)?,
    };
    let mut client_router = client_routes(config, node);
    if mode == Mode::Dev {
        client_router = client_router.merge(dev_routes(config, listeners.services, life)?);
    }
    listener::serve(clients, with_error_responses(client_router), life);
    listener::serve(services, with_error_responses(server_routes(config, node, life)), life);
    Ok(listeners)
}

/// Returns the routes of the client API: `GET /ws` · `GET /events`, `POST /events/{connection}` ·
/// `GET`, `POST /socket.io/`.
fn client_routes(config: &Config, node: &Node) -> Router {
    transport::router(transport::Context {
        sessions: Arc::clone(&node.sessions),
        origins: Arc::new(Origins::new(&config.clients.allowed_origins)),
        max_frame_bytes: config.clients.max_frame_bytes,
        cookie: config.clients.cookie.as_deref().map(Arc::from),
        streams: transport::StreamRegistry::default(),
        polling: transport::PollingRegistry::default(),
    })
}

/// Returns the routes of the server API: `POST /v1/events` · `GET`, `DELETE /v1/events/{id}` ·
/// `GET /v1/users`, `/v1/users/{id}` · `POST /v1/users/{id}/disconnect`, `/v1/revocations` ·
/// `GET /v1/fallbacks`, `/v1/receipts`, `/openapi.json`, and those for operators: `GET /livez`,
/// `/readyz`, `/metrics`, `/inspect`.
fn server_routes(config: &Config, node: &Node, life: &Lifecycle) -> Router {
    let hub = Arc::clone(&node.hub);
    let api = api::router(api::Context {
        node: node.id,
        sessions_of: Arc::new(move |user| hub.sessions_of(user)),
        presence: config.presence.enabled,
        bus: Arc::clone(&node.bus),
        keys: Arc::new(ApiKeys::new(&config.services.keys)),
        open_to_loopback: config.services.open_to_loopback,
        max_data_bytes: config.services.max_data_bytes,
        max_batch: config.services.max_batch,
        waits: api::WaitSlots::default(),
        stopping: life.drain.clone(),
        metrics: Arc::clone(&node.metrics),
    });
    let admin = admin::router(admin::Context {
        readiness: life.readiness.clone(),
        bus: node.bus.health(),
        metrics: Arc::clone(&node.metrics),
        snapshots: {
            let hub = Arc::clone(&node.hub);
            Arc::new(move || hub.snapshot())
        },
    });
    api.merge(admin).layer(middleware::from_fn_with_state(Arc::clone(&node.metrics), count_requests))
}

/// Returns the routes of the live page of `wirebell dev`: `GET /`, `/dev/…`.
fn dev_routes(config: &Config, services: SocketAddr, life: &Lifecycle) -> Result<Router, StartError> {
    // Without a secret the node cannot sign tokens, and the page would be useless.
    let Some(minter) = Minter::from_config(&config.auth) else { return Ok(Router::new()) };
    let mut publisher = Publisher::builder(&format!("http://{services}"));
    if let Some(key) = config.services.keys.first() {
        publisher = publisher.service_key(key.expose());
    }
    Ok(dev::router(dev::Context {
        minter,
        publisher: publisher.connect_lazy()?,
        tasks: life.tasks.clone(),
        services,
    }))
}

/// Adds problem documents for unknown paths and methods.
fn with_error_responses(router: Router) -> Router {
    router
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, ErrorCode::NotFound, "no such path"))
        .method_not_allowed_fallback(async || {
            let detail = "method not allowed; see the `Allow` header";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::MethodNotAllowed, detail)
        })
}

async fn count_requests(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    // The label is the route, since the number of paths is unbounded.
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let mut response = next.run(request).await;
    let status = match response.status().as_u16() {
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    };
    metrics.requests.with_label_values(&[&route, status]).inc();
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(header::HeaderValue::from_static("no-store"));
    response
}
