"""Checks of deploy/.

Each module checks one kind of file and registers its checks with `report.check`; `python -m checks`
runs them all. `live` checks running nodes, which `testbed` starts. The modules read deploy/ and the
sources of the names that it uses.
"""
