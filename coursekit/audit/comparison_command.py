"""`python -m coursekit audit --compare OLD NEW`: two reports side by side."""

from __future__ import annotations

from argparse import Action, ArgumentParser, Namespace

from coursekit._console import say
from coursekit.audit import gate


def add_arguments(parser: ArgumentParser) -> list[Action]:
    """Add the option; returns it."""
    return [
        parser.add_argument(
            "--compare",
            nargs=2,
            metavar="REPORT",
            help="instead of auditing: two reports (report.json or its folder), second minus first",
        )
    ]


def run(options: Namespace) -> int:
    """Print the comparison; returns the exit code."""
    from coursekit.audit import Report, compare
    from coursekit.audit.page import comparison_summary

    if options.subject is not None:
        raise ValueError("--compare takes two reports and no model: audit the model first")
    first, second = (Report.read(path) for path in options.compare)
    compared = compare(first, second, options.tasks)
    say(
        comparison_summary(
            f"{first.model} ({options.compare[0]})",
            f"{second.model} ({options.compare[1]})",
            compared,
        )
    )
    return gate.judge(options, {}, {"": compared})
