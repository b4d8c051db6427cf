from __future__ import annotations

import pytest
import torch

from coursekit.data.languages import grammar

GRAMMAR, ONE_TOPIC = grammar(), grammar(topics=(1.0,))


def zipf(n, exponent=1.2):
    total = sum(k**-exponent for k in range(1, n + 1))
    return [k**-exponent / total for k in range(1, n + 1)]


NOUN = VERB = zipf(6)
TRANSITIVE = ADVERB = zipf(3)


def after(text, language=GRAMMAR):
    """Law of the next word, by word, without those that cannot come."""
    probs = language.next_token_probs(torch.tensor(language.tokenizer.encode(text)))[-1]
    law = zip(language.tokenizer.words, probs.tolist(), strict=True)
    return {word: p for word, p in law if p}


def possible(text, language=GRAMMAR):
    return bool(language.is_grammatical(torch.tensor(language.tokenizer.encode(text)))[-1])


def likelihood(text, language):
    tokens = torch.tensor(language.tokenizer.encode(text))
    probs = language.next_token_probs(tokens)[:-1].gather(1, tokens[1:, None])
    return float(language.first_token_probs[tokens[0]] * probs.prod())


def test_sentences_have_the_probabilities_computed_by_hand():
    assert likelihood("the dog sleeps .", ONE_TOPIC) == pytest.approx(
        0.7 * 0.7 * 0.6 * NOUN[0] * (0.65 * 0.85) * VERB[0] * 0.85
    )
    # "queens" are fourth, "see" is first, "ship" is fifth, "swim" is sixth.
    assert likelihood("of late some queens that see a ship swim .", ONE_TOPIC) == pytest.approx(
        0.1 * 0.05 * 0.15 * NOUN[3] * 0.35 * 0.6 * TRANSITIVE[0] * 0.15 * NOUN[4]
        * (0.8 * 0.85) * VERB[5] * 0.85
    )  # fmt: skip
    # "kings" are third, "call" is third, "runs" is second, "again" is third.
    remark = "a cat that the kings call [ at once ] runs again ."
    assert likelihood(remark, ONE_TOPIC) == pytest.approx(
        0.7 * 0.15 * NOUN[1] * 0.35 * 0.4 * 0.7 * 0.4 * NOUN[2] * TRANSITIVE[2]
        * 0.03 * 0.2 * 0.15 * 0.75 * VERB[1] * 0.15 * ADVERB[2] * 0.62
    )  # fmt: skip


def test_vocabulary_is_used_to_the_last_word():
    assert GRAMMAR.vocab_size == 53
    assert GRAMMAR.tokenizer.words == ONE_TOPIC.tokenizer.words
    assert (GRAMMAR.stationary @ GRAMMAR.emission).min() > 5e-4


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("the dogs that the king loves ( of course ) sleep .", True),
        ("in fact a ship that calls the kings sails .", True),
        ("the dog that sees the cats that see the ship that loves some kings sleeps", True),
        ("the king [ perhaps at last of late ] rules here and rules .", True),
        ("the dogs sleeps", False),
        ("the dog sleep", False),
        ("a dogs", False),
        ("some dog", False),
        ("the dog that the king love", False),
        ("the dogs that the king loves sleeps", False),
        ("the dog that sees the cats that see the ship that loves some kings sleep", False),
        ("the dogs that see the cat that sees the kings run here and runs", False),
        ("the dog ( perhaps ]", False),
        ("the dog [ of course )", False),
        ("the dog ( perhaps sleeps", False),
        ("the dog )", False),
        ("at course", False),
        ("the dog sees the cat", False),
    ],
)
def test_is_grammatical_when_numbers_agree_and_brackets_match(text, right):
    assert possible(text) is right


@pytest.mark.parametrize("clauses", range(6))
def test_no_order_is_enough_for_agreement(clauses):
    """The same last 2, 7, 12, ... words: the verb that one text needs, the other forbids."""
    middle = " that sees the cat" + " that loves the cat" * clauses
    one, many = after("the dog" + middle), after("the dogs" + middle.replace("sees", "see"))
    assert one.get("sleeps", 0) > 0.1
    assert many.get("sleep", 0) > 0.1
    assert "sleep" not in one
    assert "sleeps" not in many


@pytest.mark.parametrize("words", range(1, 8))
def test_no_order_is_enough_for_brackets(words):
    middle = " perhaps" * words
    round_, square = after("a dog (" + middle), after("a dog [" + middle)
    assert round_[")"] == pytest.approx(0.75)
    assert square["]"] == pytest.approx(0.75)
    assert "]" not in round_
    assert ")" not in square


def test_ngrams_leave_a_gap():
    """The gap stated in the module's text, of the best n-gram of each order."""
    rate = GRAMMAR.entropy_rate()
    gaps = [GRAMMAR.ngram_entropy(order) - rate.high for order in range(5)]
    for gap, stated in zip(gaps, (2.1, 0.29, 0.22, 0.07, 0.06), strict=True):
        assert gap > stated


def test_confidences_cover_the_whole_range():
    probs = GRAMMAR.next_token_probs(GRAMMAR.sample(300, seed=1))
    tenths = torch.histc(probs.max(-1).values.flatten(), bins=10, min=0, max=1)
    assert (tenths[1:] / tenths.sum() > 0.01).all()


@pytest.mark.parametrize(
    ("text", "word", "p"),
    [
        ("of", "course", 0.95),
        ("at", "last", 0.85),
        ("in", "fact", 0.75),
        ("a dog (", "perhaps", 0.4),
    ],
)
def test_branches_have_the_stated_probability(text, word, p):
    assert after(text)[word] == pytest.approx(p)


def test_one_topic_has_a_closed_form_and_more_have_an_interval():
    assert ONE_TOPIC.is_unifilar
    assert ONE_TOPIC.entropy_rate().exact
    assert not GRAMMAR.is_unifilar
    assert not GRAMMAR.entropy_rate(n_sequences=4, length=8).exact
    assert GRAMMAR.entropy_rate().low > ONE_TOPIC.entropy_rate().value  # topics cost something


def test_the_topic_lasts_beyond_the_sentence():
    past = "the ships sail . the whale swims . some whales sail ."
    assert after(past + " the")["ship"] > 1.3 * after("the")["ship"]
    forgetful = grammar(topic_lasts=0)
    assert after(past + " the", forgetful) == pytest.approx(after("the", forgetful))


def test_topics_occur_as_often_as_told():
    """The first sentence's first noun mixes the topics' Zipf laws, each turned by two ranks."""
    for topics in [(0.5, 0.35, 0.15), (0.9, 0.1), (1.0,)]:
        law = after("a", grammar(topics=topics))
        nouns = ("dog", "cat", "king", "queen", "ship", "whale")
        expected = {
            noun: sum(share * NOUN[(rank - 2 * topic) % 6] for topic, share in enumerate(topics))
            for rank, noun in enumerate(nouns)
        }
        assert law == pytest.approx(expected)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"topics": ()}, "topics must be one to three"),
        ({"topics": (0.25,) * 4}, "topics must be one to three"),
        ({"topics": (0.5, 0.6)}, r"sum to 1, found \(0.5, 0.6\)"),
        ({"topics": (1.0, 0.0)}, "above 0"),
        ({"topics": (float("nan"),)}, "topics must be"),
        ({"topic_lasts": 1}, r"topic_lasts must lie in \[0, 1\), found 1"),
        ({"topic_lasts": -1}, "topic_lasts must lie in"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        grammar(**settings)
