"""The built site: links lead somewhere, figures keep their texts, nothing comes from elsewhere."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from urllib.parse import unquote, urldefrag

import extras
import nbformat
import pytest

ROOT = Path(__file__).parents[2]
REPOSITORY = "someone/the-course"  # as conftest.py sets it

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def page(built, path):
    return (built / path).read_text(encoding="utf-8")


def pages_of(built):
    return sorted(path for path in built.rglob("*.html") if "_static" not in path.parts)


def links(text):
    return [html.unescape(link) for link in re.findall(r'(?:href|src)="([^"]*)"', text)]


def test_every_internal_link_leads_somewhere(built):
    anchors, broken = {}, []
    for path in pages_of(built):
        for link in links(path.read_text(encoding="utf-8")):
            target, anchor = urldefrag(link)
            if re.match(r"[a-z]+:", target):
                continue
            there = (path.parent / unquote(target.partition("?")[0])).resolve() if target else path
            if not there.is_file():
                broken.append(f"{path.name}: {link}")
            elif anchor and there.suffix == ".html" and "slides" not in there.parts:
                if there not in anchors:
                    found = re.findall(r'\bid="([^"]+)"', there.read_text(encoding="utf-8"))
                    anchors[there] = set(found)
                if unquote(anchor) not in anchors[there]:
                    broken.append(f"{path.name}: {link}")
    assert broken == []
    assert len(pages_of(built)) > len(NOTEBOOKS)


def test_nothing_that_a_page_needs_comes_from_another_machine(built):
    needed = re.compile(r'<(?:script|img|link|iframe)\b[^>]*(?:src|href)="(?:https?:)?//[^"]+"')
    for path in pages_of(built):
        assert needed.findall(path.read_text(encoding="utf-8")) == [], path.name
    for path in built.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        assert re.findall(r"(?:@import|url\()\s*[\"']?https?:", text) == [], path.name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_notebook_has_a_page_with_its_figures_and_their_texts(built, path):
    notebook = nbformat.read(path, as_version=4)
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    wanted = [o.metadata["image/png"]["alt"] for o in outputs if "image/png" in o.get("data", {})]
    text = page(built, f"notebooks/{path.stem}.html")
    images = re.findall(r'<img\b[^>]*src="\.\./_images/[^>]*>', text)
    shown = [html.unescape(re.search(r'alt="([^"]*)"', image)[1]) for image in images]
    assert [" ".join(alt.split()) for alt in shown] == [" ".join(alt.split()) for alt in wanted]
    assert "widget-view" not in text


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_page_opens_its_notebook_where_it_runs(built, path):
    found = links(page(built, f"notebooks/{path.stem}.html"))
    colab = f"https://colab.research.google.com/github/{REPOSITORY}/blob/main/notebooks/{path.name}"
    assert colab in found
    assert any(link.startswith(f"https://mybinder.org/v2/gh/{REPOSITORY}/main?") for link in found)
    assert f"../slides/{path.stem}.html" in found


def test_the_contents_name_every_notebook_under_its_part(built):
    text = page(built, "index.html")
    captions = re.findall(r'caption-text">([^<]+)<', text)
    assert captions[0] == "Start"
    assert "Part II: calibration" in captions
    for path in NOTEBOOKS:
        assert f'href="notebooks/{path.stem}.html"' in text


def test_the_search_finds_words_of_text_and_docstrings(built):
    index = page(built, "searchindex.js")
    found = json.loads(index[index.index("{") : index.rindex("}") + 1])
    names = found["docnames"]

    def documents(term):
        hits = found["terms"].get(term, [])
        return {names[i] for i in (hits if isinstance(hits, list) else [hits])}

    assert "notebooks/08_calibration_metrics" in documents("chatbot")
    assert "glossary" in documents("forecast") | documents("confid")
    assert "reference/calibration" in documents("confid")


def test_the_reference_shows_formulas_and_functions(built):
    text = page(built, "reference/calibration.html")
    assert 'id="coursekit.calibration.errors.expected_calibration_error"' in text
    assert r"\mathrm{ECE}" in text
    assert "$$" not in re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)


def test_the_bibliography_lists_every_entry(built):
    entries = (ROOT / "docs" / "references.bib").read_text(encoding="utf-8").count("\n@")
    listed = re.findall(r'<li id="id\d+"><p>(.*?)</p>', page(built, "bibliography.html"))
    assert len(listed) == entries
    assert not any(" and others" in entry for entry in listed)


def test_every_notebook_has_a_deck_in_the_list(built):
    text = page(built, "slides/index.html")
    assert all(f'href="{path.stem}.html"' in text for path in NOTEBOOKS)
    decks = {path.stem for path in Path(built / "slides").glob("[0-9]*.html")}
    assert decks - set(extras.MOVED) == {path.stem for path in NOTEBOOKS}
