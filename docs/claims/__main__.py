"""Try the claims of the course again: `python -m docs.claims 03`, or with no number all of them.

The exit code is 1 if a claim does not stand, or if a variation came out otherwise than the results
that are kept; `--write` keeps the new ones.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

from docs.claims.ledger import chapters, ledger_of, results_file, stands, stored


def main(arguments: list[str]) -> int:
    """Try what was asked for and print a line a variation."""
    known = chapters()
    parser = argparse.ArgumentParser(prog="python -m docs.claims", description=__doc__)
    parser.add_argument("number", nargs="*", help=f"of a notebook: {', '.join(known)}; default all")
    parser.add_argument("--claim", action="append", help="only the claim of this name; repeatable")
    parser.add_argument("--write", action="store_true", help="keep what was found")
    options = parser.parse_args(arguments)
    for number in options.number:
        if number not in known:
            parser.error(f"number must be one of {', '.join(known)}, found {number!r}")
    good = True
    for number in options.number or known:
        good &= _try_chapter(number, known[number], options.claim, options.write)
    return 0 if good else 1


def _try_chapter(number: str, chapter: str, only: list[str] | None, write: bool) -> bool:
    before, good = stored(chapter), True
    claims = ledger_of(chapter).claims
    results = {name: before[name] for name in claims if name in before}
    for name, claim in claims.items():
        if only and name not in only:
            continue
        print(f"\n{number} {name}: {claim.says}")
        results[name] = {}
        for variation in claim.variations:
            start = time.perf_counter()
            result = claim.tried(variation)
            seconds = time.perf_counter() - start
            results[name][variation] = result
            verdict = "held  " if result["held"] else "FAILED"
            print(f"  {verdict} {variation}: {result['found']}  ({seconds:.1f} s)", flush=True)
            kept = before.get(name, {}).get(variation)
            if kept and kept["held"] != result["held"] and not write:
                print(f"         the results that are kept say otherwise: {kept['found']}")
                good = False
        good &= stands(results[name])
    if write:
        text = json.dumps({name: results[name] for name in claims if name in results}, indent=1)
        results_file(chapter).write_text(text + "\n", encoding="utf-8")
    return good


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
