"""What pip makes of the package: its name, what an archive of it holds, and that it works alone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

import coursekit

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "coursekit"
SKIPPED = shutil.ignore_patterns("__pycache__", "*.pyc")
#: All that is written for people: pages, code with its messages, notebooks, settings.
WRITTEN = (".md", ".py", ".ipynb", ".yml", ".yaml", ".toml", ".txt", ".jinja", ".cff", ".json")
#: "coursekit" as what pip shall install: not a path, and not an address that ends in it.
ASKED = re.compile(r"\b(?:pip3?|uv|conda|pipx)\s+(?:install|download|add)\b[^\n`\"]*?\scoursekit\b")


def told_to_install_it(text):
    return ASKED.findall(text)


def test_nobody_is_told_to_install_somebody_elses_package():
    ours = Path(__file__)
    folders = [ROOT / name for name in ("coursekit", "docs", "notebooks", "benchmarks", "tests")]
    hidden = [ROOT / name for name in (".github", ".ci", ".devcontainer", ".binder")]
    files = [path for folder in [*folders, *hidden] for path in folder.rglob("*")]
    files += [ROOT / "Dockerfile", *ROOT.iterdir()]
    written = [
        path
        for path in files
        if path.is_file() and (path.suffix in WRITTEN or path.name in {"Dockerfile", "run"})
    ]
    skipped = {"build", "venv", "__pycache__"}
    found = {
        str(path.relative_to(ROOT)): told_to_install_it(path.read_text(encoding="utf-8"))
        for path in written
        if path != ours and not skipped.intersection(path.relative_to(ROOT).parts)
    }
    assert len(found) > 300
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("pip install coursekit", 1),
        ("python -m pip install -U coursekit[all]", 1),
        ("!pip install netcal coursekit", 1),
        ("pip install -e .", 0),
        ("pip install git+https://github.com/someone/coursekit netcal", 0),
        ("pip install llm-calibration-course, then `import coursekit`", 0),
    ],
)
def test_such_a_line_is_noticed(text, found):
    assert len(told_to_install_it(text)) == found


def run(*command, cwd, **environment):
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """The source archive, and the wheel that is built from that archive and nothing else."""
    pytest.importorskip("setuptools", minversion="77")
    folder = tmp_path_factory.mktemp("archives")
    checkout = folder / "checkout"
    shutil.copytree(PACKAGE, checkout / "coursekit", ignore=SKIPPED)
    for name in ("pyproject.toml", "README.md", "LICENSE", "LICENSE-CONTENT.md", "NOTICE"):
        shutil.copy(ROOT / name, checkout)
    build = (
        "import sys; from setuptools import build_meta as b; getattr(b, sys.argv[1])(sys.argv[2])"
    )
    run(sys.executable, "-c", build, "build_sdist", folder, cwd=checkout, PYTHONPATH="")
    (source,) = folder.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        archive.extractall(folder / "source", filter="data")
    (unpacked,) = (folder / "source").iterdir()
    run(sys.executable, "-c", build, "build_wheel", folder, cwd=unpacked, PYTHONPATH="")
    (wheel,) = folder.glob("*.whl")
    return source, wheel


def test_the_archives_have_the_name_that_is_ours_and_hold_the_whole_package(archives):
    source, wheel = archives
    assert source.name.startswith("llm_calibration_course-")
    assert wheel.name.startswith("llm_calibration_course-")
    assert wheel.name.endswith("-py3-none-any.whl")
    wanted = {
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {"coursekit/py.typed", "coursekit/chapters/tokenization/exercises.py"} < wanted
    assert any(name.endswith(".jinja") for name in wanted)
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        others = {name.partition(".dist-info/")[2] for name in archive.namelist()}
    assert held == wanted
    assert {f"licenses/{name}" for name in ("LICENSE", "LICENSE-CONTENT.md", "NOTICE")} < others


def test_the_wheel_says_what_it_needs(archives):
    with zipfile.ZipFile(archives[1]) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        headers = HeaderParser().parsestr(archive.read(name).decode())
    assert headers["Name"] == "llm-calibration-course"
    assert headers["Version"] == coursekit.__version__
    assert headers["Requires-Python"] == ">=3.11"
    assert {"torch", "transformers", "safetensors"} <= set(headers.get_all("Requires-Dist"))


@pytest.fixture
def alone(archives, tmp_path):
    """A folder with the wheel installed, far from the repository, whose path is not plain."""
    place = tmp_path / "my courses 课程" / "site packages"
    pip = ("-m", "pip", "install", "--no-deps", "--no-index", "--quiet", "--target", place)
    run(sys.executable, *pip, archives[1], cwd=tmp_path)
    return place


def test_the_installed_package_works_without_the_repository(alone):
    folder = alone.parent
    environment = {
        "PYTHONPATH": str(alone),
        "PYTHONUTF8": "1",
        "COURSEKIT_CACHE": str(folder / "cache"),
    }

    def python(*arguments):
        return run(sys.executable, *arguments, cwd=folder, **environment)

    where = python("-c", "import coursekit; print(coursekit.__file__)").strip()
    assert Path(where).is_relative_to(alone)
    assert re.fullmatch(r"coursekit \d+\.\d+\.\d+\n", python("-m", "coursekit", "--version"))
    assert "packages: " in python("-m", "coursekit", "doctor")
    rows = [f"{0.05 + 0.9 * (i % 10) / 9:.3f},{i % 3 % 2}" for i in range(60)]
    (folder / "results.csv").write_text("\n".join(["confidence,correct", *rows]), encoding="utf-8")
    printed = python("-m", "coursekit", "audit", "results.csv", "--output", "report 报告")
    assert "gap" in printed.lower()
    page = (folder / "report 报告" / "report.html").read_text(encoding="utf-8")
    assert "</html>" in page
    python("-c", "from coursekit.chapters.tokenization import exercises, figures, widget")
