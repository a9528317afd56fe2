//! An issuer's address with its key set, which can change, break, lie and count.

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

/// What the address answers.
#[derive(Clone)]
pub(crate) enum Answer {
    Keys(Vec<Value>),
    Text(String),
    Status(u16),
    /// To another address, which has these keys.
    Redirect(Vec<Value>),
    Slow(Duration, Vec<Value>),
}

/// The server.
pub(crate) struct KeyServer {
    pub(crate) url: String,
    state: Arc<Shared>,
}

struct Shared {
    answer: Mutex<Answer>,
    asked: AtomicUsize,
}

impl KeyServer {
    pub(crate) async fn start(answer: Answer) -> Result<Self, Box<dyn Error>> {
        let state = Arc::new(Shared { answer: Mutex::new(answer), asked: AtomicUsize::new(0) });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/jwks", listener.local_addr()?);
        let here = get(|State(state): State<Arc<Shared>>| async move { state.respond().await });
        let elsewhere = get(|State(state): State<Arc<Shared>>| async move { state.elsewhere() });
        let router = Router::new().route("/jwks", here).route("/elsewhere", elsewhere);
        let server = axum::serve(listener, router.with_state(Arc::clone(&state)));
        tokio::spawn(async move { server.await });
        Ok(Self { url, state })
    }

    pub(crate) fn answer(&self, answer: Answer) {
        *self.state.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.state.asked.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn answer(&self) -> Answer {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn elsewhere(&self) -> Response {
        match self.answer() {
            Answer::Redirect(keys) => key_set(&keys),
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    }

    async fn respond(&self) -> Response {
        self.asked.fetch_add(1, Ordering::SeqCst);
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
