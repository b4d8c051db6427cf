"""Call a function the way a learner's function must be called, and describe the call in words.

The function gets a copy of the arguments, so that whatever it does to them harms nobody; whether it
changed them is noted.
"""

from __future__ import annotations

import copy
import inspect
import textwrap
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from coursekit._language import tr
from coursekit.exercises._comparing import has_blank, is_data, same, show
from coursekit.exercises._running import Stopped

__all__ = ["Call", "call", "is_blank", "misfit", "shown", "what_was_raised"]

Function = Callable[..., Any]


@dataclass(frozen=True)
class Call:
    """One call of a function: its output or its error, and whether it changed its arguments."""

    output: Any = None
    error: BaseException | None = None
    changed: bool = False


def call(function: Function, args: tuple[Any, ...]) -> Call:
    """Call the function on a copy of the arguments; only the time limit stops this.

    Example:
        >>> made = call(list.pop, ([1, 2],))
        >>> made.output, made.changed
        (2, True)
        >>> call(lambda x: 1 / x, (0,)).error
        ZeroDivisionError('division by zero')
    """
    given = copy.deepcopy(args)
    try:
        output = function(*given)
    except Stopped:
        raise
    except BaseException as error:
        return Call(error=error)
    pairs = zip(args, given, strict=True)
    changed = any(is_data(old) and not same(old, new, rtol=0, atol=0) for old, new in pairs)
    return Call(output, changed=changed)


def is_blank(made: Call, expected: Any) -> bool:
    """Return whether the call shows that the stub, or a `...` in it, is still to be filled in.

    Example:
        >>> is_blank(call(lambda x: x + ..., (1,)), expected=2)
        True
    """
    if made.error is not None:
        return _says_not_implemented(made.error) or "ellipsis" in str(made.error).lower()
    return has_blank(made.output) or (made.output is None and expected is not None)


def _says_not_implemented(error: BaseException) -> bool:
    """Whether Python code raised it by name. PyTorch's kernels raise it, too, for a wrong dtype."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return type(error) is NotImplementedError and (
        "NotImplementedError" in frames[-1].f_code.co_names
    )


def misfit(function: Function, args: tuple[Any, ...]) -> str | None:
    """Return why the function cannot take these arguments; None when it can or nobody knows.

    Example:
        >>> misfit(lambda x: x, (1, 2))
        'too many positional arguments'
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    try:
        signature.bind(*args)
    except TypeError as error:
        return str(error)
    return None


def shown(function: Function, args: tuple[Any, ...]) -> str:
    """Return the arguments of a call as text.

    Example:
        >>> shown(lambda probs, label: 0, ([0.2, 0.8], 1))
        'probs = [0.2, 0.8], label = 1'
    """
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        names = []
    names += [tr("argument {number}", number=i + 1) for i in range(len(names), len(args))]
    limit = 240 // len(args) if args else 0
    return ", ".join(f"{name} = {show(arg, limit)}" for name, arg in zip(names, args, strict=False))


def what_was_raised(function: Function, error: BaseException) -> str:
    """Return the error and its line, as "ZeroDivisionError: ... (line 3: `return 1 / 0`)".

    Example:
        >>> what_was_raised(len, TypeError("no length"))
        'TypeError: no length'
    """
    text = textwrap.shorten(" ".join(str(error).split()), 160)
    said = f"{type(error).__name__}: {text}" if text else type(error).__name__
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    if not own:
        return said
    number, line = own[-1].lineno, own[-1].line
    if not line:
        return tr("{error} (line {number})", error=said, number=number)
    return tr("{error} (line {number}: `{line}`)", error=said, number=number, line=line)
