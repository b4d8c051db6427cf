"""The face of a room: its names are looked up when they are first asked for.

Importing a room then costs nothing, and PyTorch is loaded when something is used that needs it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_face(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the `__getattr__` and the `__dir__` of a package (PEP 562).

    Args:
        package: Its name, such as `"coursekit.lm"`.
        homes: For each name that it shows, the module inside it that defines it.

    Example:
        >>> import coursekit.lm  # loads nothing
        >>> coursekit.lm.TrainingConfig.__name__
        'TrainingConfig'
    """

    def look_up(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{homes[name]}"), name)
        setattr(sys.modules[package], name, value)  # found at once from now on
        return value

    return look_up, lambda: sorted({*vars(sys.modules[package]), *homes})
