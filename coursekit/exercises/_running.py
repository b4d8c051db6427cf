"""Run a learner's code so that nothing it does can stop or drown the notebook.

The code runs in a daemon thread of its own: a thread can be waited for with a time limit on every
platform and inside a notebook, where signals cannot. What it prints is caught, the random state of
Python, NumPy and PyTorch is put back afterwards.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import random
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["Run", "Stopped", "run_limited"]


class Stopped(BaseException):
    """Raised inside a learner's thread to end it; no `except Exception` catches it."""


@dataclass(frozen=True)
class Run:
    """How a run ended: with a value, with an error, or (`finished` is False) at the time limit."""

    finished: bool
    value: Any = None
    error: BaseException | None = None
    printed: str = ""


def run_limited(function: Callable[[], Any], seconds: float) -> Run:
    """Call `function`, which takes nothing, in a thread of its own for at most `seconds`.

    Of what it prints, the first 1,000 characters are kept. A thread that is not done in time is
    asked to stop; one that cannot be stopped (it waits inside C code) is left behind.
    """
    outcome: list[Run] = []

    def work() -> None:
        try:
            outcome.append(Run(finished=True, value=function()))
        except BaseException as error:  # SystemExit and its like, too, must not end the kernel
            outcome.append(Run(finished=True, error=error))

    thread = threading.Thread(target=work, daemon=True)
    printed = _Catch(limit=1000)
    with (
        _random_state_kept(),
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(_Catch(limit=0)),
    ):
        thread.start()
        try:
            thread.join(seconds)
            ended = outcome[0] if outcome else Run(finished=False)
        finally:  # also when the learner interrupts the kernel while it waits
            if not outcome:
                _stop(thread)
    return replace(ended, printed=printed.text)


class _Catch(io.TextIOBase):
    """A standard output that keeps the first characters and forgets the rest."""

    def __init__(self, limit: int) -> None:
        self.text = ""
        self.limit = limit

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.text += text[: self.limit - len(self.text)]
        return len(text)


def _stop(thread: threading.Thread) -> None:
    """Raise `Stopped` in the thread a few times; one that still runs after that is left behind."""
    for _ in range(5):
        if not thread.is_alive() or thread.ident is None:
            return
        target = ctypes.c_ulong(thread.ident)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(target, ctypes.py_object(Stopped))
        thread.join(0.1)


@contextlib.contextmanager
def _random_state_kept() -> Iterator[None]:
    """Put the global random states back, those of libraries that are loaded."""
    numpy: Any = sys.modules.get("numpy")
    torch: Any = sys.modules.get("torch")
    python_state = random.getstate()
    numpy_state = numpy.random.get_state() if numpy else None
    torch_state = torch.get_rng_state() if torch else None
    try:
        yield
    finally:
        random.setstate(python_state)
        if numpy:
            numpy.random.set_state(numpy_state)
        if torch:
            torch.set_rng_state(torch_state)
