"""One source of chance for the whole of `coursekit.data`: order by the hash of a name.

A shuffle moves everything when one item is added. Sorting by a hash of the item's own name does
not: the order of two items depends on their names and the seed alone, on every machine and Python
version, so that splits and questions hardly change when an update adds a country or a topic.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

Item = TypeVar("Item")


def hash_place(name: object, *salt: object) -> tuple[str, str]:
    """Return the place of a name in the order of `hash_order`, to be compared with others.

    Example:
        >>> sorted("abc", key=hash_place) == hash_order("abc")
        True
    """
    text = "|".join(str(part) for part in (*salt, name))
    return hashlib.sha256(text.encode()).hexdigest(), text


def hash_order(
    items: Iterable[Item], *salt: object, name: Callable[[Item], Any] = str
) -> list[Item]:
    """Return the items in a random-looking but reproducible order.

    Args:
        items: Anything with distinct names; the order they come in does not matter.
        salt: The seed, and what the order is for, so that two uses of one seed are unrelated.
        name: Gives the name of an item that is hashed with the salt.

    Example:
        >>> hash_order("abcd", 0), hash_order("dcba", 0), hash_order("abcd", 1)
        (['c', 'a', 'b', 'd'], ['c', 'a', 'b', 'd'], ['b', 'd', 'c', 'a'])
    """
    return sorted(items, key=lambda item: hash_place(name(item), *salt))
