//! Maps error codes of Redis to failures.

use crate::error::{PublishError, Refusal};
use crate::failure::Failure;

/// Errors reported before anything was written, and only temporarily.
const TRANSIENT: [&str; 13] = [
    "ASK",
    "BUSY",
    "CLUSTERDOWN",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "MOVED",
    "NOREPLICAS",
    "NOSCRIPT",
    "OOM",
    "READONLY",
    "TRYAGAIN",
    "UNKILLABLE",
];

/// Errors after which the connection must be replaced. Its server has become a replica, gave a slot
/// away, is cut off from its Cluster, or requires a password now. `ASK` and `TRYAGAIN` are not
/// among them: the slot is being migrated, the script's keys are on two servers, and no server can
/// run it until the migration ends.
const RECONNECT: [&str; 6] = ["CLUSTERDOWN", "LOADING", "MASTERDOWN", "MOVED", "NOAUTH", "READONLY"];

/// Returns the failure for an error code.
pub(crate) fn failure(code: &str, detail: &str) -> Failure {
    Failure { reconnect: RECONNECT.contains(&code), ..classify(code, detail) }
}

fn classify(code: &str, detail: &str) -> Failure {
    let message = format!("Redis answered {code}: {detail}");
    if TRANSIENT.contains(&code) {
        return Failure::unavailable(message);
    }
    let refusal = Refusal::new(None, code, message);
    // A missing permission for a command affects every event, one for a key only the events of its
    // channel.
    if matches!(code, "NOAUTH" | "WRONGPASS") || code == "NOPERM" && detail.contains("command") {
        return Failure::configuration(refusal);
    }
    // The script may have failed after it appended the event: a retry could append it twice.
    Failure::event(PublishError::Refused(refusal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::FailureKind;

    #[test]
    fn error_codes_map_to_failure_kinds() {
        for (code, detail, kind, reconnect) in [
            ("OOM", "command not allowed when used memory > 'maxmemory'.", FailureKind::Transient(None), false),
            ("READONLY", "You can't write against a read only replica.", FailureKind::Transient(None), true),
            ("MOVED", "15880 10.0.0.2:6379", FailureKind::Transient(None), true),
            ("TRYAGAIN", "Multiple keys request during rehashing of slot", FailureKind::Transient(None), false),
            ("NOAUTH", "Authentication required.", FailureKind::Configuration, true),
            ("NOPERM", "User x has no permissions to run the 'evalsha' command", FailureKind::Configuration, false),
            ("NOPERM", "No permissions to access a key", FailureKind::Event, false),
            ("WRONGTYPE", "Operation against a key holding the wrong kind of value", FailureKind::Event, false),
            ("ERR", "ACL failure in script: No permissions to access a channel", FailureKind::Event, false),
        ] {
            let failure = failure(code, detail);
            assert_eq!((failure.kind, failure.reconnect), (kind, reconnect), "{code} {detail}");
        }
    }
}
