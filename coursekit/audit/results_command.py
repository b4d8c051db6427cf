"""`python -m coursekit audit results.csv`: the calibration report of results that exist."""

from __future__ import annotations

from argparse import Action, ArgumentParser, Namespace
from pathlib import Path

ENDINGS = (".jsonl", ".json", ".csv", ".tsv", ".parquet")


def looks_like_results(path: Path) -> bool:
    """Tell whether a subject is a file of results, or a folder of lm-evaluation-harness samples.

    Example:
        >>> looks_like_results(Path("answers.csv")), looks_like_results(Path("gpt2"))
        (True, False)
    """
    if path.is_dir():
        return not (path / "config.json").exists() and any(path.rglob("samples_*.jsonl"))
    return path.suffix.lower() in ENDINGS


def add_arguments(parser: ArgumentParser) -> list[Action]:
    """Add what results alone take; returns it."""
    return []


def run(options: Namespace) -> int:
    """Refuse: results cannot be audited yet."""
    raise ValueError(f"files of results cannot be audited yet, found {options.subject}")
