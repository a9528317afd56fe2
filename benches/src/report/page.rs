//! Writes the page docs/benchmarks.md.

use std::fmt::Write;

use super::figures::{Figures, OURS, short};
use super::{Report, targets};
use crate::rows::{Group, ROWS, Row};

/// Returns whether the row compares systems side by side; the others compare variants of Wirebell.
fn is_side_by_side(row: &Row) -> bool {
    !matches!(row.group, Group::Durable | Group::Sdk | Group::Growth | Group::Overload)
}

/// Returns the whole page.
pub(super) fn page(report: &Report, figures: &Figures, other: Option<&(String, Report)>) -> String {
    let mut page = head(report);
    side_by_side(&mut page, report, figures);
    pictures(&mut page, figures);
    alone(&mut page, figures);
    targets_table(&mut page, figures);
    accounts(&mut page, report, figures);
    systems(&mut page, report);
    if let Some((name, other)) = other {
        agreement(&mut page, report, figures, (name, other));
    }
    page
}

fn head(report: &Report) -> String {
    let Report { machine, sizes, rounds, seconds, .. } = report;
    format!(
        "# Benchmarks\n\n\
         <!-- Written by `benches/run`. -->\n\n\
         Wirebell and its peers do the same work, with the same load generator, one after the other on one machine, in {rounds} \
         interleaved rounds. Absolute figures depend on this machine; compare the ratios. A ratio is taken within one round \
         and says how many times Wirebell is better; brackets show the least and the most over the rounds. How it is measured, \
         and how to add a system: [benches/README.md](../benches/README.md).\n\n\
         | | |\n| --- | --- |\n\
         | machine | {}, {} cores, {} GiB, Linux {} |\n\
         | commit, day | {}, {}; {} |\n\
         | Redis | {}, nothing on disk, no output buffer limit for subscribers, on the same machine |\n\
         | load | {} connections. Single events go to {} users in turn, with 200 bytes of data each. The fixed rates are {} \
         events a second through Redis and {} through HTTP. Broadcasts: {} events a second to single users, beside {} \
         broadcasts a second. {} clients reconnect to {} missed events each. |\n\
         | time | {} min {} s |\n\n",
        machine.processor,
        machine.cores,
        machine.memory,
        machine.kernel,
        machine.commit,
        machine.date,
        machine.rust,
        machine.redis,
        short(sizes.connections.into()),
        short(sizes.users.into()),
        short(sizes.rate.into()),
        short(sizes.http_rate.into()),
        sizes.payment_rate,
        sizes.broadcast_rate,
        short(sizes.returning.into()),
        sizes.missed,
        seconds / 60,
        seconds % 60,
    )
}

fn side_by_side(page: &mut String, report: &Report, figures: &Figures) {
    let names: Vec<&str> = report.systems.iter().map(|system| system.name.as_str()).collect();
    page.push_str("## Side by side\n\n| ");
    for name in &names {
        let _ = write!(page, "| {name} ");
    }
    page.push_str("|\n| --- ");
    page.push_str(&"| --- ".repeat(names.len()));
    page.push_str("|\n");
    for row in ROWS.iter().filter(|row| is_side_by_side(row) && figures.subjects(row.id).next().is_some()) {
        let _ = write!(page, "| {}, {} ", row.title, row.unit);
        for name in &names {
            let _ = write!(page, "| {} ", cell(figures, row, name));
        }
        page.push_str("|\n");
    }
    page.push('\n');
}

fn cell(figures: &Figures, row: &Row, name: &str) -> String {
    let Some(value) = figures.spread(row.id, name) else { return "–".to_owned() };
    let sign = if figures.account(row.id, name).is_some_and(|account| !account.is_exact()) { " !" } else { "" };
    match figures.advantage(row, OURS, name) {
        Some(advantage) if name != OURS => {
            let (min, max) = (short(advantage.min), short(advantage.max));
            format!("{}{sign} · **{}** ({min}–{max})", short(value.median), short(advantage.median))
        }
        _ => format!("{}{sign} ({}–{})", short(value.median), short(value.min), short(value.max)),
    }
}

fn pictures(page: &mut String, figures: &Figures) {
    for row in super::svg::PICTURED_ROWS.iter().filter(|row| figures.subjects(row).next().is_some()) {
        let title = ROWS.iter().find(|known| known.id == *row).map_or("", |known| known.title);
        let _ = writeln!(page, "![{title}](benchmarks/{row}.svg)\n");
    }
}

fn alone(page: &mut String, figures: &Figures) {
    page.push_str("## Wirebell alone\n\n| | | median | least–most |\n| --- | --- | --- | --- |\n");
    for row in ROWS.iter().filter(|row| !is_side_by_side(row)) {
        for subject in figures.subjects(row.id) {
            let Some(value) = figures.spread(row.id, subject) else { continue };
            let (min, max) = (short(value.min), short(value.max));
            let median = short(value.median);
            let _ = writeln!(page, "| {}, {} | {subject} | {median} | {min}–{max} |", row.title, row.unit);
        }
    }
    page.push('\n');
}

fn targets_table(page: &mut String, figures: &Figures) {
    page.push_str("## Targets\n\n| | result | |\n| --- | --- | --- |\n");
    for result in targets::evaluate(figures) {
        let met = if result.met { "met" } else { "**missed**" };
        let _ = writeln!(page, "| {} | {} | {met} |", result.target, result.found);
    }
    page.push('\n');
    let behind = targets::rows_behind(figures);
    if !behind.is_empty() {
        let _ = writeln!(page, "Rows in which a peer is better:\n\n- {}\n", behind.join("\n- "));
    }
}

fn accounts(page: &mut String, report: &Report, figures: &Figures) {
    let mut sum = crate::account::DeliveryCounts::default();
    for account in report.samples.iter().filter_map(|sample| sample.account.as_ref()) {
        sum.add(account);
    }
    let _ = write!(
        page,
        "## Delivery counts\n\nClients check each event: whether it is theirs, whether it is the next, and whether it is a \
         repeat. Over all rows and rounds {} deliveries were due, and {} happened. A row with `!` is not exact:\n\n",
        short(float(sum.sent)),
        short(float(sum.received))
    );
    let mut notes: Vec<String> =
        figures.notes().map(|(row, subject, note)| format!("- `{row}`, {subject}: {note}")).collect();
    notes.extend(report.failures.iter().map(|failure| format!("- not measured: {}", failure.replace('\n', " "))));
    notes.dedup();
    if notes.is_empty() {
        notes.push("- none.".to_owned());
    }
    let _ = writeln!(page, "{}\n", notes.join("\n"));
}

fn systems(page: &mut String, report: &Report) {
    page.push_str("## Versions and settings\n\nSettings for speed name their source in parentheses.\n\n");
    for system in &report.systems {
        let _ = writeln!(page, "**{}**: {}\n\n- {}\n", system.name, system.version, system.settings.join("\n- "));
    }
}

/// Lists the ratios of this run and another whose spreads do not overlap.
fn agreement(page: &mut String, report: &Report, figures: &Figures, (name, other): (&str, &Report)) {
    let others = Figures::of(&other.samples);
    let (mut compared, mut apart) = (0, Vec::new());
    for row in ROWS.iter().filter(|row| is_side_by_side(row)) {
        for system in report.systems.iter().filter(|system| system.name != OURS) {
            let both = figures.advantage(row, OURS, &system.name).zip(others.advantage(row, OURS, &system.name));
            let Some((one, two)) = both else { continue };
            compared += 1;
            if one.min > two.max || two.min > one.max {
                let (one, two) = (short(one.median), short(two.median));
                apart.push(format!("- `{}`, {}: {one} here, {two} there", row.id, system.name));
            }
        }
    }
    let _ = write!(
        page,
        "## Compared with the previous run\n\n`{name}.json` (commit {}): of {compared} ratios, {} overlap with that run's spread.\n\n{}\n",
        other.machine.commit,
        compared - apart.len(),
        apart.join("\n")
    );
}

fn float(count: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a count below a billion, shown to three digits")]
    let float = count as f64;
    float
}
