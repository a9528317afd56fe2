//! A request that turns into a stream claims its connection. It is then written by its session alone, and costs neither
//! the buffers nor the task that an HTTP connection has.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use axum::response::Response;
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// The right to the connection. Each of its requests brings it along.
#[derive(Clone, Default)]
pub struct Claim(Arc<Shared>);

#[derive(Default)]
struct Shared {
    taker: Mutex<Option<Taker>>,
    made: Notify,
}

type Taker = Box<dyn FnOnce(TcpStream, &[u8]) + Send>;

impl Claim {
    /// Claims the connection. `take` gets it, and what the client has sent behind its request, as soon as what serves
    /// HTTP is gone: no answer can come in between.
    pub(super) fn make(&self, take: impl FnOnce(TcpStream, &[u8]) + Send + 'static) {
        *self.0.taker.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(take));
        self.0.made.notify_one();
    }

    /// Done once the connection is claimed.
    pub fn made(&self) -> impl Future<Output = ()> + '_ {
        self.0.made.notified()
    }

    /// Hands the connection over, and what was read from it behind the request.
    pub fn grant(&self, connection: TcpStream, come: &[u8]) {
        let taker = self.0.taker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(take) = taker {
            take(connection, come);
        }
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claim")
    }
}

/// The answer of a request that has claimed its connection: none. It is dropped with what serves HTTP.
pub(super) async fn claimed() -> Response {
    std::future::pending().await
}
