//! The life of a session: accepts a client, then runs its task.

use std::sync::Arc;

use wirebell_protocol::{Channel, ConnectionId, Transport};

use super::accept::{self, AcceptError, Accepted, ConnectRequest};
use super::peer::Peer;
use super::serve::Session;
use super::{Sessions, connection_log};
use crate::auth::Rejection;

/// Accepts a client, and serves it in its own task until either side closes. The state of the
/// accept phase is freed by then, which keeps an idle session as small as possible.
pub async fn run<P: Peer + 'static>(shared: Arc<Sessions>, mut peer: P, request: ConnectRequest) {
    match join(&shared, &mut peer, request).await {
        Ok(joined) => joined.spawn(shared, peer),
        Err(Some(rejection)) => accept::reject(&mut peer, rejection).await,
        Err(None) => {}
    }
}

/// Accepts a client, and feeds the welcome to its peer. Returns `None` as the error if the client
/// disconnected. The caller sends a rejection.
pub async fn join<P: Peer>(
    shared: &Arc<Sessions>,
    peer: &mut P,
    request: ConnectRequest,
) -> Result<Joined, Option<Rejection>> {
    let transport = request.transport;
    match accept::accept(shared, peer, request).await {
        Ok(accepted) => Ok(Joined { accepted, transport }),
        Err(error) => {
            connection_log::log_rejected(shared, &error);
            let AcceptError::Rejected(rejection) = error else { return Err(None) };
            shared.metrics.rejections.with_label_values(&[rejection.code.as_str()]).inc();
            Err(Some(rejection))
        }
    }
}

/// A client that has joined the hub and is not served yet.
pub struct Joined {
    accepted: Accepted,
    transport: Transport,
}

impl Joined {
    /// Returns the connection's id.
    pub fn connection(&self) -> ConnectionId {
        self.accepted.membership.id()
    }

    /// Returns the channel of the connection's user.
    pub fn user(&self) -> &Channel {
        &self.accepted.identity.channel
    }

    /// Serves the client in its own task.
    pub fn spawn<P: Peer + 'static>(self, shared: Arc<Sessions>, peer: P) {
        shared.metrics.accepted_connections.with_label_values(&[self.transport.as_str()]).inc();
        let life = shared.life.clone();
        life.tasks.spawn(session_task(Session::new(shared, peer, self.accepted), self.transport));
    }
}

/// The task of a session. Not an `async fn`, since those store each argument twice.
fn session_task<P: Peer>(mut session: Session<P>, transport: Transport) -> impl Future<Output = ()> + Send {
    session.log_opened(transport);
    let open = session.shared.metrics.sessions.with_label_values(&[transport.as_str()]);
    open.inc();
    session.client.membership.start_heartbeat();
    async move {
        let close_reason = session.serve().await;
        open.dec();
        session.shared.metrics.session_ends.with_label_values(&[close_reason.label()]).inc();
        if let Some((code, reason)) = close_reason.close_frame() {
            Box::pin(session.close(code, reason)).await;
        }
    }
}

/// Size in bytes of a session's task.
#[cfg(test)]
pub(crate) fn task_bytes<P: Peer>() -> usize {
    fn size<P, F>(_: impl FnOnce(Session<P>, Transport) -> F) -> usize {
        size_of::<F>()
    }
    size(session_task::<P>)
}
