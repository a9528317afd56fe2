"""Adds files of the repository to the package when it is built: the Lua scripts and the licenses.

The scripts exist once, in `protocol/` and in the Rust SDK. A committed copy could differ from them; a copy
made by the build cannot. A source distribution already contains the copies.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# The scripts of each folder of the repository.
SCRIPTS = {
    "protocol/src/publish": ("publish", "main"),
    "protocol/src/tracking": ("schedule", "register", "cancel", "alarm", "finish"),
    "protocol/src/inbox": ("answer",),
    "publisher-sdk/src/redis": ("keep", "bury", "leave"),
}
LICENSES = ("LICENSE-MIT", "LICENSE-APACHE")


class AddSharedFiles(BuildHookInterface[Any]):
    """A build hook that adds the shared files."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds each file with its path in the distribution."""
        here = Path(self.root)
        repository = here.parent.parent
        if not (repository / "protocol/src/publish/publish.lua").is_file():
            if not (here / "src/wirebell/lua/publish.lua").is_file():
                raise FileNotFoundError(
                    "the Lua scripts are missing: neither ../../protocol nor src/wirebell/lua has them"
                )
            return
        package = "src/wirebell" if self.target_name == "sdist" else "wirebell"
        added = build_data["force_include"]
        for folder, names in SCRIPTS.items():
            for name in names:
                added[str(repository / folder / f"{name}.lua")] = f"{package}/lua/{name}.lua"
        for name in LICENSES:
            # A wheel keeps its licenses beside its metadata.
            target = name if self.target_name == "sdist" else f"wirebell/{name}"
            added[str(repository / name)] = target
