"""Make the notebooks from their sources: `python notebooks/build.py [NN ...]`.

We edit `notebooks/source/NN_name.py` (jupytext percent scripts) and commit both the script and the
executed notebook that this command makes of it. Without arguments it builds all; `--check` builds
nothing and says which notebooks no longer agree with their source. `--language zh` does the same
for the Chinese notebooks, `notebooks/zh/NN_name.ipynb`: prose from the translation, code from here.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat
import translations
from nbclient import NotebookClient
from nbformat import NotebookNode
from tqdm import tqdm

from coursekit._language import LANGUAGES

FOLDER = Path(__file__).resolve().parent
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
CELL_TIMEOUT_S = 3600  # a busy machine may take its time
#: A cell that a learner moves, or that shows what they did: its output is theirs alone.
INTERACTIVE = re.compile(
    r"\bwidget\.(\w+_explorer|forecaster_dial|QuestionRounds)\("
    r"|\bplots\.(temperature_slider|my_predictions)\("
)


def sources(prefixes: list[str]) -> list[Path]:
    """Sources whose file name starts with one of the prefixes; all of them if none is given."""
    everything = sorted((FOLDER / "source").glob("[0-9][0-9]_*.py"))
    for prefix in prefixes:
        if not any(path.name.startswith(prefix) for path in everything):
            names = ", ".join(path.stem for path in everything)
            raise SystemExit(f"No notebook starts with {prefix!r}. There are: {names}.")
    return [path for path in everything if not prefixes or path.name.startswith(tuple(prefixes))]


def notebook_path(source: Path, language: str = "en") -> Path:
    """Where the notebook of a source is kept."""
    return (FOLDER if language == "en" else FOLDER / language) / f"{source.stem}.ipynb"


def unexecuted(source: Path, language: str = "en") -> NotebookNode:
    """The notebook as its source says it, with no outputs: a pure function of the sources.

    Raises:
        ValueError: A cell has no translation.
    """
    notebook = _in_english(source)
    if language == "en":
        return notebook
    translated = translations.read(translations.translation_path(source, language))
    there = {f"{one.stem}.ipynb" for one in translated_sources(language)}
    return translations.translate(notebook, translated, there)


def translated_sources(language: str) -> list[Path]:
    """The sources of which there is a translation."""
    return [one for one in sources([]) if translations.translation_path(one, language).exists()]


def _in_english(source: Path) -> NotebookNode:
    notebook = jupytext.read(source)
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        # An id made from the content stays the same from build to build, so diffs stay small.
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        seen[digest] = seen.get(digest, 0) + 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def execute(notebook: NotebookNode) -> None:
    """Restart & Run All, in place, keeping no timings and no widget state."""
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT_S,
        kernel_name="python3",
        resources={"metadata": {"path": str(FOLDER)}},
        record_timing=False,
    )
    # nbclient would play the browser's part for widgets that hold output, and now and then waits
    # forever: its answer, sent while it awaits the kernel's, can swallow the news of the latter.
    client.widget_registry = {}
    client.execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            # Without its saved state a widget shows as an error. The static figure stands in the
            # cell above; running the cell brings the widget to life.
            shows_widget = any(WIDGET_VIEW in output.get("data", {}) for output in cell.outputs)
            cell.outputs = [] if shows_widget else _merged_streams(cell.outputs)
            for output in cell.outputs:
                # Everywhere a page shows the image; its HTML, for the living notebook, repeats it.
                if "image/png" in output.get("data", {}):
                    output.data.pop("text/html", None)
    # GitHub refuses to show a notebook that carries widget state; the language's version would
    # differ from machine to machine.
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}


def _merged_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join neighbouring pieces of printed text, which are cut anew in every run."""
    merged: list[NotebookNode] = []
    for output in outputs:
        if merged and output.get("name") and output.get("name") == merged[-1].get("name"):
            merged[-1].text += output.text
        else:
            merged.append(output)
    return merged


def build(source: Path, language: str = "en") -> None:
    """Execute one source and write its notebook."""
    notebook = unexecuted(source, language)
    execute(notebook)
    nbformat.validate(notebook)
    target = notebook_path(source, language)
    target.parent.mkdir(exist_ok=True)
    nbformat.write(notebook, target)


def differences(source: Path, language: str = "en") -> list[str]:
    """What a committed notebook holds that its source does not say, or the other way round."""
    target = notebook_path(source, language)
    if not target.exists():
        return [f"{target.name} does not exist"]
    wanted, found = unexecuted(source, language).cells, nbformat.read(target, as_version=4).cells
    if len(wanted) != len(found):
        return [f"{target.name} has {len(found)} cells, its source {len(wanted)}"]
    return [
        f"{target.name}, cell {number}: not the same as in its source"
        for number, (a, b) in enumerate(zip(wanted, found, strict=True), start=1)
        if (a.cell_type, a.source, a.metadata, a.id) != (b.cell_type, b.source, b.metadata, b.id)
    ]


def main(arguments: list[str]) -> int:
    """Build or check the notebooks that were asked for; 1 if a check finds a difference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prefix", nargs="*", help="which notebooks, as 00 or 11_next; default all")
    parser.add_argument("--check", action="store_true", help="build nothing, report differences")
    parser.add_argument("--language", choices=LANGUAGES, default="en", help="default: en")
    options = parser.parse_args(arguments)
    chosen = sources(options.prefix)

    if options.check:
        found = [line for source in chosen for line in differences(source, options.language)]
        print("\n".join(found) if found else f"{len(chosen)} notebooks agree with their sources.")
        return 1 if found else 0

    with tempfile.TemporaryDirectory() as folder:
        # The outputs we commit are those of a learner who has not answered anything yet.
        os.environ["COURSEKIT_PROGRESS"] = str(Path(folder) / "progress.json")
        os.environ["COURSEKIT_LANGUAGE"] = options.language
        for source in tqdm(chosen, desc="building", unit="notebook"):
            build(source, options.language)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
