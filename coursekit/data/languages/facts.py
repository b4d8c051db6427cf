"""The fact language: arbitrary facts, some common and some rare, each with a known truth.

    the capital of Zukania is Wemiston . the capital of Bolania is Tarapton .

Nothing about a name tells its capital, so a fact must be read to be known. How often each country
is written about follows Zipf's law: in any training set some facts were seen a hundred times, many
once, and some never. This is the setting in which even a calibrated model must err.

Reference:
    Kalai and Vempala 2024, Calibrated language models must hallucinate.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor

from coursekit._checks import as_count
from coursekit.data.languages.base import HiddenMarkovLanguage
from coursekit.data.languages.laws import as_generator, as_law, zipf

FRAME = ("the", "capital", "of", "is", ".")
THE, CAPITAL, OF, IS, STOP = range(len(FRAME))  # their ids; countries follow, then cities
SENTENCE_LENGTH = 7
SYLLABLES = tuple("".join(letters) for letters in product("bdfgklmnprstvwz", "aeiou"))


class FactLanguage(HiddenMarkovLanguage):
    """Sentences "the capital of X is Y .", with one true Y for each X.

    Facts are ordered from the most to the least common. `sample(n, seed=0, length=7)` gives n
    sentences of one fact each. A hidden state remembers only the capital that is due, not the
    country, which keeps their number small.

    Args:
        countries: Names of the F subjects, distinct.
        capitals: The true answer for each; several countries may share one.
        fact_probs: `(F,)`, how often each fact is told; all above 0.

    Attributes:
        fact_probs: `(F,)`.
        truth: The capital of each country.
        prompts: `(F, 5)`, the ids of "the capital of X is".
        answers: `(F,)`, the id of the true Y.

    Raises:
        ValueError: If the lengths differ, a name is repeated, or the probabilities are no law.

    Example:
        >>> language = FactLanguage(["Avenia", "Botia"], ["Celta", "Dome"], zipf(2, 1.0))
        >>> language.tokenizer.decode(language.prompts[0]), language.truth["Avenia"]
        ('the capital of Avenia is', 'Celta')
    """

    def __init__(
        self, countries: Sequence[str], capitals: Sequence[str], fact_probs: Tensor
    ) -> None:
        if not len(countries) == len(capitals) == len(fact_probs) == len(set(countries)) > 0:
            raise ValueError(
                "countries, capitals and fact_probs must be as many, and countries distinct, found "
                f"{len(countries)} ({len(set(countries))} distinct), {len(capitals)} and "
                f"{len(fact_probs)}."
            )
        self.fact_probs = as_law(fact_probs, (len(countries),), "fact_probs")
        if not (fact_probs > 0).all():
            raise ValueError(f"fact_probs must be above 0, found {float(fact_probs.min())}.")
        cities = list(dict.fromkeys(capitals))
        n_facts, n_cities = len(countries), len(cities)
        country_ids = len(FRAME) + torch.arange(n_facts)
        city_ids = len(FRAME) + n_facts + torch.arange(n_cities)
        city = torch.tensor([cities.index(capital) for capital in capitals])  # of each fact

        self.truth = dict(zip(countries, capitals, strict=True))
        self.prompts = torch.tensor([THE, CAPITAL, OF, 0, IS]).repeat(n_facts, 1)
        self.prompts[:, 3] = country_ids
        self.answers = city_ids[city]

        # States: "the", "capital", "of", then three for each city, that of X, "is" and Y, then ".".
        of_country, of_is, of_city = 3 + torch.arange(3 * n_cities).view(3, n_cities)
        stop = 3 + 3 * n_cities
        city_probs = torch.zeros(n_cities, dtype=torch.float64)
        city_probs.index_add_(0, city, self.fact_probs)

        transition = torch.zeros(stop + 1, stop + 1, dtype=torch.float64)
        transition[[0, 1, stop], [1, 2, 0]] = 1
        transition[2, of_country] = city_probs
        transition[of_country, of_is] = transition[of_is, of_city] = transition[of_city, stop] = 1

        emission = torch.zeros(stop + 1, len(FRAME) + n_facts + n_cities, dtype=torch.float64)
        emission[[0, 1, 2, stop], [THE, CAPITAL, OF, STOP]] = 1
        emission[of_country[city], country_ids] = self.fact_probs / city_probs[city]
        emission[of_is, IS] = 1
        emission[of_city, city_ids] = 1

        super().__init__(
            (*FRAME, *countries, *cities), torch.eye(stop + 1)[0], transition, emission
        )

    @property
    def n_facts(self) -> int:
        """Number of facts, F."""
        return len(self.answers)

    def counts(self, sentences: Tensor) -> Tensor:
        """How often each fact is told in sentences `(n, 7)`: integers `(F,)`.

        Raises:
            TypeError: If sentences are not integers.
            ValueError: If a row is no true sentence of this language.
        """
        if sentences.ndim != 2 or sentences.shape[1] != SENTENCE_LENGTH:
            raise ValueError(
                f"sentences must have shape (n, {SENTENCE_LENGTH}), such as sample(n, seed=0, "
                f"length={SENTENCE_LENGTH}) gives, found {tuple(sentences.shape)}."
            )
        wrong = (~self.is_grammatical(sentences)[:, -1]).nonzero()
        if len(wrong):
            row = int(wrong[0])
            raise ValueError(
                "sentences must be true, found "
                f"{self.tokenizer.decode(sentences[row])!r} in row {row}."
            )
        return torch.bincount(sentences[:, 3] - len(FRAME), minlength=self.n_facts)

    def tell(self, counts: Tensor | Sequence[int], *, seed: int) -> Tensor:
        """Write a text that tells each fact exactly that often, in random order.

        Args:
            counts: `(F,)`, none negative, not all 0.
            seed: Of the order.

        Returns:
            Token ids `(sum(counts), 7)`, a sentence a row.

        Raises:
            ValueError: If counts have another shape or are negative or all 0.
        """
        counts = torch.as_tensor(counts)
        if counts.shape != (self.n_facts,) or counts.is_floating_point():
            raise ValueError(
                f"counts must be {self.n_facts} whole numbers, one for each fact, found shape "
                f"{tuple(counts.shape)}, {counts.dtype}."
            )
        if int(counts.min()) < 0 or int(counts.sum()) == 0:
            raise ValueError(
                f"counts must not be negative, nor all of them 0, found {counts.tolist()[:5]} ..."
            )
        facts = torch.arange(self.n_facts).repeat_interleave(counts)
        facts = facts[torch.randperm(len(facts), generator=as_generator(seed))]
        stop = torch.full((len(facts), 1), STOP)
        return torch.cat([self.prompts[facts], self.answers[facts, None], stop], dim=1)


def fact_language(
    n_facts: int = 200, *, n_capitals: int = 50, exponent: float = 1.0, seed: int = 0
) -> FactLanguage:
    """Return a language of invented countries, each with a capital drawn at random.

    Args:
        n_facts: Number of countries, at most 5,625.
        n_capitals: Number of cities to draw from, at most 5,625: the fewer, the likelier is a
            guess.
        exponent: Of Zipf's law: the k-th fact is told in proportion to 1 / k^exponent. 0 for all
            alike.
        seed: Of the names and the truth.

    Raises:
        TypeError: If a number is not whole.
        ValueError: If a number is out of its range.

    Example:
        >>> language = fact_language(3, n_capitals=2)
        >>> language.tokenizer.decode(language.sample(1, seed=0, length=7)[0])
        'the capital of Mapunia is Vuluton .'
    """
    n_names = len(SYLLABLES) ** 2
    n_facts = as_count(n_facts, "n_facts", most=n_names)
    n_capitals = as_count(n_capitals, "n_capitals", most=n_names)
    if not 0 <= exponent < float("inf"):
        raise ValueError(f"exponent must be a number of at least 0, found {exponent}.")
    generator = as_generator(seed)

    def invent(count: int, ending: str) -> list[str]:
        chosen = torch.randperm(n_names, generator=generator)[:count].tolist()
        return [
            (SYLLABLES[i // len(SYLLABLES)] + SYLLABLES[i % len(SYLLABLES)]).title() + ending
            for i in chosen
        ]

    countries, cities = invent(n_facts, "nia"), invent(n_capitals, "ton")
    drawn = torch.randint(n_capitals, (n_facts,), generator=generator).tolist()
    return FactLanguage(countries, [cities[i] for i in drawn], zipf(n_facts, exponent))
