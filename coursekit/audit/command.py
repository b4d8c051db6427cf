"""`python -m coursekit audit SUBJECT`: finds out what the subject is, and hands it on.

A subject is a model (its weights are read), a file of results (nothing is asked any more), or a
served model (an address). Each kind has a module with `add_arguments(parser)`, which returns the
actions that it added, and `run(options)`, which returns the exit code. They load what they need
only when they run, so that `--help` and a mistyped option are answered without torch. Whatever the
kind, `run` ends with `gate.judge`, which holds the reports against the limits of `--fail-if`.
"""

from __future__ import annotations

from argparse import Action, ArgumentParser, Namespace
from collections.abc import Sequence
from types import ModuleType

from coursekit.audit import (
    comparison_command,
    endpoint_command,
    gate,
    questions,
    results_command,
    weights_command,
)

#: The kinds of subjects, and what a message calls them.
KINDS: dict[ModuleType, str] = {
    weights_command: "a model",
    results_command: "a file of results",
    endpoint_command: "a served model",
    comparison_command: "--compare",
}


def add_arguments(parser: ArgumentParser) -> None:
    """Add the subject, what several kinds of subjects share, and what each has for itself."""
    parser.add_argument(
        "subject",
        nargs="?",
        help="smollm2-135m-instruct (comes with the course), a folder, a GGUF file or a hub name; "
        "a file of results; or the address of a served model",
    )
    parser.add_argument(
        "--output",
        default="audit",
        help="folder for report.json and report.html (%(default)s)",
    )
    parser.add_argument("--tasks", nargs="+", metavar="TASK", help=questions.TASKS_HELP)
    parser.add_argument("--limit", type=int, help="items of each task, at most")
    parser.add_argument(
        "--seed", type=int, default=0, help="of items, halves and samples (%(default)s)"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on from what an interrupted audit left"
    )
    owners = {kind: kind.add_arguments(parser) for kind in KINDS}
    for_asking = questions.add_arguments(parser)
    for kind in (weights_command, endpoint_command):
        owners[kind] += for_asking
    gate.add_arguments(parser)
    parser.set_defaults(owners=owners)


def run(options: Namespace) -> int:
    """Audit, or compare, as the command line says; returns the exit code.

    Raises:
        ValueError: If nothing was named, or an option belongs to another kind of subject.
    """
    kind = kind_of(options)
    _require_own_options(options, kind)
    return kind.run(options)


def kind_of(options: Namespace) -> ModuleType:
    """Return the module for what was named.

    Raises:
        ValueError: If nothing was named.

    Example:
        >>> kind_of(Namespace(compare=None, subject="http://127.0.0.1:8080/v1")).__name__
        'coursekit.audit.endpoint_command'
    """
    if options.compare is not None:
        return comparison_command
    if options.subject is None:
        raise ValueError(
            "no model was named: give one, a file of results, or --compare with two reports"
        )
    if options.subject.lower().startswith(("http://", "https://")):
        return endpoint_command
    if results_command.looks_like_results(options.subject):
        return results_command
    return weights_command


def _require_own_options(options: Namespace, kind: ModuleType) -> None:
    """Refuse an option that the subject would ignore in silence."""
    owners: dict[ModuleType, Sequence[Action]] = options.owners
    own = {action.dest for action in owners[kind]}
    for other, actions in owners.items():
        for action in actions:
            if action.dest not in own and getattr(options, action.dest) != action.default:
                raise ValueError(
                    f"{action.option_strings[0]} is for {KINDS[other]}, and the subject is "
                    f"{KINDS[kind]}: leave it out"
                )
