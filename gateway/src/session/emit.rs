//! Events that a client emits: checks permission, size and rate. The hub writes them and handles
//! replies.

use wirebell_protocol::ErrorCode;
use wirebell_protocol::inbox::Emission;

use super::frames;
use super::peer::Peer;
use super::serve::{Session, Step};
use crate::auth::Rejection;
use crate::lifecycle::uptime_millis;

impl<P: Peer> Session<P> {
    /// Emits an event to the services.
    pub(super) async fn emit(&mut self, emission: &Emission) -> Step {
        if let Err(rejection) = self.check_emit(emission) {
            self.shared.metrics.emits.with_label_values(&[rejection.code.as_str()]).inc();
            let reference = emission.reference.as_deref();
            return self.write(frames::error(rejection.code, &rejection.message, reference)).await;
        }
        let identity = &self.client.identity;
        match self.client.membership.emit(identity.user(), identity.device.as_deref(), emission).await {
            Some(frame) => self.write(frame).await,
            None => Ok(()),
        }
    }

    fn check_emit(&mut self, emission: &Emission) -> Result<(), Rejection> {
        let limits = &self.shared.limits;
        self.client.identity.may_emit(&emission.kind)?;
        let (length, max) = (emission.data.len(), limits.emit_bytes);
        if length > max {
            let message = format!("`data` has {length} bytes; expected at most {max}");
            return Err(Rejection::new(ErrorCode::DataTooLarge, message));
        }
        if !self.rate_limiter.try_acquire(1_000 * uptime_millis(), limits.emit_rate, limits.emit_burst) {
            let message = format!("expected at most {} events per second; emit more slowly", limits.emit_rate);
            return Err(Rejection::new(ErrorCode::RateLimited, message));
        }
        Ok(())
    }
}
