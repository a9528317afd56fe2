//! The inspector page: a single HTML document without external resources. It reloads every two
//! seconds.

use std::fmt::Write;

use super::{Inspection, log_kind};
use crate::bus::Health;
use crate::hub::snapshot::{CatchUpInfo, SessionInfo};
use crate::lifecycle::Reason;

const STYLE: &str = include_str!("style.css");

/// Renders the page.
pub(super) fn render(inspection: &Inspection) -> String {
    let snapshot = &inspection.snapshot;
    let mut page = String::with_capacity(4096);
    let node = escape(&snapshot.node.to_string());
    let _ = write!(
        page,
        "<!doctype html><html lang=en><meta charset=utf-8><meta http-equiv=refresh content=2>\
         <meta name=viewport content='width=device-width'><title>Wirebell {node}</title><style>{STYLE}</style>\
         <h1>Node {node}</h1>"
    );
    page.push_str(&state(inspection));
    page.push_str("<dl>");
    for (name, value) in [
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("uptime", span(inspection.uptime)),
        ("sessions", snapshot.sessions.to_string()),
        ("channels", snapshot.channels.to_string()),
        ("subscriptions", inspection.subscriptions.to_string()),
        ("sessions catching up", snapshot.catching_up.to_string()),
    ] {
        let _ = write!(page, "<div><dt>{name}<dd>{value}</div>");
    }
    page.push_str("</dl>");
    table(&mut page, "Slow connections", "No session is catching up.", &snapshot.slowest);
    table(&mut page, "Fullest send buffers", "All send buffers are empty.", &snapshot.fullest);
    page
}

fn state(inspection: &Inspection) -> String {
    let mut lines = String::new();
    let mut line = |class: &str, text: &str| _ = write!(lines, "<p class={class}>{}</p>", escape(text));
    match &inspection.health {
        Health::Up => line("good", "The bus is up."),
        Health::Deaf(why) => line("bad", &format!("The bus is up, but this node is deaf: {why}")),
        Health::Down(why) => line("bad", &format!("The bus is down: {why}")),
    }
    if inspection.reasons.is_empty() {
        line("good", "Ready.");
    }
    let text = |reason: &Reason| format!("{}: {}", reason.reason, reason.detail);
    inspection.reasons.iter().for_each(|reason| line("bad", &format!("Not ready: {}", text(reason))));
    inspection.degraded.iter().for_each(|reason| line("bad", &format!("Degraded: {}", text(reason))));
    lines
}

fn table(page: &mut String, title: &str, empty: &str, sessions: &[SessionInfo]) {
    let _ = write!(page, "<h2>{title}</h2>");
    if sessions.is_empty() {
        let _ = write!(page, "<p>{empty}</p>");
        return;
    }
    page.push_str(
        "<div class=wide><table><tr><th>connection<th>user<th>device<th>connected<th>send buffer<th>catching up",
    );
    for session in sessions {
        let reads: Vec<String> = session.catching_up.iter().map(catch_up_row).collect();
        let _ = write!(
            page,
            "<tr><td><code>{}</code><td>{}<td>{}<td>{}<td>{} bytes<td>{}",
            session.connection,
            escape(&session.user),
            escape(session.device.as_deref().unwrap_or("")),
            span(session.age),
            session.buffered_bytes,
            reads.join("<br>"),
        );
    }
    page.push_str("</table></div>");
}

fn catch_up_row(catch_up: &CatchUpInfo) -> String {
    let channel = escape(catch_up.log.channel.as_str());
    let lag =
        catch_up.lag_millis.map_or_else(|| "from the start".to_owned(), |millis| format!("{} lag", span(millis)));
    format!("{} of <code>{channel}</code>, {lag}, since {}", log_kind(catch_up), span(catch_up.age))
}

/// Formats milliseconds for people.
fn span(millis: u64) -> String {
    let seconds = millis / 1000;
    match seconds {
        0..60 => format!("{seconds}.{} s", millis % 1000 / 100),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::tests::inspection;
    use super::*;

    #[test]
    fn user_ids_are_escaped() {
        let page = render(&inspection());
        assert!(page.contains("&lt;b&gt;&amp;&quot;42") && !page.contains("<b>"), "{page}");
        assert!(page.contains("log of <code>all</code>, 2.5 s lag, since 0.9 s"), "{page}");
        assert!(page.contains("The bus is down: refused"));
    }

    #[test]
    fn durations_are_formatted_for_people() {
        let formatted = [1_250, 61_000, 3_660_000, 90_000_000].map(span);
        assert_eq!(formatted, ["1.2 s", "1 min 1 s", "1 h 1 min", "1 d 1 h"]);
    }
}
