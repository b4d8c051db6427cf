"""The options of a question: the answer among wrong ones, and the options alone tell nothing."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import permutations
from math import inf

from coursekit._checks import as_count
from coursekit.data.ordering import hash_order
from coursekit.data.questions import normalise


def mixed_options(
    what: str, answer: str, wrong: list[str], seed: int, key: str
) -> tuple[tuple[str, ...], int]:
    """Return the options in an order of chance, and the index of the answer among them.

    Example:
        >>> options, correct = mixed_options("capitals", "Paris", ["Rome", "Oslo"], 0, "FR")
        >>> options[correct]
        'Paris'
    """
    options = tuple(hash_order([answer, *wrong], f"order of {what}", seed, key))
    return options, options.index(answer)


def check_n_options(n_options: int, most: int, because: str) -> None:
    """Refuse a number of options that is not 2 to `most`.

    Example:
        >>> check_n_options(9, 4, "as many as there are seasons")
        Traceback (most recent call last):
        ValueError: n_options must be 2 to 4, as many as there are seasons, found 9
    """
    if not 2 <= as_count(n_options, "n_options", least=0) <= most:
        raise ValueError(f"n_options must be 2 to {most}, {because}, found {n_options}")


def other_spellings(answer: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that `matches` would not take for the answer, or for one another, anyway.

    Example:
        >>> other_spellings("Kyiv", ["KYIV.", "Kiev", "kiev"])
        ('Kiev',)
    """
    seen, kept = {normalise(answer)}, []
    for name in names:
        if normalise(name) not in seen:
            seen.add(normalise(name))
            kept.append(name)
    return tuple(kept)


def near_numbers(
    right: int, slips: Iterable[int], n: int, salt: tuple[object, ...], most: float = inf
) -> list[str]:
    """Return n - 1 wrong numbers that slips lead to, such that the options alone tell nothing.

    If every wrong number were one slip away from the right one, that one would be known by sight:
    the others surround it. So the options form a pattern, sums of slips (0, 1, 10, 11), and the
    place of the right number in it is drawn by lot. All have as many digits as the right one where
    possible, because short numbers are likelier; slips that leave most places free come first.

    Args:
        right: The right number.
        slips: Sizes of slips; as many as are needed are drawn.
        n: Number of options.
        salt: Of the hash that draws.
        most: The largest number allowed; the smallest is 1.

    Example:
        >>> near_numbers(92, (1, 2, 10), 4, ("34 + 58",))
        ['93', '94', '95']
    """
    digits = len(str(right))

    def places(drawn: tuple[int, ...]) -> tuple[list[list[int]], list[list[int]]]:
        sums = [0]
        for slip in drawn:
            sums += [total + slip for total in sums if total + slip not in sums]
        moved = [[right + total - zero for total in sums[:n]] for zero in sums[:n]]
        allowed = [numbers for numbers in moved if min(numbers) >= 1 and max(numbers) <= most]
        even = [numbers for numbers in allowed if {len(str(k)) for k in numbers} == {digits}]
        return even, allowed

    draws = hash_order(permutations(slips, 3), "slips", *salt)
    even, allowed = max(map(places, draws), key=lambda found: (len(found[0]), len(found[1])))
    numbers = hash_order(even or allowed, "place", *salt)[0]
    return [str(number) for number in numbers if number != right]
