//! Takes a connection over from the HTTP server, for a stream or a WebSocket. Only the session
//! writes to it from then on. It needs neither the buffers nor the task of an HTTP connection.

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

/// The right to take a connection over. Each request of the connection carries a clone.
#[derive(Clone, Default)]
pub struct ConnectionTakeover(Arc<Shared>);

#[derive(Default)]
struct Shared {
    callback: Mutex<Option<Callback>>,
    requested: Notify,
}

type Callback = Box<dyn FnOnce(TcpStream, &[u8]) + Send>;

impl ConnectionTakeover {
    /// Takes the connection over. Once the HTTP server is dropped, `callback` gets the connection
    /// and the bytes that the client sent after its request. No HTTP response can come in between.
    pub(super) fn take_over(&self, callback: impl FnOnce(TcpStream, &[u8]) + Send + 'static) {
        *self.0.callback.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(callback));
        self.0.requested.notify_one();
    }

    /// Serves HTTP on the connection until it ends or is taken over. Once `stop` completes, it ends
    /// after the current request.
    ///
    /// # Errors
    ///
    /// Returns the error that ended the connection, if neither side closed it.
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

    /// Passes on the connection, and the bytes read from it after the request.
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

/// Never completes: the response of a request whose connection is taken over. It is dropped with
/// the HTTP server.
pub async fn taken_over() -> Response {
    std::future::pending().await
}
