"""Which entries of the package are not asked about, and why."""

from __future__ import annotations

from coursekit.data.facts.countries import package, without_capital
from coursekit.data.facts.currencies import without_currency
from coursekit.data.facts.neighbours import without_neighbour

_REASONS = {
    "capital": without_capital,
    "currency": without_currency,
    "neighbour": without_neighbour,
}


def countries_left_out(kind: str = "capital") -> dict[str, str]:
    """Return the entries of the package that a kind of question does not ask: name and reason.

    Args:
        kind: "capital", "currency" or "neighbour".

    Raises:
        ValueError: Unknown kind.
    """
    if kind not in _REASONS:
        raise ValueError(f"kind is {kind!r}; expected one of {sorted(_REASONS)}")
    names = {code: entry["name"].strip() for code, entry in package().items()}
    return {names[code]: reason for code, reason in sorted(_REASONS[kind]().items())}
