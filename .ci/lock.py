"""Write constraints.txt, the version of every package that the course installs.

    pip install uv
    python .ci/lock.py

`--check` writes nothing. It asks whether each package that a learner installs has a wheel for each
system and Python that the README names, so that nothing need be compiled.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = ROOT / "constraints.txt"
COURSE = "requirements.txt"
#: Installed together, so locked together: the course, the site, grading, a served model.
REQUIREMENTS = (
    COURSE,
    "docs/requirements.txt",
    "notebooks/grading-requirements.txt",
    "tests/served/requirements.txt",
)
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SYSTEMS = (
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "aarch64-apple-darwin",
    "x86_64-pc-windows-msvc",
)
HEAD = """\
# Every package that the course installs, with what these need in turn, for Linux, macOS and Windows
# and Python 3.11 to 3.14. Made by `python .ci/lock.py` (which needs `pip install uv`): do not edit.
# It holds no hashes: pip would then ask for one of the course's own package, too, and PyTorch has
# other files, for other hardware, under the same version.
"""


def pins(*names: str) -> str:
    """Return the lines of these requirements that name a package, and not an option: `-e .`."""
    lines = [line for name in names for line in (ROOT / name).read_text("utf-8").splitlines()]
    return "\n".join(line for line in lines if line and not line.startswith(("#", "-")))


def compiled(requirements: str, *options: str) -> str:
    """Return what uv makes of them; uv says itself why it cannot."""
    command = ["uv", "pip", "compile", "-", "--no-annotate", "--no-header", "--quiet", *options]
    # The oldest macOS that PyTorch supports; uv would ask for wheels of an older one.
    environment = os.environ | {"MACOSX_DEPLOYMENT_TARGET": "14.0"}
    done = subprocess.run(
        command, input=requirements, stdout=subprocess.PIPE, encoding="utf-8", env=environment
    )
    if done.returncode:
        raise SystemExit(f"uv found no solution with {' '.join(options)}.")
    return done.stdout


def main(arguments: list[str]) -> None:
    """Write the constraints, or check that they can be had as wheels."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="ask for a wheel of each package")
    if not parser.parse_args(arguments).check:
        locked = compiled(pins(*REQUIREMENTS), "--universal", "--python-version", PYTHONS[0])
        CONSTRAINTS.write_text(HEAD + locked, encoding="utf-8", newline="\n")
        print(f"{len(locked.splitlines())} lines in {CONSTRAINTS.name}")
        return
    for python in PYTHONS:
        for system in SYSTEMS:
            only_wheels = ("--only-binary", ":all:", "--constraints", str(CONSTRAINTS))
            options = ("--python-version", python, "--python-platform", system, *only_wheels)
            found = len(compiled(pins(COURSE), *options).splitlines())
            print(f"Python {python}, {system}: {found} packages, all of them wheels")


if __name__ == "__main__":
    main(sys.argv[1:])
