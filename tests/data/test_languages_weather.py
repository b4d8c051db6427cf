from __future__ import annotations

import pytest
import torch

from coursekit.data.languages import weather_diary
from coursekit.data.languages.weather import ACTIVITIES, ADJECTIVES, CLIMATE, WEATHERS

DIARY = weather_diary()


def after(text, language=DIARY):
    """Law of the next word, by word."""
    probs = language.next_token_probs(torch.tensor(language.tokenizer.encode(text)))[-1]
    return dict(zip(language.tokenizer.words, probs.tolist(), strict=True))


def possible(text, language=DIARY):
    return bool(language.is_grammatical(torch.tensor(language.tokenizer.encode(text)))[-1])


def test_has_at_least_forty_words_and_uses_all():
    assert DIARY.vocab_size == 49 == len(set(DIARY.tokenizer.words))
    assert (DIARY.stationary @ DIARY.emission).min() > 1e-3


def test_every_climate_is_a_law():
    assert all(tuple(climate) == WEATHERS for climate in CLIMATE.values())
    assert {sum(climate.values()) for climate in CLIMATE.values()} == {100}


def test_synonyms_follow_zipf_once_the_weather_is_plain():
    total = 1 + 1 / 2 + 1 / 3 + 1 / 4
    law = after("today it was sunny and we")
    expected = {word: 1 / (k * total) for k, word in enumerate(ACTIVITIES["sun"], start=1)}
    assert {word: p for word, p in law.items() if p} == pytest.approx(expected)
    law = after("today it was sunny")
    assert {word: p for word, p in law.items() if p} == pytest.approx({"and": 0.85, ".": 0.15})


def test_a_word_of_two_weathers_leaves_both_open():
    law = after("today it was grey and we")
    spoken = {word for word, p in law.items() if p}
    assert spoken == {*ACTIVITIES["rain"], *ACTIVITIES["wind"]}
    # "grey" is third for rain and fourth for wind; "read" is first and third.
    rain = (law["baked"] / (1 / 2)) / (law["baked"] / (1 / 2) + law["sailed"])
    assert 0 < rain < 1
    total = 1 + 1 / 2 + 1 / 3 + 1 / 4
    assert law["read"] == pytest.approx((rain + (1 - rain) / 3) / total)


def test_the_weather_lasts_as_long_as_it_is_told_to():
    def stays(weather_lasts):
        """P(sun again), from its first adjective, which no other weather has."""
        diary = weather_diary(weather_lasts=weather_lasts)
        law = after("today it was sunny . today it was", diary)
        return law["sunny"] / 0.75 * (1 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5)

    # It is weather_lasts + (1 - weather_lasts) P(sun | the season, as far as it is known).
    for lasts in (0.0, 0.5, 0.9):
        assert lasts + (1 - lasts) * 0.1 < stays(lasts) < lasts + (1 - lasts) * 0.8


def test_the_season_is_remembered_when_the_weather_is_the_same():
    today = "today it was sunny . today it was"
    in_winter = after("today it was snowy . " * 6 + today)
    in_summer = after("today it was sunny . " * 6 + today)
    assert in_winter["snowy"] > 2 * in_summer["snowy"]


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("today it was very bright and we swam again . outside the sky looked grey .", True),
        ("outside it felt fresh and i sang", True),
        ("today it was sunny and we skied", False),
        ("today it was snowy and i swam", False),
        ("today it was fresh and i swam", False),
        ("today the was sunny", False),
        ("it was sunny", False),
        ("today it was very and", False),
        ("today it was sunny . and", False),
    ],
)
def test_is_grammatical_when_the_sense_is(text, right):
    assert possible(text) is right


def test_ngrams_leave_a_gap():
    """The gap stated in the module's text: the days before are further back than four words."""
    rate = DIARY.entropy_rate()
    gaps = [DIARY.ngram_entropy(order) - rate.high for order in range(5)]
    assert gaps[0] > 2.2
    assert gaps[1] > 0.18
    assert gaps[2] > 0.18
    assert gaps[3] > 0.08
    assert gaps[4] > 0.08


def test_two_texts_with_the_same_last_words_have_other_laws():
    """No window of words is enough: what came before it still counts."""
    ending = " . today it was grey" * 2
    sunny = after("today it was snowy" + ending + " . today it was")
    snowy = after("today it was bright" + ending + " . today it was")
    assert sum(abs(sunny[word] - snowy[word]) for word in sunny) / 2 > 0.01


def test_confidences_cover_the_whole_range():
    probs = DIARY.next_token_probs(DIARY.sample(300, seed=1))
    tenths = torch.histc(probs.max(-1).values.flatten(), bins=10, min=0, max=1)
    assert (tenths[1:] / tenths.sum() > 0.01).all()


def test_fewer_synonyms_have_less_entropy_and_the_same_vocabulary():
    rates = []
    for synonyms in range(1, 6):
        diary = weather_diary(synonyms=synonyms)
        assert diary.tokenizer.words == DIARY.tokenizer.words
        rates.append(diary.entropy_rate().value)
    assert rates == sorted(rates)
    assert rates[-1] - rates[0] > 0.5
    one = weather_diary(synonyms=1)
    assert possible("today it was sunny and we swam .", one)
    assert not possible("today it was bright", one)


def test_the_south_prefers_the_other_synonyms_for_the_same_weather():
    south = weather_diary(dialect="south")
    assert south.tokenizer.words == DIARY.tokenizer.words
    assert south.n_states == DIARY.n_states
    here, there = after("today it was"), after("today it was", south)
    row = ADJECTIVES["sun"]
    for word, mirrored in zip(row, reversed(row), strict=True):
        # The weather is as likely, its words trade places.
        assert there[word] == pytest.approx(here[mirrored])
    assert there["fine"] == pytest.approx(5 * there["sunny"])


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"synonyms": 0}, ValueError, "synonyms must be at least 1, found 0"),
        ({"synonyms": 6}, ValueError, "synonyms must be at most 5, found 6"),
        ({"synonyms": 2.0}, TypeError, "synonyms must be a whole number"),
        ({"dialect": "east"}, ValueError, "dialect must be 'north' or 'south', found 'east'"),
        ({"season_lasts": 1.0}, ValueError, r"season_lasts must lie in \[0, 1\), found 1"),
        ({"weather_lasts": -0.1}, ValueError, "weather_lasts must lie in"),
        ({"weather_lasts": float("nan")}, ValueError, "weather_lasts must lie in"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, error, message):
    with pytest.raises(error, match=message):
        weather_diary(**settings)
