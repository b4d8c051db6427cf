"""A deck for each notebook: nbconvert's slides, in the course's own layout, without network."""

from __future__ import annotations

import html
import importlib
import re
import shutil
from pathlib import Path

import nbformat
from nbconvert import SlidesExporter
from nbformat import NotebookNode
from traitlets.config import Config

from slides.outline import Slide, slides_of
from slides.speaker import notes_of

HERE = Path(__file__).resolve().parent


def exporter() -> SlidesExporter:
    """The exporter of slides of nbconvert, with the template that lies beside this file."""
    config = Config()
    config.CSSHTMLHeaderPreprocessor.style = "a11y-high-contrast-light"
    return SlidesExporter(
        config=config, template_name="lecture", extra_template_basedirs=[str(HERE / "templates")]
    )


def deck_of(notebook: NotebookNode) -> NotebookNode:
    """The notebook as the template expects it: a cell for each piece, with what frames it."""
    deck = nbformat.v4.new_notebook(metadata=notebook.metadata)
    slides = slides_of(notebook)
    for number, (slide, notes) in enumerate(zip(slides, notes_of(slides), strict=True)):
        cells = cells_of(slide)
        opens = slide.starts in ("title", "section")
        last = number + 1 == len(slides) or slides[number + 1].starts in ("title", "section")
        cells[0].metadata["before"] = (
            f'{"<section>" if opens else ""}<section class="{slide.starts or "more"}">'
            '<div class="fit">'
        )
        cells[-1].metadata["after"] = (
            f'</div><aside class="notes">{notes}</aside></section>{"</section>" if last else ""}'
        )
        deck.cells += cells
    deck.metadata["title"] = slides[0].heading
    return deck


def cells_of(slide: Slide) -> list[NotebookNode]:
    """Heading and pieces of a slide. A heading that goes on is smaller, and no heading any more."""
    level = {"title": "# ", "section": "## ", "part": "## "}.get(slide.starts)
    heading = f"{level}{slide.heading}" if level else f'<p class="running">{_running(slide)}</p>'
    cells = [nbformat.v4.new_markdown_cell(heading)]
    for piece in slide.pieces:
        if piece.kind == "code":
            cells.append(nbformat.v4.new_code_cell(piece.text))
        else:
            # A link to another notebook leads to its deck.
            text = re.sub(r"\]\((\d\d_\w+)\.ipynb\)", r"](\1.html)", piece.text)
            cells.append(nbformat.v4.new_markdown_cell(text))
    return cells


def _running(slide: Slide) -> str:
    return html.escape(slide.heading.replace("**", "").replace("*", "").replace("`", ""))


def write(notebooks: list[Path], folder: Path) -> None:
    """Write the decks, a page that lists them, and all files that they need, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    copy_assets(folder)
    to_slides, listed = exporter(), []
    for path in notebooks:
        deck = deck_of(nbformat.read(path, as_version=4))
        page, _ = to_slides.from_notebook_node(deck, {"metadata": {"name": path.stem}})
        (folder / f"{path.stem}.html").write_text(page, encoding="utf-8")
        listed.append(f'<li><a href="{path.stem}.html">{html.escape(deck.metadata.title)}</a></li>')
    index = (HERE / "index.html").read_text(encoding="utf-8")
    (folder / "index.html").write_text(index.replace("<!-- decks -->", "\n".join(listed)), "utf-8")


def copy_assets(folder: Path) -> None:
    """reveal.js and MathJax, out of installed packages, and the course's own style."""
    reveal = _inside("sphinx_revealjs") / "_static" / "revealjs"
    mathjax = _inside("sphinx-mathjax-offline") / "static" / "mathjax"
    assets = folder / "assets"
    assets.mkdir(exist_ok=True)
    for name in ("reset.css", "reveal.css", "reveal.js"):
        shutil.copy(reveal / "dist" / name, assets)
    for name in ("notes.js", "speaker-view.html"):
        shutil.copy(reveal / "plugin" / "notes" / name, assets)
    shutil.copy(mathjax / "tex-svg.js", assets)
    for name in ("lecture.css", "lecture.js"):
        shutil.copy(HERE / name, assets)


def _inside(package: str) -> Path:
    return Path(importlib.import_module(package).__file__).parent
