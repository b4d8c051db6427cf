"""Languages whose true next-word probabilities are known, to measure any model against."""

from __future__ import annotations

from coursekit.data.languages.base import EntropyRate, HiddenMarkovLanguage
from coursekit.data.languages.facts import FactLanguage, fact_language
from coursekit.data.languages.grammar import grammar
from coursekit.data.languages.weather import weather_diary
from coursekit.data.languages.words import WordTokenizer

__all__ = [
    "EntropyRate",
    "FactLanguage",
    "HiddenMarkovLanguage",
    "WordTokenizer",
    "fact_language",
    "grammar",
    "weather_diary",
]
