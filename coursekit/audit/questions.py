"""Questions of your own, and public ones, as tasks of an audit.

A file holds one question a row: JSON lines (`.jsonl`) or a table with a header (`.csv`, `.tsv`).

    {"question": "What is the capital of Peru?", "answer": "Lima", "choices": ["Lima", "Quito"]}

What an answer means ("B", "2", "Lima") is settled for the whole file at once: as the text of a
choice, its letter, or its number from 0 or from 1, whichever fits every row. Where two of these
fit and disagree, nobody can know, and the file is refused.
"""

from __future__ import annotations

import csv
import difflib
import hashlib
import io
import json
import re
import warnings
from argparse import Action, ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

from coursekit.data import benchmarks
from coursekit.data.questions import Entity, Question

if TYPE_CHECKING:
    from coursekit.audit.items import Task

#: The tasks of the audit itself. Named here as well as in `run`, so that a mistyped one is refused
#: before torch is imported.
TASKS = ("prose", "code", "samples", "choices", "answers", "stated")

TASKS_HELP = (
    f"which of {', '.join(TASKS)} (all that suit; of weights, stated on request); or public sets: "
    f"{', '.join(benchmarks.names())}"
)

#: What a column may be called, in small letters.
ALIASES = {
    "question": ("question", "prompt", "query", "input"),
    "answer": (
        "answer",
        "correct_answer",
        "answer_key",
        "answerkey",
        "correct",
        "label",
        "target",
        "gold",
    ),
    "choices": ("choices", "options"),
    "group": ("group", "category", "subject", "topic"),
    "cluster": ("cluster", "document", "passage_id"),
    "id": ("id", "key"),
    "aliases": ("aliases", "accepted"),
}
MEANING = {alias: name for name, aliases in ALIASES.items() for alias in aliases}
FEWEST = 12  #: questions of a file: `N_EXAMPLES` are shown, `SMALLEST_LIMIT` are asked
SHOWN = 5  #: problems of a file, at most, in one message

Row = tuple[int, dict[str, Any]]  # number of its line, what is in it


@dataclass(frozen=True)
class _Asked:
    """A row, checked but for what its answer means."""

    line: int
    question: str
    answer: str
    options: tuple[str, ...]
    letters: tuple[str, ...]
    group: str
    cluster: str
    key: str
    aliases: tuple[str, ...]


# --- tasks ----------------------------------------------------------------------------------------


def add_arguments(parser: ArgumentParser) -> list[Action]:
    """Add what every subject takes that can be asked questions; returns it."""
    return [
        parser.add_argument(
            "--questions",
            metavar="FILE",
            help="your own: .jsonl or .csv with question, answer and, to choose among, choices",
        ),
        parser.add_argument(
            "--accept-licence",
            action="store_true",
            help="of public question sets that want it (python -m coursekit fetch benchmarks "
            "lists them)",
        ),
    ]


def require_names(names: Sequence[str] | None) -> None:
    """Check that each name is one of `TASKS` or of a public question set.

    Raises:
        ValueError: If not; the message names all there are.

    Example:
        >>> require_names(["prose", "arc_easy"])
    """
    for name in names or ():
        if name not in TASKS and name not in benchmarks.names():
            if name in benchmarks.ARROW_ONLY:
                benchmarks.about(name)  # says why
            raise ValueError(
                f"tasks must be some of {', '.join(TASKS)}, or public sets "
                f"({', '.join(benchmarks.names())}), found {name!r}"
            )


def tasks_of(options: Namespace) -> list[str | Task] | None:
    """Return what the command line asks: for `audit(lm, tasks)`, None for all of `TASKS`.

    Public sets and the file are read here, so what is wrong with them is said before a model is
    loaded. With a file and no `--tasks`, the file alone is asked.

    Args:
        options: With `tasks`, `questions`, `accept_licence` and `seed`.

    Raises:
        ValueError, TypeError: Unknown names, a licence that was not accepted, a bad file.
        UnavailableError: A public set that cannot be fetched.
        OSError: The file cannot be read.

    Example:
        >>> tasks_of(Namespace(tasks=["prose"], questions=None, accept_licence=False, seed=0))
        ['prose']
    """
    require_names(options.tasks)
    if options.tasks is None and options.questions is None:
        return None
    asked: list[str | Task] = []
    for name in dict.fromkeys(options.tasks or ()):
        if name in TASKS:
            asked.append(name)
        else:
            questions = benchmarks.load(
                name, seed=options.seed, accept_licence=options.accept_licence
            )
            asked.append(task_of(questions, name, benchmarks.about(name).title))
    if options.questions is not None:
        questions = read_questions(options.questions)
        if len(questions) < FEWEST:
            raise ValueError(
                f"{options.questions} must hold at least {FEWEST} questions, 4 to show the form of "
                f"an answer and 8 to ask, found {len(questions)}"
            )
        name = task_name(options.questions)
        asked.append(task_of(questions, name, f"Your questions ({name.partition('-')[2]})"))
    return asked


def task_name(path: str | Path) -> str:
    """Return the name of the task that asks the questions of a file: two files, two tasks.

    So a calibrator of one exam is refused for another, and limits can tell them apart.

    Example:
        >>> task_name("exams/Spring 2026.csv"), task_name("試験.csv")
        ('questions-Spring-2026', 'questions-c4282091')
    """
    stem = Path(path).stem
    word = re.sub(r"[^A-Za-z0-9_]+", "-", stem).strip("-")
    if not word:  # nothing of it can stand in a name
        word = hashlib.sha256(stem.encode()).hexdigest()[:8]
    return f"questions-{word}"


def task_of(questions: Sequence[Question], name: str, title: str) -> Task:
    """Return the task that asks these: to choose where they have options, else in free words.

    Args:
        questions: All with options or all without.
        name: Of the task, a word.
        title: A few words for people.

    Example:
        >>> from coursekit.data import capital_questions
        >>> task_of(capital_questions(), "capitals", "Capitals").event
        'the option with the most probable text is the right one'
    """
    from coursekit.audit.asking import AnswerTask, ChoiceTask

    kind = ChoiceTask if questions[0].options else AnswerTask
    return kind(name, title, questions)  # type: ignore[return-value]  # as in `run`


# --- a file ---------------------------------------------------------------------------------------


def read_questions(path: str | Path) -> list[Question]:
    r"""Read a file of questions.

    Columns, each by one of the names in `ALIASES`, capital letters or small:

    - `question` and `answer`;
    - `choices`, to choose among: a list, a list as JSON text, or texts with `|` between; or columns
      `A`, `B`, `C`, ... Without choices the answer is given in free words;
    - `group`, for which the report has numbers of its own;
    - `cluster`: questions that belong together, such as those about one passage. Halves and
      intervals are made of clusters. Questions of the same text share one in any case;
    - `id`; and `aliases`, other accepted answers (a list, or `|` between).

    Other columns are named in a warning and not used.

    Args:
        path: UTF-8, with or without a byte order mark.

    Raises:
        ValueError: What is wrong, with the numbers of the lines: no question or answer, an answer
            that is no choice or could mean two of them, a choice or a question twice, a column
            that is nearly called like one of these.
        OSError: The file cannot be read.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder) / "exam.csv"
        ...     _ = file.write_text("question,A,B,answer\nIs ice cold?,yes,no,A\n")
        ...     [question] = read_questions(file)
        >>> question.options, question.answer
        (('yes', 'no'), 'yes')
    """
    path = Path(path)
    rows = _rows(path)
    if not rows:
        raise ValueError(f"{path} must hold at least one question, found none")
    asked, problems = [], []
    for line, row in rows:
        try:
            asked.append(_asked(line, row))
        except ValueError as error:
            problems.append(f"line {line}: {error}")
    problems += _repeated(asked)
    _raise(path, problems)
    chosen = _right_ones(path, asked)
    entities: dict[str, Entity] = {}
    return [
        _question(path, row, right, entities.setdefault(row.cluster or row.question, Entity(key)))
        for row, right in zip(asked, chosen, strict=True)
        for key in [row.cluster or row.key]
    ]


def _raise(path: Path, problems: list[str]) -> None:
    if problems:
        more = f"\n(and {len(problems) - SHOWN} more)" if len(problems) > SHOWN else ""
        raise ValueError(f"{path} cannot be read:\n" + "\n".join(problems[:SHOWN]) + more)


def _question(path: Path, row: _Asked, right: int, entity: Entity) -> Question:
    return Question(
        kind="question",
        key=row.key,
        subject="",
        question=row.question,
        answer=row.options[right] if row.options else row.answer,
        options=row.options,
        correct=right,
        group=row.group,
        grouped_by="group" if row.group else "",
        source=path.name,
        aliases=row.aliases,
        entities=(entity,),
    )


# --- its rows -------------------------------------------------------------------------------------


def _rows(path: Path) -> list[Row]:
    kinds = {".jsonl": _json_rows, ".ndjson": _json_rows, ".csv": _table_rows, ".tsv": _table_rows}
    if path.suffix.lower() not in kinds:
        raise ValueError(f"questions must be a file {', '.join(kinds)}, found {path}")
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path} must be UTF-8 text, found another byte on line {line}. Save it as UTF-8"
        ) from error
    rows = [(line, row) for line, row in kinds[path.suffix.lower()](path, text)]
    return _renamed(path, rows)


def _json_rows(path: Path, text: str) -> Iterator[Row]:
    for line, entry in enumerate(text.split("\n"), start=1):
        if not entry.strip():
            continue
        try:
            row = json.loads(entry)
        except ValueError as error:
            raise ValueError(f"{path}, line {line}: must be JSON, found {error}") from error
        if not isinstance(row, dict):
            raise ValueError(
                f'{path}, line {line}: must be an object, {{"question": ...}}, found {row!r:.60}'
            )
        yield line, row


def _table_rows(path: Path, text: str) -> Iterator[Row]:
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=lambda mark: len(_known(next(csv.reader([first], delimiter=mark)))))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = next(reader, [])
        line = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                if len(cells) != len(header):
                    raise ValueError(
                        f"{path}, line {line}: must have {len(header)} cells as the header, found "
                        f"{len(cells)}. A text with the mark {delimiter!r} stands in double quotes"
                    )
                yield line, dict(zip(header, cells, strict=True))
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: {error}") from error


def _known(header: Sequence[str]) -> list[str]:
    return [name for name in header if name.strip().lower() in MEANING]


def _renamed(path: Path, rows: list[Row]) -> list[Row]:
    """Give columns their own names; refuse what is nearly one, and warn of what is not used."""
    columns = list(dict.fromkeys(name for _, row in rows for name in row))
    named: dict[str, str] = {}
    unused = []
    for column in columns:
        plain = column.strip().lower()
        if plain in MEANING:
            if MEANING[plain] in named.values():
                twice = [other for other in named if named[other] == MEANING[plain]]
                raise ValueError(
                    f"{path} must have one column for the {MEANING[plain]}, found {twice[0]!r} and "
                    f"{column!r}. Take one away"
                )
            named[column] = MEANING[plain]
        elif column.strip() in set(ascii_uppercase):
            named[column] = column.strip()
        elif near := difflib.get_close_matches(plain, MEANING, n=1, cutoff=0.85):
            raise ValueError(
                f"{path} has a column {column!r}, which is nearly {near[0]!r}: call it that, or "
                "something else"
            )
        else:
            unused.append(column)
    for needed in ("question", "answer"):
        if rows and needed not in named.values():
            raise ValueError(
                f"{path} must have a column {' or '.join(map(repr, ALIASES[needed]))}, found "
                f"{', '.join(map(repr, columns))}"
            )
    if unused:
        warnings.warn(
            f"of {path} these columns are not used: {', '.join(map(repr, unused))}", stacklevel=4
        )
    return [
        (line, {named[name]: value for name, value in row.items() if name in named})
        for line, row in rows
    ]


# --- one row --------------------------------------------------------------------------------------


def _asked(line: int, row: dict[str, Any]) -> _Asked:
    question, answer = _text(row, "question"), _text(row, "answer")
    options, letters = _options(row)
    if options and row.get("aliases"):
        raise ValueError("aliases must be left out where there are choices")
    key = _label(row, "id")
    if not key:  # from what is asked, so that another order of the file moves nothing
        key = hashlib.sha256("\n".join([question, *options]).encode()).hexdigest()[:12]
    group, cluster = _label(row, "group"), _label(row, "cluster")
    aliases = tuple(_list(row["aliases"], "aliases")) if row.get("aliases") else ()
    return _Asked(line, question, answer, options, letters, group, cluster, key, aliases)


def _text(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    number = isinstance(value, int | float) and not isinstance(value, bool) and value == value
    if not (number or isinstance(value, str)):
        raise ValueError(f"{name} must be a text, found {value!r:.60}")
    if any("\ud800" <= letter <= "\udfff" for letter in str(value)):
        raise ValueError(f"{name} must be text that UTF-8 can write, found {value!r:.60}")
    if not str(value).strip():
        raise ValueError(f"{name} must say something, found {value!r}")
    return str(value).strip()


def _label(row: dict[str, Any], name: str) -> str:
    """Return a word that the report shows, or an empty one where there is none."""
    if row.get(name) in (None, ""):
        return ""
    label = _text(row, name)
    if not label.isprintable():
        raise ValueError(f"{name} must be one line of letters that can be printed, found {label!r}")
    return label


def _list(value: Any, name: str) -> list[str]:
    """Read a list, a list as JSON text, or texts with | between."""
    if isinstance(value, str):
        if value.lstrip().startswith("["):
            try:
                value = json.loads(value)
            except ValueError as error:
                raise ValueError(f"{name} must be a list as JSON, found {error}") from error
        else:
            value = value.split("|")
    if not isinstance(value, list):
        raise ValueError(f"{name} must be a list, found {value!r:.60}")
    return [_text({name: entry}, name) for entry in value]


def _options(row: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the choices and their letters; none where the answer is in free words."""
    lettered = {name: value for name, value in row.items() if name in set(ascii_uppercase)}
    value = row.get("choices")
    if value in (None, "", []) and not any(v not in (None, "") for v in lettered.values()):
        return (), ()
    if value not in (None, "", []) and lettered:
        raise ValueError("choices must stand in one column or in columns A, B, ..., found both")
    if isinstance(value, dict) and set(value) == {"text", "label"}:  # as public sets have it
        labels, texts = _list(value["label"], "label"), _list(value["text"], "text")
        if len(labels) != len(texts):
            raise ValueError(
                f"choices must have a label for each text, found {len(labels)} and {len(texts)}"
            )
        value = dict(zip(labels, texts, strict=True))
    if lettered:
        value = {letter: lettered[letter] for letter in sorted(lettered)}
        while list(value.values())[-1] in (None, ""):  # fewer choices than columns
            value.popitem()
        if tuple(value) != tuple(ascii_uppercase[: len(value)]):
            raise ValueError(f"columns of choices must be A, B, C, ..., found {', '.join(value)}")
    if isinstance(value, dict):
        letters, options = list(value), [_text(value, letter) for letter in value]
    else:
        options = _list(value, "choices")
        letters = list(ascii_uppercase[: len(options)])
    if not 2 <= len(options) <= len(ascii_uppercase):
        raise ValueError(f"choices must be 2 to {len(ascii_uppercase)}, found {len(options)}")
    if len({option.casefold() for option in options}) < len(options):
        raise ValueError(f"choices must differ, found one twice in {options!r:.120}")
    return tuple(options), tuple(letters)


def _repeated(asked: Sequence[_Asked]) -> list[str]:
    """Say what is asked twice, and whether only some rows have choices."""
    problems = []
    first: dict[Any, int] = {}
    for row in asked:
        for what, same in (
            ("question", (row.question, tuple(sorted(row.options)))),
            ("id", row.key),
        ):
            line = first.setdefault((what, same), row.line)
            if line != row.line:
                problems.append(f"line {row.line}: {what} must be asked once, found on {line} too")
                break
    with_choices = [row.line for row in asked if row.options]
    without = [row.line for row in asked if not row.options]
    if with_choices and without:
        problems.append(
            f"choices must be given for every question or for none, found line {with_choices[0]} "
            f"with and line {without[0]} without. Make two files"
        )
    return problems


# --- which choice is meant ------------------------------------------------------------------------


def _by_text(row: _Asked) -> int | None:
    places = [i for i, option in enumerate(row.options) if option == row.answer] or [
        i for i, option in enumerate(row.options) if option.casefold() == row.answer.casefold()
    ]
    return places[0] if places else None


def _by_letter(row: _Asked) -> int | None:
    found = re.fullmatch(r"\(?(.+?)[).]?", row.answer)
    letters = [letter.casefold() for letter in row.letters]
    letter = found[1].casefold() if found else ""
    return letters.index(letter) if letter in letters else None


def _by_number(row: _Asked, start: int) -> int | None:
    if not re.fullmatch(r"\d{1,2}(\.0)?", row.answer):
        return None
    place = int(float(row.answer)) - start
    return place if 0 <= place < len(row.options) else None


READINGS = {
    "texts of choices": _by_text,
    "letters": _by_letter,
    "numbers from 0": lambda row: _by_number(row, 0),
    "numbers from 1": lambda row: _by_number(row, 1),
}


def _right_ones(path: Path, asked: Sequence[_Asked]) -> list[int]:
    """Return the place of each right choice, by the one reading that fits all rows."""
    if not asked[0].options:
        return [0] * len(asked)
    found = {name: [read(row) for row in asked] for name, read in READINGS.items()}
    fitting = {name: places for name, places in found.items() if None not in places}
    if not fitting:
        best = max(found, key=lambda name: sum(place is not None for place in found[name]))
        wrong = [row for row, place in zip(asked, found[best], strict=True) if place is None]
        _raise(
            path,
            [
                f"line {row.line}: answer {row.answer!r:.60} is none of the choices "
                f"{list(row.options)!r:.120} (most answers of the file are {best})"
                for row in wrong
            ],
        )
    (name, places), *others = fitting.items()
    for other, their in others:
        for row, one, two in zip(asked, places, their, strict=True):
            if one != two:
                raise ValueError(
                    f"{path}, line {row.line}: answer {row.answer!r} could mean "
                    f"{row.options[one or 0]!r} (answers are {name}) or {row.options[two or 0]!r} "
                    f"({other}), and so on every line. Write letters, A for the first choice"
                )
    return [place for place in places if place is not None]
