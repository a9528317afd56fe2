//! What happens to a session that its user's history should know. Nobody waits for it to be written.

use wirebell_protocol::frame::server::ServerFrame;
use wirebell_protocol::history::Happened;
use wirebell_protocol::{Channel, Cursor, Transport};

use super::Sessions;
use super::admission::Rejected;
use super::catchup::Lag;
use super::goodbye::Goodbye;
use super::peer::Peer;
use super::serve::{Session, Step};
use crate::hub::Line;

impl<P: Peer> Session<P> {
    /// The session has begun.
    pub(super) fn opened(&self, transport: Transport) {
        let (cursor, recovered) = (self.who.behind.as_deref().copied(), self.who.recovered);
        self.happened(Happened::Opened { transport: transport.as_str().into(), cursor, recovered });
    }

    /// The session ends.
    pub(super) fn closed(&self, goodbye: Goodbye) {
        self.happened(Happened::Closed { why: goodbye.label().into() });
    }

    /// The session begins to read a log, since there was no room for what came.
    pub(super) fn slow(&self, line: &Line, after: Cursor) {
        if line.is_log() {
            self.happened(Happened::Slow { channel: line.channel.as_str().into(), after });
        }
    }

    /// The session has read a log to its end.
    pub(super) fn caught_up(&self, lag: &Lag) {
        // Most who come back have missed nothing.
        if lag.line.is_log() && self.who.behind.as_deref() != Some(&lag.after) {
            self.happened(Happened::CaughtUp { channel: lag.line.channel.as_str().into(), upto: lag.after });
        }
    }

    /// Tells the client, and its user's history, that something behind that cursor is missing.
    pub(super) async fn gap(&mut self, channel: &Channel, after: Cursor, before: Option<Cursor>) -> Step {
        self.happened(Happened::Gap { channel: channel.as_str().into(), after, before });
        self.write(ServerFrame::Gap { channel }.encode()).await
    }

    fn happened(&self, what: Happened) {
        let (identity, id) = (&self.who.identity, self.who.seat.id());
        self.shared.hub.history().connection(&identity.channel, id, identity.device.as_deref(), what);
    }
}

/// A client was not let in. Whose it was is known once its token's signature was good.
pub(super) fn refused(shared: &Sessions, rejected: &Rejected) {
    if let Rejected::Refused(refusal) = rejected
        && let Some(user) = &refusal.user
    {
        shared.hub.history().refused(user, refusal.fault.code());
    }
}
