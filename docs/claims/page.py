"""The page of the site that shows the ledger: every claim, and how often it held."""

from __future__ import annotations

from docs.claims.ledger import Claim, Settled, chapters, ledger_of, stored

OPENING = """# What holds, and how firmly

Every conclusion of the notebooks has an entry here: the claim in one sentence, what would refute
it, and the *variations* under which it was tried, one change at a time: other seeds, prompts,
passages, lengths, or the exact truth in the model's place. A claim stays in the course if it held
in at least nine of ten. `python -m docs.claims 03` tries those of notebook 03 again; every night
all of them are.
"""


def markdown() -> str:
    """Return the page, in MyST Markdown."""
    return "\n".join([OPENING, _summary(), *map(_chapter, chapters().items())])


def counts(chapter: str) -> tuple[int, int, int, int, int]:
    """Return how many claims were measured, variations tried, held, rewritten and withdrawn."""
    ledger = ledger_of(chapter)
    results = [result for found in stored(chapter).values() for result in found.values()]
    return (
        len(ledger.claims),
        len(results),
        sum(result["held"] for result in results),
        sum(bool(claim.was) for claim in ledger.claims.values()),
        len(ledger.withdrawals),
    )


def _summary() -> str:
    lines = [
        "| notebook | measured | variations | held | proved or cited | rewritten | withdrawn |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for number, chapter in chapters().items():
        measured, tried, held, rewritten, withdrawn = counts(chapter)
        settled = len(ledger_of(chapter).settled)
        lines.append(
            f"| [{number}](#claims-{number}) | {measured} | {tried} | {held} | {settled} "
            f"| {rewritten} | {withdrawn} |"
        )
    return "\n".join(lines) + "\n"


def _chapter(numbered: tuple[str, str]) -> str:
    number, chapter = numbered
    ledger, results = ledger_of(chapter), stored(chapter)
    title = chapter.replace("_", " ").capitalize()
    parts = [f"(claims-{number})=\n## {number} {title}\n"]
    parts += [_measured(claim, results.get(claim.name, {})) for claim in ledger.claims.values()]
    parts += [_settled(settled) for settled in ledger.settled]
    if ledger.withdrawals:
        parts.append("**No longer said.**\n")
        parts += [f"- *{each.says}* Found: {each.found}" for each in ledger.withdrawals]
    return "\n".join(parts) + "\n"


def _measured(claim: Claim, results: dict[str, dict[str, object]]) -> str:
    held = sum(bool(result["held"]) for result in results.values())
    was = f"\n\nThe notebook used to say: *{claim.was}*" if claim.was else ""
    rows = "\n".join(
        f"| {_cell(name)} | {'held' if found['held'] else '**failed**'} | {_cell(found['found'])} |"
        for name, found in results.items()
    )
    return (
        f"**{claim.says}** Held in {held} of {len(results)}. Would be refuted by "
        f"{claim.refuted_by}.{was}\n\n"
        f"<details><summary>The variations of <code>{claim.name}</code></summary>\n\n"
        f"| what was changed | | found |\n| --- | --- | --- |\n{rows}\n\n</details>\n"
    )


def _settled(settled: Settled) -> str:
    if settled.source:
        return f"**{settled.says}** Found by others: see [the bibliography](bibliography.md).\n"
    return f"**{settled.says}** {settled.proof} Kept by `{settled.test}`.\n"


def _cell(text: object) -> str:
    """Return a text that does not end a cell of a table."""
    return str(text).replace("|", "\\|").replace("\n", " ")
