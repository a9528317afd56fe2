//! Reads delivery records and cancels scheduled events.

use std::collections::HashMap;

use redis::FromRedisValue;
use wirebell_protocol::Channel;
use wirebell_protocol::tracking::{self, Alarm, Receipt, State, Timer};

use super::routes::Request;
use super::{RedisBus, bad_reply, read};
use crate::cancelled::Cancelled;
use crate::failure::Failure;

/// The fields of a delivery record that determine its state. The other fields may be many, or as
/// large as the event.
const STATUS_FIELDS: [&str; 6] = ["answer", "deliver_at", "fallen", "expired", "acked", "cancelled"];

/// How long the `told` flag remains after its delivery record has expired.
const NOTE_TTL_SECONDS: u32 = 3_600;

impl RedisBus {
    /// Returns the event's state on each channel; `None` where there is no delivery record.
    pub(crate) async fn states(&self, id: &str, channels: &[Channel]) -> Result<Vec<Option<State>>, Failure> {
        let request =
            |channel: &Channel| Request::command("HMGET", &self.record(channel, id)).arg(&STATUS_FIELDS[..]);
        let values: Vec<Vec<Option<String>>> = self.execute_all(channels.iter().map(request)).await?;
        let state = |(channel, values): (&Channel, Vec<Option<String>>)| {
            let fields = STATUS_FIELDS.into_iter().zip(values);
            let fields = fields.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
            Receipt::read(channel, &fields).map(|receipt| receipt.state)
        };
        Ok(channels.iter().zip(values).map(state).collect())
    }

    /// Returns the delivery record of the event on each of its channels that has one.
    pub(crate) async fn receipts(&self, id: &str) -> Result<Vec<Receipt>, Failure> {
        let channels = self.channels(id).await?;
        let request = |channel: &Channel| Request::command("HGETALL", &self.record(channel, id));
        let records: Vec<HashMap<String, String>> = self.execute_all(channels.iter().map(request)).await?;
        Ok(channels.iter().zip(&records).filter_map(|(channel, record)| Receipt::read(channel, record)).collect())
    }

    /// Cancels the event on all of its channels. Idempotent.
    pub(crate) async fn cancel(&self, id: &str) -> Result<Cancelled, Failure> {
        let channels = self.channels(id).await?;
        let request = |channel: &Channel| Request::call(tracking::cancel(&self.options.keys, channel, id));
        let answers: Vec<String> = self.execute_all(channels.iter().map(request)).await?;
        for (channel, answer) in channels.iter().zip(&answers) {
            if answer == "cancelled" {
                self.run_alarm(&Timer { channel: channel.clone(), id: id.to_owned() }).await?;
            }
        }
        let any = |word: &str| answers.iter().any(|answer| answer == word);
        Ok(if any("published") {
            Cancelled::Published
        } else if any("cancelled") {
            Cancelled::Cancelled
        } else {
            Cancelled::Unknown
        })
    }

    /// Reports the cancellation now rather than when the timer expires.
    async fn run_alarm(&self, timer: &Timer) -> Result<(), Failure> {
        let keys = &self.options.keys;
        let answer: String = self.execute_one(Request::call(tracking::alarm(keys, timer))).await?;
        let alarm = Alarm::parse(&answer).ok_or_else(|| bad_reply("unexpected reply of the alarm script"))?;
        let first: u8 = self.execute_one(Request::call(tracking::finish(keys, timer, &alarm))).await?;
        if first == 1 {
            let record = self.record(&timer.channel, &timer.id);
            let flag = Request::command("HSET", &record).arg("told").arg(1);
            let expiry = Request::command("EXPIRE", &record).arg(NOTE_TTL_SECONDS).arg("NX");
            self.execute_all::<i64>([flag, expiry].into_iter()).await?;
        }
        Ok(())
    }

    /// Returns the channels on which the event may have a delivery record, sorted by name.
    async fn channels(&self, id: &str) -> Result<Vec<Channel>, Failure> {
        let names: Vec<String> =
            self.execute_one(Request::command("SMEMBERS", &self.options.keys.channels(id))).await?;
        let mut channels: Vec<Channel> = names.iter().filter_map(|name| Channel::parse(name).ok()).collect();
        channels.sort();
        Ok(channels)
    }

    fn record(&self, channel: &Channel, id: &str) -> String {
        self.options.keys.record(channel, id)
    }

    /// Executes several requests and returns all replies, or the first failure.
    pub(super) async fn execute_all<T: FromRedisValue>(
        &self,
        requests: impl Iterator<Item = Request>,
    ) -> Result<Vec<T>, Failure> {
        let requests: Vec<Request> = requests.collect();
        self.execute(&requests).await.into_iter().map(|answer| read(answer?)).collect()
    }
}
