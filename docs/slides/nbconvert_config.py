"""Makes nbconvert write our decks: `jupyter nbconvert --to slides --config THIS_FILE NOTEBOOK`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from slides.decks import configuration

get_config().update(configuration())  # noqa: F821  Jupyter defines it where it reads this file
