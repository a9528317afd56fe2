//! The Lua scripts: called by digest, loaded when connections are opened and after the scripts were
//! flushed.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, Pipeline, RedisResult, ServerErrorKind, Value};
use wirebell_protocol::script::{Call, Script};

use super::failure;
use crate::error::Refusal;
use crate::failure::Failure;

/// The digests of all scripts.
pub(super) struct Digests(Vec<(Script, String)>);

impl Digests {
    pub(super) fn new() -> Self {
        let digest = |script: Script| (script, redis::Script::new(script.source()).get_hash().to_owned());
        Self(Script::ALL.into_iter().map(digest).collect())
    }

    /// Adds a call to a pipeline.
    pub(super) fn add(&self, pipeline: &mut Pipeline, call: &Call) {
        let known = self.0.iter().find(|(script, _)| *script == call.script);
        let digest = known.map_or("", |(_, digest)| digest.as_str());
        pipeline.cmd("EVALSHA").arg(digest).arg(call.keys.len()).arg(&call.keys).arg(&call.arguments);
    }
}

/// Loads the scripts and checks that this Redis has the commands that they call. An older Redis
/// would append to the log and then fail to announce the event.
pub(super) async fn load(
    connection: &mut MultiplexedConnection,
    timeout: Duration,
    must_be_primary: bool,
) -> Result<(), Failure> {
    let mut pipeline = redis::pipe();
    pipeline.cmd("COMMAND").arg("INFO").arg("SPUBLISH");
    if must_be_primary {
        pipeline.cmd("ROLE");
    }
    for script in Script::ALL {
        pipeline.cmd("SCRIPT").arg("LOAD").arg(script.source());
    }
    let replies: Vec<RedisResult<Value>> =
        pipeline.ignore_errors().query_async(connection).await.map_err(|error| failure(&error, timeout))?;
    let mut replies = replies.into_iter();
    let known = replies.next();
    let role = if must_be_primary { replies.next() } else { None };
    if let Some(Err(error)) = replies.find(Result::is_err) {
        return Err(failure(&error, timeout));
    }
    if role.is_some_and(|role| is_replica(&role)) {
        return Err(Failure::unavailable("this Redis is a replica now, and its new primary is not known yet"));
    }
    match known {
        Some(Ok(Value::Array(commands))) if commands.first() == Some(&Value::Nil) => {
            let detail = "Redis 7 or Valkey 7.2 is required: this server has no sharded pub/sub";
            Err(Failure::configuration(Refusal::new(None, "too_old", detail)))
        }
        // A user without permission for `COMMAND` cannot check; that is no error.
        _ => Ok(()),
    }
}

fn is_replica(role: &RedisResult<Value>) -> bool {
    match role {
        Ok(Value::Array(parts)) => parts.first() != Some(&Value::BulkString(b"master".to_vec())),
        // `ROLE` is not permitted to this user: the first write reveals a replica.
        _ => false,
    }
}

/// Returns whether the script of this reply has to be loaded again.
pub(super) fn is_missing<T>(reply: &RedisResult<T>) -> bool {
    reply.as_ref().is_err_and(|error| error.kind() == ErrorKind::Server(ServerErrorKind::NoScript))
}
