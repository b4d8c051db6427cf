"""A deck for each notebook: nbconvert's slides, in the course's own layout, without network.

`docs/build.py --slides` makes all of them, with a page that lists them; with `nbconvert_config.py`,
`jupyter nbconvert --to slides` makes the same decks.
"""

from __future__ import annotations

import html
import importlib
import re
from functools import cache
from pathlib import Path
from string import Template

import nbformat
from nbconvert import SlidesExporter
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from traitlets.config import Config
from wording import ENGLISH, Words, switch, words_of

from slides.outline import Slide, slides_of
from slides.speaker import notes_of

HERE = Path(__file__).resolve().parent


def configuration() -> Config:
    """What nbconvert needs to know to make its slides with the template beside this file."""
    config = Config()
    config.CSSHTMLHeaderPreprocessor.style = "a11y-high-contrast-light"
    config.SlidesExporter.template_name = "lecture"
    config.SlidesExporter.extra_template_basedirs = [str(HERE / "templates")]
    config.SlidesExporter.file_extension = ".html"  # decks link to each other by these names
    config.SlidesExporter.preprocessors = [Lecture]
    return config


class Lecture(Preprocessor):
    """Cuts a notebook into slides, and hands on the files that their page needs."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """The deck, and the resources with the files of `assets` among their outputs."""
        resources["outputs"] = {**(resources.get("outputs") or {}), **assets()}
        return deck_of(nb), resources


def deck_of(notebook: NotebookNode) -> NotebookNode:
    """The notebook as the template expects it: a cell for each piece, with what frames it."""
    deck = nbformat.v4.new_notebook(metadata=notebook.metadata)
    words, slides = words_of(notebook), slides_of(notebook)
    for number, (slide, notes) in enumerate(zip(slides, notes_of(slides, words), strict=True)):
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
    deck.metadata["language"] = words.html
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
            text = re.sub(r"\]\((?:\.\./)?(\d\d_\w+)\.ipynb\)", r"](\1.html)", piece.text)
            cells.append(nbformat.v4.new_markdown_cell(text))
    return cells


def _running(slide: Slide) -> str:
    return html.escape(slide.heading.replace("**", "").replace("*", "").replace("`", ""))


def write(notebooks: list[Path], folder: Path, words: Words = ENGLISH, elsewhere: str = "") -> None:
    """Write the decks, a page that lists them, and all files that they need, into a folder.

    Args:
        notebooks: All in one language.
        folder: Where to write.
        words: Of that language.
        elsewhere: Where the same page is in the other language, as a link says it; none if empty.
    """
    (folder / "assets").mkdir(parents=True, exist_ok=True)
    for name, content in assets().items():
        (folder / name).write_bytes(content)
    to_slides, listed = SlidesExporter(config=configuration()), []
    for path in notebooks:
        page, _ = to_slides.from_filename(str(path))
        if words is not ENGLISH:
            page = with_english_decks(page, {path.stem for path in notebooks})
        (folder / f"{path.stem}.html").write_text(page, encoding="utf-8")
        title = re.search("<title>(.*?)</title>", page)[1]
        listed.append(f'<li><a href="{path.stem}.html">{title}</a></li>')
    index = Template((HERE / "index.html").read_text(encoding="utf-8"))
    page = index.substitute(
        language=words.html,
        title=words.decks,
        course=words.title,
        text=words.decks_are,
        decks="\n".join(listed),
        switch=switch(words, elsewhere) if elsewhere else "",
    )
    (folder / "index.html").write_text(page, encoding="utf-8")


def with_english_decks(page: str, there: set[str]) -> str:
    """A page of `zh/slides` whose links to decks that are not there lead to the English ones."""

    def moved(link: re.Match[str]) -> str:
        return link[0] if link[1] in there else f'href="../../slides/{link[1]}.html"'

    return re.sub(r'href="(\d\d_\w+)\.html"', moved, page)


@cache
def assets() -> dict[str, bytes]:
    """reveal.js and MathJax, out of installed packages, and the course's own style."""
    reveal = _inside("sphinx_revealjs") / "_static" / "revealjs"
    mathjax = _inside("sphinx-mathjax-offline") / "static" / "mathjax"
    files = [reveal / "dist" / name for name in ("reset.css", "reveal.css", "reveal.js")]
    files += [reveal / "plugin" / "notes" / name for name in ("notes.js", "speaker-view.html")]
    files += [mathjax / "tex-svg.js", HERE / "lecture.css", HERE / "lecture.js"]
    return {f"assets/{path.name}": path.read_bytes() for path in files}


def _inside(package: str) -> Path:
    try:
        return Path(importlib.import_module(package).__file__).parent
    except ImportError as error:
        message = f"Slides need {package}: pip install -r docs/requirements.txt"
        raise ImportError(message) from error
