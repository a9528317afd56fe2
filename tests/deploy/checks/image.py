"""Checks the Dockerfile and the build context. The image is not built here, since no container engine is required."""

import shutil
import tempfile
import tomllib
from pathlib import Path

from .report import DEPLOY, ROOT, check, command, expect, expect_failure

DOCKERFILE = DEPLOY / "docker" / "Dockerfile"


def stages(text):
    """Returns each stage with its base and its instructions."""
    found, name = {}, None
    for line in text.replace("\\\n", " ").splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "FROM":
            name = words[words.index("AS") + 1]
            found[name] = (words[1], [])
        elif name:
            found[name][1].append(words)
    return found


def instructions_of(found, name):
    """Returns all instructions of a stage; those of its base stages come first."""
    base, own = found[name]
    return (instructions_of(found, base) if base in found else []) + own


def lint(text):
    command("hadolint", "--failure-threshold", "info", "-", text=text)


@check
def linted():
    """hadolint accepts the Dockerfile, and rejects a broken copy"""
    text = DOCKERFILE.read_text()
    lint(text)
    expect_failure(lint, text.replace("WORKDIR /src", "WORKDIR src"))


@check
def runs_as_unprivileged_user():
    """the default image is the last stage, runs as a numeric user, stops on SIGTERM and runs `wirebell serve`"""
    found = stages(DOCKERFILE.read_text())
    instructions = instructions_of(found, list(found)[-1])
    last = {words[0]: " ".join(words[1:]) for words in instructions}
    expect(last["USER"].split(":")[0].isdigit() and last["USER"] != "0:0", f"USER {last['USER']}")
    expect(last["STOPSIGNAL"] == "SIGTERM", "STOPSIGNAL is not SIGTERM, which starts the drain")
    expect(
        last["ENTRYPOINT"] == '["/usr/local/bin/wirebell"]' and last["CMD"] == '["serve"]',
        "the image does not run `wirebell serve`",
    )
    expect(set(last["EXPOSE"].split()) == {"8080", "9090"}, "the image does not expose both ports")
    copied = [words for words in instructions if words[0] == "COPY"]
    expect(len(copied) == 1, "the image has more than the binary")


@check
def same_libc():
    """the binary is built and run on the same Debian release, with an existing profile"""
    found = stages(DOCKERFILE.read_text())
    expect(
        found["build"][0].endswith("-bookworm") and "debian12" in found["runtime"][0],
        "build and runtime use different releases of Debian",
    )
    build = " ".join(" ".join(words) for words in found["build"][1])
    profile = tomllib.loads((ROOT / "Cargo.toml").read_text())["profile"]
    expect("--profile dist" in build and "dist" in profile, "the build does not use the profile `dist`")
    expect(
        "target/dist/wirebell" in build and "--locked" in build, "the build is not a locked build of the profile `dist`"
    )


def context():
    """Returns the paths of this working tree in the build context, and those of four files that must not be in it."""
    known = command("git", "ls-files", "--cached", "--others", "--exclude-standard")
    extra = (
        "target/release/wirebell\ndeploy/compose/secrets/auth-secret\ntests/e2e/node_modules/a/b.js\ngateway/tls.key\n"
    )
    given = command("deploy-specs", "context", ROOT / ".dockerignore", text=known + extra).splitlines()
    return [path for path in given if path not in extra.splitlines()], [p for p in given if p in extra.splitlines()]


@check
def context_suffices():
    """the build context is a workspace that cargo can read, with every file that sources include"""
    paths, _ = context()
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            if (ROOT / path).is_file():
                to = Path(folder) / path
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / path, to)
        # Locked and offline: fails if a manifest, a target or the lock file is missing.
        manifest = Path(folder) / "Cargo.toml"
        command(
            "cargo", "metadata", "--format-version=1", "--no-deps", "--locked", "--offline", "--manifest-path", manifest
        )
        for source in Path(folder).glob("*/src/**/*.rs"):
            for name in included(source.read_text()):
                expect((source.parent / name).resolve().is_file(), f"{source.relative_to(folder)} includes {name}")


def included(text):
    """Yields the relative paths in `include_str!("…")` and `include_bytes!("…")`."""
    for macro in ('include_str!("', 'include_bytes!("'):
        yield from (rest.split('"')[0] for rest in text.split(macro)[1:])


@check
def context_is_clean():
    """.dockerignore keeps build output, dependencies, secrets and keys out"""
    paths, extra = context()
    expect(not extra, f"the build context contains {extra}")
    expect(
        not any(path.startswith((".git/", "docs/", "deploy/")) for path in paths),
        "the build context contains .git, docs or deploy",
    )
