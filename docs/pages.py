"""From what is in the repository to what Sphinx reads: pages of notebooks, tables of contents, API.

A notebook is shown as it was executed. Its page adds what a web page needs: links that open the
notebook in Colab and Binder, the alternative text of each figure where the page's builder looks for
it, and a word where a widget would be. The site of another language has the pages that are written
in it, `docs/zh`, and the notebooks; for the rest it leads to the English site.
"""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import re
import shutil
from pathlib import Path
from types import ModuleType

import nbformat
from nbformat import NotebookNode
from wording import ENGLISH, Words, words_of

from docs.claims.page import markdown as page_of_claims
from notebooks import translations

#: The one place that says where the repository lives; GitHub's own runners set the variable.
REPOSITORY = os.environ.get("GITHUB_REPOSITORY", "")
BRANCH = os.environ.get("GITHUB_REF_NAME") or "main"

#: What stands in `docs` and is no page.
NO_PAGES = ("slides", "claims", "zh", "__pycache__", "*.png", "build.py")
#: A link to a page that is in English only, from a page of another language.
TO_ENGLISH = re.compile(r"\[([^\]]+)\]\(\.\./([\w/]+)\.md\)")


def stage(docs: Path, notebooks: list[Path], target: Path, words: Words = ENGLISH) -> None:
    """Write into `target` all that Sphinx needs to build the site of these notebooks."""
    shutil.copytree(docs, target, ignore=shutil.ignore_patterns(*NO_PAGES))
    if words is ENGLISH:
        (target / "claims.md").write_text(page_of_claims(), encoding="utf-8")
        changes = (docs.parent / "CHANGELOG.md").read_text(encoding="utf-8")
        (target / "changelog.md").write_text(as_page(changes), encoding="utf-8")
        rooms = [write_reference(room, target / "reference") for room in rooms_of("coursekit")]
    else:
        write_translated(docs, target, words)
        rooms = []
    contents: dict[str, list[str]] = {title: [] for title in words.parts.values()}
    (target / "notebooks").mkdir()
    for path in notebooks:
        notebook = nbformat.read(path, as_version=4)
        contents[words.parts[part_of(notebook)]].append(f"notebooks/{path.stem}")
        if words is not ENGLISH:
            with_english_pages(notebook, {path.stem for path in notebooks})
        nbformat.write(page_of(notebook, path.name), target / "notebooks" / path.name)
    more = sorted(f"{path.stem}" for path in target.glob("*.md") if path.stem != "index")
    index = target / "index.md"
    trees = [toctree(title, entries) for title, entries in contents.items() if entries]
    trees.append(toctree(words.more, more))
    trees += [toctree(words.package, [f"reference/{room}" for room in rooms])] if rooms else []
    index.write_text(index.read_text(encoding="utf-8") + "\n".join(trees), encoding="utf-8")


def translated_pages(docs: Path, language: str) -> dict[str, str]:
    """The pages beside the notebooks that a language has, by their names."""
    pages = {path.stem: translations.read(path) for path in sorted((docs / language).glob("*.md"))}
    return {name: "\n\n".join(parts.values()) + "\n" for name, parts in pages.items()}


def write_translated(docs: Path, target: Path, words: Words) -> None:
    """Put the pages of a language in place of the English ones, in the folder of its site."""
    glossary = (target / "glossary.md").read_text(encoding="utf-8")
    for path in target.glob("*.md"):
        path.unlink()
    for name, text in translated_pages(docs, words.code).items():
        text = TO_ENGLISH.sub(r'<a href="../\2.html" hreflang="en">\1</a>', text)
        (target / f"{name}.md").write_text(text, encoding="utf-8")
    # The entries have both languages.
    with (target / "glossary.md").open("a", encoding="utf-8") as file:
        file.write("\n" + glossary[glossary.index("```{glossary}") :])


def with_english_pages(notebook: NotebookNode, there: set[str]) -> None:
    """Let links to notebooks that the language does not have lead to the English ones, in place."""

    def moved(link: re.Match[str]) -> str:
        address = f"../../notebooks/{link[2]}.html"
        return link[0] if link[2] in there else f'<a href="{address}" hreflang="en">{link[1]}</a>'

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\[([^\]]+)\]\((?:\.\./)?(\d\d_\w+)\.ipynb\)", moved, cell.source)


def as_page(text: str) -> str:
    """Return a text that stands beside `docs` with its links as a page of the site has them."""
    return re.sub(r"\]\(docs/([\w-]+)(?:\.md)?\)", r"](\1.md)", text)


def toctree(caption: str, entries: list[str]) -> str:
    """A table of contents with a caption, for the sidebar and for the first page."""
    lines = "\n".join(entries)
    return f"\n```{{toctree}}\n:caption: {caption}\n:maxdepth: 1\n\n{lines}\n```\n"


def part_of(notebook: NotebookNode) -> str:
    """The Roman number of the part, read off "On the map"; empty for the notebook before them."""
    words = words_of(notebook)
    found = re.search(words.part_pattern, notebook.cells[0].source.partition(words.map_mark)[2])
    if found and found[1] not in words.numerals:
        known = [*words.numerals]
        raise ValueError(f"'On the map' names Part {found[1]}; the course has {known}.")
    return words.numerals[found[1]] if found else ""


def page_of(notebook: NotebookNode, name: str) -> NotebookNode:
    """The notebook as its page shows it: new metadata, and a few words more."""
    page, words = nbformat.v4.new_notebook(metadata=notebook.metadata), words_of(notebook)
    first, *others = notebook.cells
    title, _, rest = first.source.partition("\n")
    page.cells.append(_markdown(f"{title}\n\n{run_it(name, words)}\n{rest}"))
    for cell in others:
        if cell.cell_type != "code":
            page.cells.append(_markdown(cell.source))
            continue
        page.cells.extend(_with_alt_text(cell))
        if shows_widget(cell):
            page.cells.append(_markdown(f"```{{note}}\n{words.widget}\n```"))
    return page


def shows_widget(cell: NotebookNode) -> bool:
    """Whether the cell makes something to move, of which the committed notebook keeps nothing."""
    return "nbval-ignore-output" in cell.metadata.get("tags", []) and not cell.outputs


def run_it(name: str, words: Words = ENGLISH) -> str:
    """A line of links that open the notebook where it runs: Colab, Binder, one's own machine."""
    slides = f'<a href="../slides/{name.removesuffix(".ipynb")}.html">{words.slides}</a>'
    if not REPOSITORY:
        return f"{words.read.format(slides=slides)}\n"
    folder = "notebooks" if words is ENGLISH else f"notebooks/{words.code}"
    path = f"{folder}/{name}"
    colab = f"https://colab.research.google.com/github/{REPOSITORY}/blob/{BRANCH}/{path}"
    binder = f"https://mybinder.org/v2/gh/{REPOSITORY}/{BRANCH}?urlpath=lab/tree/{path}"
    source = f"https://github.com/{REPOSITORY}/blob/{BRANCH}/{path}"
    badges = _badge("colab", "Open in Colab", colab), _badge("binder", "Open in Binder", binder)
    links = f"{' '.join(badges)} [{words.source}]({source})"
    command = f"!pip install git+https://github.com/{REPOSITORY} netcal relplot"
    install = words.install.format(command=command)
    return f"{words.run.format(links=links, install=install, slides=slides)}\n"


def _badge(name: str, text: str, address: str) -> str:
    # Its picture is ours: no page asks another machine for anything.
    picture = f'<img src="../_static/{name}.svg" alt="{text}" height="20">'
    return f'<a href="{address}">{picture}</a>'


def _markdown(text: str) -> NotebookNode:
    return nbformat.v4.new_markdown_cell(text)


def _with_alt_text(cell: NotebookNode) -> list[NotebookNode]:
    """The cell, with its figure's text where MyST-NB reads it; a cell for each figure after it."""
    texts = [output.get("metadata", {}).get("image/png", {}).get("alt") for output in cell.outputs]
    cells, start = [], 0
    figures = [i for i, text in enumerate(texts) if text]
    for last, i in enumerate(figures, start=1):
        end = len(cell.outputs) if last == len(figures) else i + 1
        cells.append(_part(cell, start, end, texts[i]))
        start = end
    return cells or [_part(cell, 0, len(cell.outputs), None)]


def _part(cell: NotebookNode, start: int, end: int, alt: str | None) -> NotebookNode:
    part = nbformat.v4.new_code_cell(
        # MyST-NB leaves out a cell without source, with its figure.
        cell.source if start == 0 else "# the next figure of the same cell",
        execution_count=cell.execution_count,
        outputs=cell.outputs[start:end],
    )
    if alt:
        part.metadata["mystnb"] = {"image": {"alt": alt}}
    if start > 0:
        part.metadata["tags"] = ["remove-input"]
    return part


def rooms_of(package: str) -> list[ModuleType]:
    """The packages directly inside a package, and the package itself first."""
    root = importlib.import_module(package)
    inside = [m.name for m in pkgutil.iter_modules(root.__path__, f"{package}.") if m.ispkg]
    return [root, *map(importlib.import_module, inside)]


def public_names(room: ModuleType) -> dict[str, list[str]]:
    """The public functions and classes of a room, by the module that defines them.

    Public is what a room and the packages in it export in `__all__`; in a room that exports
    nothing, it is what the modules define.
    """
    modules = [room]
    if room.__name__ != "coursekit":
        walk = pkgutil.walk_packages(room.__path__, f"{room.__name__}.")
        modules += [importlib.import_module(m.name) for m in walk if "._" not in m.name]
    exports = hasattr(room, "__all__")
    found: dict[str, list[str]] = {}
    for module in modules:
        names = getattr(module, "__all__", [] if exports else vars(module))
        for name in names:
            value = getattr(module, name)
            home = getattr(value, "__module__", None) or ""
            public = hasattr(module, "__all__") or (home == module.__name__ and name[0] != "_")
            if public and (inspect.isfunction(value) or inspect.isclass(value)):
                known = found.setdefault(home, [])
                known += [name] if name not in known else []
    return dict(sorted(found.items()))


#: What scikit-learn gives each estimator to pass arguments through its own pipelines.
_ROUTING = ", ".join(
    f"set_{method}_request" for method in ("fit", "predict", "predict_proba", "score", "transform")
)


def write_reference(room: ModuleType, folder: Path) -> str:
    """Write the page of one room from its docstrings; return the name of the page."""
    name = room.__name__
    lines = [
        f"# `{name}`",
        "",
        "```{eval-rst}",
        f".. automodule:: {name}",
        "   :no-members:",
        "```",
    ]
    for module, names in public_names(room).items():
        lines += ["", f"## `{module}`", "", "```{eval-rst}"]
        if not any(part.startswith("_") for part in module.split(".")):
            lines += [f".. automodule:: {module}", "   :no-members:", "   :no-index:", ""]
        for each in names:
            value = getattr(importlib.import_module(module), each)
            kind = "class" if inspect.isclass(value) else "function"
            lines += [f".. auto{kind}:: {module}.{each}"]
            lines += ["   :members:", f"   :exclude-members: {_ROUTING}"] if kind == "class" else []
            lines += [""]
        lines.append("```")
    page = name.rpartition(".")[2]
    folder.mkdir(exist_ok=True)
    (folder / f"{page}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return page


def restructured(lines: list[str]) -> list[str]:
    """A docstring with its `code` and its $formulas$ as reStructuredText writes them."""
    text = "\n".join(lines)
    pieces, end = [], 0
    for example in _EXAMPLE.finditer(text):
        pieces += [_MARKED.sub(_as_restructured, text[end : example.start()]), ":"]
        pieces.append(example[0])
        end = example.end()
    pieces.append(_MARKED.sub(_as_restructured, text[end:]))
    return "".join(pieces).split("\n")


#: A block of code: a colon, an empty line, and lines that are indented further than the colon's.
#: Lines that begin with `>>>` are no such block: reStructuredText knows them by themselves.
_EXAMPLE = re.compile(r"(?<=[^:\n]):\n\n(?=( {4,})(?!>>>)\S)(?:\1.*\n|\n)+", flags=re.MULTILINE)

#: What stands between marks, which no other rule may touch; and bars, which mean something there.
_MARKED = re.compile(
    r"(?P<ready>``.+?``|:\w+:`[^`]+`|`[^`\n]+`_)"
    r"|`(?P<code>[^`]+)`"
    r"|\$\$(?P<display>.+?)\$\$"
    r"|(?<![\\\w])\$(?P<inline>[^$]+?)\$(?!\w)"
    r"|(?P<bar>\|)",
    flags=re.DOTALL,
)


def _as_restructured(found: re.Match[str]) -> str:
    text = " ".join((found[found.lastgroup] or "").split())
    if found.lastgroup == "code":
        return f"``{text}``"
    if found.lastgroup == "inline":
        return f":math:`{text}`"
    if found.lastgroup == "display":
        line = found.string[: found.start()].rpartition("\n")[2]
        indent = line if not line.strip() else ""
        return f"\n{indent}.. math::\n\n{indent}   {text}\n\n{indent}"
    return r"\|" if found.lastgroup == "bar" else found[0]
