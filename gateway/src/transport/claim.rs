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

    /// Serves the connection until it ends or is claimed. Once `stop` is done, it ends with the request it is at.
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
            () = self.0.made.notified() => {}
            () = stop => {
                std::pin::Pin::new(&mut serving).graceful_shutdown();
                tokio::select! {
                    biased;
                    ended = &mut serving => return ended,
                    () = self.0.made.notified() => {}
                }
            }
        }
        let Parts { io, read_buf, .. } = serving.into_parts();
        self.grant(io.into_inner(), &read_buf);
        Ok(())
    }

    /// Hands the connection over, and what was read from it behind the request.
    fn grant(&self, connection: TcpStream, come: &[u8]) {
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

/// The answer to a request that has claimed its connection: none. It is dropped with what serves HTTP.
pub async fn claimed() -> Response {
    std::future::pending().await
}
