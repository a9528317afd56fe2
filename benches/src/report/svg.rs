//! Bar charts with their spread, one for each row.

use std::fmt::Write;

use super::Report;
use super::figures::{Figures, OURS, short};
use crate::rows::{Better, ROWS, Row};

/// The rows with a picture.
pub(super) const PICTURED_ROWS: &[&str] = &[
    "idle-memory",
    "idle-cpu",
    "handshakes-hs256",
    "unicast",
    "unicast-p99",
    "fanout",
    "payment-amid",
    "storm-time",
];

const LEFT: f64 = 150.0;
const WIDTH: f64 = 430.0;
const STEP: f64 = 24.0;

/// Returns a picture for each of these rows that has figures.
pub(super) fn pictures(figures: &Figures, report: &Report) -> Vec<(&'static str, String)> {
    let rows =
        ROWS.iter().filter(|row| PICTURED_ROWS.contains(&row.id) && figures.subjects(row.id).next().is_some());
    rows.map(|row| (row.id, picture(row, figures, report))).collect()
}

fn picture(row: &Row, figures: &Figures, report: &Report) -> String {
    let bars =
        report.systems.iter().filter_map(|system| Some((&system.name, figures.spread(row.id, &system.name)?)));
    let bars: Vec<_> = bars.collect();
    let max = bars.iter().map(|(_, spread)| spread.max).fold(f64::MIN_POSITIVE, f64::max);
    let lines = u32::try_from(bars.len()).unwrap_or_default();
    let height = 44.0 + STEP * f64::from(lines);
    let direction = if row.better == Better::Less { "less is better" } else { "more is better" };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 680 {height}\" width=\"680\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"10\" y=\"20\" font-weight=\"bold\">{}</text>\n<text x=\"10\" y=\"36\" fill=\"#666\">{}, {direction}</text>\n",
        escaped(row.title),
        escaped(row.unit)
    );
    for (line, (name, spread)) in (0_u32..).zip(&bars) {
        let y = 44.0 + STEP * f64::from(line);
        let x = |value: f64| LEFT + WIDTH * value / max;
        let colour = if name.starts_with(OURS) { "#0b6" } else { "#89a" };
        let _ = writeln!(
            svg,
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{LEFT}\" y=\"{:.0}\" width=\"{:.1}\" height=\"14\" fill=\"{colour}\"/>\
             <path d=\"M{:.1} {:.0}H{:.1}\" stroke=\"#000\"/>\
             <text x=\"{:.1}\" y=\"{:.0}\">{}</text>",
            LEFT - 8.0,
            y + 12.0,
            escaped(name),
            y + 1.0,
            x(spread.median) - LEFT,
            x(spread.min),
            y + 8.0,
            x(spread.max),
            x(spread.max) + 6.0,
            y + 12.0,
            short(spread.median),
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
