"""What the course says to its learner, in the learner's language.

The language is what COURSEKIT_LANGUAGE names; else that of the notebook, if it stands in a folder
of a language (`notebooks/zh`); else English in a notebook, and what the locale says in a terminal.
Translations are gettext catalogues, `coursekit/translations/zh/*.po`; a message without one stays
English. `python notebooks/messages.py` keeps the catalogues in step with what the course says.
"""

from __future__ import annotations

import locale
import os
import re
import sys
import textwrap
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import Any

__all__ = [
    "LANGUAGES",
    "TRANSLATIONS",
    "columns",
    "language",
    "tr",
    "tr_filled",
    "translation",
    "wrapped",
]

LANGUAGES = ("en", "zh")
TRANSLATIONS = Path(__file__).parent / "translations"


def language() -> str:
    """Return the language of the learner, "en" or "zh".

    Raises:
        ValueError: COURSEKIT_LANGUAGE names a language that the course does not have.
    """
    chosen = os.environ.get("COURSEKIT_LANGUAGE", "")
    if chosen:
        if chosen not in LANGUAGES:
            known = " or ".join(LANGUAGES)
            raise ValueError(f"COURSEKIT_LANGUAGE must be {known}, found {chosen!r}.")
        return chosen
    notebook = _notebook()
    if notebook is not None:
        folder = notebook.parent.name
        return folder if folder in LANGUAGES else "en"
    return "zh" if _locale().lower().startswith(("zh", "chinese")) else "en"


def _notebook() -> Path | None:
    """Return the file of the notebook that this process serves, as Jupyter or VS Code name it."""
    named = os.environ.get("JPY_SESSION_NAME") or getattr(
        sys.modules.get("__main__"), "__vsc_ipynb_file__", None
    )
    if named:
        return Path(named)
    return Path() if "ipykernel" in sys.modules else None


def _locale() -> str:
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    return next((os.environ[name] for name in names if os.environ.get(name)), "") or (
        locale.getlocale()[0] or ""
    )


def tr(message: str, /, **values: Any) -> str:
    """Return the message in the learner's language, with the values put in where it names them.

    Args:
        message: English text; with values, a format such as "{answer} is too small."
        values: What the format names.

    Example:
        >>> tr("{answer} is too small.", answer=3)
        '3 is too small.'
    """
    found = translation(message, language())
    return found.format(**values) if values else found


def translation(message: str, language: str) -> str:
    """Return the message in a language; in English where it has no translation."""
    return _catalogue(language).get(message, message)


def tr_filled(text: str) -> str:
    """Return a text in the learner's language whose values a notebook has put in already.

    Where no message is this text, the one whose fields it fills is taken; of several, the one
    that says most itself.

    Example:
        >>> tr_filled("seed 3: the ECE falls by")
        'seed 3: the ECE falls by'
    """
    known = _catalogue(language())
    if text in known:
        return known[text]
    for message, form in _forms(language()):
        if values := form.fullmatch(text):
            return known[message].format(**values.groupdict())
    return text


#: A field of a message, such as {number}.
FIELD = re.compile(r"\{(\w+)\}")


@lru_cache
def _forms(language: str) -> list[tuple[str, re.Pattern[str]]]:
    """Return the messages that have fields, longest first, each with what matches it filled."""
    # A message of fields and signs alone would fit nearly any text.
    said = filter(FIELD.search, _catalogue(language))
    messages = [one for one in said if re.search("[a-z]{3}", FIELD.sub("", one))]
    return [(one, _form(one)) for one in sorted(messages, key=len, reverse=True)]


def _form(message: str) -> re.Pattern[str]:
    literal, *rest = FIELD.split(message)
    pieces, seen = [re.escape(literal)], set[str]()
    for name, literal in zip(rest[::2], rest[1::2], strict=True):
        # Where a field stands again, its value does.
        pieces += [f"(?P={name})" if name in seen else f"(?P<{name}>.+)", re.escape(literal)]
        seen.add(name)
    return re.compile("".join(pieces), re.DOTALL)


@lru_cache
def _catalogue(language: str) -> dict[str, str]:
    """Return all translated messages of a language; none for English."""
    if language == "en":
        return {}
    from babel.messages.pofile import read_po

    messages: dict[str, str] = {}
    for path in sorted((TRANSLATIONS / language).glob("*.po")):
        with path.open(encoding="utf-8") as file:
            messages |= {
                str(one.id): str(one.string) for one in read_po(file) if one.id and one.string
            }
    return messages


def wrapped(text: str, width: int, indent: str = "") -> str:
    r"""Break a paragraph into lines of at most `width` columns; all but the first are indented.

    A Chinese sign takes two columns, and a line may end after any of them.

    Example:
        >>> wrapped("one two three", width=8)
        'one two\nthree'
        >>> wrapped("校准与置信度", width=8)
        '校准与置\n信度'
    """
    if not any(map(_is_wide, text)):
        return textwrap.fill(text, width, subsequent_indent=indent, break_long_words=False)
    lines, line = [], ""
    for piece in _pieces(text):
        if columns(line + piece.rstrip()) > width and line.strip() and piece not in CLOSING:
            lines.append(line.rstrip())
            line = indent + piece.lstrip()
        else:
            line += piece
    return "\n".join([*lines, line.rstrip()])


#: Signs that may not begin a line.
CLOSING = "，。：；？！、）》”’"


def _pieces(text: str) -> list[str]:
    """Return what stays together on a line: a wide sign, or others up to the space after them."""
    pieces: list[str] = []
    for sign in text:
        ends = not pieces or _is_wide(sign) or _is_wide(pieces[-1][-1]) or pieces[-1].endswith(" ")
        if ends and not (sign == " " and pieces):
            pieces.append(sign)
        else:
            pieces[-1] += sign
    return pieces


def _is_wide(sign: str) -> bool:
    return unicodedata.east_asian_width(sign) in "WF"


def columns(text: str) -> int:
    """Return how many columns a text takes in type of one width: a Chinese sign takes two.

    Example:
        >>> columns("ECE 校准")
        8
    """
    return sum(2 if _is_wide(sign) else 1 for sign in text)
