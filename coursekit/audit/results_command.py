"""`python -m coursekit audit results.csv`: the calibration report of results that exist."""

from __future__ import annotations

import re
from argparse import Action, ArgumentParser, Namespace
from pathlib import Path

from coursekit._console import say
from coursekit.audit import gate
from coursekit.audit.results.reading import samples_in

ENDINGS = (".jsonl", ".json", ".csv", ".tsv", ".parquet", ".eval")


def looks_like_results(subject: str) -> bool:
    """Tell whether a subject is a file of results, or a folder of lm-evaluation-harness samples.

    Example:
        >>> looks_like_results("answers.csv"), looks_like_results("gpt2")
        (True, False)
    """
    path = Path(subject)
    if subject and path.is_dir():
        return not (path / "config.json").exists() and bool(samples_in(path))
    return path.suffix.lower() in ENDINGS


def add_arguments(parser: ArgumentParser) -> list[Action]:
    """Add what results alone take; returns it."""
    group = parser.add_argument_group(
        "files of results",
        "Samples of lm-evaluation-harness and logs of Inspect are understood by themselves; of any "
        "other CSV, TSV, JSONL, JSON or Parquet file, say which column is what:",
    )
    return [
        group.add_argument("--confidence", metavar="COLUMN", help="probability of the prediction"),
        group.add_argument("--correct", metavar="COLUMN", help="whether it came true"),
        group.add_argument(
            "--probs",
            metavar="COLUMN",
            nargs="+",
            default=[],
            help="instead: the probability of each option (or one column with lists)",
        ),
        group.add_argument(
            "--logprobs", metavar="COLUMN", nargs="+", default=[], help="the same, as logarithms"
        ),
        group.add_argument(
            "--label", metavar="COLUMN", help="the right option: its column, or its place from 0"
        ),
        group.add_argument(
            "--group", metavar="COLUMN", action="append", default=[], help="report each value"
        ),
        group.add_argument("--cluster", metavar="COLUMN", help="which rows belong together"),
        group.add_argument("--id", metavar="COLUMN", help="what tells items apart (id, item)"),
        group.add_argument(
            "--by", metavar="COLUMN", help="the model: a report for each, compared with the first"
        ),
        group.add_argument(
            "--percent", action="store_true", help="confidences are percentages: 70 or 70 %%"
        ),
        group.add_argument(
            "--unreadable",
            metavar="SHARE",
            type=float,
            default=0.01,
            help="of the rows that may be unreadable (%(default)s)",
        ),
    ]


def run(options: Namespace) -> int:
    """Audit a file of results as the command line says; returns the exit code."""
    for name, given in (
        ("--tasks", options.tasks is not None),
        ("--limit", options.limit is not None),
        ("--resume", options.resume),
    ):
        if given:
            raise ValueError(
                f"{name} is for a model that is asked, and results are read as a whole: leave it "
                "out"
            )
    from coursekit.audit import audit_results_by_model
    from coursekit.audit.page import comparison_summary, summary, write_html

    folder = Path(options.output)
    found = audit_results_by_model(
        options.subject,
        by=options.by,
        confidence=options.confidence,
        correct=options.correct,
        group=options.group,
        cluster=options.cluster,
        id=options.id,
        probs=options.probs,
        logprobs=options.logprobs,
        label=options.label,
        percent=options.percent,
        unreadable=options.unreadable,
        seed=options.seed,
    )
    alone = len(found.reports) == 1
    folders = {
        model: folder if alone else folder / f"{number}-{_name_of_folder(model)}"
        for number, model in enumerate(found.reports, start=1)
    }
    for place in folders.values():
        _require_ours(place)
    for model, report in found.reports.items():
        report.save(folders[model])
        write_html(report, folders[model])
        say(f"{summary(report)}\n")
    first = next(iter(found.reports))
    for other, compared in found.comparisons.items():
        say(f"{comparison_summary(first, other, compared)}\n")
    for note in found.notes:
        say(f"Note: {note}\n")
    say(f"Written: report.json and report.html in {', '.join(map(str, folders.values()))}.")
    return gate.judge(options, found.reports, found.comparisons)


def _require_ours(folder: Path) -> None:
    """Refuse to write over the report of a model, which took long to make."""
    from coursekit.audit.report import FILE
    from coursekit.audit.sealing import parsed

    file = folder / FILE
    try:
        kind = parsed(file)["model"]["kind"] if file.exists() else "results"
    except (ValueError, KeyError, TypeError):
        kind = "unknown"
    if kind != "results":
        raise ValueError(f"{folder} holds a report that is not of results: choose another --output")


def _name_of_folder(model: str) -> str:
    """Return a name that every file system takes.

    Example:
        >>> _name_of_folder("org/model: v2")
        'org-model-v2'
    """
    return re.sub(r"[^A-Za-z0-9._]+", "-", model).strip("-.")[:60] or "model"
