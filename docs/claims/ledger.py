"""What a claim is, and how it is tried.

There are three kinds. A *measured* claim is a function that measures it once, and its variations:
other seeds, prompts, passages, lengths, or the exact truth in the model's place. A *proved* claim
follows from a definition or from arithmetic; a test of the suite goes red if it does not. A *cited*
claim is somebody else's, and says whose. What did not survive its variations is *withdrawn*: the
notebook no longer says it, and the ledger tells what was found instead.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import nbformat

HERE = Path(__file__).parent
NOTEBOOKS = HERE.parents[1] / "notebooks"
#: A claim stands if it held in this share of its variations: one odd seed in ten is not hidden,
#: and does not overturn it.
STANDS = 0.9
#: Whether it held, and what was measured, in a few words.
Trial = Callable[..., tuple[bool, str]]
#: In place of a cheap variation: the notebook measures the claim itself, and `pytest` runs it.
IN_NOTEBOOK = "the notebook itself"


@dataclass(frozen=True)
class Claim:
    """A conclusion of the course.

    Attributes:
        name: Its own, within its chapter.
        says: The claim in one sentence.
        stands: Words of the notebook, exactly, in each place where it says so.
        refuted_by: What would have to be seen for the claim to be wrong.
        trial: Measures it once.
        variations: Arguments of `trial`, by the name of what was changed.
        quick: The variation that `pytest` tries, or `IN_NOTEBOOK`.
        was: What the notebook said before the variations were tried, if it had to be rewritten.
    """

    name: str
    says: str
    stands: tuple[str, ...]
    refuted_by: str
    trial: Trial = field(repr=False)
    variations: Mapping[str, Mapping[str, Any]]
    quick: str
    was: str = ""

    def tried(self, variation: str) -> dict[str, Any]:
        """Try one variation; return whether it held and what was found, as the results keep it."""
        held, found = self.trial(**self.variations[variation])
        return {"held": bool(held), "found": found}


@dataclass(frozen=True)
class Settled:
    """A claim that needs no variations: by `proof` in the test at `test`, or by a `source`."""

    says: str
    stands: tuple[str, ...]
    proof: str = ""
    test: str = ""
    source: str = ""


@dataclass(frozen=True)
class Passing:
    """Firm words that claim nothing about the world, such as a quotation, and why they do not."""

    stands: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Withdrawn:
    """What a notebook used to say, and what was found when it was tried."""

    says: str
    found: str


class Ledger:
    """The claims of one chapter.

    Example:
        >>> ledger = Ledger("start_here")
        >>> @ledger.measured(
        ...     "A fair coin shows heads about half the time.",
        ...     stands="about half",
        ...     refuted_by="a share of heads outside 0.45 to 0.55 in 1,000 tosses",
        ...     variations={f"seed {seed}": {"seed": seed} for seed in range(3)},
        ... )
        ... def fair_coin(seed):
        ...     return True, "0.50"
        >>> ledger.claims["fair_coin"].tried("seed 1")
        {'held': True, 'found': '0.50'}
    """

    def __init__(self, chapter: str) -> None:
        self.chapter = chapter
        self.claims: dict[str, Claim] = {}
        self.settled: list[Settled] = []
        self.in_passing: list[Passing] = []
        self.withdrawals: list[Withdrawn] = []

    def measured(
        self,
        says: str,
        *,
        stands: str | tuple[str, ...],
        refuted_by: str,
        variations: Mapping[str, Mapping[str, Any]],
        quick: str | None = None,
        was: str = "",
    ) -> Callable[[Trial], Trial]:
        """Enter the decorated function as the trial of a claim; its name is the claim's.

        The cheap variation is the first one unless `quick` names another.
        """

        def enter(trial: Trial) -> Trial:
            name = trial.__name__
            if name in self.claims:
                raise ValueError(f"{self.chapter} must not have two claims called {name!r}")
            chosen = quick or next(iter(variations))
            if chosen not in (*variations, IN_NOTEBOOK):
                raise ValueError(f"quick of {name!r} must be a variation, found {chosen!r}")
            self.claims[name] = Claim(
                name, says, _several(stands), refuted_by, trial, dict(variations), chosen, was
            )
            return trial

        return enter

    def proved(self, says: str, *, stands: str | tuple[str, ...], proof: str, test: str) -> None:
        """Enter what follows from a definition or from arithmetic, and the test that keeps it.

        `test` is as pytest writes it: `tests/lm/test_attention.py::test_name`.
        """
        self.settled.append(Settled(says, _several(stands), proof=proof, test=test))

    def cited(self, says: str, *, stands: str | tuple[str, ...], source: str) -> None:
        """Enter what others found; `source` is a key of `docs/references.bib`."""
        self.settled.append(Settled(says, _several(stands), source=source))

    def passing(self, *stands: str, why: str) -> None:
        """Enter firm words that are no conclusion: a quotation, a rule of the course, a wish."""
        self.in_passing.append(Passing(stands, why))

    def withdrawn(self, says: str, *, found: str) -> None:
        """Enter what the notebook no longer says, and what was found."""
        self.withdrawals.append(Withdrawn(says, found))

    @property
    def excerpts(self) -> Iterator[str]:
        """All words of the notebook on which a claim stands."""
        for entry in (*self.claims.values(), *self.settled, *self.in_passing):
            yield from entry.stands


def _several(stands: str | tuple[str, ...]) -> tuple[str, ...]:
    return (stands,) if isinstance(stands, str) else stands


def chapters() -> dict[str, str]:
    """Return the chapters that have a ledger, by the number of their notebook, in order."""
    return {
        path.stem[:2]: path.stem[3:]
        for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
        if (HERE / f"{path.stem[3:]}.py").exists()
    }


@cache
def ledger_of(chapter: str) -> Ledger:
    """Return the ledger of a chapter, by the name of the chapter."""
    return import_module(f"docs.claims.{chapter}").LEDGER


def stored(chapter: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Return what was found when the chapter was last tried: by claim, then by variation."""
    file = results_file(chapter)
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def results_file(chapter: str) -> Path:
    """Return where the results of a chapter are kept."""
    return HERE / "results" / f"{chapter}.json"


def stands(results: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a claim held in (nearly) all its variations.

    Example:
        >>> stands({"seed 0": {"held": True}, "seed 1": {"held": False}})
        False
    """
    held = [result["held"] for result in results.values()]
    return bool(held) and sum(held) >= STANDS * len(held)


# What a notebook claims

#: Words by which a sentence says more than what was seen.
FIRM = re.compile(r"\b(because|cannot|always|never|costs?|the model does)\b", re.IGNORECASE)
#: What every notebook says to its reader.
HOUSE_WORDS = ("A wrong answer costs nothing and is explained.",)
CONCLUSIONS = ("## What you learned", "## Common misconceptions")


def prose_of(chapter: str) -> str:
    """Return the text of a chapter's notebook, without its code."""
    (file,) = NOTEBOOKS.glob(f"[0-9][0-9]_{chapter}.ipynb")
    notebook = nbformat.read(file, as_version=4)
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def conclusions(prose: str) -> list[str]:
    r"""Return every bullet and every row of a table in "What you learned" and the misconceptions.

    Example:
        >>> conclusions("## What you learned\n\n- One,\n  in two lines.\n- Two.\n\n## Next")
        ['One, in two lines.', 'Two.']
    """
    found = []
    for title in CONCLUSIONS:
        section = prose.partition(title)[2].split("\n## ")[0]
        blocks = re.split(r"\n(?=- |\|)|\n\n", section)
        found += [block[2:] for block in blocks if block.startswith("- ")]
        rows = [block for block in blocks if block.startswith("|")]
        found += rows[2:]  # not the head of the table, nor the line below it
    return [plain(text) for text in found]


def firm_sentences(prose: str) -> list[str]:
    """Return the sentences before "What you learned" that say because, cannot, always and the like.

    Questions are no claims, and a line of code is no sentence.

    Example:
        >>> firm_sentences("It falls because of noise. Why is it always so? It rose.")
        ['It falls because of noise.']
    """
    body = re.sub(r"(?s)```.*?```", "", prose.partition(CONCLUSIONS[0])[0])
    sentences = re.split(r"(?<=[.?!:])\s+|\n\n|\n(?=[-|#>])", body)
    return [
        plain(sentence)
        for sentence in sentences
        if FIRM.search(sentence) and not sentence.rstrip().endswith("?")
    ]


def plain(text: str) -> str:
    """Return a text in one line."""
    return " ".join(text.split())


def unclaimed(ledger: Ledger, prose: str) -> list[str]:
    """Return the conclusions and firm sentences of a notebook that its ledger does not cover."""
    excerpts = [plain(text) for text in (*ledger.excerpts, *HOUSE_WORDS)]
    return [
        text
        for text in (*conclusions(prose), *firm_sentences(prose))
        if not any(excerpt in text for excerpt in excerpts)
    ]
