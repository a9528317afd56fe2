//! Names that are reserved to some files. Each rule has the files that it covers and their
//! exceptions.

use super::{Breach, Source, edges};

/// A rule: these files, except those in `except`, must not contain these words.
struct Rule {
    why: &'static str,
    within: &'static [&'static str],
    except: &'static [&'static str],
    words: &'static [&'static str],
}

const SHIPPED: &[&str] = &["gateway/src/", "publisher-sdk/src/", "protocol/src/"];

const RULES: &[Rule] = &[
    Rule {
        why: "only bus/redis names a Redis client",
        within: &["gateway/src/"],
        except: &["gateway/src/bus/redis/", "gateway/src/bus/redis.rs"],
        words: &["^fred", "^redis::"],
    },
    Rule {
        why: "only redis.rs of the SDK names a Redis client",
        within: &["publisher-sdk/src/"],
        except: &["publisher-sdk/src/redis.rs", "publisher-sdk/src/redis/"],
        words: &["^fred", "^redis::"],
    },
    Rule {
        why: "only the HTTP rooms name axum",
        within: &["gateway/src/"],
        except: &[
            "gateway/src/transport/",
            "gateway/src/api/",
            "gateway/src/admin/",
            "gateway/src/dev/",
            "gateway/src/problem.rs",
            "gateway/src/server/",
        ],
        words: &["^axum"],
    },
    Rule {
        why: "the hub knows no JSON, JWT or HTTP",
        within: &["gateway/src/hub/"],
        except: &[],
        words: &["^serde_json", "^jsonwebtoken", "^axum", "^http", "^hyper", "^reqwest", "^tokio_tungstenite"],
    },
    Rule {
        why: "only config reads the environment",
        within: SHIPPED,
        except: &["gateway/src/config/"],
        words: &["std::env", "env::var", "env::vars", "env::var_os"],
    },
    Rule {
        why: "this code reads no clock and does no I/O",
        within: &["gateway/src/session/state.rs", "gateway/src/hub/registry/", "protocol/src/"],
        except: &[],
        words: &["Instant", "SystemTime", "tokio", "now_utc"],
    },
    Rule { why: "a panic is an outage", within: SHIPPED, except: &[], words: &[".unwrap()", ".expect("] },
    Rule {
        why: "every queue is bounded",
        within: SHIPPED,
        except: &[],
        words: &["unbounded_channel", "UnboundedSender", "mpsc::unbounded", "mpsc::channel()"],
    },
    Rule {
        why: "an exception is `#[expect(…, reason)]`",
        within: &[""],
        except: &[],
        words: &["#[allow(", "#![allow("],
    },
];

/// Returns every breach in a file.
pub fn check(source: &Source) -> Vec<Breach> {
    let mut breaches = untracked_spawns(source);
    for rule in RULES.iter().filter(|rule| applies_to(rule, source)) {
        for (number, line) in source.code.lines().enumerate() {
            if let Some(word) =
                rule.words.iter().find(|word| contains_word(line, word) && !is_room(source, line, word))
            {
                let word = word.trim_start_matches('^');
                breaches.push(source.breach(number, format!("`{word}`: {}", rule.why)));
            }
        }
    }
    breaches
}

fn applies_to(rule: &Rule, source: &Source) -> bool {
    let below = |paths: &[&str]| paths.iter().any(|path| source.path.starts_with(path));
    let shipped = rule.within != [""];
    below(rule.within) && !below(rule.except) && !(shipped && source.is_test())
}

/// Reports tasks that the drain cannot wait for. Such a task needs a reason on its line or on the
/// line before.
fn untracked_spawns(source: &Source) -> Vec<Breach> {
    if !source.path.starts_with("gateway/src/") || source.path.contains("/lifecycle/") || source.is_test() {
        return Vec::new();
    }
    let text: Vec<&str> = source.text.lines().collect();
    let has_reason = |number: usize| {
        let reason = |line: Option<&&str>| line.is_some_and(|line| line.contains("// tidy: spawned because "));
        reason(text.get(number)) || (number > 0 && reason(text.get(number - 1)))
    };
    let bare = |line: &str| contains_word(line, "tokio::spawn") || contains_word(line, "task::spawn");
    let lines = source.code.lines().enumerate();
    let breaches = lines.filter(|(number, line)| bare(line) && !has_reason(*number));
    breaches
        .map(|(number, _)| source.breach(number, "`tokio::spawn`: spawn tasks on the tracker of `lifecycle`"))
        .collect()
}

/// In a file that imports the room `bus::redis`, `redis::` is that room, unless a crate is
/// imported.
fn is_room(source: &Source, line: &str, word: &str) -> bool {
    let imported = || edges::named(&source.code).iter().any(|(_, path)| path == "bus::redis");
    word == "^redis::" && !line.trim_start().starts_with("use ") && imported()
}

/// Returns whether the line contains the whole word. With `^`, the word must be a crate's name, the
/// first part of a path.
fn contains_word(line: &str, word: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    let (word, first) = word.strip_prefix('^').map_or((word, false), |word| (word, true));
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        // After a dot the name is a field or a method.
        let begins = !word.starts_with(part_of_name) || !before.ends_with(|c| part_of_name(c) || c == '.');
        let ends = !word.ends_with(part_of_name) || !after.starts_with(part_of_name);
        begins && ends && !(first && before.ends_with(':'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Source::new(path, text)).len()
    }

    #[test]
    fn each_rule_reports_its_words() {
        for (path, text) in [
            ("gateway/src/hub/mod.rs", "use fred::prelude::*;"),
            ("gateway/src/bus/mod.rs", "use redis::Client;"),
            ("gateway/src/server/build.rs", "use crate::bus::redis;\nuse redis::Client;"),
            ("publisher-sdk/src/lib.rs", "let c = redis::Client::open(url);"),
            ("gateway/src/session/mod.rs", "use axum::extract::State;"),
            ("gateway/src/hub/fanout.rs", "use serde_json::Value;"),
            ("gateway/src/hub/fanout.rs", "use http::StatusCode;"),
            ("gateway/src/cli/mod.rs", "let home = std::env::var(\"HOME\");"),
            ("publisher-sdk/src/lib.rs", "use std::env;"),
            ("gateway/src/session/state.rs", "use std::time::{Duration, Instant};"),
            ("gateway/src/session/state.rs", "let now = std::time::Instant::now();"),
            ("gateway/src/hub/registry/mod.rs", "tokio::task::yield_now().await;"),
            ("protocol/src/event/mod.rs", "SystemTime::now()"),
            ("gateway/src/api/mod.rs", "let a = b.unwrap();"),
            ("protocol/src/lib.rs", "let a = b.expect(\"c\");"),
            ("gateway/src/bus/mod.rs", "let (a, b) = mpsc::unbounded_channel();"),
            ("gateway/src/bus/mod.rs", "let (a, b) = std::sync::mpsc::channel();"),
            ("gateway/src/api/mod.rs", "tokio::spawn(async {});"),
            ("gateway/src/api/mod.rs", "tokio::task::spawn(async {});"),
            ("gateway/src/api/mod.rs", "#[allow(dead_code)]"),
            ("benches/src/lib.rs", "#![allow(unused)]"),
        ] {
            assert_eq!(count(path, text), 1, "{path}: {text}");
        }
    }

    #[test]
    fn permitted_names_pass() {
        for (path, text) in [
            ("gateway/src/bus/redis/log.rs", "use fred::prelude::*;"),
            ("gateway/src/server/build.rs", "let bus = crate::bus::redis::RedisBus::new(config.redis);"),
            ("gateway/src/server/build.rs", "use crate::bus::{Bus, redis};\nlet s = redis::Settings {};"),
            ("gateway/src/bus/mod.rs", "mod redis;\npub use self::redis::RedisBus;"),
            ("publisher-sdk/src/redis.rs", "use redis::Client;"),
            ("gateway/src/api/publish.rs", "use axum::Json;"),
            ("gateway/src/hub/fanout.rs", "//! No serde_json here.\nlet http_like = 1;"),
            ("gateway/src/config/environment.rs", "std::env::vars()"),
            ("gateway/src/telemetry/metrics.rs", "env!(\"CARGO_PKG_VERSION\")"),
            ("gateway/src/session/run.rs", "use std::time::Instant;"),
            ("gateway/src/api/mod.rs", "#[expect(dead_code, reason = \"r\")]\nb.unwrap_or(1)"),
            ("gateway/src/api/mod.rs", "#[cfg(test)]\nmod tests {\n    fn f() { a.unwrap(); }\n}"),
            ("gateway/src/lifecycle/tasks.rs", "tokio::spawn(async {});"),
            ("gateway/src/hub/mod.rs", "// tidy: spawned because it ends with its socket.\ntokio::spawn(f());"),
            ("gateway/src/bus/memory/tests.rs", "a.unwrap();"),
        ] {
            assert_eq!(count(path, text), 0, "{path}: {text}");
        }
    }

    #[test]
    fn an_exception_needs_a_reason() {
        assert_eq!(count("gateway/src/hub/mod.rs", "// tidy: spawned\ntokio::spawn(f());"), 1);
    }
}
