"""Ctrl-C, or a notebook's interrupt, at a moment that suits us.

Python raises KeyboardInterrupt wherever it happens to be: perhaps when half of the weights have
moved. A loop that asks `interrupt.requested` after each step stops where everything is consistent.
"""

from __future__ import annotations

import signal
import threading
from typing import Any, Self


class Interrupt:
    """Remembers Ctrl-C until the step is done, lest it tear a step apart; the second one raises.

    Attributes:
        requested: Whether it came.

    Example:
        >>> with Interrupt() as interrupt:
        ...     interrupt.note()  # what Ctrl-C does
        ...     interrupt.requested
        True
    """

    def __init__(self) -> None:
        self.requested = False

    def __enter__(self) -> Self:
        self.before = signal.getsignal(signal.SIGINT)
        # only the main thread gets signals, and a process in the background may ignore them
        self.listens = (
            threading.current_thread() is threading.main_thread()
            and self.before is not signal.SIG_IGN
        )
        if self.listens:
            signal.signal(signal.SIGINT, self.note)
        return self

    def note(self, *_: Any) -> None:
        """Remember that it came; what the system calls."""
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True

    def __exit__(self, *_: object) -> None:
        if self.listens:
            signal.signal(signal.SIGINT, self.before)
