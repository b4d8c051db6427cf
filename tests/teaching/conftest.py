"""The command that makes a course for nbgrader, as a module."""

from __future__ import annotations

import sys
from pathlib import Path

# `notebooks/grading.py` is a script and imports `build.py` beside it.
sys.path.insert(0, str(Path(__file__).parents[2] / "notebooks"))
