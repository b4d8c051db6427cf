"""What the fault suite shares: kills at an exact moment, rotting files, a small disk, counts."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

#: What a process does to the file system, as Python tells it to an audit hook.
FILE_EVENTS = {"open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate"}


@pytest.fixture
def tried(record_property) -> Callable[..., None]:
    """Keep how often something was tried and what became of it, for the end of the session."""
    return lambda **counts: record_property("tried", counts)


def pytest_terminal_summary(terminalreporter):
    """Print the counts of all fault tests."""
    lines = []
    for report in terminalreporter.stats.get("passed", []):
        for name, counts in report.user_properties:
            if name == "tried":
                counted = ", ".join(f"{what.replace('_', ' ')} {n}" for what, n in counts.items())
                lines.append(f"{report.nodeid.partition('::')[2]}: {counted}")
    if lines:
        terminalreporter.section("faults")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def spoil() -> Callable[[bytes, random.Random], bytes]:
    """Spoil a file as disks and transfers do: a bit, a hole, an end that is missing, a digit."""

    def spoiled(content: bytes, rng: random.Random) -> bytes:
        place = rng.randrange(len(content))
        kind = rng.choice(["bit", "hole", "cut", "digit", "twice"])
        if kind == "cut":
            return content[:place]
        if kind == "hole":
            hole = bytes(min(64, len(content) - place))
            return content[:place] + hole + content[place + len(hole) :]
        if kind == "twice":
            return content[:place] + content[max(0, place - 200) :]
        if kind == "digit":
            digits = [i for i, byte in enumerate(content) if 48 <= byte < 58]
            place = rng.choice(digits)
            other = rng.choice([digit for digit in b"0123456789" if digit != content[place]])
            return content[:place] + bytes([other]) + content[place + 1 :]
        flipped = content[place] ^ (1 << rng.randrange(8))
        return content[:place] + bytes([flipped]) + content[place + 1 :]

    return spoiled


@pytest.fixture
def killed_at(tmp_path: Path) -> Callable[[Callable[[], object], Path, int], bool]:
    """Do something in a child that is killed as it touches a folder for the n-th time.

    Returns whether it was killed; else it has come to its end.
    """
    if not hasattr(os, "fork"):
        pytest.skip("no fork on this system")

    def run(work: Callable[[], object], folder: Path, n: int) -> bool:
        child = os.fork()
        if child == 0:
            touched = 0

            def count(event: str, arguments: tuple) -> None:
                nonlocal touched
                if event in FILE_EVENTS and str(folder) in str(arguments[0]):
                    touched += 1
                    if touched == n:
                        os.kill(os.getpid(), signal.SIGKILL)

            sys.addaudithook(count)
            try:
                work()
                os._exit(0)
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
        return os.WIFSIGNALED(status)

    return run


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mount a file system of a given size, such as "64k"; asked again, it gets another size."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = False

    def resized(size: str) -> Path:
        nonlocal mounted
        options = f"size={size}" + (",remount" if mounted else "")
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("only root can mount a small disk, on Linux")
        mounted = True
        return folder

    yield resized
    if mounted:
        subprocess.run(["umount", str(folder)], check=True)
