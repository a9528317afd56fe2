//! The reference of all settings, for `--help` and `docs/configuration.md`.

use std::fmt::Write;

use super::duration;
use super::mode::Mode;
use super::schema::{self, SECTIONS};
use super::setting::{Kind, Setting};

const INTRODUCTION: &str = "\
# Configuration

<!-- Generated from the table of settings in `gateway/src/config`. `UPDATE=1 cargo test -p gateway --test config`
     regenerates it. -->

A setting can be set in three places. A later one takes precedence:

1. the TOML file that `--config` or `WIREBELL_CONFIG` names, one table per section;
2. the environment, as `WIREBELL_<SECTION>_<KEY>`;
3. flags: `--set section.key=value`, which can be repeated, and the few flags with their own name.

All errors are reported at once, each with its key, its source, what was found and what was expected. An unknown key
is an error, and so is an unknown variable that begins with `WIREBELL_`. Variables that begin with `WIREBELL_TEST_`
and those that Kubernetes sets for a Service are ignored. An empty text sets nothing.

A duration is a whole number and `ms`, `s`, `m`, `h` or `d`. A list is an array in the file. In a variable or a flag
it is a text with items separated by commas, or an array as in the file. A setting marked *or from a file* has a
sibling `<key>_file` that names a file with the value; the trailing line end is removed. Setting both is an error. No
message and no log shows a secret.

`wirebell serve` requires `bus.redis`, `services.keys`, and exactly one key source in `[auth]`.
";

/// Returns the page `docs/configuration.md`.
pub fn document() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (name, title, settings) in SECTIONS {
        let _ = write!(page, "\n## [{name}]\n\n{title}\n");
        for setting in settings {
            let _ = write!(page, "\n### `{}`\n\n{}\n\n", setting.key, setting.description);
            let _ = writeln!(page, "- Variable: `{}`", schema::variable(setting.key));
            let _ = writeln!(page, "- Value: {}{}", value_type(setting), or_file(setting));
            let _ = writeln!(page, "- Default: {}. {}", default(setting), setting.reason);
        }
    }
    page
}

/// Returns the settings for a terminal, one paragraph each.
pub fn reference() -> String {
    let mut text = String::new();
    for (name, title, settings) in SECTIONS {
        let _ = writeln!(text, "[{name}] {title}");
        for setting in settings {
            let _ = writeln!(text, "  {}  (default: {})", setting.key, default(setting).replace('`', ""));
            let _ = writeln!(text, "      {}", setting.description.replace('`', ""));
        }
        text.push('\n');
    }
    text.push_str(
        "Set a setting in the environment as WIREBELL_<SECTION>_<KEY>, or with --set section.key=value.\n",
    );
    text
}

fn value_type(setting: &Setting) -> String {
    match setting.kind {
        Kind::Address => "an IP address and a port".to_owned(),
        Kind::Count(min, max) => format!("a whole number from {min} to {max}"),
        Kind::Duration(min, max) => format!("a duration from {} to {}", duration::show(min), duration::show(max)),
        Kind::Ratio(min, max) => format!("a number from {min} to {max}"),
        Kind::Flag => "`true` or `false`".to_owned(),
        Kind::Text => "a text".to_owned(),
        Kind::Choice(words) => format!("`{}`", words.join("` or `")),
        Kind::List => "a list of texts".to_owned(),
    }
}

fn or_file(setting: &Setting) -> String {
    let file = setting.file_key().map(|key| format!("; *or from a file*, `{key}`")).unwrap_or_default();
    format!("{file}{}", if setting.secret { "; secret" } else { "" })
}

fn default(setting: &Setting) -> String {
    let show = |value: Option<&str>| value.map_or("none".to_owned(), |value| format!("`{value}`"));
    let (serve, dev) = (setting.default_in(Mode::Serve), setting.default_in(Mode::Dev));
    if serve == dev { show(serve) } else { format!("{}, in `dev` {}", show(serve), show(dev)) }
}
