//! The inventory of metrics, read from its source, and the page that documents it.

/// One metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// Its whole name.
    pub name: String,
    /// What Prometheus calls its type.
    pub kind: &'static str,
    /// The names of its labels.
    pub labels: Vec<String>,
    /// Its sentence.
    pub help: String,
}

/// How the source makes each type.
const MAKERS: [(&str, &str); 7] = [
    ("counter", "counter"),
    ("counters", "counter"),
    ("gauge", "gauge"),
    ("gauges", "gauge"),
    ("float", "gauge"),
    ("histogram", "histogram"),
    ("histograms", "histogram"),
];

/// Every metric that the source makes by `new.<maker>("name", "help", &["label"…])`.
pub fn inventory(source: &str) -> Vec<Metric> {
    let mut metrics = Vec::new();
    for (at, _) in source.match_indices("new.") {
        let rest = &source[at + "new.".len()..];
        let Some((maker, arguments)) = rest.split_once('(') else { continue };
        let Some((_, kind)) = MAKERS.iter().find(|(name, _)| *name == maker) else { continue };
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

const HEAD: &str = "\
# Metrics

A node shows them at `/metrics` of the services' door, in Prometheus' text format. Labels are drawn from fixed lists,
so the number of series does not grow with users or events. Beside them stand the `process_…` metrics of Prometheus'
client.

This page is made from `gateway/src/telemetry/metrics.rs`; a test holds the two together
(`UPDATE=1 cargo test --release -p wirebell-tests --test tidy` writes it anew).

| metric | type | labels | what it says |
| --- | --- | --- | --- |
";

/// The page, whole.
pub fn page(metrics: &[Metric]) -> String {
    let row = |Metric { name, kind, labels, help }: &Metric| {
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        format!("| `{name}` | {kind} | {} | {help} |", labels.join(", "))
    };
    let rows: Vec<String> = metrics.iter().map(row).collect();
    format!("{HEAD}{}\n", rows.join("\n"))
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
    fn every_metric_is_found_with_its_labels() {
        let found = inventory(SOURCE);
        let names: Vec<&str> = found.iter().map(|metric| metric.name.as_str()).collect();
        assert_eq!(names, ["wirebell_build_info", "wirebell_published_total", "wirebell_round_trip_seconds"]);
        assert_eq!(
            (found[1].kind, found[1].labels.len(), found[1].help.as_str()),
            ("counter", 2, "Events, by class.")
        );
    }

    #[test]
    fn a_metric_more_or_less_is_another_page() {
        let found = inventory(SOURCE);
        assert_ne!(page(&found), page(&found[1..]));
        assert!(page(&found).contains("| `wirebell_build_info` | gauge | `version` | The version; always 1. |"));
    }
}
