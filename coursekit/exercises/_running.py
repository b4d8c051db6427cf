"""Run a learner's code so that nothing it does can stop, change or drown the notebook.

On Linux the code runs in a process of its own, a copy of the notebook's: what it changes there
stays there, and at the time limit it is killed, even inside C code that keeps the interpreter's
lock. Copying a process is not safe everywhere: on Windows, on macOS and beside an accelerator the
code runs in a thread, and what it changed is put back as far as `_state_kept` knows it. A thread
cannot be stopped inside C code, and `os._exit` in it ends the kernel.
"""

from __future__ import annotations

import builtins
import contextlib
import ctypes
import faulthandler
import io
import logging
import math
import os
import random
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, Pipe
from typing import Any, NoReturn

__all__ = ["Run", "Stopped", "run_limited"]

PRINTED = 1000  # characters kept


class Stopped(BaseException):
    """Raised inside a learner's thread to end it; no `except Exception` catches it."""


@dataclass(frozen=True)
class Run:
    """How a run ended: with a value, with an error, or (`finished` is False) at the time limit.

    Attributes:
        error: The name of the exception, or how the code ended its process: "exit code 1".
        died: Whether it ended its process.
    """

    finished: bool
    value: Any = None
    error: str | None = None
    died: bool = False
    printed: str = ""


def run_limited(function: Callable[[], Any], seconds: float) -> Run:
    """Call `function`, which takes nothing, for at most `seconds`; its value must be picklable.

    Of what it prints, the first 1,000 characters are kept.

    Example:
        >>> run_limited(lambda: 6 * 7, seconds=5).value
        42
        >>> run_limited(lambda: 1 / 0, seconds=5).error
        'ZeroDivisionError'
    """
    if _can_fork():
        return _run_in_process(function, seconds)
    with _state_kept():
        return _run_in_thread(function, seconds)


def _can_fork() -> bool:
    """Whether a copy of this process can compute: on Linux, with no accelerator in use."""
    torch: Any = sys.modules.get("torch")
    return sys.platform == "linux" and not (torch and torch.accelerator.is_available())


def _outcome(function: Callable[[], Any]) -> Run:
    try:
        return Run(finished=True, value=function())
    except BaseException as error:  # SystemExit and its like, too, must not end the kernel
        return Run(finished=True, error=type(error).__name__)


class _Catch(io.TextIOBase):
    """A standard output that passes the first characters on and forgets the rest."""

    def __init__(self, limit: int, pass_on: Callable[[str], object]) -> None:
        self.left = limit
        self.pass_on = pass_on

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if kept := text[: self.left]:
            self.left -= len(kept)
            self.pass_on(kept)
        return len(text)


@contextlib.contextmanager
def _caught(pass_on: Callable[[str], object]) -> Iterator[None]:
    """Pass on the beginning of what is printed; forget what is written to the standard error."""
    with (
        contextlib.redirect_stdout(_Catch(PRINTED, pass_on)),
        contextlib.redirect_stderr(_Catch(0, pass_on)),
    ):
        yield


# In a process


def _run_in_process(function: Callable[[], Any], seconds: float) -> Run:
    """Call the function in a copy of this process, which does not outlive this call."""
    reader, writer = Pipe(duplex=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12's, of forks with threads
        child = os.fork()
    if child == 0:
        _work(function, seconds, writer)
    writer.close()
    ended: Run | None = None
    printed = ""
    deadline = time.monotonic() + seconds
    try:
        while ended is None and reader.poll(max(0.0, deadline - time.monotonic())):
            said = reader.recv()
            if isinstance(said, Run):
                ended = said
            else:
                printed += said
        ended = ended or Run(finished=False)
    except Exception:  # the end of the pipe, or what nobody else writes into it
        ended = None
    finally:  # also when the learner interrupts the kernel while it waits
        reader.close()
        how = _kill(child)
    return replace(ended or Run(finished=True, error=how, died=True), printed=printed)


def _work(function: Callable[[], Any], seconds: float, writer: Connection) -> NoReturn:
    """Be the copy: call the function, send what it prints and how it ends, and be gone."""
    try:
        os.setpgid(0, 0)  # an interrupt of the kernel is not for this process
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(math.ceil(seconds) + 1)  # in case the kernel ends meanwhile
        _make_safe()
        with _caught(writer.send), _state_kept():  # a deleted `len` would be missed below
            run = _outcome(function)
        try:
            writer.send(run)
        except Exception as error:  # a value that cannot be pickled
            writer.send(Run(finished=True, error=type(error).__name__))
    finally:
        os._exit(0)


def _make_safe() -> None:
    """Do without what a copy of a process lacks: its terminal, and other threads to compute in."""
    faulthandler.disable()
    logging.disable()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


def _kill(child: int) -> str:
    """Kill the process, with those that it started, unless it has ended; return how it ended."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(child, signal.SIGKILL)
    try:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    except ChildProcessError:  # somebody else in this process waits for every child
        return "in an unknown way"
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"


# In a thread


def _run_in_thread(function: Callable[[], Any], seconds: float) -> Run:
    """Call the function in a thread, asked to stop when time is up; if it cannot, left behind."""
    outcome: list[Run] = []
    printed: list[str] = []
    thread = threading.Thread(target=lambda: outcome.append(_outcome(function)), daemon=True)
    with _caught(printed.append):
        thread.start()
        try:
            thread.join(seconds)
            ended = outcome[0] if outcome else Run(finished=False)
        finally:  # also when the learner interrupts the kernel while it waits
            if not outcome:
                _stop(thread)
    return replace(ended, printed="".join(printed))


def _stop(thread: threading.Thread) -> None:
    """Raise `Stopped` in the thread a few times; one that still runs after that is left behind."""
    for _ in range(5):
        if not thread.is_alive() or thread.ident is None:
            return
        target = ctypes.c_ulong(thread.ident)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(target, ctypes.py_object(Stopped))
        thread.join(0.1)


@contextlib.contextmanager
def _state_kept() -> Iterator[None]:
    """Put back what a whole process shares: settings, built-in names, random states."""
    put_back = [
        _put_back_python(),
        *([_put_back_numpy(sys.modules["numpy"])] if "numpy" in sys.modules else []),
        *([_put_back_torch(sys.modules["torch"])] if "torch" in sys.modules else []),
    ]
    with warnings.catch_warnings():
        try:
            yield
        finally:
            for change in put_back:
                change()


def _put_back_python() -> Callable[[], None]:
    folder, environment, path = os.getcwd(), dict(os.environ), list(sys.path)
    names, state = dict(vars(builtins)), random.getstate()

    def put_back() -> None:
        vars(builtins).update(names)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.path[:] = path
        random.setstate(state)

    return put_back


def _put_back_numpy(numpy: Any) -> Callable[[], None]:
    options, errors, state = (
        numpy.get_printoptions(),
        numpy.geterr(),
        numpy.random.get_state(),
    )

    def put_back() -> None:
        numpy.set_printoptions(**options)
        numpy.seterr(**errors)
        numpy.random.set_state(state)

    return put_back


def _put_back_torch(torch: Any) -> Callable[[], None]:
    options, dtype, state = (
        vars(torch._tensor_str.PRINT_OPTS).copy(),
        torch.get_default_dtype(),
        torch.get_rng_state(),
    )
    deterministic = torch.get_deterministic_debug_mode()
    threads = torch.get_num_threads()

    def put_back() -> None:
        vars(torch._tensor_str.PRINT_OPTS).update(options)
        torch.set_default_dtype(dtype)
        if torch.get_deterministic_debug_mode() != deterministic:  # setting it imports a compiler
            torch.set_deterministic_debug_mode(deterministic)
        torch.set_num_threads(threads)
        torch.set_rng_state(state)

    return put_back
