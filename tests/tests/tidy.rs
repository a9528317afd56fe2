//! The rules over source text, checked on the whole repository.

use std::path::Path;
use std::process::Command;

use wirebell_tests::tidy::circles::Imports;
use wirebell_tests::tidy::{Breach, Source, edges, licenses, metrics, root, shape, sources, typescript, words};

const FOLDERS: &[&str] = &["protocol", "gateway", "publisher-sdk", "tests", "benches", "examples", "deploy"];

#[test]
fn every_file_follows_the_rules() {
    let sources = sources(&root(), FOLDERS);
    let rooms = sources.iter().filter(|source| source.path.starts_with("gateway/src/")).count();
    assert!(rooms > 20, "only {rooms} files of the gateway were found: the rules would hold for nothing");
    let check = |source: &Source| [edges::check(source), words::check(source), shape::check(source)].concat();
    let breaches: Vec<Breach> = sources.iter().flat_map(check).collect();
    let lines: Vec<String> = breaches.iter().map(ToString::to_string).collect();
    assert!(breaches.is_empty(), "{} breaches:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let sources = sources(&root(), FOLDERS);
    let crates = ["protocol", "gateway", "publisher-sdk", "tests", "benches"];
    let packages = ["publisher-sdk/node/src", "clients/js/src"];
    let rust = crates.map(|name| (name, Imports::of_crate(&format!("{name}/src"), &sources)));
    let scripts = packages.map(|name| (name, Imports::of_typescript(&typescript(&root(), &[name]))));
    let mut circles = Vec::new();
    for (name, imports) in rust.into_iter().chain(scripts) {
        assert!(imports.count() > 10, "only {} imports were read in {name}", imports.count());
        circles.extend(imports.circles());
    }
    let lines: Vec<String> = circles.iter().map(ToString::to_string).collect();
    assert!(circles.is_empty(), "{} circles:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn every_metric_is_documented() {
    let source = read(&root().join("gateway/src/telemetry/metrics.rs"));
    let inventory = metrics::inventory(&source);
    // The structs have a field for each metric, except fields that are structs of metrics. The
    // registry keeps `build_info` itself.
    let is_field = |line: &&str| line.starts_with("    pub ") && line.ends_with(',') && !line.ends_with("Metrics,");
    let fields = source.lines().filter(is_field).count();
    assert_eq!(inventory.len(), fields + 1, "a metric is made in a way that this test cannot read");
    let (path, page) = (root().join("docs/metrics.md"), metrics::page(&inventory));
    if std::env::var("UPDATE").is_ok_and(|value| value == "1") {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    assert_eq!(read(&path), page, "docs/metrics.md does not match the source; run with UPDATE=1 to regenerate it");
}

#[test]
fn every_dependency_has_a_permissive_license() {
    // Dependencies of this platform are already downloaded. Those of other platforms are not.
    let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", &host])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata = serde_json::from_slice(&metadata.stdout).expect("JSON");
    assert_eq!(licenses::not_permissive(&metadata), Vec::<String>::new());
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
