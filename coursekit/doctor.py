"""Is this machine ready for the course? A short list of checks, and how to mend what is not.

Every check returns a `Finding`: `ok`, `warning` (the course works, with a limit) or `problem` (it
does not). Nothing here is downloaded, and a missing package is a finding, not a crash.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from coursekit._fetching import Wheel

OLDEST, NEWEST = (3, 11), (3, 13)
MEMORY_NEEDED = 2e9  # bytes: the model is 0.54 GB and is held twice while it is converted
REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements.txt"
INSTALL = "Run: python -m pip install -r requirements.txt"


@dataclass(frozen=True)
class Finding:
    """What one check found; `mend` says what to do about a warning or a problem.

    Example:
        >>> Finding("warning", "little memory", "Close programs.").mend
        'Close programs.'
    """

    level: Literal["ok", "warning", "problem"]
    text: str
    mend: str = ""


def report() -> int:
    """Print all findings in plain ASCII labels; return 1 if there is a problem, else 0."""
    findings = examine()
    for finding in findings:
        print(f"{finding.level:<9}{finding.text}")
        if finding.mend:
            print(f"{'':<9}{finding.mend}")
    problems = sum(finding.level == "problem" for finding in findings)
    warnings = sum(finding.level == "warning" for finding in findings)
    print(f"\nProblems: {problems}. Warnings: {warnings}.")
    return int(problems > 0)


def examine() -> list[Finding]:
    """Return the findings of every check, in the order in which they are best mended."""
    return [_survive(check) for check in CHECKS]


def python_version(running: tuple[int, int] = sys.version_info[:2]) -> Finding:
    """Check for a Python that the course is tested on: 3.11 to 3.13.

    Example:
        >>> python_version((3, 10)).level, python_version((3, 13)).level
        ('problem', 'ok')
    """
    text = f"Python {running[0]}.{running[1]}"
    if running < OLDEST:
        return Finding("problem", text, "Install Python 3.11 to 3.13 and make a new environment.")
    if running > NEWEST:
        return Finding("warning", text, "The course is tested on Python 3.11 to 3.13.")
    return Finding("ok", text)


def packages(requirements: Path = REQUIREMENTS) -> Finding:
    """Check that every package of requirements.txt is installed, in that version.

    Example:
        >>> packages(Path("no such file")).text
        'packages: no requirements.txt here to compare with'
    """
    if not requirements.exists():
        return Finding("ok", "packages: no requirements.txt here to compare with")
    pins = re.findall(r"^([\w.-]+)==([\w.+!]+)", requirements.read_text(encoding="utf-8"), re.M)
    missing, other = [], []
    for name, pinned in pins:
        try:
            installed = metadata.version(name).split("+")[0]  # torch says 2.13.0+cpu
        except metadata.PackageNotFoundError:
            missing.append(name)
            continue
        if installed != pinned:
            other.append(f"{name} {installed} (pinned {pinned})")
    if missing:
        return Finding("problem", f"packages missing: {', '.join(missing)}", INSTALL)
    if other:
        return Finding("warning", f"packages in other versions: {', '.join(other)}", INSTALL)
    return Finding("ok", f"packages: all {len(pins)} in their pinned versions")


def torch_build() -> Finding:
    """Check that PyTorch works, and uses the GPU if there is one."""
    import torch

    text = f"torch {torch.__version__}, {torch.get_num_threads()} CPU threads"
    if torch.cuda.is_available():
        return Finding("ok", f"{text}, GPU {torch.cuda.get_device_name()}")
    if torch.backends.mps.is_available():
        return Finding("ok", f"{text}, Apple GPU")
    if shutil.which("nvidia-smi"):
        return Finding(
            "warning",
            f"{text}, and an NVIDIA GPU that it does not use",
            "The course runs on the CPU. For the GPU choose a CUDA build at pytorch.org.",
        )
    return Finding("ok", f"{text}, no GPU (none is needed)")


def memory() -> Finding:
    """Check for enough free memory for the embedded model."""
    import psutil  # type: ignore[import-untyped]

    found = psutil.virtual_memory()
    text = f"memory: {found.available / 1e9:.1f} GB free of {found.total / 1e9:.1f} GB"
    if found.available < MEMORY_NEEDED:
        return Finding("warning", text, f"Close programs: {MEMORY_NEEDED / 1e9:.0f} GB is enough.")
    return Finding("ok", text)


def model() -> Finding:
    """Check that the embedded language model is in the cache and whole, or has room there."""
    from coursekit.llm import embedded

    folder = embedded.model_dir()
    defect = embedded.defect(folder, every_byte=True)
    if defect is None:
        return Finding("ok", f"model: {embedded.NAME} in {folder}")
    mend = "Run: python -m coursekit fetch"
    elsewhere = "Set the environment variable COURSEKIT_CACHE to another folder."
    existing = _nearest_existing(folder.parent)
    if not _writable(existing):
        return Finding("problem", f"model: not there, and {existing} cannot be written", elsewhere)
    free = shutil.disk_usage(existing).free
    if free < embedded.SPACE_NEEDED:
        room = f"{free / 1e9:.1f} GB free of the {embedded.SPACE_NEEDED / 1e9:.1f} GB it needs"
        return Finding("problem", f"model: not there, and {existing} has {room}", elsewhere)
    if folder.exists():
        return Finding("warning", f"model: damaged, {defect}", mend)
    return Finding("warning", "model: not fetched yet (the first notebook would do it)", mend)


def question_sets() -> Finding:
    """Check the public question sets: whole, or not there, which few parts of the course mind."""
    from coursekit.data.benchmarks import WHEEL

    return _kept_wheel("question sets", WHEEL)


def sentence_embeddings() -> Finding:
    """Check the sentence embeddings: whole, or not there, which notebook 13 alone minds."""
    from coursekit.llm.embeddings import WHEEL

    return _kept_wheel("sentence embeddings", WHEEL)


def _kept_wheel(name: str, wheel: Wheel) -> Finding:
    from coursekit._fetching import cache_dir, sha256_of

    path = cache_dir() / wheel.file
    if not path.is_file():
        return Finding("ok", f"{name}: not fetched ({wheel.megabytes} MB, {wheel.command})")
    if sha256_of(path) != wheel.sha256:
        mend = f"Delete it, then run: {wheel.command}"
        return Finding("warning", f"{name}: {path} is damaged", mend)
    return Finding("ok", f"{name}: {path}")


def jupyter() -> Finding:
    """Check that JupyterLab is installed, and that its Python kernel is this Python."""
    # The package alone, without the notebooks, needs no Jupyter.
    if find_spec("jupyterlab") is None and not REQUIREMENTS.exists():
        return Finding("ok", "Jupyter: not installed (only the notebooks need it)")
    import jupyterlab  # type: ignore[import-untyped]  # noqa: F401  (only whether it is there)
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    mend = "Run: python -m ipykernel install --sys-prefix"
    try:
        python = KernelSpecManager().get_kernel_spec("python3").argv[0]
    except NoSuchKernel:
        return Finding("problem", "Jupyter: no Python kernel", mend)
    # "python" alone means the Python that runs Jupyter, which is this one.
    if os.path.isabs(python) and Path(python).parent != Path(sys.executable).parent:
        return Finding("warning", f"Jupyter: its kernel is another Python, {python}", mend)
    return Finding("ok", "Jupyter: lab and Python kernel")


def progress_file() -> Finding:
    """Check that the learner's progress can be kept."""
    from coursekit import progress

    path = progress.path()
    if _writable(_nearest_existing(path.parent)) and (
        not path.exists() or os.access(path, os.W_OK)
    ):
        return Finding("ok", f"progress: kept in {path}")
    return Finding(
        "warning",
        f"progress: {path} cannot be written, so exercises are forgotten at the end",
        "Set the environment variable COURSEKIT_PROGRESS to a file that you may write.",
    )


CHECKS = (
    python_version,
    packages,
    torch_build,
    memory,
    jupyter,
    model,
    question_sets,
    sentence_embeddings,
    progress_file,
)


def _survive(check: Callable[[], Finding]) -> Finding:
    """Run a check; one that cannot even import what it looks at has found something."""
    try:
        return check()
    except Exception as error:
        found = f"{check.__name__.replace('_', ' ')}: {type(error).__name__}: {error}"
        return Finding("problem", found, INSTALL)


def _nearest_existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def _writable(folder: Path) -> bool:
    """Whether a file can be made there: the one test that is right on every platform."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
