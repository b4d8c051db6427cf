"""Learners' code under a time limit: it ends, it is quiet, and it leaves no trace."""

from __future__ import annotations

import builtins
import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from coursekit.exercises import _running
from coursekit.exercises._running import run_limited

in_a_process = pytest.mark.skipif(
    not _running._can_fork(), reason="a process of its own is to be had on Linux, on the CPU"
)


@pytest.fixture(params=[pytest.param("process", marks=in_a_process), "thread"])
def way(request, monkeypatch):
    """Both ways to run a learner's code."""
    if request.param == "thread":
        monkeypatch.setattr(_running, "_can_fork", lambda: False)
    return request.param


def children() -> set[int]:
    """The processes that this one started, and those that ended and were not waited for."""
    return {child.pid for child in psutil.Process().children()}


@pytest.fixture
def thread(monkeypatch):
    monkeypatch.setattr(_running, "_can_fork", lambda: False)


def test_value_and_print(way):
    def answer():
        print("a", 1)
        return 42

    run = run_limited(answer, 600)
    assert (run.finished, run.value, run.error, run.printed) == (True, 42, None, "a 1\n")


@pytest.mark.parametrize(
    "error", [ValueError("x"), SystemExit(3), KeyboardInterrupt(), GeneratorExit(), StopIteration()]
)
def test_every_error_is_caught(way, error):
    def answer():
        raise error

    run = run_limited(answer, 600)
    assert run.finished
    assert run.error == type(error).__name__
    assert not run.died


# Time


def endless_loop():
    while True:
        pass


def endless_print():
    while True:
        print("x" * 100)


def swallows_exceptions():
    while True:
        with contextlib.suppress(Exception):
            time.sleep(0.001)


def swallows_twice():
    for _ in range(2):
        with contextlib.suppress(BaseException):
            while True:
                time.sleep(0.001)


@pytest.mark.parametrize(
    "answer", [endless_loop, endless_print, swallows_exceptions, swallows_twice]
)
def test_the_time_limit_ends_python_code(way, answer):
    before = set(threading.enumerate())
    run = run_limited(answer, 0.2)
    assert not run.finished
    assert len(run.printed) <= 1000
    for thread in set(threading.enumerate()) - before:
        thread.join(600)
    assert set(threading.enumerate()) == before


def swallows_everything():
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(0.001)


def a_number_of_a_hundred_million_digits():
    return 10**10**8


def a_catastrophic_regular_expression():
    return re.match(r"(a|aa)+$", "a" * 60 + "b")


def a_signal_is_ignored():
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    return 10**10**8


def it_waits_for_input():
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    signal.pause()


@in_a_process
@pytest.mark.parametrize(
    "answer",
    [
        swallows_everything,
        a_number_of_a_hundred_million_digits,
        a_catastrophic_regular_expression,
        a_signal_is_ignored,
        it_waits_for_input,
    ],
)
def test_the_time_limit_ends_what_no_thread_can_be_kept_from(answer):
    before = children()
    assert not run_limited(answer, 0.2).finished
    assert children() == before


@in_a_process
def test_what_was_printed_before_the_time_limit_is_kept():
    def answer():
        print("here")
        return 10**10**8

    # A busy machine may need longer to come to the first line.
    assert any(run_limited(answer, seconds).printed == "here\n" for seconds in (0.3, 3, 30, 300))


@in_a_process
def test_the_processes_that_an_answer_started_end_with_it(tmp_path):
    note = tmp_path / "pid"

    def answer():
        note.write_text(str(subprocess.Popen(["sleep", "3600"]).pid), encoding="utf-8")

    assert run_limited(answer, 600).finished
    started = Path("/proc", note.read_text(encoding="utf-8"), "stat")
    end = time.monotonic() + 600
    while (
        time.monotonic() < end
        and started.exists()
        and " Z " not in started.read_text(encoding="utf-8")
    ):
        time.sleep(0.01)
    assert not started.exists() or " Z " in started.read_text(
        encoding="utf-8"
    )  # gone, or a zombie of init's


def test_a_thread_that_cannot_be_stopped_is_left_behind(thread):
    before = set(threading.enumerate())
    release = threading.Event()
    run = run_limited(release.wait, 0.1)  # waits in C code
    assert not run.finished
    (left,) = set(threading.enumerate()) - before
    release.set()
    left.join(600)
    assert not left.is_alive()


def test_an_interrupt_of_the_kernel_is_the_users_and_stops_the_thread(thread, monkeypatch):
    before = threading.active_count()
    join = threading.Thread.join
    calls = []

    def interrupted(self, timeout=None):
        calls.append(timeout)
        if len(calls) == 1:
            raise KeyboardInterrupt
        join(self, timeout)

    monkeypatch.setattr(threading.Thread, "join", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_limited(endless_loop, 600)
    assert threading.active_count() == before


@in_a_process
def test_an_interrupt_of_the_kernel_is_the_users_and_ends_the_process():
    def answer():
        os.kill(kernel, signal.SIGINT)
        return 10**10**8

    kernel, started = os.getpid(), children()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job may ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            run_limited(answer, 600)
    finally:
        signal.signal(signal.SIGINT, before)
    assert children() == started


# Output


def test_output_is_caught_and_given_back(way):
    out, err = sys.stdout, sys.stderr

    def answer():
        print("to stderr", file=sys.stderr)
        print("x" * 10_000_000)

    assert run_limited(answer, 600).printed == "x" * 1000
    assert (sys.stdout, sys.stderr) == (out, err)


@in_a_process
def test_what_c_code_prints_does_not_drown_the_notebook(capfd):
    def answer():
        os.system("echo loud; echo louder >&2; cat")  # and nothing waits for the terminal

    assert run_limited(answer, 600).finished
    assert capfd.readouterr() == ("", "")


# What ends Python, and what comes back


@in_a_process
@pytest.mark.parametrize(
    ("end", "how"),
    [
        (lambda: os._exit(1), "exit code 1"),
        (lambda: os._exit(0), "exit code 0"),
        (lambda: os.abort(), "signal SIGABRT"),
        (lambda: os.kill(os.getpid(), signal.SIGSEGV), "signal SIGSEGV"),
    ],
)
def test_an_answer_that_ends_its_process_is_named(end, how):
    def answer():
        print("before")
        end()

    run = run_limited(answer, 600)
    assert (run.finished, run.died, run.error, run.printed) == (True, True, how, "before\n")


@in_a_process
def test_a_value_that_cannot_be_sent_is_an_error():
    assert run_limited(lambda: lambda: 1, 5).error in {"PicklingError", "AttributeError"}


@in_a_process
def test_a_process_computes_what_this_one_computes():
    """Forward, backward, drawing and sorting, after this process used threads of its own."""

    def compute():
        torch.manual_seed(0)
        weights = torch.randn(300, 300, requires_grad=True)
        loss = (torch.randn(300, 300) @ weights).softmax(dim=1).pow(2).sum()
        loss.backward()
        return [
            weights.grad.norm().item(),
            torch.linalg.svdvals(weights.detach()).max().item(),
            float(np.linalg.norm(np.ones((500, 500)) @ np.ones((500, 500)))),
        ]

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        expected = compute()
        run = run_limited(compute, 10)
    finally:
        torch.set_num_threads(threads)
    assert run.finished
    assert run.value == pytest.approx(expected, rel=1e-4)


# State


def change_everything():
    """Everything global that a learner was seen to change."""
    torch.set_default_dtype(torch.float64)
    torch.use_deterministic_algorithms(True)
    torch.set_printoptions(precision=1)
    np.set_printoptions(precision=1)
    np.seterr(all="raise")
    os.chdir("/")
    os.environ["COURSEKIT_CHANGED"] = "yes"
    os.environ.pop("PATH")
    warnings.simplefilter("error")
    sys.path.clear()
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    builtins.print = None
    del builtins.len


def everything():
    """The state that `change_everything` changes."""
    return (
        torch.get_default_dtype(),
        torch.are_deterministic_algorithms_enabled(),
        repr(torch.tensor([1 / 3])),
        repr(np.array([1 / 3])),
        np.geterr(),
        os.getcwd(),
        dict(os.environ),
        list(warnings.filters),
        list(sys.path),
        vars(builtins).get("len"),
        print,
        random.getstate(),
        repr(np.random.get_state()),  # noqa: NPY002
        torch.get_rng_state().tolist(),
    )


def test_no_change_of_the_state_stays(way):
    before = everything()
    assert run_limited(change_everything, 600).error is None
    assert everything() == before


def test_random_states_are_kept(way):
    def draw():
        return random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002

    def reseed():
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002
        torch.manual_seed(1)
        return draw()

    reseed()
    expected = draw()
    reseed()
    run_limited(reseed, 600)
    run_limited(draw, 600)
    assert draw() == expected
