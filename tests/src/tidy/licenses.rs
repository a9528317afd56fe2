//! Licenses: every dependency must have permissive terms.

use serde_json::Value;

/// Licenses that only require to keep their text.
const PERMISSIVE: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "OpenSSL",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "Zlib",
];

/// Returns every package in the output of `cargo metadata` whose license is not permissive, with
/// that license.
pub fn not_permissive(metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let license = |package: &Value| package["license"].as_str().unwrap_or("").to_owned();
    let not_permissive = packages.iter().filter(|package| !is_permissive(&license(package)));
    not_permissive
        .map(|package| format!("{}: {:?}", package["name"].as_str().unwrap_or("?"), license(package)))
        .collect()
}

/// Returns whether a license expression is permissive. One branch of an `OR` is enough, an `AND`
/// needs all.
pub fn is_permissive(expression: &str) -> bool {
    // `/` is the old form of `OR`.
    let expression = expression.replace('/', " OR ");
    let spaced = expression.replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    any(&words, &mut at) && at == words.len()
}

fn any(words: &[&str], at: &mut usize) -> bool {
    let mut permissive = all(words, at);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        permissive |= all(words, at);
    }
    permissive
}

fn all(words: &[&str], at: &mut usize) -> bool {
    let mut permissive = one(words, at);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        permissive &= one(words, at);
    }
    permissive
}

fn one(words: &[&str], at: &mut usize) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let permissive = any(words, at);
        *at += 1;
        return permissive;
    }
    if words.get(*at) == Some(&"WITH") {
        let exception = words.get(*at + 1).copied().unwrap_or("");
        *at += 2;
        return PERMISSIVE.contains(&format!("{word} WITH {exception}").as_str());
    }
    PERMISSIVE.contains(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn license_expressions_are_evaluated() {
        for (expression, permissive) in [
            ("MIT", true),
            ("MIT/Apache-2.0", true),
            ("GPL-3.0 OR MIT", true),
            ("MIT AND GPL-3.0", false),
            ("ISC AND (Apache-2.0 OR ISC) AND OpenSSL", true),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("GPL-2.0 WITH Classpath-exception-2.0", false),
            ("AGPL-3.0-only", false),
            ("", false),
        ] {
            assert_eq!(is_permissive(expression), permissive, "{expression}");
        }
    }

    #[test]
    fn package_without_a_license_is_reported() {
        let metadata = serde_json::json!({"packages": [
            {"name": "a", "license": "MIT"}, {"name": "b", "license": null}, {"name": "c", "license": "SSPL-1.0"},
        ]});
        assert_eq!(not_permissive(&metadata), ["b: \"\"", "c: \"SSPL-1.0\""]);
    }
}
