"""Prints the dependencies of the package and of its extras, for a download in advance."""

import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
extras = [name for names in project["optional-dependencies"].values() for name in names]
print(*project["dependencies"], *extras, sep="\n")
