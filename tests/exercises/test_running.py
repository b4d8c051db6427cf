"""Learners' code under a time limit: it ends, it is quiet, and it leaves no trace."""

from __future__ import annotations

import contextlib
import random
import sys
import threading
import time

import numpy as np
import pytest
import torch

from coursekit.exercises._running import run_limited


def test_value_and_print():
    def answer():
        print("a", 1)
        return 42

    run = run_limited(answer, 5)
    assert (run.finished, run.value, run.error, run.printed) == (True, 42, None, "a 1\n")


@pytest.mark.parametrize(
    "error", [ValueError("x"), SystemExit(3), KeyboardInterrupt(), GeneratorExit(), StopIteration()]
)
def test_every_error_is_caught(error):
    def answer():
        raise error

    run = run_limited(answer, 5)
    assert run.finished
    assert run.error is error


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
def test_the_time_limit_ends_the_thread(answer):
    before = threading.active_count()
    start = time.perf_counter()
    run = run_limited(answer, 0.2)
    assert not run.finished
    assert time.perf_counter() - start < 2
    assert len(run.printed) <= 1000
    assert threading.active_count() == before


def test_a_thread_that_cannot_be_stopped_is_left_behind():
    release = threading.Event()
    start = time.perf_counter()
    run = run_limited(release.wait, 0.1)  # waits in C code
    assert not run.finished
    assert time.perf_counter() - start < 2
    release.set()


def test_output_is_caught_and_given_back():
    out, err = sys.stdout, sys.stderr

    def answer():
        print("to stderr", file=sys.stderr)
        print("x" * 10_000_000)

    assert run_limited(answer, 5).printed == "x" * 1000
    assert (sys.stdout, sys.stderr) == (out, err)


def test_an_interrupt_of_the_kernel_is_the_users_and_stops_the_thread(monkeypatch):
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
        run_limited(endless_loop, 5)
    assert threading.active_count() == before


def test_random_states_are_kept():
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
    run_limited(reseed, 5)
    run_limited(draw, 5)
    assert draw() == expected
