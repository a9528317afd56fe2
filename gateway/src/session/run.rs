//! From a client's first token to its last goodbye.

use std::sync::Arc;

use wirebell_protocol::{Channel, ConnectionId, Transport};

use super::admission::{self, Admitted, Entrance, Rejected};
use super::peer::Peer;
use super::serve::Session;
use super::{Sessions, history};
use crate::auth::Refusal;

/// Admits a client, and serves it in a task of its own until it or the node says goodbye. What only admission needs is
/// gone by then: an idle session is as small as it can be.
pub async fn run<P: Peer + 'static>(shared: Arc<Sessions>, mut peer: P, entrance: Entrance) {
    match enter(&shared, &mut peer, entrance).await {
        Ok(entered) => entered.begin(shared, peer),
        Err(Some(refusal)) => admission::reject(&mut peer, refusal).await,
        Err(None) => {}
    }
}

/// Admits a client. What it is told first is fed to its peer. None if it went away by itself; a refusal is the
/// caller's to tell.
pub async fn enter<P: Peer>(
    shared: &Arc<Sessions>,
    peer: &mut P,
    entrance: Entrance,
) -> Result<Entered, Option<Refusal>> {
    let transport = entrance.transport;
    match admission::admit(shared, peer, entrance).await {
        Ok(admitted) => Ok(Entered { admitted, transport }),
        Err(rejected) => {
            history::refused(shared, &rejected);
            let Rejected::Refused(refusal) = rejected else { return Err(None) };
            shared.metrics.refusals.with_label_values(&[refusal.fault.code()]).inc();
            Err(Some(refusal))
        }
    }
}

/// A client that has a seat, and is not served yet.
pub struct Entered {
    admitted: Admitted,
    transport: Transport,
}

impl Entered {
    /// The connection's id.
    pub fn connection(&self) -> ConnectionId {
        self.admitted.seat.id()
    }

    /// The channel of the user whose connection it is.
    pub fn user(&self) -> &Channel {
        &self.admitted.identity.channel
    }

    /// Serves the client in a task of its own.
    pub fn begin<P: Peer + 'static>(self, shared: Arc<Sessions>, peer: P) {
        shared.metrics.admissions.with_label_values(&[self.transport.as_str()]).inc();
        let life = shared.life.clone();
        life.tasks.spawn(attend(Session::new(shared, peer, self.admitted), self.transport));
    }
}

/// The task of a session. It is not an `async fn`: those keep a second place for each argument.
fn attend<P: Peer>(mut session: Session<P>, transport: Transport) -> impl Future<Output = ()> + Send {
    session.opened(transport);
    let open = session.shared.metrics.sessions.with_label_values(&[transport.as_str()]);
    open.inc();
    session.who.seat.live();
    async move {
        let goodbye = session.serve().await;
        open.dec();
        session.shared.metrics.goodbyes.with_label_values(&[goodbye.label()]).inc();
        if let Some((code, reason)) = goodbye.close() {
            Box::pin(session.farewell(code, reason)).await;
        }
    }
}

/// Bytes of the task that a session has for as long as it lives.
#[cfg(test)]
pub(crate) fn task_bytes<P: Peer>() -> usize {
    fn size<P, F>(_: impl FnOnce(Session<P>, Transport) -> F) -> usize {
        size_of::<F>()
    }
    size(attend::<P>)
}
