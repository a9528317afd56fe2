//! Import circles: files that need each other, directly or through others. Such files are one file
//! that was cut in pieces.
//!
//! A Rust file imports the file that *defines* a name; re-exports are followed. A parent module may
//! assemble its own children, so its imports from below do not count. In TypeScript every relative
//! import counts, types included.

use std::collections::{BTreeMap, BTreeSet};

use super::paths::{self, NamedPath};
use super::{Breach, Source};

/// The files that each file imports, by path from the root of the repository.
#[derive(Debug, Default)]
pub struct Imports(BTreeMap<String, BTreeSet<String>>);

impl Imports {
    /// Reads the imports between the Rust files below one crate's `src`.
    pub fn of_crate(src: &str, sources: &[Source]) -> Self {
        let below = |source: &&Source| source.path.starts_with(&format!("{src}/"));
        let modules: Modules<'_> =
            sources.iter().filter(below).map(|source| (module_of(&source.path[src.len() + 1..]), source)).collect();
        let mut imports = Self::default();
        for (module, source) in &modules {
            for path in imported(module, &source.code) {
                if let Some(defining) = resolve(&modules, &path, 8) {
                    let assembles = is_parent(&source.path) && defining.starts_with(module);
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
            for specifier in specifiers(&source.text) {
                let target = joined(&source.path, specifier);
                let stem = target.strip_suffix(".js").unwrap_or(&target);
                let candidates = [format!("{stem}.ts"), format!("{stem}.tsx"), format!("{stem}/index.ts")];
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

fn is_parent(path: &str) -> bool {
    path.ends_with("/mod.rs") || path.ends_with("/lib.rs") || path.ends_with("/main.rs")
}

/// Returns every path that the code names within its crate, from the crate's root.
fn imported(module: &[String], code: &str) -> Vec<Module> {
    let absolute = |path: NamedPath| -> Option<Module> { climb(&[], &path.segments) };
    let own = |path: NamedPath| climb(module, &path.segments);
    let parent = &module[..module.len().saturating_sub(1)];
    let above = |path: NamedPath| climb(parent, &path.segments);
    let crate_paths = paths::after(code, "crate::").into_iter().filter_map(absolute);
    let self_paths = paths::after(code, "self::").into_iter().filter_map(own);
    let super_paths = paths::after(code, "super::").into_iter().filter_map(above);
    crate_paths.chain(self_paths).chain(super_paths).collect()
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
    let re_exported = path.get(length).filter(|_| depth > 0).and_then(|name| re_export(module, &source.code, name));
    match re_exported {
        Some(target) if target != path => resolve(modules, &target, depth - 1).or(Some(module)),
        _ => Some(module),
    }
}

/// Returns the path that a module re-exports under this name.
fn re_export(module: &[String], code: &str, name: &str) -> Option<Module> {
    for line_start in code.match_indices("pub").map(|(at, _)| at) {
        let statement = &code[line_start..];
        let Some((visibility, rest)) = statement.split_once("use ") else { continue };
        if !["pub ", "pub(crate) ", "pub(super) "].contains(&visibility) && !visibility.starts_with("pub(in ") {
            continue;
        }
        let tree = rest.split(';').next().unwrap_or("");
        for path in paths::expand(tree) {
            if path.last().is_some_and(|last| last == name) {
                return match path[0].as_str() {
                    "crate" => Some(path[1..].to_vec()),
                    "self" => Some([module, &path[1..]].concat()),
                    "super" => climb(module, &path),
                    _ => Some([module, &path].concat()),
                };
            }
        }
    }
    None
}

/// Returns the relative specifiers that a TypeScript file imports or re-exports from.
fn specifiers(text: &str) -> Vec<&str> {
    let openings = ["from \"", "import \"", "import(\""];
    let found = openings.iter().flat_map(|opening| {
        text.match_indices(opening).filter_map(|(at, _)| text[at + opening.len()..].split('"').next())
    });
    found.filter(|specifier| specifier.starts_with('.')).collect()
}

/// Joins a file's folder and a relative specifier.
fn joined(file: &str, specifier: &str) -> String {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in specifier.split('/') {
        match part {
            "." => {}
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
    }
}
