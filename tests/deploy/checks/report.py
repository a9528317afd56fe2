"""The list of checks, and what became of them."""

import os
import subprocess
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
CHECKS = []


class Fault(Exception):
    """What is wrong, for people."""


def check(function):
    """Registers a check; its doc-string is its name."""
    CHECKS.append(function)
    return function


def expect(condition, message):
    if not condition:
        raise Fault(message)


def command(*words, text=None, env=None):
    """Runs a program to its end and returns what it printed; it must succeed."""
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


def refused(action, *arguments):
    """The action must fail with a fault: the proof that the check it belongs to can."""
    try:
        action(*arguments)
    except Fault:
        return
    raise Fault("a broken copy was accepted")


def run(words):
    """Runs the checks whose name has one of the words in it; returns how many passed and failed."""
    passed = failed = 0
    for function in CHECKS:
        name = f"{function.__module__.split('.')[-1]}: {function.__doc__.strip()}"
        if words and not any(word in name for word in words):
            continue
        try:
            function()
        except Exception as error:  # a check that breaks has failed
            failed += 1
            why = str(error) if isinstance(error, Fault) else traceback.format_exc()
            print(f"FAILED {name}\n    " + why.replace("\n", "\n    "))
        else:
            passed += 1
            print(f"ok     {name}")
    return passed, failed
