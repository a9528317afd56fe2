"""Registers checks, runs them and prints their results."""

import os
import subprocess
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
CHECKS = []


class CheckFailure(Exception):
    """A failed expectation; its message says what is wrong."""


def check(function):
    """Registers a check. Its docstring is its name."""
    CHECKS.append(function)
    return function


def expect(condition, message):
    if not condition:
        raise CheckFailure(message)


def command(*words, text=None, env=None):
    """Runs a program, which must succeed, and returns its standard output."""
    done = subprocess.run(
        [str(word) for word in words],
        input=text,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        env=None if env is None else {**os.environ, **env},
    )
    expect(done.returncode == 0, f"{words[0]} failed:\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout


def expect_failure(action, *arguments):
    """Fails unless the action fails: this shows that the check finds broken input."""
    try:
        action(*arguments)
    except CheckFailure:
        return
    raise CheckFailure("a broken copy was accepted")


def run(words):
    """Runs the checks whose name contains one of the words; returns how many passed and failed."""
    passed = failed = 0
    for function in CHECKS:
        name = f"{function.__module__.split('.')[-1]}: {function.__doc__.strip()}"
        if words and not any(word in name for word in words):
            continue
        try:
            function()
        except Exception as error:  # an unexpected exception is a failure, too
            failed += 1
            reason = str(error) if isinstance(error, CheckFailure) else traceback.format_exc()
            print(f"FAILED {name}\n    " + reason.replace("\n", "\n    "))
        else:
            passed += 1
            print(f"ok     {name}")
    return passed, failed
