"""`python -m coursekit audit http://127.0.0.1:8080/v1`: the report of a served model."""

from __future__ import annotations

from argparse import Action, ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from coursekit._console import printable, say
from coursekit.audit import gate
from coursekit.audit.questions import tasks_of


def add_arguments(parser: ArgumentParser) -> list[Action]:
    """Add what a served model alone takes; returns it."""
    group = parser.add_argument_group("a served model (tasks: choices, answers, stated)")
    return [
        group.add_argument("--model", help="its name there (the only one that is served)"),
        group.add_argument(
            "--key-from",
            metavar="VARIABLE",
            help="environment variable that holds the key (OPENAI_API_KEY, if there is one)",
        ),
        group.add_argument(
            "--concurrency", type=int, default=4, help="requests at a time (%(default)s)"
        ),
        group.add_argument(
            "--timeout",
            type=float,
            default=120.0,
            help="seconds that one attempt may take (%(default)g)",
        ),
        group.add_argument(
            "--no-logprobs",
            action="store_true",
            help="ask by samples alone, whatever the server returns besides",
        ),
        group.add_argument(
            "--dry-run",
            action="store_true",
            help="find out what the server can do, by some thirty short requests, say how it would "
            "be asked and what that costs, and stop",
        ),
    ]


def run(options: Namespace) -> int:
    """Audit a served model as the command line says; returns the exit code."""
    from coursekit.audit import page
    from coursekit.audit.run import require_free, require_writable, resumable
    from coursekit.audit.served.run import Plan, choose, open_client

    folder = Path(options.output)
    asked: Any = tasks_of(options)  # whether a server can be asked it, `choose` says
    tasks, limits = choose(asked, options.limit)
    client = open_client(options.subject, options.key_from, options.concurrency, options.timeout)
    if not options.dry_run:
        require_free(folder, options.resume)
        require_writable(folder)
    plan = Plan.of(client, options.model, tasks, limits, options.seed, not options.no_logprobs)
    say("\n".join(map(printable, plan.describe().splitlines())))
    if options.dry_run:
        return 0
    with resumable():
        report = plan.carry_out(folder, options.resume, progress=True)
    page.write_html(report, folder)
    say(f"\n{page.summary(report)}\n\nWritten: report.json and report.html in {folder}.")
    return gate.judge(options, {report.model: report})
