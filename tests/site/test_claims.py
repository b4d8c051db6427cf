"""The page of the site that shows the ledger of claims."""

from __future__ import annotations

from docs.claims import page
from docs.claims.ledger import chapters, ledger_of


def test_every_claim_is_on_the_page_with_its_count():
    text = page.markdown()
    for chapter in chapters().values():
        for claim in ledger_of(chapter).claims.values():
            assert f"**{claim.says}** Held in " in text
    assert "of 0. Would" not in text  # tried in no variation


def test_a_cell_ends_no_table():
    assert page._cell("p(a|b)\nnext") == "p(a\\|b) next"
