//! The shape of a file: its length and its name.

use super::{Breach, Source};

/// Maximum number of lines of a file.
pub const MAX_LINES: usize = 450;
/// Names that say nothing about the content.
const VAGUE_NAMES: [&str; 8] = ["common", "core", "helper", "helpers", "types", "util", "utils", "misc"];

/// Returns every breach in a file.
pub fn check(source: &Source) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let lines = source.text.lines().count();
    if lines > MAX_LINES {
        breaches.push(source.breach(MAX_LINES, format!("{lines} lines; at most {MAX_LINES}")));
    }
    for part in source.path.split('/') {
        let name = part.strip_suffix(".rs").unwrap_or(part);
        if VAGUE_NAMES.contains(&name) {
            breaches.push(source.breach(0, format!("the name `{name}` says nothing about the content")));
        }
    }
    if !source.text.trim_start().starts_with("//!") {
        breaches.push(source.breach(0, "the file has no module documentation (`//!`)"));
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_vague_names_and_missing_module_docs_are_breaches() {
        let long = format!("//! It is long.\n{}", "\n".repeat(MAX_LINES));
        assert_eq!(check(&Source::new("gateway/src/hub/a.rs", &long)).len(), 1);
        assert_eq!(check(&Source::new("gateway/src/util/a.rs", "//! A.")).len(), 1);
        assert_eq!(check(&Source::new("protocol/src/types.rs", "//! A.")).len(), 1);
        assert_eq!(check(&Source::new("protocol/src/a.rs", "fn a() {}")).len(), 1);
        assert_eq!(check(&Source::new("protocol/src/typeset.rs", "//! A.")), []);
    }
}
