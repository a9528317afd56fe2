//! `wirebell explain`: why an event reached its user, or why it did not.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::{api_client, runtime};

/// `wirebell explain EVENT_ID`
#[derive(Debug, Args)]
#[command(after_help = "Exit code: 0 if the event is known, 1 if it is unknown, 2 if the request failed.")]
pub(super) struct Explain {
    /// The event's id
    #[arg(value_name = "EVENT_ID")]
    id: String,
    /// One of its channels; required if the event was published without receipt, deadline and
    /// deliver-at
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// URL of the server API
    #[arg(long, default_value = "http://127.0.0.1:9090")]
    url: String,
    /// File with the API key
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Print the JSON of the server API
    #[arg(long)]
    json: bool,
}

/// Exit codes without an explanation.
const NOT_FOUND: u8 = 1;
const REQUEST_FAILED: u8 = 2;

impl Explain {
    pub(super) fn run(self) -> ExitCode {
        match runtime().and_then(|runtime| runtime.block_on(self.request())) {
            Ok((text, code)) => {
                println!("{text}");
                code
            }
            Err(message) => {
                eprintln!("wirebell: {message}");
                ExitCode::from(REQUEST_FAILED)
            }
        }
    }

    async fn request(self) -> Result<(String, ExitCode), String> {
        let key = api_client::read_key(self.key_file.as_deref())?;
        let query: Vec<(&str, &str)> = self.channel.iter().map(|channel| ("channel", channel.as_str())).collect();
        let response = api_client::get(&self.url, &["v1", "events", &self.id], &query, key.as_deref()).await?;
        let json: Value = serde_json::from_str(&response.text).unwrap_or_default();
        let code = match response.status {
            200 => ExitCode::SUCCESS,
            404 if json["code"] == "not_found" => ExitCode::from(NOT_FOUND),
            status => return Err(format!("{} answered {status}: {}", self.url, text(&json["detail"]))),
        };
        if self.json {
            return Ok((response.text, code));
        }
        Ok((if response.status == 200 { explanation(&json) } else { text(&json["detail"]).to_owned() }, code))
    }
}

/// Formats the verdicts and the timeline.
fn explanation(status: &Value) -> String {
    let mut lines = vec![format!("event {}", text(&status["id"]))];
    for (channel, verdict) in status["verdict"].as_object().into_iter().flatten() {
        let why = verdict["why"].as_str().map_or_else(String::new, |why| format!(", {why}"));
        lines.push(format!("\n{channel}: {}{why}\n  {}", text(&verdict["code"]), text(&verdict["says"])));
    }
    lines.push(String::new());
    lines.extend(status["timeline"].as_array().into_iter().flatten().map(line));
    lines.join("\n")
}

fn line(moment: &Value) -> String {
    let context = ["channel", "node", "connection", "device"].map(|name| (name, moment[name].as_str()));
    let context: Vec<String> =
        context.iter().filter_map(|(name, value)| Some(format!("{name} {}", (*value)?))).collect();
    let (at, what, says) = (text(&moment["at"]), text(&moment["what"]), text(&moment["says"]));
    format!("{at}  {what:<17}  {says}  ({})", context.join(", "))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explanation_starts_with_the_verdict() {
        let known = serde_json::json!({
            "id": "e", "channels": [],
            "verdict": {"user:42": {"code": "fallen_back", "why": "offline", "says": "It was added to the fallback stream."}},
            "timeline": [{"at": "2026-11-21T10:00:00.123Z", "what": "accepted", "channel": "user:42", "says": "the bus accepted it"}],
        });
        let lines: Vec<String> = explanation(&known).lines().map(str::to_owned).collect();
        assert_eq!(lines[0], "event e");
        assert_eq!(lines[2..4], ["user:42: fallen_back, offline", "  It was added to the fallback stream."]);
        assert_eq!(lines[5], "2026-11-21T10:00:00.123Z  accepted           the bus accepted it  (channel user:42)");
    }
}
