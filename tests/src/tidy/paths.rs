//! Paths in Rust code, with groups expanded: `a::{b, c::d}` gives `a::b` and `a::c::d`.

/// A name that a `use` statement of a module brings into scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The name, after `as` if there is one; `*` for a glob.
    pub name: String,
    /// The path as written, without a glob's star.
    pub path: Vec<String>,
}

/// Returns what the `use` statements at the top level of a file bring into scope, public or not.
pub fn uses(code: &str) -> Vec<Use> {
    let mut uses = Vec::new();
    let mut start = 0;
    for line in code.split_inclusive('\n') {
        let public = line.starts_with("use ") || line.starts_with("pub use ");
        let restricted = line.starts_with("pub(").then(|| line.split_once(") ")).flatten();
        if public || restricted.is_some_and(|(_, rest)| rest.starts_with("use ")) {
            let (_, tree) = code[start..].split_once("use ").unwrap_or_default();
            add_uses(&[], tree.split(';').next().unwrap_or_default(), &mut uses);
        }
        start += line.len();
    }
    uses
}

fn add_uses(before: &[String], tree: &str, into: &mut Vec<Use>) {
    let tree = tree.trim();
    if let Some(group) = tree.strip_prefix('{') {
        for branch in branches(group) {
            add_uses(before, &branch, into);
        }
        return;
    }
    let first = identifier(tree);
    let rest = tree[first.len()..].trim_start();
    if let Some(rest) = rest.strip_prefix("::") {
        return add_uses(&[before, &[first.to_owned()]].concat(), rest, into);
    }
    let mut path = before.to_vec();
    if !first.is_empty() && (first != "self" || before.is_empty()) {
        path.push(first.to_owned());
    }
    let own = if tree == "*" { Some("*") } else { path.last().map(String::as_str) };
    let name = rest.strip_prefix("as ").map(str::trim).or(own).unwrap_or_default().to_owned();
    into.push(Use { name, path });
}

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
    fn uses_are_expanded_with_their_names() {
        let code = "pub(crate) use b::{\n    self,\n    c::{D as E, F},\n};\nuse a as g;\nfn f() {\n    use not::This;\n}\npub use h::*;";
        let found: Vec<String> =
            uses(code).into_iter().map(|used| format!("{} {}", used.name, used.path.join("::"))).collect();
        assert_eq!(found, ["b b", "E b::c::D", "F b::c::F", "g a", "* h"]);
    }

    #[test]
    fn only_whole_roots_count() {
        assert_eq!(joined("use mycrate::a;\nuse super::super::b;", "super::"), ["1 super::b"]);
        assert_eq!(joined("use mycrate::a;", "crate::"), [""; 0]);
    }
}
