"""The ledger of claims: nothing in the notebooks is claimed without an entry, and entries hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.claims import __main__ as command, ledger as ledgers
from docs.claims.ledger import IN_NOTEBOOK, Ledger, chapters, ledger_of, plain, prose_of, stored

ROOT = Path(__file__).parents[2]
CHAPTERS = list(chapters().values())


def cheap():
    """One variation of each measured claim that has a cheap one."""
    return [
        pytest.param(claim, id=f"{chapter}-{claim.name}")
        for chapter in CHAPTERS
        for claim in ledger_of(chapter).claims.values()
        if claim.quick != IN_NOTEBOOK
    ]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_conclusion_has_a_claim(chapter):
    assert ledgers.unclaimed(ledger_of(chapter), prose_of(chapter)) == []


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_claim_stands_in_its_notebook(chapter):
    prose = plain(prose_of(chapter))
    assert [words for words in ledger_of(chapter).excerpts if plain(words) not in prose] == []


def test_the_readme_counts_the_variations_and_names_the_notebooks_without_a_ledger():
    said = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    tried = sum(len(found) for chapter in CHAPTERS for found in stored(chapter).values())
    assert f"was tried under variations, in all {tried:,}, and" in said
    numbers = {path.name[:2] for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")}
    assert numbers - set(chapters()) == {"13", "15", "16"}
    assert "notebooks 00 to 12, 14 and 17 to 20" in said


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_claim_was_tried_and_stands(chapter):
    ledger, results = ledger_of(chapter), stored(chapter)
    tried = {name: list(found) for name, found in results.items()}
    assert tried == {name: list(claim.variations) for name, claim in ledger.claims.items()}
    assert [name for name, found in results.items() if not ledgers.stands(found)] == []


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_proofs_and_sources_exist(chapter):
    bibliography = (ROOT / "docs" / "references.bib").read_text(encoding="utf-8")
    for settled in ledger_of(chapter).settled:
        if settled.source:
            assert re.search(rf"^@\w+\{{{settled.source},", bibliography, re.MULTILINE)
        else:
            file, _, test = settled.test.partition("::")
            assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), settled.test


@pytest.mark.parametrize("claim", cheap())
def test_holds_today(claim):
    held, found = claim.trial(**claim.variations[claim.quick])
    assert held, f"{claim.says} {claim.quick}: {found}"


# The engine


def coin(variations, **options):
    ledger = Ledger("start_here")

    @ledger.measured(
        "It is even.", stands="Even.", refuted_by="odd", variations=variations, **options
    )
    def even(number):
        return number % 2 == 0, str(number)

    return ledger


def test_a_conclusion_without_a_claim_is_found():
    prose = "It is so because I say so. Why cannot it be?\n\n## What you learned\n\n- Even.\n- Odd."
    assert ledgers.unclaimed(Ledger("start_here"), prose) == [
        "Even.",
        "Odd.",
        "It is so because I say so.",
    ]
    assert ledgers.unclaimed(coin({"two": {"number": 2}}), prose)[0] == "Odd."


def test_rows_of_a_table_are_conclusions():
    prose = "## What you learned\n\n| a | b |\n| --- | --- |\n| c | d |\n\n- e\n\n## Next\n- f"
    assert ledgers.conclusions(prose) == ["e", "| c | d |"]


def test_one_odd_variation_in_ten_does_not_overturn_a_claim_but_two_do():
    results = {f"seed {n}": {"held": n > 0} for n in range(10)}
    assert ledgers.stands(results)
    results["seed 1"]["held"] = False
    assert not ledgers.stands(results)
    assert not ledgers.stands({})


def test_two_claims_of_one_name_or_an_unknown_quick_variation_are_refused():
    with pytest.raises(ValueError, match="quick of 'even' must be a variation, found 'three'"):
        coin({"two": {"number": 2}}, quick="three")
    ledger = coin({"two": {"number": 2}})
    with pytest.raises(ValueError, match="must not have two claims called 'even'"):
        ledger.measured("", stands="", refuted_by="", variations={"a": {}})(
            ledger.claims["even"].trial
        )


@pytest.fixture
def one_chapter(tmp_path, monkeypatch):
    """A course of one chapter whose claim is refuted by an odd number."""
    ledger = coin({"two": {"number": 2}, "four": {"number": 4}})
    monkeypatch.setattr(command, "chapters", lambda: {"00": "start_here"})
    monkeypatch.setattr(command, "ledger_of", lambda chapter: ledger)
    monkeypatch.setattr(ledgers, "HERE", tmp_path)
    (tmp_path / "results").mkdir()
    return ledger


def test_the_command_tries_and_keeps(one_chapter, capsys):
    assert command.main(["00", "--write"]) == 0
    assert "held   two: 2" in capsys.readouterr().out
    assert stored("start_here")["even"]["four"] == {"held": True, "found": "4"}


def test_the_command_says_when_a_claim_fell(one_chapter, capsys):
    command.main(["--write"])
    one_chapter.claims["even"].variations["two"]["number"] = 3
    assert command.main([]) == 1
    output = capsys.readouterr().out
    assert "FAILED two: 3" in output and "the results that are kept say otherwise: 2" in output


def test_the_command_names_an_unknown_number(one_chapter, capsys):
    with pytest.raises(SystemExit):
        command.main(["99"])
    assert "number must be one of 00, found '99'" in capsys.readouterr().err
