"""Every work that the course recommends or takes something from is in the bibliography.

What is compared are whole titles and whole surnames, so that a work that does not exist is found
out, however much its title looks like another ("scaling" contains "Lin").
"""

from __future__ import annotations

import ast
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "notebooks" / "source").glob("*.py"))
MODULES = sorted((ROOT / "coursekit").rglob("*.py"))

# Works of an age or a kind that has neither a DOI nor an address of its own.
WITHOUT_ADDRESS = {
    "fisher1935design",
    "kish1965survey",
    "platt1999probabilistic",
    "zadrozny2001obtaining",
    "zipf1949human",
}
# The collection that an entry is part of: emphasised too, and no entry itself.
COLLECTIONS = {"judgment under uncertainty heuristics and biases"}


def plain(text):
    """The words of a text, without accents, TeX, hyphens or case."""
    text = re.sub(r"\\[lL]\b(\{\})?", "l", text.replace("ł", "l").replace("Ł", "L"))
    text = re.sub(r"\\[`'^\"~=.cuvHk](?=[\\{a-zA-Z])|[{}'’*]", "", text)
    letters = unicodedata.normalize("NFKD", text).lower()
    kept = "".join(c for c in letters if not unicodedata.combining(c))
    return " ".join(re.findall(r"[a-z0-9]+", kept))


@dataclass(frozen=True)
class Work:
    """An entry of the bibliography."""

    key: str
    titles: frozenset[str]  # the whole one, its main part (before a colon), a short one
    surnames: tuple[str, ...]  # each the whole family name
    year: str
    fields: dict[str, str]

    def fits(self, before, after):
        """Whether its first author's whole surname stands before its title, and its year after."""
        return f" {self.surnames[0]} " in f" {before} " and self.year in after.split()


def works(text):
    """The entries of a bibliography."""
    found = []
    for line in text.splitlines():
        if line.startswith("@"):
            key = re.match(r"@\w+\{([^,]+),", line)[1]
            field = dict(re.findall(r"(\w+) = \{(.*?)\}(?=, \w+ = \{|\}$)", line))
            whole = field["title"]
            titles = {whole, whole.partition(":")[0], field.get("shorttitle", whole)}
            names = [plain(name.partition(",")[0]) for name in field["author"].split(" and ")]
            found.append(
                Work(key, frozenset(map(plain, titles)), tuple(names), field["year"], field)
            )
    return found


TEXT = (ROOT / "docs" / "references.bib").read_text(encoding="utf-8")
WORKS = works(TEXT)


def further_reading(source):
    """The bullets under "Further reading", each on one line."""
    text = re.sub(r"^# ?", "", source.read_text(encoding="utf-8"), flags=re.MULTILINE)
    section = re.search(r"^## Further reading\n(.*?)^(?:%%|## )", text, re.DOTALL | re.MULTILINE)
    bullets = re.split(r"\n- ", "\n" + section[1].strip())
    return [" ".join(bullet.split()) for bullet in bullets if bullet.strip()]


def unknown_titles(bullet, known=WORKS):
    """What a bullet emphasises that is no title of the bibliography, or not by that author then.

    Of several works in a bullet each has its own author before its title, and its own year after.
    """
    parts = re.split(r"(?<![*\w])\*([^*]+)\*(?!\*)", bullet)
    for i in reversed(range(1, len(parts), 2)):
        if plain(parts[i]) in COLLECTIONS:  # the year of what is in it stands after it
            parts[i - 1 : i + 2] = [parts[i - 1] + parts[i + 1]]
    unknown = []
    for i in range(1, len(parts), 2):
        title, after = plain(parts[i]), plain(parts[i + 1])
        before = plain(" ".join(parts[:i:2]))  # a second work by the same need not name them again
        if not any(title in work.titles and work.fits(before, after) for work in known):
            unknown.append(parts[i])
    return unknown


def unknown_years(text, known=WORKS):
    """Years that a text names without an author who published in that year by the bibliography."""
    not_years = r"arXiv[: ]\d{4}\.\d+|https?://\S+|\*[^*]+\*|\"[^\"]+\""  # numbers, titles
    words = f" {plain(text)} "
    years = re.findall(r"\b(?:1[6-9]|20)\d\d\b", re.sub(not_years, "", text))
    explained = {work.year for work in known if any(f" {name} " in words for name in work.surnames)}
    return [year for year in years if year not in explained]


def test_entries_are_whole_and_different():
    assert len(WORKS) == TEXT.count("\n@") > 80
    assert len({work.key for work in WORKS}) == len(WORKS)
    assert len({plain(work.fields["title"]) for work in WORKS}) == len(WORKS)
    keys = [line.partition("{")[2].partition(",")[0] for line in TEXT.splitlines() if "@" in line]
    assert keys == sorted(keys)


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.key)
def test_each_entry_has_one_address_and_names_its_authors(work):
    addresses = {"doi", "url"} & set(work.fields)
    assert len(addresses) == (work.key not in WITHOUT_ADDRESS)
    assert re.fullmatch(r"10\.\d{4,9}/\S+", work.fields.get("doi", "10.1000/1"))
    assert re.fullmatch(r"https?://\S+", work.fields.get("url", "https://x"))
    assert all(work.surnames) and "others" not in work.surnames[:-1]


BULLET = "P. Liang et al., *Holistic evaluation of language models*, arXiv:2211.09110, 2022."


@pytest.mark.parametrize(
    "bullet, unknown",
    [
        (BULLET, []),
        (BULLET.replace("Holistic", "Scaling"), ["Scaling evaluation of language models"]),
        (BULLET.replace("Holistic evaluation", "Evaluation"), ["Evaluation of language models"]),
        (BULLET.replace("Liang", "Lian"), ["Holistic evaluation of language models"]),
        (BULLET.replace(" 2022.", " 2021."), ["Holistic evaluation of language models"]),
        # "scaling" contains "Lin", who published in 2022.
        ("A. Nobody, *Scaling everything*, 2022.", ["Scaling everything"]),
        (f"{BULLET[:-1]}; A. Nobody, *Nothing at all*, 2022.", ["Nothing at all"]),
        # The second work's author or year must be its own, not the first one's.
        (f"{BULLET[:-1]}; C. Guo, *On calibration of modern neural networks*, 2022.",
         ["On calibration of modern neural networks"]),
        (f"C. Guo, *On calibration of modern neural networks*, 2022; {BULLET}",
         ["On calibration of modern neural networks"]),
        (f"{BULLET[:-1]}; A. Nobody, *On calibration of modern neural networks*, ICML 2017.",
         ["On calibration of modern neural networks"]),
        (f"{BULLET[:-1]}; C. Guo, *On calibration of modern neural networks*, ICML 2017.", []),
        ("C. Guo et al., *On calibration of modern neural networks*, ICML 2017.", []),
        ("C. Guo et al., *On calibration of modern neural*, ICML 2017.",
         ["On calibration of modern neural"]),
    ],
)  # fmt: skip
def test_a_work_that_does_not_exist_is_found_out(bullet, unknown):
    assert unknown_titles(bullet) == unknown


@pytest.mark.parametrize(
    "text, years",
    [
        ("Lin et al. 2022, Teaching models.", []),
        ("Nobody 2022, Scaling.", ["2022"]),
        ("Pakdaman Naeini et al., AAAI 2015.", []),
        ("Bröcker, Weather and Forecasting 22, 2007", []),
    ],
)
def test_a_year_needs_a_whole_surname(text, years):
    assert unknown_years(text) == years


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_every_title_of_further_reading_is_in_the_bibliography(source):
    bullets = further_reading(source)
    assert bullets
    for bullet in bullets:
        assert "*" in bullet, f"no title: {bullet}"
        assert unknown_titles(bullet) == [], f"docs/references.bib lacks a title of: {bullet}"
        assert unknown_years(bullet) == [], f"no entry of this author and year: {bullet}"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sources_named_in_docstrings_are_in_the_bibliography(module):
    tree = ast.parse(module.read_text(encoding="utf-8"))
    kinds = ast.Module | ast.FunctionDef | ast.ClassDef
    titles = {title for work in WORKS for title in work.titles}
    for node in ast.walk(tree):
        text = ast.get_docstring(node) if isinstance(node, kinds) else None
        for section in re.findall(
            r"^References?:(.*?)(?:\n\n|\Z)", text or "", re.DOTALL | re.MULTILINE
        ):
            shown = " ".join(section.split())
            assert unknown_years(section) == [], f"docs/references.bib lacks: {shown}"
            quoted = re.findall(r'"([^"]+)"', section)
            assert {plain(title) for title in quoted} <= titles, f"not a title: {shown}"
