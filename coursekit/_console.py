"""What reaches a terminal: no foreign control characters, and an error as one sentence."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable


def printable(text: str) -> str:
    r"""Return text as one line whose control characters are shown as their codes.

    A model, a report or a file can hold sequences that move the cursor, recolour or retitle a
    terminal, or turn the direction of writing: they are data, and are shown as such.

    Example:
        >>> printable("red \x1b[31m, Zürich, two\nlines")
        'red \\x1b[31m, Zürich, two\\nlines'
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def say(text: str) -> None:
    """Print, also where the output has no sign for a letter: its code is shown instead.

    Example:
        >>> say("accuracy: 0.5")
        accuracy: 0.5
    """
    try:
        print(text)
    except UnicodeEncodeError:
        encoding = sys.stdout.encoding
        print(text.encode(encoding, errors="backslashreplace").decode(encoding))


def exit_code(
    command: str,
    work: Callable[[], int],
    *,
    debug: bool = False,
    speaks: bool = True,
) -> int:
    """Do the work of a command, and return its exit code; an error is told in one sentence.

    Ctrl-C gives code 130; where `work` has more to say about it than "Interrupted.", it raises
    `KeyboardInterrupt` with a text.

    Args:
        command: Its name, with which the sentence begins.
        work: What to do; returns the exit code.
        debug: Show the traceback as well.
        speaks: Whether this process tells of an interruption, which all processes find. An error
            is told by each that meets it: the first to fail ends the others, perhaps in silence.

    Example:
        >>> exit_code("count", lambda: 0)
        0
    """
    try:
        code = work()
        sys.stdout.flush()  # here a full disk or a closed pipe can still be answered
        return code
    except KeyboardInterrupt as interrupt:
        text, code = str(interrupt) or "Interrupted.", 130
    except Exception as error:
        if debug:
            traceback.print_exc()
        text, code = f"{command}: {_sentence(error)}", 1
        speaks = True
        _give_up_broken_output()
    if speaks:
        print("\n".join(map(printable, text.splitlines())), file=sys.stderr)
    return code


def _sentence(error: Exception) -> str:
    if isinstance(error, ValueError | OSError) or _is_ours(error):
        return str(error)
    reason = next(iter(str(error).splitlines()), "")
    kind = type(error).__name__
    return f"{kind}: {reason}. (--debug shows where.)" if reason else f"{kind}. (--debug: where.)"


def _is_ours(error: Exception) -> bool:
    return type(error).__module__.split(".")[0] == "coursekit"


def _give_up_broken_output() -> None:
    """Let Python end in peace where nothing more can be written to the output."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
