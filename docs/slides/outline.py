"""From a notebook to slides: what stands on each of them, and what is left out.

A notebook is written to be read; a slide is looked at while somebody talks. So the cells are taken
apart into pieces, and the pieces are laid on slides again: one figure, one question or one idea on
each, as much as fits, in the order of the notebook. Sections run from left to right, the slides of
a section from top to bottom. Heights are estimates in pixels of a slide of 1280 x 720; the page
itself shrinks what turns out too high. What every notebook writes, such as "Predict first", is
known in each language of the course.
"""

from __future__ import annotations

import ast
import html
import re
from dataclasses import dataclass, field
from math import ceil

from nbformat import NotebookNode
from wording import ENGLISH, LANGUAGES, Words, marks, words_of

from coursekit._language import columns, translation

#: Room for pieces on a slide, its heading not counted, in pixels.
ROOM = 550
LINE, CODE_LINE, CHARACTERS = 41, 27, 78
LONGEST_CODE, LONGEST_OUTPUT = 20, 19


@dataclass
class Piece:
    """Something that stays together: a paragraph, a piece of code, a figure, a question."""

    kind: str  # "prose", "code" or "html"
    text: str
    height: float
    minutes: float
    closes: bool = False  # nothing after it on its slide: the class answers first
    ask: list[str] = field(default_factory=list)
    see: list[str] = field(default_factory=list)


@dataclass
class Slide:
    """What is projected at once."""

    heading: str  # Markdown, without the marks of its level
    starts: str  # "title", "section", "part" (of a section), or "" if the heading goes on
    pieces: list[Piece] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def minutes(self) -> float:
        """How long it takes, by rule of thumb."""
        return 0.2 + sum(piece.minutes for piece in self.pieces)

    def takes(self, group: list[Piece]) -> bool:
        """Whether the pieces may stand here too."""
        if any(other.closes for other in self.pieces):
            return False
        height = sum(piece.height for piece in [*self.pieces, *group])
        return not self.pieces or height <= ROOM


def slides_of(notebook: NotebookNode) -> list[Slide]:
    """Lay out a notebook."""
    words = words_of(notebook)
    title, *cells = notebook.cells
    slides = title_slides(title.source)
    for cell in cells:
        kind = cell.metadata.get("slideshow", {}).get("slide_type")
        if kind == "skip":
            continue
        if kind == "notes":
            slides[-1].notes.append(cell.source)
        elif cell.cell_type == "markdown":
            for piece in pieces_of_markdown(cell.source):
                if isinstance(piece, Slide):
                    slides.append(piece)
                else:
                    _lay(slides, [piece])
        elif cell.cell_type == "code":
            for group in together(pieces_of_code(cell, words)):
                _lay(slides, group)
    return [slide for slide in slides if slide.pieces or slide.starts]


def together(pieces: list[Piece]) -> list[list[Piece]]:
    """Code and what it prints stay on one slide if they fit on one."""
    whole = sum(piece.height for piece in pieces) <= ROOM
    return [pieces] if whole else [[piece] for piece in pieces]


def _lay(slides: list[Slide], group: list[Piece]) -> None:
    if not group:
        return
    if not slides[-1].takes(group):
        before = slides[-1].pieces
        slides.append(Slide(slides[-1].heading, ""))
        if group[0].closes and before[-1].text.startswith(marks("predict")):
            slides[-1].pieces.append(before.pop())
    slides[-1].pieces += group


def title_slides(source: str) -> list[Slide]:
    """The first cell: its title and first paragraph, then what the learner will be able to do."""
    title, paragraph, *rest = blocks_of(source)
    first = Slide(title.removeprefix("# "), "title", [prose(paragraph)])
    goals = Slide("", "part")
    for block in rest:
        if block.startswith(marks("aims")):
            heading, _, items = block.partition("\n")
            goals.heading = heading.strip("* ")
            goals.pieces += [prose(items.strip())] if items.strip() else []
        elif block.startswith((*marks("time"), *marks("map"))):
            first.notes.append(block)
        else:
            goals.pieces.append(prose(block))
    return [first, goals] if goals.pieces else [first]


def blocks_of(source: str) -> list[str]:
    """Cut Markdown at its empty lines, but not inside fenced code or displayed formulas."""
    blocks: list[list[str]] = [[]]
    inside = ""
    for line in source.splitlines():
        if not inside and not line.strip():
            blocks.append([])
            continue
        if not inside and re.match(r"#{1,6} ", line):
            blocks.append([])
        blocks[-1].append(line)
        for mark in ("```", "$$"):
            if inside in ("", mark) and line.count(mark) % 2:
                inside = "" if inside else mark
        if re.match(r"#{1,6} ", line):
            blocks.append([])
    return ["\n".join(block) for block in blocks if block]


def pieces_of_markdown(source: str) -> list[Piece | Slide]:
    """Headings begin slides; a list or table that is too long for one goes on over the next."""
    found: list[Piece | Slide] = []
    for block in blocks_of(source):
        if block.startswith(marks("stuck")):
            continue  # how to get a hint: for those who sit at the keyboard
        heading = re.match(r"(#{1,6}) (.+)", block)
        if heading:
            found.append(Slide(heading[2], "section" if len(heading[1]) <= 2 else "part"))
        elif prose(block).height > ROOM and re.match(r"([-*]|\d+\.) ", block):
            found += [prose(item) for item in re.split(r"\n(?=(?:[-*]|\d+\.) )", block)]
        elif block.startswith("|"):
            found += table(block)
        else:
            found.append(prose(block))
    return found


def prose(block: str) -> Piece:
    """A paragraph, list, table or formula."""
    lines = block.splitlines()
    if lines[0].startswith("|"):
        height = 20 + sum(46 * ceil(columns(line) / 110) for line in lines if "---" not in line)
    elif re.match(r"[-*] |\d+\. ", block):
        items = re.split(r"\n(?=(?:[-*]|\d+\.) )", block)
        height = 16 + sum(LINE * ceil(columns(" ".join(i.split())) / CHARACTERS) + 8 for i in items)
    elif block.startswith("$$"):
        height = 100
    else:
        height = 16 + LINE * ceil(columns(" ".join(lines)) / CHARACTERS)
    minutes = words_in(block) / 120
    plain = re.sub(r"[*`]", "", " ".join(block.split()))
    asked = [q for words in LANGUAGES.values() for q in re.findall(words.question_pattern, plain)]
    return Piece("prose", block, height, minutes, ask=asked)


def words_in(text: str) -> float:
    """How many words of English a text is worth when it is spoken: a Chinese sign is half a one."""
    return len(text.split()) + (columns(text) - len(text)) / 2


def table(block: str) -> list[Piece]:
    """A table; where it is higher than a slide it is cut, and its head repeated.

    A row whose first cell is empty belongs to those above it, so it does not begin a slide.
    """
    head, rule, *rows = block.splitlines()
    cuts = [i for i in range(1, len(rows)) if rows[i].split("|")[1].strip()]
    if prose(block).height <= ROOM or not cuts:
        return [prose(block)]
    cut = min(cuts, key=lambda i: abs(i - len(rows) / 2))
    return [
        piece
        for part in (rows[:cut], rows[cut:])
        for piece in table("\n".join([head, rule, *part]))
    ]


def pieces_of_code(cell: NotebookNode, words: Words = ENGLISH) -> list[Piece]:
    """What a code cell shows: its code where that is the lesson, its question, its output."""
    tree = ast.parse(re.sub(r"^[%!].*$", "", cell.source, flags=re.MULTILINE))
    names = {_name(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    text = "".join(o.get("text", "") for o in cell.outputs).rstrip("\n")
    if "ask" in names:
        return [question(text, words)]
    if "check" in names:
        return [*code(cell.source, minutes=2.0, closes=True)]
    if statements := predictions(tree):
        return [prediction(statement, words) for statement in statements]
    if names & {"hint", "solution", "progress", "my_predictions"}:
        return []
    if "nbval-ignore-output" in cell.metadata.get("tags", []) and not cell.outputs:
        return [*code(cell.source, minutes=2.0, closes=True, ask=[words.move])]

    figures = [o for o in cell.outputs if "image/png" in o.get("data", {})]
    lesson = without_show(cell.source, tree)
    pieces = code(lesson, minutes=0.0) if teaches(tree, bool(figures)) else []
    for piece in pieces:
        piece.minutes = 0.06 * len(piece.text.splitlines())
    return [*pieces, *output(text), *map(figure, figures)]


def _name(function: ast.expr) -> str:
    return getattr(function, "attr", None) or getattr(function, "id", "")


def teaches(tree: ast.Module, draws: bool) -> bool:
    """Whether code is worth a slide: not imports, not checks, not the call that draws a figure."""
    plumbing = ast.Import | ast.ImportFrom
    lines = [node for node in tree.body if not isinstance(node, plumbing)]
    if len(lines) < len(tree.body) and len(lines) <= 2:
        return False
    if all(
        isinstance(n, ast.Expr) and _name(getattr(n.value, "func", n)) == "expect" for n in lines
    ):
        return False
    structure = ast.For | ast.FunctionDef | ast.ClassDef | ast.With | ast.While
    return not draws or any(isinstance(node, structure) for node in lines)


def without_show(source: str, tree: ast.Module) -> str:
    """The code without the calls that put a figure on the page, and what they draw it with."""
    lines = source.splitlines()
    for node in reversed(tree.body):
        if isinstance(node, ast.Expr) and _name(getattr(node.value, "func", node)) == "show":
            del lines[node.lineno - 1 : node.end_lineno]
    return "\n".join(lines).strip("\n")


def predictions(tree: ast.Module) -> list[str]:
    """The statements that the learner is asked to give a probability to."""
    # The course's own `predict`, not the method of somebody's estimator.
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "predict"
    ]
    given = [
        call.args[1:2] or [k.value for k in call.keywords if k.arg == "statement"] for call in calls
    ]
    return [value.value for (value,) in given if isinstance(value, ast.Constant)]


def code(source: str, **about: object) -> list[Piece]:
    """Code, cut at an empty line where it is longer than a slide."""
    lines = source.splitlines()
    if len(lines) > LONGEST_CODE:
        middle = len(lines) / 2
        # Only between statements: an indented line after the gap would be half of something.
        cuts = [
            i
            for i in range(1, len(lines) - 1)
            if not lines[i].strip() and lines[i + 1][:1] not in (" ", ")", "]", "}", "")
        ]
        if cuts:
            cut = min(cuts, key=lambda i: abs(i - middle))
            first, second = "\n".join(lines[:cut]), "\n".join(lines[cut:])
            return [*code(first.strip("\n"), **about), *code(second.strip("\n"), **about)]
    return [Piece("code", source, 36 + CODE_LINE * len(lines), **about)]


def output(text: str) -> list[Piece]:
    """Printed text, over several slides if need be."""
    lines = text.splitlines()
    chunks = [lines[i : i + LONGEST_OUTPUT] for i in range(0, len(lines), LONGEST_OUTPUT)]
    return [
        Piece(
            "html",
            f'<pre class="output">{html.escape(chr(10).join(chunk))}</pre>',
            28 + CODE_LINE * sum(max(1, ceil(columns(line) / 98)) for line in chunk),
            0.4,
        )
        for chunk in chunks
    ]


def question(text: str, words: Words) -> Piece:
    """A question with its options, without what the checker says below them; the class votes."""
    whole = re.match(r"(?:.*\n)*?(?:[a-z]\) .*(?:\n +.*)*\n?)+", text.strip())
    options = re.split(r"\n(?=[a-z]\) )", (whole[0] if whole else text).strip())
    asked, *choices = [html.escape(" ".join(option.split())) for option in options]
    listed = "".join(f"<li>{choice[3:]}</li>" for choice in choices)
    shown = f'<div class="question"><p>{asked}</p><ol type="a">{listed}</ol></div>'
    height = 60 + LINE * sum(ceil(columns(option) / 76) + 0.4 for option in options)
    return Piece("html", shown, height, 1.5, closes=True, ask=[words.vote])


def prediction(statement: str, words: Words) -> Piece:
    """A statement, to be given a probability before the result is shown."""
    statement = translation(statement, words.code)
    shown = (
        f'<div class="predict"><p class="label">{words.how_probable}</p>'
        f"<p>{html.escape(statement)}</p></div>"
    )
    ask = words.collect.format(statement=statement)
    return Piece("html", shown, 190, 1.0, closes=True, ask=[ask])


def figure(shown: NotebookNode) -> Piece:
    """A figure, with its text for those who cannot see it; the text is the speaker's as well."""
    alt = shown.metadata.get("image/png", {}).get("alt", "")
    image = "".join(shown.data["image/png"].split())
    tag = f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{image}">'
    return Piece("html", f'<div class="figure">{tag}</div>', ROOM, 1.5, see=[alt])
