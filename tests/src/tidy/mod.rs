//! Rules over source text: which room may import which, which names are reserved to some files, how
//! large a file may be.
//!
//! Every rule is a function from text to breaches. Input: the Rust and TypeScript files of the
//! repository. Output: breaches with path and line. Beside each rule are small texts that it must
//! report, so no rule passes because it checks nothing. The rules know nothing about nodes or tests
//! that run them.

pub mod circles;
pub mod code;
pub mod edges;
pub mod licenses;
pub mod metrics;
pub mod paths;
pub mod shape;
pub mod specifiers;
pub mod words;

use std::fmt;
use std::path::{Path, PathBuf};

/// A source file, by its path from the root of the repository.
#[derive(Debug, Clone)]
pub struct Source {
    /// Such as `gateway/src/hub/registry.rs`.
    pub path: String,
    /// The complete text.
    pub text: String,
    /// The code: comments, the contents of strings, and tests are blank, line by line.
    pub code: String,
}

/// A line that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Breach {
    /// Path of the file.
    pub path: String,
    /// Line number, from 1; 0 for the whole file.
    pub line: usize,
    /// The rule, and what was found.
    pub what: String,
}

impl Source {
    /// Returns a Rust file with this text.
    pub fn new(path: &str, text: &str) -> Self {
        let code = code::without_tests(&code::code_only(text));
        Self { path: path.to_owned(), text: text.to_owned(), code }
    }

    /// Returns a file in another language than Rust: all of its text counts as code.
    pub fn plain(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), code: text.to_owned() }
    }

    /// Returns a breach at this line, counted from 0.
    pub fn breach(&self, line: usize, what: impl Into<String>) -> Breach {
        Breach { path: self.path.clone(), line: line + 1, what: what.into() }
    }

    /// Returns whether the whole file consists of tests.
    pub fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// Returns the root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Returns every Rust file below these folders of the root.
pub fn sources(root: &Path, folders: &[&str]) -> Vec<Source> {
    read(root, folders, &["rs"], Source::new)
}

/// Returns every TypeScript file below these folders of the root.
pub fn typescript(root: &Path, folders: &[&str]) -> Vec<Source> {
    read(root, folders, &["ts", "tsx"], Source::plain)
}

fn read(root: &Path, folders: &[&str], extensions: &[&str], source: fn(&str, &str) -> Source) -> Vec<Source> {
    let mut paths = Vec::new();
    for folder in folders {
        walk(&root.join(folder), extensions, &mut paths);
    }
    paths.sort();
    let load = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).expect("a file that can be read");
        source(&path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/"), &text)
    };
    paths.iter().map(load).collect()
}

fn walk(folder: &Path, extensions: &[&str], into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            let built = path.ends_with("target") || path.ends_with("node_modules");
            if !built {
                walk(&path, extensions, into);
            }
        } else if path.extension().is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted)) {
            into.push(path);
        }
    }
}
