//! A connection on loan to what serves HTTP. A request that turns into a stream claims it back: the stream is then written
//! by its session alone, and costs neither the buffers nor the task that an HTTP connection has.
//!
//! A claim is answered when the loan is dropped, which is when nothing of the HTTP side is left that could write, too.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};

/// A connection, for as long as it speaks HTTP.
pub struct Loan {
    stream: Option<TcpStream>,
    claim: Claim,
}

/// The right to have the connection back; each of its requests brings it along.
#[derive(Clone, Default)]
pub struct Claim(Arc<Shared>);

#[derive(Default)]
struct Shared {
    claimant: Mutex<Option<oneshot::Sender<TcpStream>>>,
    made: Notify,
}

impl Loan {
    /// Lends a connection.
    pub fn new(stream: TcpStream) -> (Self, Claim) {
        let claim = Claim::default();
        (Self { stream: Some(stream), claim: claim.clone() }, claim)
    }

    /// The connection, from whoever has it.
    pub fn end(mut self) -> Option<TcpStream> {
        self.stream.take()
    }

    fn stream(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Claim {
    /// Claims the connection. It comes once what serves HTTP is gone, and with it the request that asks.
    pub(super) fn make(&self) -> oneshot::Receiver<TcpStream> {
        let (give, take) = oneshot::channel();
        *self.0.claimant.lock().unwrap_or_else(PoisonError::into_inner) = Some(give);
        self.0.made.notify_one();
        take
    }

    /// Done once the connection is claimed.
    pub fn made(&self) -> impl Future<Output = ()> + '_ {
        self.0.made.notified()
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let claimant = self.claim.0.claimant.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Some(claimant), Some(stream)) = (claimant, self.stream.take()) {
            let _ = claimant.send(stream);
        }
    }
}

impl AsyncRead for Loan {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream()?.poll_read(context, into)
    }
}

impl AsyncWrite for Loan {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }
}
