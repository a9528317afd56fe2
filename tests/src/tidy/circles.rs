//! Import circles: files that need each other, directly or through others. Such files are one file
//! that was cut in pieces.
//!
//! A Rust file imports the file that *defines* a name. The `use` statements of other modules are
//! followed: re-exports, and private ones that child modules see. A parent module may assemble its
//! own children, so its imports from below do not count. In TypeScript every relative import
//! counts, types included.

use std::collections::{BTreeMap, BTreeSet};

use super::paths::{self, NamedPath};
use super::{Breach, Source, specifiers};

/// The files that each file imports, by path from the root of the repository.
#[derive(Debug, Default)]
pub struct Imports(BTreeMap<String, BTreeSet<String>>);

impl Imports {
    /// Reads the imports between the Rust files below one crate's `src`.
    pub fn of_crate(src: &str, sources: &[Source]) -> Self {
        let (lib, main) = (format!("{src}/lib.rs"), format!("{src}/main.rs"));
        let has_lib = sources.iter().any(|source| source.path == lib);
        // A program beside a library is a crate of its own.
        let is_program = |source: &Source| has_lib && source.path == main;
        let below = |source: &&Source| source.path.starts_with(&format!("{src}/")) && !is_program(source);
        let modules: Modules<'_> =
            sources.iter().filter(below).map(|source| (module_of(&source.path[src.len() + 1..]), source)).collect();
        let mut imports = Self::default();
        for (module, source) in &modules {
            for path in imported(module, &source.code) {
                if let Some(defining) = resolve(&modules, &path, 8) {
                    let assembles = defining.starts_with(module);
                    if !assembles {
                        imports.add(&source.path, &modules[defining].path);
                    }
                }
            }
        }
        imports
    }

    /// Reads the imports between these TypeScript files.
    pub fn of_typescript(sources: &[Source]) -> Self {
        let known: BTreeSet<&str> = sources.iter().map(|source| source.path.as_str()).collect();
        let mut imports = Self::default();
        for source in sources {
            for specifier in specifiers::relative(&source.text) {
                let target = joined(&source.path, specifier);
                let stem = [".js", ".jsx", ".ts", ".tsx"].iter().find_map(|ending| target.strip_suffix(ending));
                let stem = stem.unwrap_or(&target);
                let candidates = [".ts", ".tsx", "/index.ts", "/index.tsx"].map(|ending| format!("{stem}{ending}"));
                if let Some(found) = candidates.iter().find(|path| known.contains(path.as_str())) {
                    imports.add(&source.path, found);
                }
            }
        }
        imports
    }

    /// Returns how many imports were read.
    pub fn count(&self) -> usize {
        self.0.values().map(BTreeSet::len).sum()
    }

    /// Returns one breach for each circle. It names all files of the circle.
    pub fn circles(&self) -> Vec<Breach> {
        let reach: BTreeMap<&str, BTreeSet<&str>> =
            self.0.keys().map(|file| (file.as_str(), self.reach(file))).collect();
        let needs = |one: &str, other: &str| reach.get(one).is_some_and(|files| files.contains(other));
        let mut circles = BTreeSet::new();
        for file in reach.keys().filter(|file| needs(file, file)) {
            let circle: Vec<&str> =
                reach.keys().copied().filter(|other| needs(file, other) && needs(other, file)).collect();
            circles.insert(circle);
        }
        let breach = |circle: Vec<&str>| Breach {
            path: circle[0].to_owned(),
            line: 0,
            what: format!("{} files import each other in a circle: {}", circle.len(), circle.join(", ")),
        };
        circles.into_iter().map(breach).collect()
    }

    fn add(&mut self, from: &str, to: &str) {
        if from != to {
            self.0.entry(from.to_owned()).or_default().insert(to.to_owned());
        }
    }

    /// Returns the files that a file needs, directly or through others.
    fn reach(&self, file: &str) -> BTreeSet<&str> {
        let mut reached = BTreeSet::new();
        let mut open = vec![file];
        while let Some(next) = open.pop() {
            for import in self.0.get(next).into_iter().flatten() {
                if reached.insert(import.as_str()) {
                    open.push(import);
                }
            }
        }
        reached
    }
}

/// A module's path from the root of the crate, such as `["bus", "redis"]`.
type Module = Vec<String>;
type Modules<'a> = BTreeMap<Module, &'a Source>;

fn module_of(file: &str) -> Module {
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    let mut module: Module = stem.split('/').map(ToOwned::to_owned).collect();
    if module.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        module.pop();
    }
    module
}

/// Returns every path that the code names within its crate, from the crate's root.
fn imported(module: &[String], code: &str) -> Vec<Module> {
    let own = |root: &'static str| {
        let named = paths::after(code, &format!("{root}::")).into_iter();
        named
            .filter_map(move |path: NamedPath| absolute(module, &[&[root.to_owned()], &path.segments[..]].concat()))
    };
    let mut found: Vec<Module> = ["crate", "self", "super"].into_iter().flat_map(own).collect();
    // Paths that begin with an imported module, such as `memory::Bus` after `use crate::bus::memory`.
    let modules = paths::uses(code).into_iter().filter(|used| used.name.starts_with(char::is_lowercase));
    for used in modules {
        let Some(root) = within(module, &used.path) else { continue };
        let named = paths::after(code, &format!("{}::", used.name)).into_iter();
        found.extend(named.map(|path| [&root[..], &path.segments].concat()));
    }
    found
}

/// Returns a path from the crate's root that is written with `crate`, `self` or `super`.
fn within(module: &[String], path: &[String]) -> Option<Module> {
    let root = path.first().map(String::as_str)?;
    ["crate", "self", "super"].contains(&root).then(|| absolute(module, path)).flatten()
}

/// Returns a path from the crate's root, as it is written in this module.
fn absolute(module: &[String], path: &[String]) -> Option<Module> {
    match path.first().map(String::as_str) {
        Some("crate") => Some(path[1..].to_vec()),
        Some("self") => climb(module, &path[1..]),
        Some("super") => climb(module, path),
        _ => Some([module, path].concat()),
    }
}

/// Joins a module and a relative path, whose `super` segments climb.
fn climb(module: &[String], path: &[String]) -> Option<Module> {
    let climbs = path.iter().take_while(|segment| *segment == "super").count();
    let base = module.get(..module.len().checked_sub(climbs)?)?;
    Some([base, &path[climbs..]].concat())
}

/// Returns the module whose file defines what the path names. Re-exports are followed up to this depth.
fn resolve<'a>(modules: &'a Modules<'_>, path: &[String], depth: usize) -> Option<&'a Module> {
    let mut length = path.len();
    while !modules.contains_key(&path[..length]) {
        length = length.checked_sub(1)?;
    }
    let (module, source) = modules.get_key_value(&path[..length])?;
    let Some(name) = path.get(length).filter(|_| depth > 0) else { return Some(module) };
    let uses = paths::uses(&source.code);
    let follow = |used: &paths::Use| absolute(module, &used.path).filter(|target| target != path);
    if let Some(used) = uses.iter().find(|used| used.name == *name) {
        let rest = &path[length + 1..];
        let target = follow(used).map(|target| [&target[..], rest].concat());
        return target.and_then(|target| resolve(modules, &target, depth - 1)).or(Some(module));
    }
    let globs = uses.iter().filter(|used| used.name == "*").filter_map(follow);
    let found = globs.filter(|_| !defines(&source.code, name)).find_map(|target| {
        let found = resolve(modules, &[&target[..], &path[length..]].concat(), depth - 1)?;
        (found != module && defines(&modules[found].code, name)).then_some(found)
    });
    found.or(Some(module))
}

/// Returns whether the code has an item with this name.
fn defines(code: &str, name: &str) -> bool {
    let kinds = ["struct", "enum", "trait", "fn", "type", "const", "static", "union", "mod"];
    kinds.iter().any(|kind| {
        let item = format!("{kind} {name}");
        let ends = |at: usize| !code[at + item.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
        code.match_indices(&item).any(|(at, _)| ends(at))
    })
}

/// Joins a file's folder and a relative specifier.
fn joined(file: &str, specifier: &str) -> String {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in specifier.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rust(files: &[(&str, &str)]) -> Vec<String> {
        let sources: Vec<Source> =
            files.iter().map(|(path, text)| Source::new(&format!("x/src/{path}"), text)).collect();
        Imports::of_crate("x/src", &sources).circles().into_iter().map(|breach| breach.what).collect()
    }

    fn typescript(files: &[(&str, &str)]) -> Vec<String> {
        let sources: Vec<Source> = files.iter().map(|(path, text)| Source::plain(path, text)).collect();
        Imports::of_typescript(&sources).circles().into_iter().map(|breach| breach.what).collect()
    }

    #[test]
    fn siblings_that_import_each_other_are_reported() {
        let found = rust(&[
            ("a/mod.rs", "mod b;\nmod c;"),
            ("a/b.rs", "use super::c::C;"),
            ("a/c.rs", "fn f(_: crate::a::b::B) {}"),
        ]);
        assert_eq!(found, ["2 files import each other in a circle: x/src/a/b.rs, x/src/a/c.rs"]);
    }

    #[test]
    fn circle_through_a_re_export_is_reported() {
        let found = rust(&[
            ("a/mod.rs", "mod b;\nmod c;\npub use b::B;\npub use self::c::{C, D};"),
            ("a/b.rs", "use super::D;"),
            ("a/c.rs", "use crate::a::B;"),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn circle_through_another_name_is_reported() {
        let parents = [
            "mod b;\nmod c;\npub use b::B as Renamed;",
            "mod b;\nmod c;\nuse self::{b::B as Renamed, c::C};",
            "mod b;\nmod c;\npub(self) use b::B as Renamed;",
        ];
        for parent in parents {
            let found =
                rust(&[("a/mod.rs", parent), ("a/b.rs", "use super::c::C;"), ("a/c.rs", "use super::Renamed;")]);
            assert_eq!(found.len(), 1, "{parent}: {found:?}");
        }
    }

    #[test]
    fn circle_through_a_glob_is_reported() {
        let found = rust(&[
            ("a/mod.rs", "mod b;\nmod c;\npub use b::*;"),
            ("a/b.rs", "use super::c::C;\npub struct B;"),
            ("a/c.rs", "use super::B;"),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn circle_through_an_imported_module_is_reported() {
        for import in
            ["use crate::a;\nfn f(_: a::b::B) {}", "use crate::{a::{self as other, D}};\nfn f(_: other::b::B) {}"]
        {
            let found = rust(&[("a/mod.rs", "mod b;"), ("a/b.rs", "use crate::c::C;"), ("c.rs", import)]);
            assert_eq!(found.len(), 1, "{import}: {found:?}");
        }
    }

    #[test]
    fn program_beside_a_library_does_not_hide_it() {
        let found = rust(&[
            ("lib.rs", "mod b;\nmod c;\npub use b::B;"),
            ("main.rs", "fn main() {}"),
            ("b.rs", "use crate::c::C;"),
            ("c.rs", "use crate::B;"),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn parent_beside_its_folder_may_assemble_it() {
        let found = rust(&[("a.rs", "mod b;\nuse self::b::B;\npub struct A;"), ("a/b.rs", "use super::A;")]);
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn longer_circle_between_folders_is_reported_once() {
        let found =
            rust(&[("a.rs", "use crate::b::B;"), ("b/mod.rs", "use crate::c::C;"), ("c.rs", "use crate::a::A;")]);
        assert_eq!(found, ["3 files import each other in a circle: x/src/a.rs, x/src/b/mod.rs, x/src/c.rs"]);
    }

    #[test]
    fn imports_of_parents_and_tests_do_not_count() {
        let found = rust(&[
            ("lib.rs", "use self::a::A;"),
            ("a/mod.rs", "mod b;\nuse self::b::B;\npub struct A;"),
            ("a/b.rs", "use super::A;\n#[cfg(test)]\nmod tests {\n    use crate::c::C;\n}"),
            ("c.rs", "use crate::a::b::B;"),
        ]);
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn circles_in_typescript_are_reported() {
        let found = typescript(&[
            ("s/a.ts", "import { b } from \"./d/b.js\";"),
            ("s/d/b.ts", "import type { A } from \"../a.js\";"),
            ("s/c.ts", "export * from \"./a.js\";"),
        ]);
        assert_eq!(found, ["2 files import each other in a circle: s/a.ts, s/d/b.ts"]);
        for index in ["..", "../", "../index.js", "../index.ts", "../index.jsx"] {
            let back = format!("import '{index}';");
            for name in ["s/index.ts", "s/index.tsx"] {
                assert_eq!(
                    typescript(&[(name, "import './d/b';"), ("s/d/b.ts", &back)]).len(),
                    1,
                    "{name} {index}"
                );
            }
        }
    }
}
