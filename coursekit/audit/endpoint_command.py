"""`python -m coursekit audit http://...`: the calibration report of a served model."""

from __future__ import annotations

from argparse import Action, ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> list[Action]:
    """Add what a served model alone takes; returns it."""
    return []


def run(options: Namespace) -> int:
    """Refuse: served models cannot be audited yet."""
    raise ValueError(f"served models cannot be audited yet, found the address {options.subject}")
