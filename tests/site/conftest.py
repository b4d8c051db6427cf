"""The site and the decks, built once for all tests here; and the modules that build them."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILDERS = ("sphinx", "myst_nb", "sphinx_book_theme", "sphinxcontrib.bibtex", "sphinx_revealjs")
REPOSITORY = "someone/the-course"

sys.path.insert(0, str(ROOT / "docs"))


def require_builders():
    """Skip where the tools that build site and slides are not installed."""
    for name in BUILDERS:
        try:
            importlib.import_module(name)
        except ImportError:
            pytest.skip(f"{name} is not installed: pip install -r docs/requirements.txt")


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The folder of the whole site with its slides. Building it must not print a word."""
    require_builders()
    folder = tmp_path_factory.mktemp("site") / "html"
    command = [sys.executable, str(ROOT / "docs" / "build.py"), "--output", str(folder)]
    environment = os.environ | {"GITHUB_REPOSITORY": REPOSITORY, "GITHUB_REF_NAME": "main"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return folder
