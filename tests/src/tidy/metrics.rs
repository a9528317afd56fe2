//! The inventory of metrics, read from the source, and the page that documents it.

/// One metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// Full name.
    pub name: String,
    /// Prometheus type.
    pub kind: &'static str,
    /// Names of the labels.
    pub labels: Vec<String>,
    /// Help text.
    pub help: String,
}

/// The constructors in the source, and the type that each makes.
const CONSTRUCTORS: [(&str, &str); 7] = [
    ("counter", "counter"),
    ("counters", "counter"),
    ("gauge", "gauge"),
    ("gauges", "gauge"),
    ("float", "gauge"),
    ("histogram", "histogram"),
    ("histograms", "histogram"),
];

/// Returns every metric that the source makes by `new.<constructor>("name", "help", &["label"…])`.
pub fn inventory(source: &str) -> Vec<Metric> {
    let mut metrics = Vec::new();
    for (at, _) in source.match_indices("new.") {
        let rest = &source[at + "new.".len()..];
        let Some((constructor, arguments)) = rest.split_once('(') else { continue };
        let Some((_, kind)) = CONSTRUCTORS.iter().find(|(name, _)| *name == constructor) else { continue };
        let end = arguments.find(")?").unwrap_or(arguments.len());
        let mut texts = literals(&arguments[..end]).into_iter();
        let (Some(name), Some(help)) = (texts.next(), texts.next()) else { continue };
        metrics.push(Metric { name: format!("wirebell_{name}"), kind, labels: texts.collect(), help });
    }
    metrics.sort_by(|one, other| one.name.cmp(&other.name));
    metrics
}

fn literals(text: &str) -> Vec<String> {
    text.split('"').skip(1).step_by(2).map(ToOwned::to_owned).collect()
}

const PAGE_HEADER: &str = "\
# Metrics

A node exposes its metrics at `/metrics` of the server API, in the Prometheus text format. Labels have fixed sets of
values, so the number of series does not grow with users or events. The `process_…` metrics of the Prometheus client
are exposed as well.

This page is generated from `gateway/src/telemetry/metrics.rs`, and a test compares the two. To regenerate it, run
`UPDATE=1 cargo test --release -p wirebell-tests --test tidy`.

| metric | type | labels | meaning |
| --- | --- | --- | --- |
";

/// Returns the complete page.
pub fn page(metrics: &[Metric]) -> String {
    let row = |Metric { name, kind, labels, help }: &Metric| {
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        format!("| `{name}` | {kind} | {} | {help} |", labels.join(", "))
    };
    let rows: Vec<String> = metrics.iter().map(row).collect();
    format!("{PAGE_HEADER}{}\n", rows.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r#"
        let build = new.gauges("build_info", "The version; always 1.", &["version"])?;
        Ok(Self { b: new.counters(
            "published_total",
            "Events, by class.",
            &["class", "outcome"],
        )?, a: new.histogram("round_trip_seconds", "There and back.")?, c: new.thing("x", "y")? })
    "#;

    #[test]
    fn metrics_are_found_with_their_labels() {
        let found = inventory(SOURCE);
        let names: Vec<&str> = found.iter().map(|metric| metric.name.as_str()).collect();
        assert_eq!(names, ["wirebell_build_info", "wirebell_published_total", "wirebell_round_trip_seconds"]);
        assert_eq!(
            (found[1].kind, found[1].labels.len(), found[1].help.as_str()),
            ("counter", 2, "Events, by class.")
        );
    }

    #[test]
    fn a_missing_metric_changes_the_page() {
        let found = inventory(SOURCE);
        assert_ne!(page(&found), page(&found[1..]));
        assert!(page(&found).contains("| `wirebell_build_info` | gauge | `version` | The version; always 1. |"));
    }
}
