//! Redis as the bus: one multiplexed connection to every primary, opened at need and again after a loss, and
//! pipelines of scripts. One server is the case of one primary that has all slots. This folder alone names the `redis`
//! crate.
//!
//! The crate's connection ends with its socket and never comes back by itself: every request on it then fails at
//! once. So after a failure all connections are taken out of their place, and the next request finds out where the
//! data are and opens others. Loading the scripts belongs to opening, since a Redis that was restarted or failed over
//! has forgotten them.

mod inbox;
mod place;
mod publish;
mod records;
mod routes;
mod scripts;
mod slots;
mod streams;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::{AsyncConnectionConfig, ErrorKind, FromRedisValue, RedisError, Value};
use tokio::sync::OnceCell;

use self::place::Place;
use self::routes::{Manner, Request, Routes};
use self::scripts::Digests;
pub(crate) use self::streams::{Entry, EntryPlace, Group, Kind, has_code};
use crate::error::{ConnectError, PublishError, Refusal};
use crate::failure::Failure;
use crate::transport::Options;

/// Redis: one server, one behind sentinels, or a Cluster.
pub(crate) struct RedisBus {
    manner: Arc<Manner>,
    options: Options,
    /// The connections of now. All who find it empty wait for one of them to fill it.
    slot: Mutex<Slot>,
}

type Slot = Arc<OnceCell<Routes>>;

impl RedisBus {
    pub(crate) fn new(url: &str, options: Options) -> Result<Self, ConnectError> {
        let place = Place::of(url)?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(options.connect_timeout))
            .set_response_timeout(Some(options.answer_timeout));
        let (connect_timeout, answer_timeout) = (options.connect_timeout, options.answer_timeout);
        let manner = Manner { place, config, digests: Digests::new(), connect_timeout, answer_timeout };
        Ok(Self { manner: Arc::new(manner), options, slot: Mutex::default() })
    }

    /// Opens the connections if there are none.
    pub(crate) async fn open(&self) -> Result<(), Failure> {
        let slot = self.slot();
        self.routes(&slot).await.map(drop)
    }

    /// Asks for several things; one answer each.
    async fn ask(&self, requests: &[Request]) -> Vec<Result<Value, Failure>> {
        let slot = self.slot();
        let answers = match self.routes(&slot).await {
            Ok(routes) => routes.ask(requests).await,
            Err(failure) => requests.iter().map(|_| Err(failure.clone())).collect(),
        };
        if answers.iter().any(|answer| answer.as_ref().is_err_and(|failure| failure.elsewhere)) {
            self.forget(&slot);
        }
        answers
    }

    /// Asks for one thing.
    async fn ask_one<T: FromRedisValue>(&self, request: Request) -> Result<T, Failure> {
        let answer = self.ask(&[request]).await.pop();
        read(answer.unwrap_or_else(|| Err(Failure::unavailable("no answer")))?)
    }

    async fn routes<'a>(&self, slot: &'a Slot) -> Result<&'a Routes, Failure> {
        slot.get_or_try_init(|| Box::pin(Routes::open(&self.manner))).await
    }

    fn slot(&self) -> Slot {
        Arc::clone(&self.slot.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes the connections out, unless somebody has put others there since.
    fn forget(&self, used: &Slot) {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&slot, used) {
            *slot = Slot::default();
        }
    }
}

impl std::fmt::Debug for RedisBus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RedisBus").field(&self.manner.place).finish()
    }
}

/// What Redis answered, as what it has to be.
fn read<T: FromRedisValue>(value: Value) -> Result<T, Failure> {
    redis::from_redis_value(value).map_err(|error| strange(error.to_string()))
}

/// Redis answered something else than it does.
fn strange(detail: impl Into<String>) -> Failure {
    Failure::event(PublishError::Refused(Refusal::new(None, "bad_reply", detail)))
}

fn failure(error: &RedisError, waited: Duration) -> Failure {
    if error.is_timeout() {
        return Failure::timed_out(waited);
    }
    if error.kind() == ErrorKind::AuthenticationFailed {
        let detail = "Redis does not know this user with this password";
        return Failure::door(Refusal::new(None, "WRONGPASS", detail));
    }
    let Some(code) = error.code() else { return Failure::unavailable(error.to_string()) };
    let detail = error.detail().unwrap_or("no detail given");
    crate::redis_error::judge(code, detail)
}
