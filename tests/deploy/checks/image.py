"""The Dockerfile and what reaches the builder. No engine builds it here: that is left to whoever has one."""

import shutil
import tempfile
import tomllib
from pathlib import Path

from .report import DEPLOY, ROOT, check, command, expect, refused

DOCKERFILE = DEPLOY / "docker" / "Dockerfile"


def stages(text):
    """Each stage with what it begins from, and the instructions in it."""
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


def final(found, name):
    """The instructions in force in a stage, its ancestors' first."""
    base, own = found[name]
    return (final(found, base) if base in found else []) + own


def lint(text):
    command("hadolint", "--failure-threshold", "info", "-", text=text)


@check
def linted():
    """hadolint has nothing to say about the Dockerfile, and would"""
    text = DOCKERFILE.read_text()
    lint(text)
    refused(lint, text.replace("WORKDIR /src", "WORKDIR src"))


@check
def runs_as_nobody():
    """the default image is the last stage, runs as a numbered user, stops by SIGTERM and serves"""
    found = stages(DOCKERFILE.read_text())
    instructions = final(found, list(found)[-1])
    last = {words[0]: " ".join(words[1:]) for words in instructions}
    expect(last["USER"].split(":")[0].isdigit() and last["USER"] != "0:0", f"USER {last['USER']}")
    expect(last["STOPSIGNAL"] == "SIGTERM", "another signal than the drain's")
    expect(last["ENTRYPOINT"] == '["/usr/local/bin/wirebell"]' and last["CMD"] == '["serve"]', "not `wirebell serve`")
    expect(set(last["EXPOSE"].split()) == {"8080", "9090"}, "not both doors")
    copied = [words for words in instructions if words[0] == "COPY"]
    expect(len(copied) == 1, "more in the image than the binary")


@check
def same_libc():
    """the binary is built on the Debian that it runs on, with a profile that exists"""
    found = stages(DOCKERFILE.read_text())
    expect(found["build"][0].endswith("-bookworm") and "debian12" in found["runtime"][0], "two releases of Debian")
    build = " ".join(" ".join(words) for words in found["build"][1])
    profile = tomllib.loads((ROOT / "Cargo.toml").read_text())["profile"]
    expect("--profile dist" in build and "dist" in profile, "no such profile")
    expect("target/dist/wirebell" in build and "--locked" in build, "not the locked build of that profile")


def context():
    """The paths that a build of this working tree would be given."""
    known = command("git", "ls-files", "--cached", "--others", "--exclude-standard")
    extra = "target/release/wirebell\ndeploy/compose/secrets/auth-secret\ntests/e2e/node_modules/a/b.js\ngateway/tls.key\n"
    given = command("deploy-specs", "context", ROOT / ".dockerignore", text=known + extra).splitlines()
    return [path for path in given if path not in extra.splitlines()], [p for p in given if p in extra.splitlines()]


@check
def context_suffices():
    """what .dockerignore lets through is a workspace that cargo can read, with every file that sources include"""
    paths, _ = context()
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            if (ROOT / path).is_file():
                to = Path(folder) / path
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / path, to)
        # Locked and offline: it fails where a manifest, a target or the lock file is missing.
        manifest = Path(folder) / "Cargo.toml"
        command("cargo", "metadata", "--format-version=1", "--no-deps", "--locked", "--offline", "--manifest-path", manifest)
        for source in Path(folder).glob("*/src/**/*.rs"):
            for name in included(source.read_text()):
                expect((source.parent / name).resolve().is_file(), f"{source.relative_to(folder)} includes {name}")


def included(text):
    """Relative paths in `include_str!("…")` and `include_bytes!("…")`."""
    for macro in ("include_str!(\"", "include_bytes!(\""):
        yield from (rest.split('"')[0] for rest in text.split(macro)[1:])


@check
def context_is_clean():
    """.dockerignore keeps build output, dependencies, secrets and keys out"""
    paths, extra = context()
    expect(not extra, f"would reach the builder: {extra}")
    expect(not any(path.startswith((".git/", "docs/", "deploy/")) for path in paths), "more than the build reads")
