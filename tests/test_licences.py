"""Whose work the course uses is said, and how to cite it, the same everywhere."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from coursekit.data import benchmarks

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_citation_is_that_of_this_version_by_these_words_in_the_readme():
    assert CITATION["cff-version"] == "1.2.0"
    assert str(CITATION["version"]) == PROJECT["version"]
    assert CITATION["license"] == [PROJECT["license"], "CC-BY-4.0"]
    assert CITATION["keywords"] == PROJECT["keywords"]
    assert text("README.md").startswith(f"# {CITATION['title']}\n")
    entry = re.search(r"@software\{coursekit, (.*)\}\n", text("README.md"))[1]
    assert dict(re.findall(r"(\w+) = \{(.*?)\}(?:, (?=\w+ =)|$)", entry)) == {
        "author": f"{{{CITATION['authors'][0]['name']}}}",  # a name of many people, not a surname
        "title": CITATION["title"],
        "version": PROJECT["version"],
        "year": re.search(r"Copyright \(c\) (\d+)", text("LICENSE"))[1],
    }


# Owner, the licence of what is quoted, and the module that hands it out.
OWNERS = [
    ("Python Software Foundation", "PSF License 2", "coursekit/data/corpora.py"),
    ("scikit-learn", "BSD 3-Clause", "coursekit/data/corpora.py"),
    ("SciPy", "BSD 3-Clause", "coursekit/data/tasks/summarization.py"),
    ("Unicode CLDR", "Unicode License V3", "coursekit/data/tasks/translation.py"),
    ("GeoNames", "CC BY 4.0", "coursekit/data/facts/__init__.py"),
]


@pytest.mark.parametrize("owner, licence, module", OWNERS, ids=[row[0] for row in OWNERS])
def test_each_owner_is_named_with_the_licence_wherever_the_work_is_used(owner, licence, module):
    words = {
        name: " ".join(text(name).split()) for name in ("LICENSE-CONTENT.md", "NOTICE", module)
    }
    assert all(owner in each for each in words.values())
    assert licence in words["LICENSE-CONTENT.md"] and licence in words[module]
    full = {
        "CC BY 4.0": "Creative Commons Attribution 4.0",
        "PSF License 2": "PSF License Version 2",
    }
    assert full.get(licence, licence) in words["NOTICE"]


@pytest.mark.parametrize("name", benchmarks.names())
def test_each_question_set_stands_in_the_notice_with_its_licence(name):
    benchmark = benchmarks.about(name)
    licence = benchmark.licence.replace("Apache 2.0", "Apache License 2.0")
    words = " ".join(text("NOTICE").split())
    if "none stated" in licence:
        assert benchmark.title in re.search(r"([\w, ]+): no licence stated", words)[1]
    else:
        set_name = re.split(r"[, ]", benchmark.title)[0]
        assert f"{set_name}: {licence}. {benchmark.address}" in words


def test_files_that_are_linked_exist_and_the_source_is_told():
    for name in ("README.md", "LICENSE-CONTENT.md"):
        for target in re.findall(r"\]\(((?:LICENSE|NOTICE|CITATION)[^)]*)\)", text(name)):
            assert (ROOT / target).is_file(), target
        assert "not known to us" in " ".join(text(name).split())
    assert "not known to us" in " ".join(text("NOTICE").split())
