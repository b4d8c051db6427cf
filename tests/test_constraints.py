"""The same packages next year: what is pinned, what it needs in turn, and who says so agree."""

from __future__ import annotations

import re
import runpy
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from coursekit import doctor

ROOT = Path(__file__).parents[1]
LOCK = runpy.run_path(str(ROOT / ".ci" / "lock.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def requirements(text):
    lines = (line.strip() for line in text.splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]


def lines_for(constraints, name):
    return [each for each in constraints if canonicalize_name(each.name) == canonicalize_name(name)]


CONSTRAINTS = requirements((ROOT / "constraints.txt").read_text(encoding="utf-8"))
PINS = requirements(LOCK["pins"](*LOCK["REQUIREMENTS"]))


def out_of_step(pins, constraints):
    """The pins that the constraints do not repeat, on every system."""
    return [
        str(pin)
        for pin in pins
        if [(str(each.specifier), each.marker) for each in lines_for(constraints, pin.name)]
        != [(str(pin.specifier), None)]
    ]


def unlocked(names, constraints, requires=metadata.requires, version=metadata.version):
    """What is installed for these names and their needs in a version that no constraint names."""
    seen, waiting, found = set(), [(name, "") for name in names], []
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        try:
            installed, needs = version(name), requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # what another build of PyTorch would need, say
        allowed = [
            each
            for each in lines_for(constraints, name)
            if each.marker is None or each.marker.evaluate()
        ]
        if not any(each.specifier.contains(installed, prereleases=True) for each in allowed):
            found.append(f"{name} {installed}")
        for need in map(Requirement, needs):
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                needed = canonicalize_name(need.name)
                waiting += [(needed, each) for each in ("", *need.extras)]
    return sorted(set(found))


def test_the_constraints_repeat_every_pin():
    assert len(PINS) > 40
    assert out_of_step(PINS, CONSTRAINTS) == []


def test_each_constraint_is_one_version():
    assert all(re.fullmatch(r"==[\w.+!]+", str(each.specifier)) for each in CONSTRAINTS)


def test_what_the_package_needs_is_pinned():
    pinned = {canonicalize_name(pin.name) for pin in PINS}
    assert {canonicalize_name(name) for name in PROJECT["dependencies"]} <= pinned


@pytest.mark.parametrize("name", LOCK["REQUIREMENTS"])
def test_each_file_of_requirements_begins_with_the_constraints(name):
    path = ROOT / name
    option, there = path.read_text(encoding="utf-8").partition("\n")[0].split()
    assert option == "-c"
    assert (path.parent / there).resolve() == ROOT / "constraints.txt"


def test_what_is_installed_here_for_the_course_is_in_the_constraints():
    names = [pin.name for pin in requirements(LOCK["pins"](LOCK["COURSE"]))]
    assert unlocked(names, CONSTRAINTS) == []


def test_a_package_out_of_step_is_noticed():
    constraints = requirements("one==1\ntwo==2 ; python_version < '3'\nthree==3")
    assert out_of_step(requirements("one==1.5\ntwo==2\nThree==3"), constraints) == [
        *("one==1.5", "two==2")
    ]
    needs = {"one": ["two", "three; extra == 'more'"], "two": ["three"], "three": []}
    found = unlocked(["one"], constraints, needs.get, lambda name: "3+cpu")
    assert found == ["one 3+cpu", "two 3+cpu"]


def test_whoever_names_a_version_of_pytorch_names_the_pinned_one():
    (pin,) = lines_for(PINS, "torch")
    pages = ["README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
    for name in pages:
        named = re.findall(r"torch(==[\d.]*\d)", (ROOT / name).read_text(encoding="utf-8"))
        assert set(named) <= {str(pin.specifier)}, name
    assert "torch==" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_lock_is_made_for_every_python_that_the_course_is_made_for():
    supported = [(3, minor) for minor in range(doctor.OLDEST[1], doctor.NEWEST[1] + 1)]
    assert {f"{major}.{minor}" for major, minor in supported} <= set(LOCK["PYTHONS"])
    span = "Python {}.{} to {}.{}".format(*doctor.OLDEST, *doctor.NEWEST)
    for name in ("README.md", "requirements.txt"):
        assert span in " ".join((ROOT / name).read_text(encoding="utf-8").split()), name
