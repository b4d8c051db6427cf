"""The weather diary: one sentence a day, about weather that lasts, in a season nobody names.

    today it was very bright and we swam . outside the sky looked grey .

Three layers are hidden. The season lasts about ten days; it decides what weather may follow
today's, and the weather decides the words, of which several mean the same. To predict tomorrow's
words a reader must remember the days before, about eight words each. The entropy rate is 0.97 nats;
the best n-gram that sees four words loses 0.08 nats more, and so does the one that sees three.
"""

from __future__ import annotations

from typing import NamedTuple

from coursekit._checks import as_count
from coursekit.data.languages.base import HiddenMarkovLanguage
from coursekit.data.languages.laws import check_probability, zipf

# What comes when the weather changes (percent), by season, in the order of the year.
CLIMATE = {
    "winter": {"sun": 15, "rain": 10, "wind": 15, "snow": 60},
    "spring": {"sun": 30, "rain": 55, "wind": 10, "snow": 5},
    "summer": {"sun": 80, "rain": 10, "wind": 10, "snow": 0},
    "autumn": {"sun": 10, "rain": 35, "wind": 50, "snow": 5},
}
SEASONS = tuple(CLIMATE)
WEATHERS = tuple(CLIMATE["winter"])

# What is said: for each slot of a sentence, its synonyms, the usual one first.
WORDS = {
    "when": ("today", "outside"),
    "it": ("it",),
    "the": ("the",),
    "subject": ("sky", "day", "weather"),
    "was": ("was", "looked", "seemed", "felt"),
    "very": ("very", "rather", "quite", "so"),
    "and": ("and",),
    "we": ("we", "i"),
    "again": ("again",),
    ".": (".",),
}
# Some words fit two kinds of weather, so that even today's may stay in doubt.
ADJECTIVES: dict[str, tuple[str, ...]] = {
    "sun": ("sunny", "bright", "clear", "warm", "fine"),
    "rain": ("rainy", "wet", "grey", "damp", "dull"),
    "wind": ("windy", "stormy", "rough", "grey", "fresh"),
    "snow": ("snowy", "white", "icy", "fresh", "frosty"),
}
ACTIVITIES: dict[str, tuple[str, ...]] = {
    "sun": ("swam", "hiked", "cycled", "rested"),
    "rain": ("read", "baked", "rested", "painted"),
    "wind": ("sailed", "cycled", "read", "sang"),
    "snow": ("skied", "skated", "baked", "sang"),
}
SPOKEN = (*WORDS.values(), *ADJECTIVES.values(), *ACTIVITIES.values())
VOCABULARY = tuple(sorted({word for synonyms in SPOKEN for word in synonyms}))

# The order of the slots: what may follow each, and how often.
SENTENCE = {
    "when": {"it": 0.75, "the": 0.25},
    "it": {"was": 1.0},
    "the": {"subject": 1.0},
    "subject": {"was": 1.0},
    "was": {"adjective": 0.75, "very": 0.25},
    "very": {"adjective": 1.0},
    "adjective": {"and": 0.85, ".": 0.15},
    "and": {"we": 1.0},
    "we": {"activity": 1.0},
    "activity": {".": 0.95, "again": 0.05},
    "again": {".": 1.0},
}


class Day(NamedTuple):
    """The hidden state: what the writer of the diary knows, and the place in the sentence."""

    season: str
    weather: str
    slot: str


def weather_diary(
    *,
    synonyms: int = 5,
    dialect: str = "north",
    season_lasts: float = 0.9,
    weather_lasts: float = 0.7,
) -> HiddenMarkovLanguage:
    """Return the weather diary, a gentle language of 49 words.

    The vocabulary is always the same, so that a model trained on one diary can read another.

    Args:
        synonyms: How many of the synonyms are in use, 1 to 5. Fewer mean less entropy.
        dialect: "north" prefers the first synonym of each row, "south" the last: the same weather
            in other words, for a shift between training and test.
        season_lasts: Probability that the season stays for another day.
        weather_lasts: Probability that the weather stays; otherwise the season's climate decides,
            and may choose the same again.

    Raises:
        TypeError: If `synonyms` is no whole number.
        ValueError: If an argument is out of its range.

    Example:
        >>> diary = weather_diary()
        >>> diary.tokenizer.decode(diary.sample(1, seed=0, length=9)[0])
        'today the sky felt frosty and we skied .'
    """
    synonyms = as_count(synonyms, "synonyms", most=5)
    if dialect not in ("north", "south"):
        raise ValueError(f"dialect must be 'north' or 'south', found {dialect!r}.")
    check_probability(season_lasts, "season_lasts", below_one=True)
    check_probability(weather_lasts, "weather_lasts", below_one=True)

    def next_season(season: str) -> dict[str, float]:
        after = SEASONS[(SEASONS.index(season) + 1) % len(SEASONS)]
        return {season: season_lasts, after: 1 - season_lasts}

    def next_weather(weather: str, season: str) -> dict[str, float]:
        climate = {w: (1 - weather_lasts) * share / 100 for w, share in CLIMATE[season].items()}
        return climate | {weather: climate[weather] + weather_lasts}

    def step(day: Day) -> dict[Day, float]:
        if day.slot != ".":
            return {day._replace(slot=slot): p for slot, p in SENTENCE[day.slot].items()}
        return {
            Day(season, weather, "when"): p_season * p_weather
            for season, p_season in next_season(day.season).items()
            for weather, p_weather in next_weather(day.weather, season).items()
        }

    def speak(day: Day) -> dict[str, float]:
        rows = {"adjective": ADJECTIVES, "activity": ACTIVITIES}
        words = rows[day.slot][day.weather] if day.slot in rows else WORDS[day.slot]
        words = words[:synonyms]
        if dialect == "south":
            words = words[::-1]
        return dict(zip(words, zipf(len(words), exponent=1.0).tolist(), strict=True))

    return HiddenMarkovLanguage.from_rules(VOCABULARY, Day("winter", "snow", "when"), step, speak)
