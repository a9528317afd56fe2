//! Writes a session's events to its user's connection log. The session never waits for the write.

use wirebell_protocol::connection_log::ConnectionEvent;
use wirebell_protocol::frame::server::ServerFrame;
use wirebell_protocol::{Channel, Cursor, Transport};

use super::Sessions;
use super::accept::AcceptError;
use super::catchup::PendingLog;
use super::close_reason::CloseReason;
use super::peer::Peer;
use super::serve::{Session, Step};
use crate::hub::ChannelLog;

impl<P: Peer> Session<P> {
    /// Logs that the session began.
    pub(super) fn log_opened(&self, transport: Transport) {
        let (cursor, recovered) = (self.client.replay_after.as_deref().copied(), self.client.recovered);
        self.log(ConnectionEvent::Opened { transport: transport.as_str().into(), cursor, recovered });
    }

    /// Logs that the session ended.
    pub(super) fn log_closed(&self, close_reason: CloseReason) {
        self.log(ConnectionEvent::Closed { why: close_reason.label().into() });
    }

    /// Logs that the session begins to read a log, since its send buffer was full.
    pub(super) fn log_slow(&self, log: &ChannelLog, after: Cursor) {
        if log.is_durable() {
            self.log(ConnectionEvent::Slow { channel: log.channel.as_str().into(), after });
        }
    }

    /// Logs that the session reached the end of a log.
    pub(super) fn log_caught_up(&self, pending: &PendingLog) {
        // Most clients that resume have missed nothing; then there is nothing to log.
        if pending.log.is_durable() && self.client.replay_after.as_deref() != Some(&pending.after) {
            self.log(ConnectionEvent::CaughtUp {
                channel: pending.log.channel.as_str().into(),
                upto: pending.after,
            });
        }
    }

    /// Sends a gap to the client, and logs it: events after `after` are missing.
    pub(super) async fn send_gap(&mut self, channel: &Channel, after: Cursor, before: Option<Cursor>) -> Step {
        self.log(ConnectionEvent::Gap { channel: channel.as_str().into(), after, before });
        self.write(ServerFrame::Gap { channel }.encode()).await
    }

    fn log(&self, what: ConnectionEvent) {
        let (identity, id) = (&self.client.identity, self.client.membership.id());
        self.shared.hub.connection_log().record(&identity.channel, id, identity.device.as_deref(), what);
    }
}

/// Logs that a client was rejected. The user is known once the token's signature was valid.
pub(super) fn log_rejected(shared: &Sessions, error: &AcceptError) {
    if let AcceptError::Rejected(rejection) = error
        && let Some(user) = &rejection.user
    {
        shared.hub.connection_log().rejected(user, rejection.code.as_str());
    }
}
