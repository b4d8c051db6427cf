"""Keep the catalogues of what the course says to its learner: `python notebooks/messages.py`.

Catalogues stand in `coursekit/translations/zh/`, one for the package and one for each chapter. The
command adds messages that are new, takes out those that are no longer said, keeps all
translations, and prints how many have none; `--check` changes nothing. A message is what stands in
`tr("...")`, an exercise's question, options, explanations, hints and mistakes, or a sentence that a
notebook hands to `expect` and `predict`.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import jupytext
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from build import sources

from coursekit._language import FIELD, TRANSLATIONS
from coursekit.chapters import exercises_of
from coursekit.exercises.engine import ChoiceExercise, Exercise, FunctionExercise

PACKAGE = Path(__file__).resolve().parents[1] / "coursekit"
#: Functions that say what they get to the learner, and at which place of their arguments it is.
SAID = {"tr": 0, "expect": 0, "predict": 1}


def messages() -> dict[str, list[str]]:
    """Every message, in order, by the name of its catalogue; each in the first that says it."""
    found: dict[str, list[str]] = {"coursekit": []}
    for path in sorted(PACKAGE.rglob("*.py")):
        chapter = path.relative_to(PACKAGE).parts[1] if "chapters" in path.parts[-3:] else ""
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found.setdefault(chapter or "coursekit", []).extend(_said(tree, {"tr"}))
    for source in sources([]):
        chapter = source.stem[3:]
        exercises = import_module(f"coursekit.chapters.{chapter}.exercises")
        for exercise in exercises_of(exercises):
            found[chapter].extend(_texts(exercise))
        code = [cell.source for cell in jupytext.read(source).cells if cell.cell_type == "code"]
        tree = ast.parse(re.sub(r"^%.*$", "", "\n".join(code), flags=re.MULTILINE))
        found[chapter].extend(_said(tree, {"expect", "predict"}))
    return _each_once(found)


def _said(tree: ast.AST, names: set[str]) -> Iterator[str]:
    """The literal texts that a piece of code hands to the functions of these names."""
    for call in ast.walk(tree):
        name = getattr(getattr(call, "func", None), "id", None)
        if isinstance(call, ast.Call) and name in names and len(call.args) > SAID[name]:
            yield from _literals(call.args[SAID[name]])


def _literals(node: ast.expr) -> Iterator[str]:
    """A text, or both texts of a choice between two; of an f-string, its form with fields."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        parts = (getattr(part, "value", "") for part in node.values)
        yield "".join(
            part if isinstance(part, str) else f"{{{getattr(part, 'id', f'value{place}')}}}"
            for place, part in enumerate(parts)
        )
    elif isinstance(node, ast.IfExp):
        yield from _literals(node.body)
        yield from _literals(node.orelse)


def _texts(exercise: Exercise) -> Iterator[str]:
    """All that an exercise can say, and does not put together while it speaks."""
    if isinstance(exercise, ChoiceExercise):
        yield exercise.title
        yield from exercise.options.values()
    yield exercise.insight
    yield from exercise.hints
    yield from (mistake.message for mistake in getattr(exercise, "mistakes", ()))
    if isinstance(exercise, FunctionExercise) and exercise.diagnose is not None:
        tree = ast.parse(Path(exercise.diagnose.__code__.co_filename).read_text(encoding="utf-8"))
        name = exercise.diagnose.__name__
        defined = [one for one in ast.walk(tree) if getattr(one, "name", None) == name]
        for returned in (part for one in defined for part in ast.walk(one)):
            if isinstance(returned, ast.Return) and returned.value is not None:
                yield from _literals(returned.value)


def _each_once(found: dict[str, list[str]]) -> dict[str, list[str]]:
    seen: set[str] = {""}
    once: dict[str, list[str]] = {}
    for name, texts in found.items():
        once[name] = []
        for text in texts:
            if text not in seen and re.search("[A-Za-z]{2}", FIELD.sub("", text)):
                seen.add(text)
                once[name].append(text)
    return {name: texts for name, texts in once.items() if texts}


def catalogue_path(name: str, language: str = "zh") -> Path:
    """Where a catalogue is kept."""
    return TRANSLATIONS / language / f"{name}.po"


def read(name: str) -> dict[str, str]:
    """The messages of a catalogue with their translations, "" where there is none."""
    path = catalogue_path(name)
    if not path.exists():
        return {}
    with path.open(encoding="utf-8") as file:
        return {str(one.id): str(one.string) for one in read_po(file) if one.id}


def text_of(said: list[str], known: dict[str, str]) -> str:
    """The catalogue of these messages, with what is known of their translations."""
    catalogue = Catalog(locale="zh", charset="utf-8")
    for message in said:
        catalogue.add(message, known.get(message, ""))
    written = io.BytesIO()
    write_po(written, catalogue, width=100, omit_header=True)
    return (
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
        + written.getvalue().decode()
    )


def main(arguments: list[str]) -> int:
    """Bring the catalogues up to date, or say what is not; 1 if anything is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing")
    options = parser.parse_args(arguments)

    wanted = messages()
    kept = {path.stem: read(path.stem) for path in (TRANSLATIONS / "zh").glob("*.po")}
    known = {id: text for one in kept.values() for id, text in one.items() if text}
    lacking = 0
    for name, said in wanted.items():
        without = sum(message not in known for message in said)
        lacking += without
        if without or list(kept.get(name, {})) != said:
            print(f"{name}: {len(said)} messages, {without} without a translation")
        if not options.check:
            catalogue_path(name).parent.mkdir(parents=True, exist_ok=True)
            catalogue_path(name).write_text(text_of(said, known), encoding="utf-8")
    if not options.check:
        for name in set(kept) - set(wanted):
            catalogue_path(name).unlink()
    in_step = {name: list(one) for name, one in kept.items()} == wanted
    return 1 if lacking or (options.check and not in_step) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
