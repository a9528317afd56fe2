//! Which room of the gateway may import which. An import that is not in the table is a breach.

use super::{Breach, Source, paths};

const LEAVES: [&str; 4] = ["auth", "config", "lifecycle", "telemetry"];

/// Each room with the rooms it may import, besides itself. `room::part` permits only names of that
/// part.
const EDGES: &[(&str, &[&str])] = &[
    ("config", &[]),
    ("auth", &["config"]),
    ("lifecycle", &["config"]),
    ("telemetry", &["config"]),
    // Problem documents: a leaf under the rooms that speak HTTP, and under no other.
    ("problem", &[]),
    ("bus", &LEAVES),
    ("hub", &["bus", "auth", "config", "lifecycle", "telemetry"]),
    ("webhook", &["bus::memory", "config", "lifecycle", "telemetry"]),
    ("session", &["hub", "auth", "config", "lifecycle", "telemetry"]),
    ("transport", &["session", "problem", "auth", "config", "lifecycle", "telemetry"]),
    ("api", &["bus", "hub::snapshot", "problem", "auth", "config", "lifecycle", "telemetry"]),
    ("admin", &["hub::snapshot", "bus::health", "problem", "auth", "config", "lifecycle", "telemetry"]),
    ("dev", &["problem", "auth", "config", "lifecycle", "telemetry"]),
    ("server", &["*"]),
    ("cli", &["*"]),
    ("main", &["*"]),
];

/// Returns every breach in a file of the gateway.
pub fn check(source: &Source) -> Vec<Breach> {
    let Some(inside) = source.path.strip_prefix("gateway/src/") else { return Vec::new() };
    if source.is_test() || inside == "lib.rs" {
        return Vec::new();
    }
    let room = inside.split(['/', '.']).next().unwrap_or("");
    let Some((_, allowed)) = EDGES.iter().find(|(name, _)| *name == room) else {
        return vec![source.breach(0, format!("`{room}` is not one of the rooms"))];
    };
    let mut breaches: Vec<Breach> = named(&source.code)
        .into_iter()
        .filter(|(_, path)| !permits(room, allowed, path))
        .map(|(line, path)| source.breach(line, format!("`{room}` may not name `{path}`")))
        .collect();
    breaches.extend(paths_out_of_room(source, inside));
    breaches
}

fn permits(room: &str, allowed: &[&str], path: &str) -> bool {
    let (other, part) = path.split_once("::").unwrap_or((path, ""));
    other == room
        || allowed.iter().any(|permitted| match permitted.split_once("::") {
            Some((name, only)) => name == other && part.to_lowercase().contains(only),
            None => *permitted == "*" || *permitted == other,
        })
}

/// Returns the first two segments of every path after `crate::`, as `room::next`, with the line.
pub(super) fn named(code: &str) -> Vec<(usize, String)> {
    let roots = ["crate::", "gateway::"].into_iter();
    let found = roots.flat_map(|root| paths::after(code, root)).filter(|path| !path.segments.is_empty());
    found.map(|path| (path.line, path.segments[..path.segments.len().min(2)].join("::"))).collect()
}

/// Reports `super::` paths that leave the room: this rule cannot read such an import.
fn paths_out_of_room(source: &Source, inside: &str) -> Vec<Breach> {
    let depth = inside.matches('/').count() + usize::from(!inside.ends_with("/mod.rs"));
    let chain = "super::".repeat(depth.max(1));
    let lines = source.code.lines().enumerate();
    let leaving = lines.filter(|(_, line)| depth > 0 && !line.starts_with(' ') && line.contains(&chain));
    leaving.map(|(line, _)| source.breach(line, "`super` leads out of the room; write `crate::`")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        check(&Source::new(path, text))
            .into_iter()
            .map(|breach| format!("{} {}", breach.line, breach.what))
            .collect()
    }

    #[test]
    fn import_of_a_higher_room_is_a_breach() {
        let text = "//! crate::session\nuse crate::bus::Bus;\nuse crate::session::Session;\n";
        assert_eq!(found("gateway/src/hub/pump.rs", text), ["3 `hub` may not name `session::Session`"]);
        assert_eq!(found("gateway/src/config/mod.rs", "use crate::auth::Key;").len(), 1);
        assert_eq!(found("gateway/src/auth/mod.rs", "fn f() { crate::bus::g() }").len(), 1);
        assert_eq!(found("gateway/src/transport/ws.rs", "use crate::hub::Hub;").len(), 1);
        assert_eq!(found("gateway/src/session/run.rs", "use crate::problem::Problem;").len(), 1);
        assert_eq!(found("gateway/src/bus/redis/log.rs", "use crate::hub::Hub;").len(), 1);
    }

    #[test]
    fn import_of_a_lower_room_passes() {
        assert_eq!(
            found("gateway/src/session/run.rs", "use crate::{auth::Claims, hub::{Hub, SendBuffer}};"),
            [""; 0]
        );
        assert_eq!(found("gateway/src/server/build.rs", "use crate::{api, hub, transport};"), [""; 0]);
        assert_eq!(
            found("gateway/src/hub/mod.rs", "#[cfg(test)]\nmod tests {\n    use crate::api::x;\n}"),
            [""; 0]
        );
    }

    #[test]
    fn import_groups_are_expanded() {
        let text = "use crate::{\n    telemetry::{Metrics, propagation},\n    api::publish,\n};";
        assert_eq!(found("gateway/src/hub/mod.rs", text), ["1 `hub` may not name `api::publish`"]);
    }

    #[test]
    fn admin_may_import_only_a_part_of_the_hub() {
        assert_eq!(
            found("gateway/src/admin/mod.rs", "use crate::hub::Snapshot;\nuse crate::bus::health;"),
            [""; 0]
        );
        assert_eq!(found("gateway/src/admin/mod.rs", "use crate::hub::{Snapshot, Hub};").len(), 1);
    }

    #[test]
    fn leaving_the_room_and_unknown_rooms_are_breaches() {
        assert_eq!(found("gateway/src/hub/pump.rs", "use super::super::api::x;").len(), 1);
        assert_eq!(found("gateway/src/hub/mod.rs", "use super::api::x;").len(), 1);
        assert_eq!(found("gateway/src/hub/pump.rs", "use super::Hub;"), [""; 0]);
        assert_eq!(found("gateway/src/misc/mod.rs", "").len(), 1);
    }
}
