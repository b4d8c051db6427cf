"""Make the site and the slides: `python docs/build.py [NN ...]`, then open build/site/index.html.

Install `docs/requirements.txt` on top of the course's own requirements first. Nothing is executed
and nothing is fetched: pages and decks show the outputs that are committed in the notebooks.
`--site` or `--slides` makes only one of the two. The folder `zh` holds what there is in Chinese.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS), str(DOCS.parent)]  # our modules, and docs.claims

import extras  # noqa: E402
import pages  # noqa: E402
from slides import decks  # noqa: E402
from wording import CHINESE, ENGLISH, Words  # noqa: E402

NOTEBOOKS = DOCS.parent / "notebooks"


def notebooks(prefixes: list[str]) -> list[Path]:
    """Notebooks whose file name starts with one of the prefixes; all of them if none is given."""
    everything = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    for prefix in prefixes:
        if not any(path.name.startswith(prefix) for path in everything):
            names = ", ".join(path.stem for path in everything)
            raise SystemExit(f"No notebook starts with {prefix!r}. There are: {names}.")
    return [path for path in everything if not prefixes or path.name.startswith(tuple(prefixes))]


def translated(chosen: list[Path], words: Words) -> list[Path]:
    """Those of the notebooks that there are in a language."""
    paths = [path.parent / words.code / path.name for path in chosen]
    return [path for path in paths if path.exists()]


def build_site(chosen: list[Path], output: Path) -> int:
    """Write the site into `output`, the Chinese one into its folder `zh`.

    A warning is an error. Return the exit code of Sphinx.
    """
    in_chinese = translated(chosen, CHINESE)
    both = [*pages.translated_pages(DOCS, CHINESE.code), "search"]
    both += [f"notebooks/{path.stem}" for path in in_chinese]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / ENGLISH.code
        pages.stage(DOCS, chosen, source)
        extras.draw_card(source / extras.CARD)
        written = sorted(path for path in source.glob("*.md") if path.stem != "index")
        listed = extras.llms(chosen, written)
        partial = len(chosen) < len(notebooks([]))
        code = run_sphinx(source, output, both, partial=partial)

        source = Path(folder) / CHINESE.code
        pages.stage(DOCS, in_chinese, source, CHINESE)
        code += run_sphinx(source, output / CHINESE.code, both, "-t", CHINESE.code)
    (output / "llms.txt").write_text(listed, encoding="utf-8")
    extras.write_redirects(output, "notebooks")
    return code


def run_sphinx(
    source: Path, output: Path, both: list[str], *options: str, partial: bool = False
) -> int:
    """Make one site; `both` names the pages that the site of the other language has as well."""
    from sphinx.cmd.build import main as sphinx

    # The page of a notebook that is left out is missing on purpose, and so are links to it.
    quiet = ["-D", "suppress_warnings=myst.xref_missing"] if partial else []
    strict = ["--fail-on-warning", "--keep-going", "--quiet", "-D", f"in_both={','.join(both)}"]
    return sphinx([*strict, *quiet, *options, "-b", "html", str(source), str(output)])


def main(arguments: list[str]) -> int:
    """Build what was asked for; the exit code is not 0 if Sphinx found anything to say."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prefix", nargs="*", help="which notebooks, as 00 or 11_next; default all")
    parser.add_argument("--output", type=Path, default=DOCS.parent / "build" / "site")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--site", action="store_true", help="the site without the slides")
    only.add_argument("--slides", action="store_true", help="the slides without the site")
    options = parser.parse_args(arguments)

    chosen = notebooks(options.prefix)
    if options.output.exists():
        shutil.rmtree(options.output)
    if not options.site:
        in_chinese = translated(chosen, CHINESE)
        decks.write(chosen, options.output / "slides", ENGLISH, "../zh/slides/index.html")
        extras.write_redirects(options.output, "slides")
        decks.write(
            in_chinese, options.output / "zh" / "slides", CHINESE, "../../slides/index.html"
        )
    return 0 if options.slides else build_site(chosen, options.output)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
