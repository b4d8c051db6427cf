"""How long `load()` takes when the model is in the cache: `python benchmarks/load.py [--rounds 5]`.

Every round is a fresh process, as a notebook's kernel is. Prints the median seconds of the imports,
of `load()` after them, and of the whole process.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from statistics import median

CODE = """
import time
start = time.perf_counter()
from coursekit.llm import load
imported = time.perf_counter()
load(device="cpu")
print(imported - start, time.perf_counter() - imported)
"""


def one_process() -> tuple[float, float, float]:
    """Seconds of the imports, of the load, and of everything."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", CODE], stdout=subprocess.PIPE, check=True)
    imports, load = map(float, done.stdout.split())
    return imports, load, time.perf_counter() - start


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    one_process()  # converts the model if need be, and warms the file system's cache
    times = zip(*(one_process() for _ in range(rounds)), strict=True)
    for what, seconds in zip(("imports", "load()", "process"), times, strict=True):
        print(f"{what:<8} {median(seconds):5.2f} s")


if __name__ == "__main__":
    main()
