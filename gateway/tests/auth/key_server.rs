//! An HTTP server for a key set. A test changes its answers, and counts its requests.

use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The answer of the server.
#[derive(Clone)]
pub(crate) enum Answer {
    Keys(Vec<Value>),
    Text(String),
    Status(u16),
    /// A redirect to another URL, which has these keys.
    Redirect(Vec<Value>),
    Slow(Duration, Vec<Value>),
}

/// A running server.
pub(crate) struct KeyServer {
    pub(crate) url: String,
    state: Arc<Shared>,
}

struct Shared {
    answer: Mutex<Answer>,
    requests: AtomicUsize,
}

impl KeyServer {
    pub(crate) async fn start(answer: Answer) -> Result<Self, Box<dyn Error>> {
        let state = Arc::new(Shared { answer: Mutex::new(answer), requests: AtomicUsize::new(0) });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/jwks", listener.local_addr()?);
        let key_set = get(|State(state): State<Arc<Shared>>| async move { state.respond().await });
        let redirected = get(|State(state): State<Arc<Shared>>| async move { state.redirected() });
        let router = Router::new().route("/jwks", key_set).route("/elsewhere", redirected);
        let server = axum::serve(listener, router.with_state(Arc::clone(&state)));
        tokio::spawn(async move { server.await });
        Ok(Self { url, state })
    }

    pub(crate) fn set_answer(&self, answer: Answer) {
        *self.state.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }

    /// Returns the number of requests.
    pub(crate) fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn answer(&self) -> Answer {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn redirected(&self) -> Response {
        match self.answer() {
            Answer::Redirect(keys) => key_set(&keys),
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    }

    async fn respond(&self) -> Response {
        self.requests.fetch_add(1, Ordering::SeqCst);
        match self.answer() {
            Answer::Keys(keys) => key_set(&keys),
            Answer::Text(text) => text.into_response(),
            Answer::Status(status) => StatusCode::from_u16(status).unwrap_or_default().into_response(),
            Answer::Redirect(_) => Redirect::temporary("/elsewhere").into_response(),
            Answer::Slow(delay, keys) => {
                tokio::time::sleep(delay).await;
                key_set(&keys)
            }
        }
    }
}

fn key_set(keys: &[Value]) -> Response {
    json!({ "keys": keys }).to_string().into_response()
}
