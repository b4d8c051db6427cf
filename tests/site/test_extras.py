"""Old addresses, the card and the text for language models."""

from __future__ import annotations

import html
import re
from pathlib import Path

import extras
import matplotlib.image
import nbformat
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

ROOT = Path(__file__).parents[2]
STEMS = {path.stem for path in (ROOT / "notebooks" / "source").glob("[0-9][0-9]_*.py")}


def test_what_has_moved_is_gone_and_where_it_went_is_there():
    assert set(extras.MOVED.values()) <= STEMS
    assert not set(extras.MOVED) & STEMS


def test_an_old_address_leads_on_only_where_its_new_page_is(tmp_path):
    (tmp_path / "slides").mkdir()
    (tmp_path / "slides" / "16_safety.html").touch()
    assert extras.write_redirects(tmp_path, "slides") == ["15_safety_and_limits"]
    names = {path.name for path in (tmp_path / "slides").iterdir()}
    assert names == {"16_safety.html", "15_safety_and_limits.html"}


@pytest.mark.parametrize("folder", ["notebooks", "slides"])
@pytest.mark.parametrize("old", extras.MOVED)
def test_each_old_address_leads_to_a_page(built, folder, old):
    new = extras.MOVED[old]
    if not (ROOT / "notebooks" / f"{new}.ipynb").exists():
        pytest.skip(f"{new} has no executed notebook here")
    text = (built / folder / f"{old}.html").read_text(encoding="utf-8")
    target = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', text)[1]
    assert target == f"{new}.html"
    assert f'<a href="{target}">' in text
    assert (built / folder / target).is_file()


def test_the_text_for_models_names_every_page_and_what_each_notebook_teaches(built):
    text = (built / "llms.txt").read_text(encoding="utf-8")
    assert text.startswith("# Large language model calibration")
    links = re.findall(r"^- \[.+?\]\(([^)]+)\)", text, flags=re.M)
    assert all((built / link).is_file() for link in links)
    notebooks = {path.stem for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")}
    assert {f"notebooks/{stem}.html" for stem in notebooks} <= set(links)
    assert {"claims.html", "changelog.html", "glossary.html"} <= set(links)
    assert not re.search(r"\.html\): \.$", text, flags=re.M)


def test_an_opening_is_the_title_and_the_aims(tmp_path):
    first = (
        "# 99 A title\n\nWhy.\n\n**You will be able to**\n- do one\n  thing;\n- and *more*.\n\nEnd."
    )
    nbformat.write(new_notebook(cells=[new_markdown_cell(first)]), tmp_path / "99.ipynb")
    assert extras.opening(tmp_path / "99.ipynb") == ("99 A title", ["do one thing", "and *more*"])


def test_the_card_is_a_picture_of_the_size_that_feeds_want_and_every_page_names_it(built):
    height, width, _ = matplotlib.image.imread(built / extras.CARD).shape
    assert (width, height) == extras.CARD_SIZE
    card = f"https://someone.github.io/the-course/{extras.CARD}"
    for path in ("index.html", "glossary.html", "notebooks/08_calibration_metrics.html"):
        page = (built / path).read_text(encoding="utf-8")
        tags = [html.unescape(tag) for tag in re.findall(r"<meta[^>]*og:image[^>]*>", page)]
        assert any(card in tag for tag in tags), path
        assert "summary_large_image" in page


def test_the_changelog_is_a_page_whose_links_lead_somewhere(built):
    text = (built / "changelog.html").read_text(encoding="utf-8")
    assert 'href="claims.html"' in text
    assert 'href="audit_results.html"' in text
