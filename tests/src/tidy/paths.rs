//! Paths in Rust code, with groups expanded: `a::{b, c::d}` gives `a::b` and `a::c::d`.

/// A path and its line, counted from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPath {
    /// The line of the path's root.
    pub line: usize,
    /// The segments after the root. A glob or a group's `self` ends a path without a segment of its own.
    pub segments: Vec<String>,
}

/// Returns every path in the code that begins with this root, such as `crate::`. The root itself is left out.
pub fn after(code: &str, root: &str) -> Vec<NamedPath> {
    let mut paths = Vec::new();
    for (at, _) in code.match_indices(root) {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let line = code[..at].matches('\n').count();
        let trees = expand(&code[at + root.len()..]);
        paths.extend(trees.into_iter().map(|segments| NamedPath { line, segments }));
    }
    paths
}

/// Expands a `use` tree, or a plain path, into the paths that it names.
pub fn expand(tree: &str) -> Vec<Vec<String>> {
    let tree = tree.trim_start();
    if let Some(group) = tree.strip_prefix('{') {
        return branches(group).iter().flat_map(|branch| expand(branch)).collect();
    }
    let first = identifier(tree);
    let rest = tree[first.len()..].strip_prefix("::");
    if first.is_empty() || (first == "self" && rest.is_none()) {
        return vec![Vec::new()];
    }
    let rest = rest.map_or_else(|| vec![Vec::new()], expand);
    rest.into_iter().map(|tail| [vec![first.to_owned()], tail].concat()).collect()
}

fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    &text[..end]
}

/// Splits a group at its commas, up to the brace that closes it.
fn branches(group: &str) -> Vec<String> {
    let (mut depth, mut branches, mut current) = (0, Vec::new(), String::new());
    for letter in group.chars() {
        match letter {
            '}' if depth == 0 => break,
            ',' if depth == 0 => branches.push(std::mem::take(&mut current)),
            _ => {
                depth += i32::from(letter == '{') - i32::from(letter == '}');
                current.push(letter);
            }
        }
    }
    branches.push(current);
    branches.retain(|branch| !branch.trim().is_empty());
    branches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(code: &str, root: &str) -> Vec<String> {
        after(code, root).into_iter().map(|path| format!("{} {}", path.line, path.segments.join("::"))).collect()
    }

    #[test]
    fn groups_are_expanded() {
        let code = "use crate::{\n    a::{self, B, c::D as E},\n    f::*,\n};\nfn g() { crate::h::i() }";
        assert_eq!(joined(code, "crate::"), ["0 a", "0 a::B", "0 a::c::D", "0 f", "4 h::i"]);
    }

    #[test]
    fn only_whole_roots_count() {
        assert_eq!(joined("use mycrate::a;\nuse super::super::b;", "super::"), ["1 super::b"]);
        assert_eq!(joined("use mycrate::a;", "crate::"), [""; 0]);
    }
}
