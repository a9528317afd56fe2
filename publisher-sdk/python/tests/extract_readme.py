"""Writes the Python snippets of the README into a folder for a type checker."""

import re
import sys
from pathlib import Path

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
text = (Path(__file__).parent.parent / "README.md").read_text()
programs = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
assert len(programs) >= 4
for number, program in enumerate(programs):
    (folder / f"readme_{number}.py").write_text(program)
