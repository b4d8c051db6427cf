r"""A language whose next-word probabilities are known exactly: a hidden Markov model.

At every step a hidden state $s_t$ utters one word, then moves on. A reader sees only the words, and
keeps a belief $b_t(s) = P(s_t = s \mid w_1 \dots w_t)$, which each word updates. This is forward
filtering, and it is exact:

$$b_t(s) \propto E_{s w_t} \sum_r b_{t-1}(r) \, T_{rs}, \qquad
P(w_{t+1} = w \mid w_1 \dots w_t) = \sum_s b_t(s) \, (T E)_{sw},$$

with $T$ the probabilities of the moves and $E$ those of the words. No model of the words can do
better than this law: its loss is the entropy rate, and its probabilities are calibrated.

Reference:
    Rabiner 1989, A tutorial on hidden Markov models and selected applications in speech
    recognition.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Self, TypeVar

import torch
from torch import Tensor

from coursekit._checks import as_count
from coursekit.data.languages.laws import (
    Law,
    Sampler,
    as_generator,
    as_law,
    check_probability,
    entropy,
    matrix_of,
    stationary_law,
)
from coursekit.data.languages.words import WordTokenizer

State = TypeVar("State", bound=Hashable)

MAX_TABLE = 30_000_000  # numbers in the table of `ngram_entropy`: a quarter of a gigabyte


@dataclass(frozen=True)
class EntropyRate:
    """The entropy of one more word, given all before, in nats: an interval that holds it.

    `exact` tells that it is a closed form. Otherwise the interval has a confidence of 95 %.

    Example:
        >>> EntropyRate(1.0, low=0.9, high=1.1).exact
        False
    """

    value: float
    low: float
    high: float

    @property
    def exact(self) -> bool:
        """Whether the value is a closed form, not an estimate."""
        return self.low == self.high


class HiddenMarkovLanguage:
    """An endless stream of sentences, with the exact probability of each next word.

    A sequence starts at the beginning of a sentence: its first word has the law
    `first_token_probs`. It goes on through as many sentences as fit, and its end may cut one.
    Everything is computed on the CPU in float64.

    Args:
        words: The vocabulary; its order gives the token ids.
        start: `(S,)`, the law of the state that utters the first word.
        transition: `(S, S)`, the law of the next state (columns) in each state (rows).
        emission: `(S, V)`, the law of the word in each state.

    Raises:
        ValueError: If a shape does not fit, or a row is no law (not negative, sum 1).

    Example:
        >>> start, stay = torch.tensor([1.0, 0.0]), torch.tensor([[0.9, 0.1], [0.1, 0.9]])
        >>> language = HiddenMarkovLanguage(["sun", "rain"], start, stay, torch.eye(2))
        >>> language.next_token_probs(torch.tensor([0, 0]))[-1]
        tensor([0.9000, 0.1000], dtype=torch.float64)
        >>> round(language.entropy_rate().value, 4)
        0.3251
    """

    def __init__(
        self, words: Sequence[str], start: Tensor, transition: Tensor, emission: Tensor
    ) -> None:
        self.tokenizer = WordTokenizer(words)
        n_states = len(start)
        self.start = as_law(start, (n_states,), "start")
        self.transition = as_law(transition, (n_states, n_states), "transition")
        self.emission = as_law(emission, (n_states, self.vocab_size), "emission")
        self._emission_of = self.emission.T.contiguous()  # (V, S): one row for each word
        self._next_word = self.transition @ self.emission  # (S, V)

    @classmethod
    def from_rules(
        cls,
        words: Sequence[str],
        origin: State,
        step: Callable[[State], Law[State]],
        speak: Callable[[State], Law[str]],
    ) -> Self:
        """Build the language from two functions: where a state may move, what it may say.

        Sequences start after a full stop somewhere in the endless stream: the first state has the
        law that states after a "." have in the long run.

        Args:
            words: The vocabulary, "." among them.
            origin: Any state that occurs in the long run; the others are found by walking.
            step: Gives the law of the state after the given one.
            speak: Gives the law of the word that the given state utters.
        """
        states, index, moves = [origin], {origin: 0}, []
        for state in states:  # grows while we walk, to all that can be reached
            moves.append({after: p for after, p in step(state).items() if p})
            for after in moves[-1]:
                if after not in index:
                    index[after] = len(states)
                    states.append(after)
        ids = {word: i for i, word in enumerate(words)}
        transition = matrix_of(moves, index)
        emission = matrix_of([speak(state) for state in states], ids)
        after_stop = (stationary_law(transition) * emission[:, ids["."]]) @ transition
        return cls(words, after_stop / after_stop.sum(), transition, emission)

    @property
    def vocab_size(self) -> int:
        """Number of words, V."""
        return self.tokenizer.vocab_size

    @property
    def n_states(self) -> int:
        """Number of hidden states, S."""
        return len(self.start)

    @property
    def first_token_probs(self) -> Tensor:
        """Return the law of the first word of a sequence, `(V,)`."""
        return self.start @ self.emission

    def sample(self, n: int, *, seed: int, length: int = 64) -> Tensor:
        """Draw `n` independent sequences.

        The same seed gives the same sequences, and a larger n only adds some at the end: keep
        training and test apart by their seeds.

        Args:
            n: Number of sequences.
            seed: Not negative.
            length: Number of words in each.

        Returns:
            Token ids `(n, length)`, int64, each row from the beginning of a sentence.

        Raises:
            TypeError, ValueError: If `n` or `length` is no whole number of at least 1, or the seed
                is negative.
        """
        n, length = as_count(n, "n"), as_count(length, "length")
        chance = torch.rand(n, 2, length, generator=as_generator(seed))
        # The start is one more row: where to move from when there is no state yet.
        move = Sampler(torch.cat([self.transition, self.start[None]]))
        speak = Sampler(self.emission)
        state = torch.full((n,), self.n_states)
        tokens = torch.empty(n, length, dtype=torch.int64)
        for t in range(length):
            state = move(state, chance[:, 0, t])
            tokens[:, t] = speak(state, chance[:, 1, t])
        return tokens

    def next_token_probs(self, tokens: Tensor) -> Tensor:
        """Return the true law of the word after each position, given all words up to it.

        Aligned with the logits of a GPT: entry t reads tokens 0 to t and speaks of token t + 1.

        Args:
            tokens: Ids `(T,)` or `(n, T)`, each sequence from the beginning of a sentence.

        Returns:
            Probabilities `(T, V)` or `(n, T, V)`, float64.

        Raises:
            TypeError: If tokens are not integers.
            ValueError: If the shape or an id is wrong, or a sequence cannot occur: what follows
                the impossible has no probability.
        """
        batch = self._as_batch(tokens)
        probs = torch.empty(*batch.shape, self.vocab_size, dtype=torch.float64)
        for t, (likelihood, belief) in enumerate(self._filter(batch)):
            if not likelihood.all():
                row = int((likelihood == 0).nonzero()[0])
                word = self.tokenizer.words[batch[row, t]]
                raise ValueError(
                    f"tokens must be sequences that can occur, found {word!r} with probability 0 "
                    f"at position {t} of sequence {row}, which no law follows. Leave out what "
                    "is_grammatical(tokens) finds; a sequence starts at the beginning of a "
                    "sentence."
                )
            torch.matmul(belief, self._next_word, out=probs[:, t])
        probs.clamp_(max=1)  # rounding may leave a hair above
        return probs.view(*tokens.shape, self.vocab_size)

    def is_grammatical(self, tokens: Tensor) -> Tensor:
        """Whether the words up to each position can occur: probability above 0.

        After the first forbidden word nothing is grammatical: the last column judges whole
        sequences, the first False in a row is the error.

        Args:
            tokens: Ids `(T,)` or `(n, T)`, each sequence from the beginning of a sentence.

        Returns:
            Booleans of the same shape.

        Raises:
            TypeError: If tokens are not integers.
            ValueError: If the shape or an id is wrong.
        """
        likelihoods = [likelihood for likelihood, _ in self._filter(self._as_batch(tokens))]
        return (torch.stack(likelihoods, dim=-1) > 0).view(tokens.shape)

    def entropy_rate(
        self, *, seed: int = 0, n_sequences: int = 128, length: int = 512
    ) -> EntropyRate:
        r"""Return the entropy of the next word given all before, in nats: no loss is lower.

        Whoever sees the state needs $\sum_s \pi_s H((TE)_s)$, a closed form. Whoever sees only
        words needs more, by what the state would still tell: $I(w_{t+1}; s_t \mid w_1 \dots w_t)$.
        When words reveal the state (`is_unifilar`), that is 0 and the closed form is all.
        Otherwise it is averaged over the second half of sampled sequences, whose words long tell
        what the beginning left open; the interval is their mean, plus and minus 1.96 errors.

        Args:
            seed: Of the sampled sequences.
            n_sequences: How many: at least 2, and enough for a mean to be normal.
            length: Words in each; at least 2.

        Reference:
            Cover and Thomas 2006, Elements of information theory, section 4.5.
        """
        n_sequences = as_count(n_sequences, "n_sequences", least=2)
        length = as_count(length, "length", least=2)
        of_state = entropy(self._next_word)
        known = float(self.stationary @ of_state)
        if self.is_unifilar:
            return EntropyRate(known, known, known)
        hidden = torch.zeros(n_sequences, dtype=torch.float64)
        tokens = self.sample(n_sequences, seed=seed, length=length)
        for t, (_, belief) in enumerate(self._filter(tokens)):
            if t >= length // 2:
                hidden += entropy(belief @ self._next_word) - belief @ of_state
        hidden /= length - length // 2
        value = known + float(hidden.mean())
        error = NormalDist().inv_cdf(0.975) * float(hidden.std()) / n_sequences**0.5
        return EntropyRate(value, value - error, value + error)

    def ngram_entropy(self, order: int) -> float:
        """Return the loss of the best model that sees only the last `order` words, in nats: exact.

        The KL gap of such a model, however much data it has, is this minus the entropy rate.
        Computed by listing every context that can occur, anywhere in the stream.

        Args:
            order: Number of words seen; 0 for word frequencies alone, 2 for a trigram.

        Raises:
            ValueError: If the order is negative, or its contexts do not fit in memory.
        """
        # P(context, state that speaks next): a row for each context.
        contexts = self.stationary[None]
        for _ in range(as_count(order, "order", least=0)):
            said = (contexts @ self.emission > 0).nonzero()  # the words that may follow each
            if len(said) * self.n_states > MAX_TABLE:
                raise ValueError(
                    f"order must be lower, found {order}: a language of {self.n_states} states "
                    f"has more than {len(said):,} contexts of that length, too many to list."
                )
            contexts = (contexts[said[:, 0]] * self._emission_of[said[:, 1]]) @ self.transition
        total = contexts.sum(dim=1)
        return float(total @ entropy(contexts @ self.emission / total[:, None]))

    @cached_property
    def stationary(self) -> Tensor:
        """Return how often each state is visited in the long run, `(S,)`."""
        return stationary_law(self.transition)

    @property
    def is_unifilar(self) -> bool:
        """Whether the words reveal the state: from each state, one word leads to one state only."""
        moves = torch.cat([self.start[None], self.transition])
        ways = (moves > 0).double() @ (self.emission > 0).double()
        return bool(ways.max() <= 1)

    def with_noise(self, rate: float) -> HiddenMarkovLanguage:
        """Return the same language heard badly: each word is, at that rate, any word at random.

        Every sequence can then occur.

        Raises:
            ValueError: If the rate lies outside [0, 1].
        """
        check_probability(rate, "rate")
        heard = (1 - rate) * self.emission + rate / self.vocab_size
        return HiddenMarkovLanguage(self.tokenizer.words, self.start, self.transition, heard)

    def _filter(self, tokens: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """For each position: P(word | words before) `(n,)`, and the belief after it `(n, S)`.

        After an impossible word the belief is 0, and so is the probability of all that follows.
        """
        before = self.start.expand(len(tokens), -1)
        for word in tokens.T:
            joint = before * self._emission_of[word]
            likelihood = joint.sum(dim=1)
            belief = joint / likelihood.clamp_min(torch.finfo(torch.float64).tiny)[:, None]
            yield likelihood, belief
            before = belief @ self.transition

    def _as_batch(self, tokens: Tensor) -> Tensor:
        if not isinstance(tokens, Tensor) or tokens.dtype not in (torch.int64, torch.int32):
            found = tokens.dtype if isinstance(tokens, Tensor) else type(tokens).__name__
            raise TypeError(f"tokens must be a tensor of token ids, int64 or int32, found {found}.")
        if tokens.ndim not in (1, 2) or tokens.numel() == 0:
            raise ValueError(
                f"tokens must have shape (T,) or (n, T), not empty, found {tuple(tokens.shape)}."
            )
        low, high = (int(bound) for bound in tokens.aminmax())
        if low < 0 or high >= self.vocab_size:
            raise ValueError(
                f"tokens must lie in 0 .. {self.vocab_size - 1}, found {low if low < 0 else high}. "
                "Were they made with this language's tokenizer?"
            )
        return torch.atleast_2d(tokens.cpu().long())
