"""The grammar: sentences whose parts must agree over any distance, on a topic nobody names.

    the dogs that the king loves ( of course ) sleep . in fact a ship that calls the kings sails .

A finite-state machine writes the sentences. A verb agrees in number with its noun across relative
clauses ("that ...") and brackets, which may follow one another without end, and a bracket is closed
by its own kind: so no n-gram, of whatever order, has the true law. The words follow Zipf's law, and
a hidden topic, which lasts about ten sentences, decides which are the common ones.

The entropy rate is 1.38 nats. The best n-gram that sees one, two, three, four words loses 0.30,
0.23, 0.08, 0.07 nats more. With one topic the words reveal the state, and the entropy rate is a
closed form.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from coursekit.data.languages.base import HiddenMarkovLanguage
from coursekit.data.languages.laws import check_probability, zipf

# Stems in the order of their rank for the first topic. A plural noun, and a verb in the singular,
# takes an "s": "a dog sleeps", "some dogs sleep".
NOUNS = ("dog", "cat", "king", "queen", "ship", "whale")
VERBS = ("sleep", "run", "rule", "sing", "sail", "swim")
TRANSITIVE_VERBS = ("see", "love", "call")
SINGULAR, PLURAL = "singular", "plural"
ZIPF_EXPONENT = 1.2

# Two-word phrases, with branches that make the true confidences cover the whole range.
PHRASES = {
    "of": {"course": 0.95, "late": 0.05},
    "at": {"last": 0.85, "once": 0.15},
    "in": {"fact": 0.75, "time": 0.25},
}
SECOND = "second word of "
BRACKETS = {"(": ")", "[": "]"}
DETERMINERS = {"the": 0.7, "a": 0.15, "some": 0.15}
NUMBERS: dict[str, dict[str, float]] = {
    "the": {SINGULAR: 0.6, PLURAL: 0.4},
    "a": {SINGULAR: 1},
    "some": {PLURAL: 1},
}
ADVERBS = ("now", "here", "again")

VOCABULARY = (
    *(stem + ending for stem in NOUNS for ending in ("", "s")),
    *(stem + ending for stem in (*VERBS, *TRANSITIVE_VERBS) for ending in ("s", "")),
    *(*DETERMINERS, "that", *BRACKETS, *BRACKETS.values(), "perhaps"),
    *(*PHRASES, *(word for second in PHRASES.values() for word in second)),
    *(*ADVERBS, "and", "."),
)


class Place(NamedTuple):
    """The hidden state: the topic, the place in the sentence, and what must be remembered there."""

    topic: int
    slot: str  # the word itself, or a kind of word: "noun", "verb", "transitive", "adverb", ...
    subject: str = ""  # number of the main noun: the main verb will agree with it
    number: str = ""  # number of this noun or verb, or of the noun that "that" follows
    clause: str = ""  # in a relative clause, what its noun is: "object" or "subject" of the verb
    bracket: str = ""  # the open one


def grammar(
    *, topics: Sequence[float] = (0.5, 0.35, 0.15), topic_lasts: float = 0.9
) -> HiddenMarkovLanguage:
    """Return the grammar, a language of 53 words that defeats n-grams.

    The vocabulary is always the same, so that a model trained on one mix of topics can read
    another.

    Args:
        topics: How often each topic occurs, one to three of them. `(1.0,)` makes the words reveal
            the state.
        topic_lasts: Probability that a sentence keeps the topic; otherwise it is drawn anew, and
            may be the same.

    Raises:
        ValueError: If an argument is out of its range.

    Example:
        >>> language = grammar(topics=(1.0,))
        >>> language.tokenizer.decode(language.sample(1, seed=0, length=8)[0])
        'the cats that see the dogs sleep now'
    """
    if not 1 <= len(topics) <= 3 or min(topics) <= 0 or not abs(sum(topics) - 1) < 1e-9:
        raise ValueError(
            f"topics must be one to three probabilities above 0 that sum to 1, found {topics!r}."
        )
    check_probability(topic_lasts, "topic_lasts", below_one=True)

    def step(place: Place) -> dict[Place, float]:
        if place.slot != ".":
            return _within_sentence(place)
        drawn = {topic: (1 - topic_lasts) * share for topic, share in enumerate(topics)}
        drawn[place.topic] += topic_lasts
        return {
            first: p_topic * p_first
            for topic, p_topic in drawn.items()
            for first, p_first in _sentence_start(topic).items()
        }

    return HiddenMarkovLanguage.from_rules(VOCABULARY, Place(0, "."), step, _speak)


def _sentence_start(topic: int) -> dict[Place, float]:
    """Three sentences in ten open with a phrase: "of course the dog sleeps ."."""
    phrases = {Place(topic, first): 0.3 / len(PHRASES) for first in PHRASES}
    return phrases | {noun: 0.7 * p for noun, p in _noun_phrase(Place(topic, "")).items()}


def _within_sentence(place: Place) -> dict[Place, float]:
    """Where the sentence may go from here. The topic stays, whatever else changes."""
    go = place._replace
    match place.slot:
        case "the" | "a" | "some":
            return {
                go(slot="noun", number=number, subject=place.subject or number): p
                for number, p in NUMBERS[place.slot].items()
            }
        case "noun" if place.clause == "subject":
            return {go(slot="transitive"): 1}
        case "noun":
            that = 0.2 if place.clause else 0.35
            return {go(slot="that", clause=""): that} | _go_on(place, 1 - that)
        case "that":
            verb = {go(slot="transitive", clause="object"): 0.6}
            noun = _noun_phrase(go(number="", clause="subject"))
            return verb | {first: 0.4 * p for first, p in noun.items()}
        case "transitive" if place.clause == "object":
            return _noun_phrase(go(number=""))
        case "transitive":
            return _go_on(place, 1)
        case "(" | "[":
            return _remark(place, 1)
        case ")" | "]" | "and":
            return {go(slot="verb", number=place.subject, bracket=""): 1}
        case "verb":
            return {Place(place.topic, "."): 0.85, go(slot="adverb", number=""): 0.15}
        case "adverb":
            return {Place(place.topic, "."): 0.62, go(slot="and"): 0.38}
        case first if first in PHRASES:
            return {go(slot=SECOND + first): 1}
        case _ if place.bracket:  # a remark is complete
            return {go(slot=BRACKETS[place.bracket]): 0.75} | _remark(place, 0.25)
        case _:  # the phrase that opens a sentence is
            return _noun_phrase(place)


def _noun_phrase(place: Place) -> dict[Place, float]:
    return {place._replace(slot=word): p for word, p in DETERMINERS.items()}


def _go_on(place: Place, p: float) -> dict[Place, float]:
    """With probability p in all: the main verb, or a bracket before it."""
    main = Place(place.topic, "verb", place.subject, number=place.subject)
    brackets = {"(": 0.12, "[": 0.03}
    return {main: 0.85 * p} | {
        Place(place.topic, kind, place.subject, bracket=kind): share * p
        for kind, share in brackets.items()
    }


def _remark(place: Place, p: float) -> dict[Place, float]:
    """With probability p in all: something to say in brackets."""
    words = {"perhaps": 0.4} | dict.fromkeys(PHRASES, 0.2)
    return {place._replace(slot=word): share * p for word, share in words.items()}


def _speak(place: Place) -> dict[str, float]:
    """Return the law of the word: slots that are no kind of word are the word itself."""
    match place.slot:
        case "noun":
            return _by_topic(NOUNS, place.topic, "s" if place.number == PLURAL else "")
        case "verb":
            return _by_topic(VERBS, place.topic, "s" if place.number == SINGULAR else "")
        case "transitive":
            return _by_topic(TRANSITIVE_VERBS, place.topic, "s" if place.number == SINGULAR else "")
        case "adverb":
            return _by_topic(ADVERBS, 0, "")
        case slot if slot.startswith(SECOND):
            return PHRASES[slot.removeprefix(SECOND)]
        case word:
            return {word: 1}


def _by_topic(stems: Sequence[str], topic: int, ending: str) -> dict[str, float]:
    """Zipf's law, the ranks turned by a third of the list from topic to topic."""
    shift = topic * len(stems) // 3
    ranked = [*stems[shift:], *stems[:shift]]
    probabilities = zipf(len(stems), ZIPF_EXPONENT).tolist()
    return {stem + ending: p for stem, p in zip(ranked, probabilities, strict=True)}
