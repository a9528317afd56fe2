//! From a client's first token to its last goodbye.

use std::sync::Arc;

use super::admission::{self, Entrance};
use super::peer::Peer;
use super::serve::Session;
use super::{Sessions, history};

/// Admits a client, and serves it in a task of its own until it or the node says goodbye. What only admission needs is
/// gone by then: an idle session is as small as it can be.
pub async fn run<P: Peer + 'static>(shared: Arc<Sessions>, mut peer: P, entrance: Entrance) {
    let transport = entrance.transport;
    match admission::admit(&shared, &mut peer, entrance).await {
        Ok(admitted) => {
            shared.metrics.admissions.with_label_values(&[transport]).inc();
            let life = shared.life.clone();
            life.tasks.spawn(attend(Session::new(shared, peer, admitted), transport));
        }
        Err(rejected) => {
            history::refused(&shared, &rejected);
            admission::reject(&shared, &mut peer, rejected).await;
        }
    }
}

/// The task of a session. It is not an `async fn`: those keep a second place for each argument.
fn attend<P: Peer>(mut session: Session<P>, transport: &'static str) -> impl Future<Output = ()> + Send {
    session.opened(transport);
    let open = session.shared.metrics.sessions.with_label_values(&[transport]);
    open.inc();
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
    fn size<P, F>(_: impl FnOnce(Session<P>, &'static str) -> F) -> usize {
        size_of::<F>()
    }
    size(attend::<P>)
}
