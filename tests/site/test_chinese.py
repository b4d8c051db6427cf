"""The Chinese side of site, slides and README: whole, in step with the English, linked to it."""

from __future__ import annotations

import html
import json
import re
import sys
from pathlib import Path

import nbformat
import pages
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from slides import decks, outline, speaker
from wording import CHINESE, ENGLISH, words_of

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "notebooks"))
import translations  # noqa: E402 (it stands in that folder)

PAGES = sorted((ROOT / "docs" / "zh").glob("*.md"))
CHINESE_NOTEBOOKS = sorted((ROOT / "notebooks" / "zh").glob("[0-9][0-9]_*.ipynb"))
CODE = re.compile(r"^ *```(?:bash|powershell|python|bibtex).*?```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
TITLE = """# 99 标题

为什么重要？因为如此。

**学完之后，你能够**
- 做这个；
- 做那个。

**时间**：约 50 分钟；在两个处理器核心上，全部单元格运行一遍约需一分钟。

**课程位置**：第二部分，校准。之前：第一部分。之后：第三部分。"""


def notebook(*cells):
    return new_notebook(cells=[new_markdown_cell(TITLE), *cells])


def commands(text):
    """What stands in blocks of code, with the Chinese notebooks in place of the English ones."""
    blocks = [block.replace("\\zh\\", "\\").replace("/zh/", "/") for block in CODE.findall(text)]
    return ["\n".join(line.strip() for line in block.splitlines()) for block in blocks]


# Pages beside the notebooks


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_section_of_a_page_is_missing_or_stale(page):
    english = translations.sections((ROOT / "docs" / page.name).read_text(encoding="utf-8"))
    assert list(translations.read(page)) == list(english), "python notebooks/translations.py"


def test_a_changed_section_loses_its_translation(tmp_path, monkeypatch):
    monkeypatch.setattr(translations, "DOCS", tmp_path)
    english = "# One\n\nText.\n\n## Two\n\nMore.\n"
    (tmp_path / "page.md").write_text(english, encoding="utf-8")
    (tmp_path / "zh").mkdir()
    translated = tmp_path / "zh" / "page.md"
    marked = [f"<!-- {id} -->\n译文\n" for id in translations.sections(english)]
    translated.write_text("\n".join(marked), encoding="utf-8")
    assert translations.missing_sections(translated) == {}
    (tmp_path / "page.md").write_text(english.replace("More", "Less"), encoding="utf-8")
    assert list(translations.missing_sections(translated).values()) == ["## Two\n\nLess."]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_the_headings_rows_commands_and_links_of_the_english_one(page):
    english = (ROOT / "docs" / page.name).read_text(encoding="utf-8")
    english = english.partition("```{glossary}")[0]
    chinese = "\n\n".join(translations.read(page).values())
    assert re.findall(r"^#+ ", chinese, re.MULTILINE) == re.findall(r"^#+ ", english, re.MULTILINE)
    assert commands(chinese) == commands(english)
    rows = [re.findall(r"^\|.*\|$", text, re.MULTILINE) for text in (english, chinese)]
    numbers = [[sorted(re.findall(r"\d+", row)) for row in table] for table in rows]
    assert numbers[1] == numbers[0]
    to = [{link.removeprefix("../") for link in LINK.findall(text)} for text in (english, chinese)]
    assert to[0] <= to[1]
    assert to[1] - to[0] <= {"reference/coursekit.md"}


# README


def test_the_readme_has_the_commands_of_the_english_one():
    english = commands((ROOT / "README.md").read_text(encoding="utf-8"))
    chinese = commands((ROOT / "README.zh.md").read_text(encoding="utf-8"))
    assert chinese == english


def test_the_readme_has_the_links_of_the_english_one_and_they_lead_somewhere():
    english, chinese = (
        LINK.findall((ROOT / name).read_text(encoding="utf-8"))
        for name in ("README.md", "README.zh.md")
    )
    assert "README.zh.md" in english
    assert "README.md" in chinese
    # Its tables of speed and trouble stand in the English one alone.
    left_out = {link for link in english if "learn.microsoft.com" in link} | {"README.zh.md"}
    wanted = {link for link in english if link not in left_out}
    here = {re.sub(r"^(notebooks|docs)/zh/", r"\1/", link) for link in chinese}
    assert here - {"README.md", "README.md#how-fast", "README.md#troubleshooting"} == wanted
    for link in chinese:
        target = link.partition("#")[0]
        if "://" not in link and not target.startswith("notebooks/zh/"):
            assert (ROOT / target).exists(), link


def test_the_map_in_the_readme_is_that_of_the_english_one():
    def rows(name):
        text = (ROOT / name).read_text(encoding="utf-8")
        found = re.findall(r"^\| (\d\d) \| \[.*?\]\((.*?)\) \| (.*?) \|", text, re.MULTILINE)
        return [(number, link.replace("/zh/", "/"), modules) for number, link, modules in found]

    assert rows("README.zh.md") == rows("README.md")


# Pages of notebooks


@pytest.mark.parametrize(
    ("on_the_map", "part"),
    [("大门。", ""), ("第一部分。", "I"), ("第二部分的最后一课。之后：第三部分。", "II")],
)
def test_the_part_is_the_first_that_the_map_names(on_the_map, part):
    first = new_markdown_cell(f"# 99 标题\n\n**课程位置**：{on_the_map}")
    assert pages.part_of(new_notebook(cells=[first])) == part


def test_what_the_builder_adds_is_chinese(monkeypatch):
    monkeypatch.setattr(pages, "REPOSITORY", "someone/the-course")
    widget = new_code_cell("slider()", metadata={"tags": ["nbval-ignore-output"]})
    page = pages.page_of(notebook(widget), "99_title.ipynb")
    assert "运行这一课" in page.cells[0].source
    assert "/blob/main/notebooks/zh/99_title.ipynb" in page.cells[0].source
    assert CHINESE.widget in page.cells[2].source


def test_what_is_not_there_in_chinese_is_linked_in_english():
    cell = new_markdown_cell("[一](01_one.ipynb)、[二](02_two.ipynb)、[三](../03_three.ipynb)。")
    pages.with_english_pages(notebook := new_notebook(cells=[cell]), {"01_one"})
    assert notebook.cells[0].source == (
        '[一](01_one.ipynb)、<a href="../../notebooks/02_two.html" hreflang="en">二</a>、'
        '<a href="../../notebooks/03_three.html" hreflang="en">三</a>。'
    )
    page = '<a href="01_one.html">一</a><a href="02_two.html">二</a>'
    assert decks.with_english_decks(page, {"01_one"}) == (
        '<a href="01_one.html">一</a><a href="../../slides/02_two.html">二</a>'
    )


# Slides


def test_the_language_of_a_notebook_is_known():
    assert words_of(notebook()) is CHINESE
    english = TITLE.replace("**课程位置**：", "**On the map:** ")
    assert words_of(new_notebook(cells=[new_markdown_cell(english)])) is ENGLISH


def test_title_aims_and_clock_are_read():
    first, aims = slides = outline.slides_of(notebook())
    assert [piece.text for piece in first.pieces] == ["为什么重要？因为如此。"]
    assert first.pieces[0].ask == ["为什么重要？"]
    assert aims.heading == "学完之后，你能够"
    assert aims.pieces[0].text == "- 做这个；\n- 做那个。"
    assert speaker.minutes_of(slides) == 50
    assert "第 0 分钟，共 50 分钟。" in speaker.notes_of(slides, CHINESE)[0]


def test_a_question_shows_its_options_and_not_the_checkers_answer():
    text = "哪一个？\na) 这个。\nb) 那个，\n   或者 <它>。\n还没有作答：请把答案写在 `...` 处。"
    output = new_output("stream", name="stdout", text=text)
    cell = new_code_cell("exercises.q.ask()\nexercises.q.check(...)", outputs=[output])
    *_, slide = outline.slides_of(notebook(new_markdown_cell("## 一"), cell))
    assert "<li>那个， 或者 &lt;它&gt;。</li>" in slide.pieces[0].text
    assert "还没有作答" not in slide.pieces[0].text
    assert slide.pieces[0].ask == [CHINESE.vote]


def test_a_prediction_is_asked_in_chinese_with_the_words_before_it(monkeypatch):
    monkeypatch.setattr(outline, "translation", lambda text, code: {"zh": "会。"}[code])
    long = new_markdown_cell("## 一\n\n" + "字" * 500 + "\n\n**先预测**：会吗？")
    cells = [long, new_code_cell('predict("x", "It will.", ...)')]
    *_, before, asked = outline.slides_of(notebook(*cells))
    assert len(before.pieces) == 1
    assert asked.pieces[0].text == "**先预测**：会吗？"
    assert CHINESE.how_probable in asked.pieces[1].text
    assert "“会。”" in asked.pieces[1].ask[0]


def test_a_sign_is_two_columns_wide():
    assert outline.prose("字" * 200).height == outline.prose("x" * 400).height
    assert outline.words_in("两个字") == 1 + 1.5


# What stands in the built site


@pytest.mark.parametrize("path", CHINESE_NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_there_in_chinese_with_the_same_anchors(built, path):
    english, chinese = (
        (built / folder / "notebooks" / f"{path.stem}.html").read_text(encoding="utf-8")
        for folder in ("", "zh")
    )
    anchors = [re.findall(r'<section\b[^>]*\bid="([^"]+)"', text) for text in (english, chinese)]
    assert anchors[0] == anchors[1]
    assert re.search(r'class="language-switch" href="([^"]+)"', english)[1] == (
        f"../zh/notebooks/{path.stem}.html"
    )
    assert re.search(r'class="language-switch" href="([^"]+)"', chinese)[1] == (
        f"../../notebooks/{path.stem}.html"
    )
    assert '<html lang="zh-CN"' in chinese
    assert (built / "zh" / "slides" / f"{path.stem}.html").is_file()


def test_pages_that_are_there_in_english_only_show_no_switch(built):
    both = {page.name for page in PAGES} | {path.name for path in CHINESE_NOTEBOOKS}
    for path in [*built.glob("*.html"), *built.glob("notebooks/*.html")]:
        text = path.read_text(encoding="utf-8")
        known = {f"{path.stem}.md", f"{path.stem}.ipynb"} & both or path.stem == "search"
        assert ("language-switch" in text) == bool(known), path.name


def test_the_search_index_holds_signs_and_pairs_of_them(built):
    index = (built / "zh" / "searchindex.js").read_text(encoding="utf-8")
    found = json.loads(index[index.index("{") : index.rindex("}") + 1])
    for word in ("校准", "共形", "熵"):
        assert word in found["terms"], word


@pytest.mark.parametrize("path", CHINESE_NOTEBOOKS, ids=lambda path: path.stem)
def test_no_mark_of_emphasis_is_left_in_the_pages(built, path):
    # `**“…”**是` is no emphasis by the rules of Markdown: the mark would show.
    for folder in ("notebooks", "slides"):
        text = (built / "zh" / folder / f"{path.stem}.html").read_text(encoding="utf-8")
        text = text[text.index("<main") : text.rindex("</main>")]
        text = re.sub(r"<(pre|code|aside|math)\b.*?</\1>", "", text, flags=re.DOTALL)
        text = re.sub(r"\$.*?\$|\\\(.*?\\\)|\\\[.*?\\\]|<[^>]+>", "", html.unescape(text))
        assert re.findall(r".{0,20}\*\*.{0,20}", text) == []


def test_the_glossary_has_the_same_entries(built):
    english, chinese = (
        (built / folder / "glossary.html").read_text(encoding="utf-8").count("<dt")
        for folder in ("", "zh")
    )
    assert english == chinese > 0


def test_the_contents_name_every_notebook(built):
    text = (built / "zh" / "index.html").read_text(encoding="utf-8")
    for path in CHINESE_NOTEBOOKS:
        title = nbformat.read(path, as_version=4).cells[0].source.partition("\n")[0]
        assert title.removeprefix("# ") in html.unescape(text)
