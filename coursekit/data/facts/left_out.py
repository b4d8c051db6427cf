"""Which entries of the package are not asked about, and why."""

from __future__ import annotations

from coursekit.data.facts.countries import package, without_capital
from coursekit.data.facts.currencies import without_currency

_REASONS = {
    "capital": without_capital,
    "currency": without_currency,
}


def countries_left_out(kind: str = "capital") -> dict[str, str]:
    """Return the entries of the package that a kind of question does not ask: name and reason.

    Args:
        kind: "capital" or "currency".

    Raises:
        ValueError: Unknown kind.

    Example:
        >>> countries_left_out()["Luxembourg"]
        'the name gives away the answer, Luxembourg'
    """
    if kind not in _REASONS:
        raise ValueError(f"kind must be one of {sorted(_REASONS)}, found {kind!r}")
    names = {code: entry["name"].strip() for code, entry in package().items()}
    return {names[code]: reason for code, reason in sorted(_REASONS[kind]().items())}
