"""Copies what the package shares with the rest of the repository into it: the Lua scripts and the licences.

They stand once, in `protocol/` and beside the Rust SDK. A copy in this folder could drift; one that is made while
building cannot. A source distribution holds them already, and is built from as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# Of each script, the folder in the repository.
SCRIPTS = {
    "protocol/src/publish": ("publish", "main"),
    "protocol/src/tracking": ("schedule", "register", "cancel", "alarm", "finish"),
    "protocol/src/inbox": ("answer",),
    "publisher-sdk/src/redis": ("keep", "bury", "leave"),
}
LICENCES = ("LICENSE-MIT", "LICENSE-APACHE")


class Shared(BuildHookInterface[Any]):
    """Adds the files to what is packed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Names them, each with its place in the distribution."""
        here = Path(self.root)
        repository = here.parent.parent
        if not (repository / "protocol/src/publish/publish.lua").is_file():
            if not (here / "src/wirebell/lua/publish.lua").is_file():
                raise FileNotFoundError("the scripts are neither in ../../protocol nor in src/wirebell/lua")
            return
        package = "src/wirebell" if self.target_name == "sdist" else "wirebell"
        added = build_data["force_include"]
        for folder, names in SCRIPTS.items():
            for name in names:
                added[str(repository / folder / f"{name}.lua")] = f"{package}/lua/{name}.lua"
        for name in LICENCES:
            # A wheel's licences stand beside its metadata.
            place = name if self.target_name == "sdist" else f"wirebell/{name}"
            added[str(repository / name)] = place
