"""The course's commands: `python -m coursekit doctor` and `python -m coursekit fetch`.

Each command imports what it needs when it runs, so that `--help` is instant and `doctor` works
where half of the packages are missing.
"""

import argparse
import sys
from importlib.metadata import version


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code (0: fine)."""
    for stream in (sys.stdout, sys.stderr):
        # A Windows console that cannot show a letter of a path shows its code instead of failing.
        stream.reconfigure(errors="backslashreplace")
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if chosen.command is None:
        parser.print_help()
        return 0
    return chosen.run(chosen)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m coursekit",
        description="Tools of the course on large language model calibration.",
    )
    parser.add_argument("--version", action="version", version=f"coursekit {version('coursekit')}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, run, purpose in (
        ("doctor", _doctor, "say what is missing on this machine, and how to mend it"),
        ("fetch", _fetch, "get the embedded language model, to work without network later"),
    ):
        command = commands.add_parser(name, help=purpose, description=f"{purpose.capitalize()}.")
        command.set_defaults(run=run)
    return parser


def _doctor(_: argparse.Namespace) -> int:
    from coursekit import doctor

    return doctor.report()


def _fetch(_: argparse.Namespace) -> int:
    from coursekit.llm import embedded

    try:
        folder = embedded.prepare(every_byte=True)
    except embedded.ModelUnavailableError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: nothing half-made is left", file=sys.stderr)
        return 130
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{embedded.NAME} is ready in {folder} ({size / 1e6:.0f} MB).")
    print("It works without network from now on.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
