//! The settings as text: for `--help`, and as `docs/configuration.md`.

use std::fmt::Write;

use super::duration;
use super::mode::Mode;
use super::schema::{self, SECTIONS};
use super::setting::{Kind, Setting};

const INTRODUCTION: &str = "\
# Configuration

<!-- Generated from the table of settings in `gateway/src/config`. `UPDATE=1 cargo test -p gateway --test config`
     writes it anew. -->

A setting is given in any of three places. A later one wins:

1. the file that `--config` or `WIREBELL_CONFIG` names, in TOML, a section to a table;
2. the environment, as `WIREBELL_<SECTION>_<KEY>`;
3. flags: `--set section.key=value`, as often as needed, and the few that have a name of their own.

All that is wrong is told at once, each with its key, where it came from, what was found and what was expected. An
unknown key is a fault, and so is an unknown variable that begins with `WIREBELL_`; those that begin with
`WIREBELL_TEST_`, and those that Kubernetes sets for a Service, are left alone. An empty text is no value.

Durations are a whole number and `ms`, `s`, `m`, `h` or `d`. Lists are arrays in the file; in a variable or a flag
they are texts with commas between them, or an array as in the file. Settings marked *or from a file* have a sibling
`<key>_file` that names a file with the value, without the line end behind it; giving both is a fault. Secrets are
never shown, in no message and no log.

`wirebell serve` demands `bus.redis`, `services.keys`, and exactly one way to verify tokens.
";

/// The page `docs/configuration.md`.
pub fn document() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (name, about, settings) in SECTIONS {
        let _ = write!(page, "\n## [{name}]\n\n{about}\n");
        for setting in settings {
            let _ = write!(page, "\n### `{}`\n\n{}\n\n", setting.key, setting.description);
            let _ = writeln!(page, "- Variable: `{}`", schema::variable(setting.key));
            let _ = writeln!(page, "- Holds: {}{}", holds(setting), or_file(setting));
            let _ = writeln!(page, "- Default: {}. {}", default(setting), setting.reason);
        }
    }
    page
}

/// The settings for a terminal, one paragraph each.
pub fn reference() -> String {
    let mut text = String::new();
    for (name, about, settings) in SECTIONS {
        let _ = writeln!(text, "[{name}] {about}");
        for setting in settings {
            let _ = writeln!(text, "  {}  (default: {})", setting.key, default(setting).replace('`', ""));
            let _ = writeln!(text, "      {}", setting.description.replace('`', ""));
        }
        text.push('\n');
    }
    text.push_str("In the environment a setting is WIREBELL_<SECTION>_<KEY>, as a flag --set section.key=value.\n");
    text
}

fn holds(setting: &Setting) -> String {
    match setting.kind {
        Kind::Address => "an IP address and a port".to_owned(),
        Kind::Count(least, most) => format!("a whole number from {least} to {most}"),
        Kind::Duration(least, most) => format!("a duration from {} to {}", duration::show(least), duration::show(most)),
        Kind::Ratio(least, most) => format!("a number from {least} to {most}"),
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
