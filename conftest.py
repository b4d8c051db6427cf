"""Settings of the whole test session, notebooks included."""

from __future__ import annotations

import os
import tempfile

# A test must never write into the learner's own progress. Notebook kernels inherit this.
os.environ["COURSEKIT_PROGRESS"] = os.path.join(tempfile.mkdtemp(), "progress.json")


def pytest_collection_modifyitems(items):
    """Let nbval leave out the HTML of figures, which holds pixels; their texts are compared."""
    for notebook in {item.parent for item in items}:
        if hasattr(notebook, "skip_compare"):
            notebook.skip_compare += ("text/html",)
