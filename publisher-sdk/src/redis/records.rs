//! Records in Redis: what became of an event, and cancelling what has not been published yet.

use std::collections::HashMap;

use redis::FromRedisValue;
use wirebell_protocol::Channel;
use wirebell_protocol::tracking::{self, Alarm, Receipt, State, Timer};

use super::routes::Request;
use super::{RedisBus, read, strange};
use crate::cancelled::Cancelled;
use crate::failure::Failure;

/// The fields of a record that say where its event stands. The others may be many, or as large as the event.
const STANDING: [&str; 6] = ["answer", "deliver_at", "fallen", "expired", "acked", "cancelled"];

/// For how long a note outlives a record that has gone.
const NOTE_SECONDS: u32 = 3_600;

impl RedisBus {
    /// Where the event stands on each of these channels; none where there is no record.
    pub(crate) async fn states(&self, id: &str, channels: &[Channel]) -> Result<Vec<Option<State>>, Failure> {
        let request = |channel: &Channel| Request::command("HMGET", &self.record(channel, id)).arg(&STANDING[..]);
        let values: Vec<Vec<Option<String>>> = self.ask_all(channels.iter().map(request)).await?;
        let state = |(channel, values): (&Channel, Vec<Option<String>>)| {
            let fields = STANDING.into_iter().zip(values);
            let fields = fields.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
            Receipt::read(channel, &fields).map(|receipt| receipt.state)
        };
        Ok(channels.iter().zip(values).map(state).collect())
    }

    /// What became of the event on each of its channels that has a record.
    pub(crate) async fn receipts(&self, id: &str) -> Result<Vec<Receipt>, Failure> {
        let channels = self.channels(id).await?;
        let request = |channel: &Channel| Request::command("HGETALL", &self.record(channel, id));
        let records: Vec<HashMap<String, String>> = self.ask_all(channels.iter().map(request)).await?;
        Ok(channels.iter().zip(&records).filter_map(|(channel, record)| Receipt::read(channel, record)).collect())
    }

    /// Cancels the event on all of its channels. Doing it twice is doing it once.
    pub(crate) async fn cancel(&self, id: &str) -> Result<Cancelled, Failure> {
        let channels = self.channels(id).await?;
        let request = |channel: &Channel| Request::call(tracking::cancel(&self.options.keys, channel, id));
        let answers: Vec<String> = self.ask_all(channels.iter().map(request)).await?;
        for (channel, answer) in channels.iter().zip(&answers) {
            if answer == "cancelled" {
                self.attend(&Timer { channel: channel.clone(), id: id.to_owned() }).await?;
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

    /// Has told at once what would be told when the timer goes off.
    async fn attend(&self, timer: &Timer) -> Result<(), Failure> {
        let keys = &self.options.keys;
        let answer: String = self.ask_one(Request::call(tracking::alarm(keys, timer))).await?;
        let alarm = Alarm::parse(&answer).ok_or_else(|| strange("the alarm script answered something else"))?;
        let told: u8 = self.ask_one(Request::call(tracking::finish(keys, timer, &alarm))).await?;
        if told == 1 {
            let record = self.record(&timer.channel, &timer.id);
            let note = Request::command("HSET", &record).arg("told").arg(1);
            let bound = Request::command("EXPIRE", &record).arg(NOTE_SECONDS).arg("NX");
            self.ask_all::<i64>([note, bound].into_iter()).await?;
        }
        Ok(())
    }

    /// The channels on which the event may have a record, in the order of their names.
    async fn channels(&self, id: &str) -> Result<Vec<Channel>, Failure> {
        let names: Vec<String> =
            self.ask_one(Request::command("SMEMBERS", &self.options.keys.channels(id))).await?;
        let mut channels: Vec<Channel> = names.iter().filter_map(|name| Channel::parse(name).ok()).collect();
        channels.sort();
        Ok(channels)
    }

    fn record(&self, channel: &Channel, id: &str) -> String {
        self.options.keys.record(channel, id)
    }

    /// All answers, or the first failure.
    pub(super) async fn ask_all<T: FromRedisValue>(
        &self,
        requests: impl Iterator<Item = Request>,
    ) -> Result<Vec<T>, Failure> {
        let requests: Vec<Request> = requests.collect();
        self.ask(&requests).await.into_iter().map(|answer| read(answer?)).collect()
    }
}
