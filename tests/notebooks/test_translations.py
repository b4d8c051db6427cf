"""A translation says what the English says, to the number, and cannot go stale unseen."""

from __future__ import annotations

import csv
import re
import string
import sys
from collections import Counter
from functools import lru_cache
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "notebooks"))
import build  # noqa: E402 (they stand in that folder)
import messages  # noqa: E402
import translations  # noqa: E402

TRANSLATED = build.translated_sources("zh")
CATALOGUES = sorted((messages.TRANSLATIONS / "zh").glob("*.po"))
TERMS = ROOT / "notebooks" / "source" / "zh" / "terms.csv"
CODE = re.compile(r"```.*?```|`[^`]+`", re.DOTALL)
FORMULA = re.compile(r"\$\$.*?\$\$|\$[^$]+\$", re.DOTALL)
NUMBER = re.compile(
    r"(?<![A-Za-z0-9_.])(\d[\d,]*(?:\.\d+)?)(?: ?(million|billion|thousand|万|亿))?"
)
UNITS = {"": 1, "thousand": 1e3, "万": 1e4, "million": 1e6, "亿": 1e8, "billion": 1e9}


def terms():
    with TERMS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@lru_cache
def cells_of(source):
    """Each translated cell beside its English."""
    translated = translations.read(translations.translation_path(source, "zh"))
    english = build.unexecuted(source).cells
    return [(cell.source, translated[cell.id]) for cell in english if cell.id in translated]


def numbers(text):
    text = FORMULA.sub(" ", CODE.sub(" ", text))
    text = translations.TARGET.sub(" ", text)
    return Counter(
        round(float(digits.replace(",", "")) * UNITS[unit], 9)
        for digits, unit in NUMBER.findall(text)
    )


@pytest.fixture(params=TRANSLATED, ids=lambda path: path.stem)
def source(request):
    return request.param


@pytest.fixture(params=CATALOGUES, ids=lambda path: path.stem)
def catalogue(request):
    return messages.read(request.param.stem)


def test_every_notebook_is_translated():
    assert build.sources([]) == TRANSLATED


def test_every_message_is_translated(catalogue):
    assert [english for english, chinese in catalogue.items() if not chinese] == []


def test_no_translation_is_missing_or_stale(source):
    english = build.unexecuted(source)
    translated = translations.read(translations.translation_path(source, "zh"))
    assert [cell.source for cell in translations.missing(english, translated)] == []
    assert translations.left_over(english, translated) == []


def test_the_notebook_is_built_of_them_and_ran_in_its_language(source):
    assert build.differences(source, "zh") == []
    cells = nbformat.read(build.notebook_path(source, "zh"), as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code" and cell.source.strip()]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert "还没有作答" in "".join(output.get("text", "") for output in outputs)


def test_a_changed_cell_loses_its_translation(source, tmp_path):
    english = build.unexecuted(source)
    translated = translations.read(translations.translation_path(source, "zh"))
    changed = tmp_path / source.name
    text = source.read_text(encoding="utf-8")
    changed.write_text(text.replace("What you learned", "What we learned", 1), encoding="utf-8")
    assert len(translations.missing(build.unexecuted(changed), translated)) == 1
    assert len(translations.left_over(build.unexecuted(changed), translated)) == 1
    with pytest.raises(ValueError, match="every cell must have a translation"):
        translations.translate(build.unexecuted(changed), translated, set())
    assert english.cells


def exact(text):
    """Code without its comments, and formulas without their words: what is never translated."""
    code = [re.sub(r"\s+#.*", "", one) for one in CODE.findall(text)]
    formulas = [re.sub(r"\\text\{[^}]*\}", "", one) for one in FORMULA.findall(CODE.sub("", text))]
    return Counter(re.sub(r"\s+", " ", one) for one in (*code, *formulas))


def test_code_and_formulas_are_the_same(source):
    for english, chinese in cells_of(source):
        assert not exact(english) - exact(chinese), chinese


def test_links_lead_to_the_same_places(source):
    for english, chinese in cells_of(source):
        found = translations.TARGET.findall(chinese)
        assert sorted(translations.TARGET.findall(english)) == sorted(found)


def test_numbers_are_the_same(source):
    for english, chinese in cells_of(source):
        assert not numbers(english) - numbers(chinese), f"{english}\n\n{chinese}"


def test_the_chinese_is_chinese(source):
    for english, chinese in cells_of(source):
        words = re.findall(r"[A-Za-z]{3,}", FORMULA.sub("", CODE.sub("", english)))
        if len(words) > 8 and not re.search(r"^## Further reading", english):
            assert len(re.findall(r"[\u4e00-\u9fff]", chinese)) > len(words) / 3, chinese


def test_one_term_for_one_term():
    listed = terms()
    assert [row["english"] for row in listed] == sorted(
        {row["english"] for row in listed}, key=str.lower
    )
    for row in listed:
        for variant in filter(None, row["not"].split("|")):
            for path in TRANSLATED:
                for _, chinese in cells_of(path):
                    assert variant not in chinese, f"{path.stem}: {row['chinese']}, not {variant}"


def test_the_glossary_uses_the_same_terms():
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    for row in terms():
        here = re.search(rf"(?m)^{re.escape(row['english'])}\n([^ ].*)\n  ", glossary)
        assert here is None or here.group(1) == row["chinese"]


def test_the_catalogues_hold_what_the_course_says():
    wanted = messages.messages()
    assert {path.stem for path in CATALOGUES} == set(wanted)
    for name, said in wanted.items():
        assert list(messages.read(name)) == said, f"{name}: run python notebooks/messages.py"


def test_a_translated_message_names_the_same_values(catalogue):
    def fields(text):
        return sorted(field for _, field, _, _ in string.Formatter().parse(text) if field)

    for english, chinese in catalogue.items():
        if chinese and re.search(r"\{\w+(:\w+)?\}", english) and "`{" not in english:
            assert fields(chinese) == fields(english)


def test_a_translated_message_has_the_same_code_and_numbers(catalogue):
    for english, chinese in catalogue.items():
        if chinese:
            assert not exact(english) - exact(chinese), chinese
            assert not numbers(english) - numbers(chinese), chinese


def test_no_message_uses_a_variant_of_a_term(catalogue):
    for row in terms():
        for variant in filter(None, row["not"].split("|")):
            assert not [text for text in catalogue.values() if variant in text], variant


def test_a_cell_translated_twice_is_an_error(tmp_path):
    path = tmp_path / "zh.md"
    path.write_text("<!-- 0123456789ab -->\n一\n<!-- 0123456789ab -->\n二\n", encoding="utf-8")
    with pytest.raises(ValueError, match="more than one translation of 0123456789ab"):
        translations.read(path)


def test_text_above_the_first_mark_is_an_error(tmp_path):
    path = tmp_path / "zh.md"
    path.write_text("一\n<!-- 0123456789ab -->\n二\n", encoding="utf-8")
    with pytest.raises(ValueError, match="the first line must be a mark"):
        translations.read(path)
