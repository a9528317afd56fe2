//! Reports the delivery status of tracked events to the hub: written to the connection, expired,
//! acknowledged.

use wirebell_protocol::tracking::ConnectionState;
use wirebell_protocol::{Channel, Cursor, ErrorCode};

use super::frames;
use super::peer::Peer;
use super::serve::{Session, Step};
use crate::hub::{Ack, DeliveryReport, Tracked};

impl<P: Peer> Session<P> {
    /// Reports that a tracked event was handed to the kernel.
    pub(super) fn written(&mut self, event: &Tracked) {
        self.report(event, ConnectionState::Written);
        if let Some(cursor) = event.cursor {
            self.acks.written(&event.channel, cursor);
        }
    }

    /// Reports the delivery status of a tracked event on this connection.
    pub(super) fn report(&self, event: &Tracked, what: ConnectionState) {
        self.shared.hub.reporter().note(DeliveryReport {
            channel: event.channel.clone(),
            id: event.id.clone(),
            connection: self.client.membership.id(),
            device: self.client.identity.device.as_deref().map(Box::from),
            state: what,
        });
    }

    /// Handles `wirebell.ack`. It gets a reply only if it has a `ref`.
    pub(super) async fn acknowledge(&mut self, channel: &Channel, cursor: Cursor, reference: Option<&str>) -> Step {
        if self.client.membership.live_after(channel).is_none() {
            let message = format!("this connection is not subscribed to {channel}; subscribe first");
            return self.write(frames::error(ErrorCode::BadChannel, &message, reference)).await;
        }
        if self.acks.acknowledged(channel, cursor) {
            let connection = self.client.membership.id();
            let device =
                self.client.identity.device.as_deref().map_or_else(|| connection.to_string().into(), Box::from);
            self.shared.hub.reporter().acknowledge(Ack { channel: channel.clone(), device, connection, cursor });
        }
        match reference {
            Some(_) => self.write(frames::acknowledged(channel, cursor, reference)).await,
            None => Ok(()),
        }
    }
}
