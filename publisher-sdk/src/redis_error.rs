//! What an error that Redis answered with says about the next try.

use crate::error::{PublishError, Refusal};
use crate::failure::Failure;

/// Said before anything was written, and true only for now.
const PASSING: [&str; 13] = [
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

/// Said of this connection, which has to be replaced: its server has become a replica, has given a slot away, is cut
/// off from its Cluster, or wants a password now. Not so where a slot is on its way (`ASK`, `TRYAGAIN`): the script's
/// keys are in two places then, and until they are in one again nobody can run it.
const ELSEWHERE: [&str; 6] = ["CLUSTERDOWN", "LOADING", "MASTERDOWN", "MOVED", "NOAUTH", "READONLY"];

/// Judges by the error's code.
pub(crate) fn judge(code: &str, detail: &str) -> Failure {
    Failure { elsewhere: ELSEWHERE.contains(&code), ..verdict(code, detail) }
}

fn verdict(code: &str, detail: &str) -> Failure {
    let words = format!("Redis answered {code}: {detail}");
    if PASSING.contains(&code) {
        return Failure::unavailable(words);
    }
    let refusal = Refusal::new(None, code, words);
    // A missing permission for a command concerns every event, one for a key only those of that channel.
    if matches!(code, "NOAUTH" | "WRONGPASS") || code == "NOPERM" && detail.contains("command") {
        return Failure::door(refusal);
    }
    // It may come from within the script, after the event was appended: trying again could append it twice.
    Failure::event(PublishError::Refused(refusal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Verdict;

    #[test]
    fn each_code_has_its_verdict() {
        for (code, detail, verdict, elsewhere) in [
            ("OOM", "command not allowed when used memory > 'maxmemory'.", Verdict::Moment(None), false),
            ("READONLY", "You can't write against a read only replica.", Verdict::Moment(None), true),
            ("MOVED", "15880 10.0.0.2:6379", Verdict::Moment(None), true),
            ("TRYAGAIN", "Multiple keys request during rehashing of slot", Verdict::Moment(None), false),
            ("NOAUTH", "Authentication required.", Verdict::Door, true),
            ("NOPERM", "User x has no permissions to run the 'evalsha' command", Verdict::Door, false),
            ("NOPERM", "No permissions to access a key", Verdict::Event, false),
            ("WRONGTYPE", "Operation against a key holding the wrong kind of value", Verdict::Event, false),
            ("ERR", "ACL failure in script: No permissions to access a channel", Verdict::Event, false),
        ] {
            let failure = judge(code, detail);
            assert_eq!((failure.verdict, failure.elsewhere), (verdict, elsewhere), "{code} {detail}");
        }
    }
}
