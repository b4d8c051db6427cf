"""`--fail-if "ece > 0.05"`: a limit that a build keeps or breaks, decided by the interval.

A number from a sample lies to one side of a limit by chance alone, so the interval decides: as a
whole beyond the limit, the limit is exceeded; as a whole on the other side, it is kept; and where
the limit lies inside, nothing is decided, and the number of items that would decide is told.
"""

from __future__ import annotations

import math
import re
from argparse import Action, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from coursekit._console import printable, say

if TYPE_CHECKING:
    from coursekit.audit.comparison import TaskComparison
    from coursekit.audit.report import Report
    from coursekit.calibration import Interval

EXIT_CODE = 3
METRICS = ("accuracy", "confidence", "gap", "|gap|", "ece", "nll", "brier", "auroc")
#: Of two reports: what is worse in the second one. (ECE and gap alone may grow with accuracy.)
WORSE = ("accuracy < 0", "nll > 0", "brier > 0", "ece > 0")
_FORM = re.compile(
    r"\s*(?:(?P<task>[a-z0-9][\w-]*)\s*[.:]\s*)?(?P<metric>\|?[a-z]+\|?)\s*"
    r"(?:\[\s*(?P<label>[^=\]]+?)\s*=\s*(?P<group>.*?)\s*\])?\s*"
    r"(?P<sign>[<>])=?\s*(?P<value>[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True)
class Limit:
    """What must not be, such as an ECE above 0.05.

    Attributes:
        text: As it was written.
        metric: One of `METRICS`, or "worse".
        above: Whether values above `value` are excluded, or those below.
        value: The limit itself.
        task: The one task that is meant; all of them if None.
        label: Of a group, what it is by, such as "kind".
        group: Which group; all items if None.
        must_be_kept: Whether it is not enough that it may be kept.
    """

    text: str
    metric: str
    above: bool = True
    value: float = 0.0
    task: str | None = None
    label: str | None = None
    group: str | None = None
    must_be_kept: bool = True

    @classmethod
    def parse(cls, text: str) -> Limit:
        """Read a limit as it is written on the command line.

        Raises:
            ArgumentTypeError: If it is none; the message says what is accepted.

        Example:
            >>> limit = Limit.parse("choices.gap[kind=capital] > 0.1")
            >>> limit.task, limit.metric, limit.label, limit.group, limit.above, limit.value
            ('choices', 'gap', 'kind', 'capital', True, 0.1)
        """
        if text.strip().lower() == "worse":
            return cls("worse", "worse", must_be_kept=False)
        found = _FORM.fullmatch(text)
        if found is None:
            raise ArgumentTypeError(
                f'{text!r} must be "METRIC > NUMBER" or "METRIC < NUMBER", with a task before it '
                'or a group behind it: "ece > 0.05", "choices.accuracy < 0.7", '
                '"gap[kind=capital] > 0.1"; or, of two models, "worse"'
            )
        metric = found["metric"].lower()
        if metric not in METRICS:
            raise ArgumentTypeError(
                f"{text!r} must be about one of {', '.join(METRICS)}, found {found['metric']!r}"
            )
        above, value = found["sign"] == ">", float(found["value"])
        if not _can_be_crossed(value if above else -value, math.inf if metric == "nll" else 1):
            raise ArgumentTypeError(
                f"{text!r} must have a limit that can be kept and exceeded, and no {metric} lies "
                f"beyond {value:g}. Shares are meant, not percentages: 0.05 is 5 %"
            )
        return cls(
            text.strip(),
            metric,
            above,
            value,
            found["task"],
            found["label"],
            found["group"],
        )


def _can_be_crossed(value: float, largest: float) -> bool:
    """Whether a metric that lies between -largest and largest can lie on both sides of a limit."""
    return math.isfinite(value) and -largest <= value < largest


@dataclass(frozen=True)
class Finding:
    """A limit, and the number that it was held against.

    Attributes:
        limit: The limit.
        where: Model, task and group, in words.
        interval: Of the metric.
        n: Items behind it.

    Example:
        >>> from coursekit.calibration import Interval
        >>> limit = Limit.parse("ece > 0.05")
        >>> [Finding(limit, "quiz", Interval(0.06, *ends), 100).verdict for ends in
        ...     ((0.055, 0.07), (0.01, 0.1), (0.0, 0.05))]
        ['exceeded', 'undecided', 'kept']
    """

    limit: Limit
    where: str
    interval: Interval
    n: int

    @property
    def verdict(self) -> str:
        """exceeded, kept or undecided."""
        limit, low, high = self.limit, self.interval.low, self.interval.high
        if not limit.above:
            low, high, value = -high, -low, -limit.value
        else:
            value = limit.value
        return "exceeded" if low > value else "kept" if high <= value else "undecided"

    def sentence(self) -> str:
        """Say what was found; of what is undecided, how many items would decide."""
        said = f"{self.where}: {self.limit.text}: {self.verdict} ({self.interval:.4f})"
        if self.verdict != "undecided":
            return said
        from coursekit.calibration.planning import answers_to_decide

        needed = answers_to_decide(self.interval, self.limit.value, self.n)
        if needed is None:
            return f"{said}; it lies on the limit, and no number of items would decide"
        return f"{said}; about {needed:,} items like these {self.n:,} would decide"


def add_arguments(parser: ArgumentParser) -> list[Action]:
    """Add the options of the gate; returns them."""
    group = parser.add_argument_group("a gate for builds")
    return [
        group.add_argument(
            "--fail-if",
            metavar="LIMIT",
            type=Limit.parse,
            action="append",
            default=[],
            help='end with exit code 3 if so: "ece > 0.05", "choices.accuracy < 0.7", '
            '"gap[kind=capital] > 0.1", and of two models "worse"; may be repeated',
        ),
        group.add_argument(
            "--undecided",
            choices=("pass", "fail"),
            default="fail",
            help="what to do where the interval holds the limit (%(default)s)",
        ),
    ]


def held_against(report: Report, *limits: str) -> list[Finding]:
    r"""Hold a report against limits, in every task that they are about; the 95 % interval decides.

    Args:
        report: Of a model, or of a file of results.
        *limits: As on the command line: what must not be, such as "ece > 0.05".

    Raises:
        ArgumentTypeError: If a text is no limit; the message says what is accepted.
        ValueError: If a limit is about something that was not measured.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from coursekit.audit import audit_results
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "quiz.csv"
        ...     _ = path.write_text("confidence,correct\n" + "0.9,yes\n0.9,no\n" * 100)
        ...     report = audit_results(path)
        >>> [finding.verdict for finding in held_against(report, "gap > 0.1", "accuracy > 0.6")]
        ['exceeded', 'kept']
    """
    found = []
    for limit in map(Limit.parse, limits):
        about = list(_of_report(limit, "", report))
        if not about:
            raise ValueError(f"{limit.text!r} must be about {_what_there_is(limit, {'': report})}")
        found += about
    return found


def judge(
    options: Namespace,
    reports: Mapping[str, Report],
    comparisons: Mapping[str, Mapping[str, TaskComparison]] | None = None,
) -> int:
    """Hold reports against the limits of the command line, print it, and return the exit code.

    Args:
        options: With `fail_if` and `undecided`.
        reports: By what a message calls them; one that is alone is called nothing.
        comparisons: Likewise; `worse` is held against these, and where there are no reports every
            other limit too, as a limit of the difference.

    Raises:
        ValueError: If a limit is about something that was not measured.
    """
    limits: Sequence[Limit] = options.fail_if
    if not limits:
        return 0
    findings: list[Finding] = []
    for limit in limits:
        before = len(findings)
        if limit.metric == "worse" or not reports:
            for name, compared in (comparisons or {}).items():
                findings += _of_comparison(limit, name, compared)
        else:
            for name, report in reports.items():
                findings += _of_report(limit, name if len(reports) > 1 else "", report)
        if len(findings) == before:
            raise ValueError(
                f"--fail-if {limit.text!r} must be about {_what_there_is(limit, reports)}"
            )
    say("\nLimits:")
    failed = False
    for finding in findings:
        say(f"  {printable(finding.sentence())}")
        strict = options.undecided == "fail" and finding.limit.must_be_kept
        failed |= finding.verdict == "exceeded" or (finding.verdict == "undecided" and strict)
    return EXIT_CODE if failed else 0


def _what_there_is(limit: Limit, reports: Mapping[str, Report]) -> str:
    """Return what a limit could have been about, where it was about nothing."""
    if limit.metric == "worse" or not reports:
        return "two models on the same items (--compare OLD NEW), found none to compare"
    from coursekit.audit.report import found_groups

    groups = dict.fromkeys(found_groups(task) for r in reports.values() for task in _all(r))
    return f"a group of at least 10 items, found {'; '.join(groups)}"


def _all(report: Report) -> list[dict[str, Any]]:
    return [report.task(task) for task in report.tasks]


def _of_report(limit: Limit, name: str, report: Report) -> Iterator[Finding]:
    if limit.metric != "gap" and (limit.value < 0 or (limit.value == 0 and not limit.above)):
        raise ValueError(
            f"--fail-if {limit.text!r} cannot be decided: no {limit.metric} of one model is below "
            "0. (Changes can be: --compare OLD NEW)"
        )
    for task in _tasks(limit, report.tasks):
        found = report.task(task)
        if limit.label is not None:
            if limit.group not in found["groups"].get(limit.label, {}):
                continue  # another task may have it
            metrics = report.metrics(task, limit.label, limit.group)
            n = found["groups"][limit.label][limit.group]["items"]
        else:
            metrics, n = report.metrics(task), found["items"]
        where = " ".join(part for part in (name, task) if part)
        yield Finding(limit, where, _value(limit, where, metrics), n)


def _of_comparison(
    limit: Limit, name: str, compared: Mapping[str, TaskComparison]
) -> Iterator[Finding]:
    if limit.label is not None:
        raise ValueError(f"--fail-if {limit.text!r}: two models are compared on all items alone")
    for task in _tasks(limit, list(compared)):
        found = compared[task].difference
        where = f"{name} {task}, change".strip()
        if limit.metric != "worse":
            yield Finding(limit, where, _value(limit, where, found), compared[task].items)
            continue
        for text in WORSE:
            part = replace(Limit.parse(text), must_be_kept=False)
            if part.metric in found:
                yield Finding(part, where, found[part.metric], compared[task].items)


def _tasks(limit: Limit, known: Sequence[str]) -> Sequence[str]:
    if limit.task is None:
        return known
    if limit.task not in known:
        raise ValueError(
            f"--fail-if {limit.text!r} must name one of the tasks {', '.join(known)}, found "
            f"{limit.task!r}"
        )
    return [limit.task]


def _value(limit: Limit, where: str, metrics: Mapping[str, Interval]) -> Interval:
    """Return the interval of a metric; of `|gap|`, that of its size."""
    name = limit.metric.strip("|")
    if name not in metrics:
        raise ValueError(
            f"--fail-if {limit.text!r} cannot be decided: of {where} are known {', '.join(metrics)}"
        )
    found = metrics[name]
    if name == limit.metric:
        return found
    ends = sorted((abs(found.low), abs(found.high)))
    low = 0.0 if 0 in found else ends[0]
    return replace(found, estimate=abs(found.estimate), low=low, high=ends[1])
