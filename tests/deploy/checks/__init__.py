"""Checks of deploy/. Each module is one kind of file; `python -m checks` runs all that they register."""
