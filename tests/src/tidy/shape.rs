//! How a file may look from outside: its length and its name.

use super::{Breach, Source};

/// The most lines of one file.
pub const MOST_LINES: usize = 450;
/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 8] = ["common", "core", "helper", "helpers", "types", "util", "utils", "misc"];

/// Every breach in a file.
pub fn check(source: &Source) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let lines = source.text.lines().count();
    if lines > MOST_LINES {
        breaches.push(source.breach(MOST_LINES, format!("{lines} lines; at most {MOST_LINES}")));
    }
    for part in source.path.split('/') {
        let name = part.strip_suffix(".rs").unwrap_or(part);
        if EMPTY_NAMES.contains(&name) {
            breaches.push(source.breach(0, format!("a room called `{name}` could hold anything")));
        }
    }
    if !source.text.trim_start().starts_with("//!") {
        breaches.push(source.breach(0, "the file does not say at its top what it is"));
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_nameless_and_silent_files_are_refused() {
        let long = format!("//! It is long.\n{}", "\n".repeat(MOST_LINES));
        assert_eq!(check(&Source::new("gateway/src/hub/a.rs", &long)).len(), 1);
        assert_eq!(check(&Source::new("gateway/src/util/a.rs", "//! A.")).len(), 1);
        assert_eq!(check(&Source::new("protocol/src/types.rs", "//! A.")).len(), 1);
        assert_eq!(check(&Source::new("protocol/src/a.rs", "fn a() {}")).len(), 1);
        assert_eq!(check(&Source::new("protocol/src/typeset.rs", "//! A.")), []);
    }
}
