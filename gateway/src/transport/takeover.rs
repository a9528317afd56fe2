//! A request that turns into a stream claims its connection. It is then written by its session alone, and costs neither
//! the buffers nor the task that an HTTP connection has.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1::{Connection, Parts};
use hyper::service::HttpService;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// The right to the connection. Each of its requests brings it along.
#[derive(Clone, Default)]
pub struct ConnectionTakeover(Arc<Shared>);

#[derive(Default)]
struct Shared {
    callback: Mutex<Option<Callback>>,
    requested: Notify,
}

type Callback = Box<dyn FnOnce(TcpStream, &[u8]) + Send>;

impl ConnectionTakeover {
    /// Claims the connection. `callback` gets it, and what the client has sent behind its request, as soon as what serves
    /// HTTP is gone: no answer can received in between.
    pub(super) fn take_over(&self, callback: impl FnOnce(TcpStream, &[u8]) + Send + 'static) {
        *self.0.callback.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(callback));
        self.0.requested.notify_one();
    }

    /// Serves the connection until it ends or is taken_over. Once `stop` is done, it ends with the request it is at.
    ///
    /// # Errors
    ///
    /// What ended it, if neither client nor server wanted that.
    pub async fn serve<S>(
        &self,
        mut serving: Connection<TokioIo<TcpStream>, S>,
        stop: impl Future<Output = ()>,
    ) -> hyper::Result<()>
    where
        S: HttpService<Incoming, ResBody = Body>,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        tokio::select! {
            biased;
            ended = &mut serving => return ended,
            () = self.0.requested.notified() => {}
            () = stop => {
                std::pin::Pin::new(&mut serving).graceful_shutdown();
                tokio::select! {
                    biased;
                    ended = &mut serving => return ended,
                    () = self.0.requested.notified() => {}
                }
            }
        }
        let Parts { io, read_buf, .. } = serving.into_parts();
        self.hand_over(io.into_inner(), &read_buf);
        Ok(())
    }

    /// Hands the connection over, and what was read from it behind the request.
    fn hand_over(&self, connection: TcpStream, received: &[u8]) {
        let callback = self.0.callback.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(callback) = callback {
            callback(connection, received);
        }
    }
}

impl fmt::Debug for ConnectionTakeover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConnectionTakeover")
    }
}

/// The answer to a request that has taken_over its connection: none. It is dropped with what serves HTTP.
pub async fn taken_over() -> Response {
    std::future::pending().await
}
