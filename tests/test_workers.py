"""How the tests are shared among workers: as many as fit, the longest files first."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def settings(pytestconfig):
    """The module `conftest.py` of the whole session."""
    return pytestconfig.pluginmanager.get_plugin(str(ROOT / "conftest.py"))


def test_every_file_that_is_called_long_is_there_once(settings):
    assert [name for name in settings.LONGEST_FIRST if not (ROOT / name).is_file()] == []
    assert len(set(settings.LONGEST_FIRST)) == len(settings.LONGEST_FIRST)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("max", float("inf")),
        ("max 100000\n", float("inf")),
        ("150000 100000", 1.5),
        ("8000000000\n", 8e9),
    ],
)
def test_the_limit_of_a_container_is_read(settings, tmp_path, text, limit):
    file = tmp_path / "limit"
    file.write_text(text, encoding="utf-8")
    assert settings.limit_of_container(str(file)) == limit
    assert settings.limit_of_container(str(tmp_path / "no such file")) == float("inf")


@pytest.mark.parametrize(
    ("cores", "gigabytes", "workers"), [(2, 64, 2), (4, 6, 2), (4, 1, 1), (64, 512, 8)]
)
def test_workers_are_as_many_as_fit(settings, monkeypatch, cores, gigabytes, workers):
    free = SimpleNamespace(available=gigabytes * 1e9)
    monkeypatch.setattr(settings, "n_cores", lambda: cores)
    monkeypatch.setattr(settings, "limit_of_container", lambda name: float("inf"))
    monkeypatch.setattr(settings.psutil, "virtual_memory", lambda: free)
    assert settings.n_workers() == workers


def command(**options) -> SimpleNamespace:
    defaults = {
        "usepdb": False,
        "capture": "fd",
        "tx": [],
        "numprocesses": None,
        "dist": "no",
        "loadscopereorder": True,
    }
    return SimpleNamespace(
        option=SimpleNamespace(**{**defaults, **options}),
        args=[str(ROOT / "tests")],
        pluginmanager=SimpleNamespace(hasplugin=lambda name: True),
    )


@pytest.mark.parametrize(
    ("options", "numprocesses", "dist"),
    [
        ({}, 3, "loadfile"),
        ({"numprocesses": "auto"}, 3, "loadfile"),
        ({"numprocesses": 2}, 2, "loadfile"),
        ({"numprocesses": 2, "dist": "load"}, 2, "load"),
        ({"numprocesses": 1}, 0, "no"),
        ({"numprocesses": 0}, 0, "no"),
        ({"usepdb": True}, None, "no"),
        ({"capture": "no"}, None, "no"),
    ],
)
def test_folders_are_shared_unless_the_command_says_otherwise(
    settings, monkeypatch, options, numprocesses, dist
):
    monkeypatch.setattr(settings, "n_workers", lambda: 3)
    monkeypatch.setattr(settings, "n_cores", lambda: 3)
    monkeypatch.setattr(os, "environ", {})
    config = command(**options)
    settings.pytest_cmdline_main(config)
    assert (config.option.numprocesses, config.option.dist) == (numprocesses, dist)
    assert {os.environ.get(name) for name in settings.THREADS} == {"1" if numprocesses else None}


def test_a_file_that_is_named_runs_here(settings, monkeypatch):
    monkeypatch.setattr(settings, "n_workers", lambda: 3)
    config = command()
    config.args = [str(Path(__file__)), f"{__file__}::test"]
    settings.pytest_cmdline_main(config)
    assert config.option.numprocesses is None


def test_the_longest_start_first_and_only_the_others_are_quick(settings):
    first, second = settings.LONGEST_FIRST[-2:]
    marked = []

    def item(name: str, slow: bool = False) -> SimpleNamespace:
        return SimpleNamespace(
            path=ROOT / name,
            parent=None,
            add_marker=lambda mark: marked.append((name, mark)),
            get_closest_marker=lambda mark: slow and mark == "slow",
        )

    items = [item("tests/a.py"), item(second), item("tests/b.py", slow=True), item(first)]
    config = SimpleNamespace(rootpath=ROOT, workerinput={})
    settings.pytest_collection_modifyitems(config, items)
    names = [one.path.relative_to(ROOT).as_posix() for one in items]
    assert names == [first, second, "tests/a.py", "tests/b.py"]
    assert marked == [("tests/a.py", "quick")]
