r"""Generation: ask a language model for the law of the next token, choose one, append it, repeat.

Only the choice differs. Sampling draws a token $w$ from the law itself; greedy decoding takes the
most probable one; beam search keeps a few texts and looks for the most probable whole. Sampling
can bend the law first: with logits $z$, a temperature $\tau$ and a set $K$ of tokens to keep,

$$P(w) = \frac{e^{z_w / \tau}}{\sum_{v \in K} e^{z_v / \tau}} \quad (w \in K), \qquad
P(w) = 0 \quad (w \notin K).$$

$\tau = 1$ with all tokens kept is the model's own law, and the only choice that leaves it unbent.

A model is a `GPT`, a `Llama` or any callable from ids `(B, T)` to logits `(B, T, V)`, such as
`lambda ids: llm(ids).logits`. The first two read every token once, by their key-value cache.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Collection, Sequence
from functools import partial
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from coursekit._chance import throw_darts
from coursekit._checks import as_count, as_seed
from coursekit.lm.attention import KeyValueCache
from coursekit.lm.gpt import Decoder
from coursekit.lm.prediction import Model, device_of, evaluating

Method = Literal["sample", "greedy", "beam"]


def apply_temperature(logits: Tensor, temperature: float) -> Tensor:
    """Divide logits `(..., V)` by the temperature: below 1 the law is sharper, above 1 flatter.

    Raises:
        ValueError: If the temperature is not a positive, finite number.

    Example:
        >>> apply_temperature(torch.tensor([2.0, 0.0]), 0.5)
        tensor([4., 0.])
    """
    if not 0 < temperature < math.inf:
        raise ValueError(
            f"temperature must be a positive, finite number, found {temperature}. "
            "Its limit 0, the most probable token, is greedy decoding: use that."
        )
    return logits / temperature


def keep_top_k(logits: Tensor, k: int) -> Tensor:
    """Return logits `(..., V)` with -inf for all but the k largest, and those equal to the k-th.

    Raises:
        TypeError: If k is not a whole number.
        ValueError: If k is below 1.

    Reference:
        Fan et al. 2018, Hierarchical neural story generation, section 5.4.

    Example:
        >>> keep_top_k(torch.tensor([1.0, 3.0, 2.0]), 2)
        tensor([-inf, 3., 2.])
    """
    largest = logits.topk(min(as_count(k, "top_k"), logits.shape[-1])).values
    return logits.masked_fill(logits < largest[..., -1:], -math.inf)


def keep_top_p(logits: Tensor, p: float) -> Tensor:
    """Return logits `(..., V)` with -inf outside the nucleus, the fewest tokens with p together.

    Where tokens of equal probability straddle its edge, those of the larger ids are kept.

    Raises:
        ValueError: If p is not in (0, 1].

    Reference:
        Holtzman et al. 2020, The curious case of neural text degeneration, section 3.1.

    Example:
        >>> keep_top_p(torch.tensor([0.1, 0.6, 0.3]).log(), 0.8).softmax(dim=-1)
        tensor([0.0000, 0.6667, 0.3333])
    """
    if not 0 < p <= 1:
        raise ValueError(f"top_p must be a probability in (0, 1], found {p}.")
    ascending, ids = logits.sort(dim=-1, stable=True)
    # The nucleus is what the tail leaves, and the tail is summed from its smallest term: add a
    # small number to a large one, and rounding would lose it.
    in_tail = ascending.softmax(dim=-1).cumsum(dim=-1) <= 1 - p
    in_tail[..., -1] = False  # the most probable token stays, however small p
    return logits.masked_fill(in_tail.scatter(-1, ids, in_tail), -math.inf)


def keep_min_p(logits: Tensor, p: float) -> Tensor:
    """Return logits `(..., V)` with -inf for tokens less than p times as probable as the best one.

    Raises:
        ValueError: If p is not in (0, 1].

    Reference:
        Nguyen et al. 2024, Turning up the heat: min-p sampling for creative and coherent LLM
        outputs.

    Example:
        >>> keep_min_p(torch.tensor([0.1, 0.6, 0.3]).log(), 0.4).softmax(dim=-1)
        tensor([0.0000, 0.6667, 0.3333])
    """
    if not 0 < p <= 1:
        raise ValueError(f"min_p must be a share in (0, 1], found {p}.")
    probs = logits.softmax(dim=-1)
    return logits.masked_fill(probs < p * probs.amax(dim=-1, keepdim=True), -math.inf)


def tokens_seen(ids: Tensor, vocab_size: int) -> Tensor:
    """Return for each position of ids `(B, T)` the tokens so far, itself among them: `(B, T, V)`.

    Example:
        >>> tokens_seen(torch.tensor([[2, 0]]), vocab_size=3).int()
        tensor([[[0, 0, 1],
                 [1, 0, 1]]], dtype=torch.int32)
    """
    return torch.nn.functional.one_hot(ids, vocab_size).cumsum(dim=1) > 0


def penalise_repetition(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Return logits `(..., V)`, those of the tokens seen made smaller, by a factor.

    A positive logit is divided by the penalty, a negative one multiplied: divided, it would grow.
    Logits that differ by a constant state one law, but are penalised differently.

    Args:
        logits: `(..., V)`.
        seen: Which tokens the text has already, booleans `(..., V)`.
        penalty: 1 changes nothing; below 1 repetition is favoured.

    Raises:
        ValueError: If the shapes differ, or the penalty is not a positive, finite number.

    Reference:
        Keskar et al. 2019, CTRL: a conditional transformer language model for controllable
        generation, section 4.1. It has the division alone; the sign is treated as in
        `transformers`.

    Example:
        >>> seen = torch.tensor([True, True, False])
        >>> penalise_repetition(torch.tensor([2.0, -1.0, 0.5]), seen, penalty=2.0)
        tensor([ 1.0000, -2.0000,  0.5000])
    """
    if not 0 < penalty < math.inf:
        raise ValueError(f"repetition_penalty must be a positive, finite number, found {penalty}.")
    if seen.shape != logits.shape:
        raise ValueError(
            f"seen must have the shape of logits, {tuple(logits.shape)}, found {tuple(seen.shape)}."
        )
    weaker = torch.where(logits > 0, logits / penalty, logits * penalty)
    return torch.where(seen, weaker, logits)


def adjust_logits(
    logits: Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
) -> Tensor:
    """Return logits `(..., V)` of the law that is sampled: temperature, top-k, top-p, min-p.

    The order matters, and is that of `transformers`: the temperature changes the nucleus.

    Example:
        >>> adjust_logits(torch.tensor([0.0, 2.0, 1.0]), temperature=0.5, top_k=2)
        tensor([-inf, 4., 2.])
    """
    logits = apply_temperature(logits, temperature)
    if top_k is not None:
        logits = keep_top_k(logits, top_k)
    if top_p is not None:
        logits = keep_top_p(logits, top_p)
    if min_p is not None:
        logits = keep_min_p(logits, min_p)
    return logits


def greedy(logits: Tensor) -> Tensor:
    """Return ids `(...)` of the most probable tokens, given logits `(..., V)`.

    Example:
        >>> greedy(torch.tensor([[0.0, 2.0, 1.0]]))
        tensor([1])
    """
    return logits.argmax(dim=-1)


def sample(logits: Tensor, uniform: Tensor) -> Tensor:
    """Draw a token from each law: lay the probabilities end to end, and see where a dart falls.

    Token w covers an interval of [0, 1) as long as its probability, so a uniform number falls into
    it just that often. The caller throws the dart, so this function has no hidden randomness.

    Args:
        logits: `(..., V)`.
        uniform: `(...)`, numbers in [0, 1), as from `torch.rand`; best in float64.

    Returns:
        Ids `(...)`.

    Raises:
        ValueError: If the shapes do not fit, a number is outside [0, 1), or logits are no law.

    Example:
        >>> logits = torch.tensor([[0.2, 0.8], [0.2, 0.8]]).log()
        >>> sample(logits, uniform=torch.tensor([0.1, 0.7]))
        tensor([0, 1])
    """
    if uniform.shape != logits.shape[:-1]:
        raise ValueError(
            f"uniform must have one number for each law, {tuple(logits.shape[:-1])} for logits "
            f"{tuple(logits.shape)}, found {tuple(uniform.shape)}."
        )
    if not ((uniform >= 0) & (uniform < 1)).all():
        raise ValueError(
            "uniform must lie in [0, 1), found numbers outside. Draw them with torch.rand."
        )
    device = "cpu" if logits.device.type == "mps" else logits.device  # MPS has no float64
    laws = logits.to(device, torch.float64).softmax(dim=-1)
    return throw_darts(laws, uniform[..., None])[..., 0].to(logits.device)


class Beam(NamedTuple):
    """A text that beam search found.

    Example:
        >>> Beam(ids=[7, 2], log_prob=-1.5, score=-0.75).ids
        [7, 2]
    """

    ids: list[int]  # without the prompt
    log_prob: float  # of all these ids, given the prompt, in nats
    score: float  # log_prob / len(ids) ** length_penalty


@torch.no_grad()
def beam_search(
    model: Model,
    prompt: Sequence[int] | Tensor,
    max_new_tokens: int,
    n_beams: int,
    *,
    stop: Collection[int] = (),
    length_penalty: float = 1.0,
    use_cache: bool = True,
) -> list[Beam]:
    """Search for the most probable continuation, keeping the best n_beams texts at each length.

    Each text grows by each token of the vocabulary, and the n_beams most probable of all these stay
    in the race. A text among them that ends in a stop token leaves it, as finished. The search ends
    when n_beams have finished and the best one running scores no better, or at max_new_tokens.

    Args:
        model: A `GPT`, a `Llama`, or a callable from ids `(B, T)` to logits `(B, T, V)`. The ids
            are on the CPU, or on the device of its parameters if it is a module.
        prompt: Ids, at least one.
        max_new_tokens: The largest number of tokens to add.
        n_beams: Number of texts to keep; 1 is greedy decoding.
        stop: Ids that end a text.
        length_penalty: 0 ranks by probability, which favours short texts, since each token makes a
            text less probable; 1 by the mean log-probability of a token.
        use_cache: Read every token once, if the model is a `GPT` or a `Llama`.

    Returns:
        At most n_beams finished texts, the best score first. The stop token is their last id.

    Raises:
        TypeError: If an id or a number of tokens or beams is not a whole number.
        ValueError: If a number is out of its range, the prompt is empty, or the context too short.

    Reference:
        Wu et al. 2016, Google's neural machine translation system, section 7. Its results equal
        those of `transformers` with early_stopping=False.

    Example:
        >>> def coin(ids):  # two tokens, whatever came before
        ...     return torch.tensor([0.4, 0.6]).log().expand(*ids.shape, 2)
        >>> [beam.ids for beam in beam_search(coin, [0], max_new_tokens=3, n_beams=1)]
        [[1, 1, 1]]
    """
    max_new_tokens = as_count(max_new_tokens, "max_new_tokens")
    n_beams = as_count(n_beams, "n_beams")
    prompt = check_prompt("prompt", prompt, model, max_new_tokens)
    stop = check_stop(stop)
    running, finished = [Beam([], 0.0, 0.0)], list[Beam]()
    with evaluating(model):
        read = _Reader(model, len(prompt) + max_new_tokens, use_cache)
        for length in range(1, max_new_tokens + 1):
            ids = torch.tensor([prompt + beam.ids for beam in running])
            log_probs = read(ids).log_softmax(dim=-1)  # (running, V)
            # enough candidates for n_beams that go on, even if all of them could stop
            candidates = _extend(running, log_probs, (len(stop) + 1) * n_beams, length_penalty)
            ends = [length == max_new_tokens or beam.ids[-1] in stop for beam, _ in candidates]
            top = zip(candidates[:n_beams], ends, strict=False)
            finished += [beam for (beam, _), end in top if end]
            finished = sorted(finished, key=lambda beam: -beam.score)[:n_beams]
            kept = [pair for pair, end in zip(candidates, ends, strict=True) if not end][:n_beams]
            if not kept or (len(finished) == n_beams and kept[0][0].score <= finished[-1].score):
                break
            running, parents = [beam for beam, _ in kept], [parent for _, parent in kept]
            read.select(parents)
    return finished


def _extend(
    running: list[Beam], log_probs: Tensor, n: int, length_penalty: float
) -> list[tuple[Beam, int]]:
    """Return the n most probable texts one token longer, each with the row of its parent."""
    total = torch.tensor([beam.log_prob for beam in running]).to(log_probs)[:, None] + log_probs
    best = total.flatten().topk(min(n, total.numel()))
    candidates = []
    for log_prob, index in zip(best.values.tolist(), best.indices.tolist(), strict=True):
        if log_prob > -math.inf:  # a text that cannot be is no candidate
            parent, token = divmod(index, log_probs.shape[1])
            ids = [*running[parent].ids, token]
            candidates.append((Beam(ids, log_prob, log_prob / len(ids) ** length_penalty), parent))
    return candidates


@torch.no_grad()
def generate(
    model: Model,
    prompts: Sequence[Sequence[int] | Tensor] | Tensor,
    max_new_tokens: int,
    *,
    method: Method = "sample",
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    repetition_penalty: float = 1.0,
    seed: int | torch.Generator | None = None,
    n_beams: int | None = None,
    stop: Collection[int] = (),
    use_cache: bool = True,
) -> list[list[int]]:
    """Continue each prompt until a stop token, or for max_new_tokens.

    Prompts may differ in length, and need no padding: they start together at position 0, and while
    a longer one is still being read, a shorter one is already being continued. So every text has
    the positions it would have alone, and the same ids come out; also in sampling, where each text
    has random numbers of its own. For several samples of one prompt, repeat it: `[prompt] * 5`.

    Args:
        model: A `GPT`, a `Llama`, or a callable from ids `(B, T)` to logits `(B, T, V)`. The ids
            are on the CPU, or on the device of its parameters if it is a module.
        prompts: A list of lists of ids, or a tensor `(B, T)`.
        max_new_tokens: The largest number of tokens to add to each.
        method: "sample", "greedy" or "beam".
        temperature: For sampling: divides the logits.
        top_k: For sampling: keep the k most probable tokens.
        top_p: For sampling: keep the fewest tokens that have this probability together.
        min_p: For sampling: keep tokens this many times as probable as the best one.
        repetition_penalty: For sampling and greedy decoding: makes tokens that the text has
            already, prompt included, less probable; before all other rules.
        seed: For sampling: a seed, or a generator on the CPU; PyTorch's global one if None.
        n_beams: For beam search: number of texts to keep.
        stop: Ids that end a text.
        use_cache: Read every token once, if the model is a `GPT` or a `Llama`.

    Returns:
        For each prompt the ids that were added, without the prompt. A text that was stopped ends in
        its stop token.

    Raises:
        TypeError: If an id, a seed or a number of tokens or beams is not a whole number.
        ValueError: If an option is out of its range or belongs to another method, a prompt is
            empty, or a prompt with max_new_tokens exceeds the model's context.

    Reference:
        Continuing prompts of different lengths in one batch: the code of Touvron et al. 2023,
        LLaMA: open and efficient foundation language models.

    Example:
        >>> def count(ids):  # a model that always goes on to the next number
        ...     return torch.nn.functional.one_hot((ids + 1) % 10, 10).double().log()
        >>> generate(count, [[1, 2], [7]], max_new_tokens=3, seed=0)
        [[3, 4, 5], [8, 9, 0]]
    """
    max_new_tokens = as_count(max_new_tokens, "max_new_tokens")
    if len(prompts) == 0:
        raise ValueError("prompts must hold at least one prompt, found none.")
    texts = [
        check_prompt(f"prompts[{row}]", prompt, model, max_new_tokens)
        for row, prompt in enumerate(prompts)
    ]
    _check_options(method, temperature, top_k, top_p, min_p, repetition_penalty, seed, n_beams)
    stop = check_stop(stop)
    if method == "beam" and n_beams is not None:
        search = partial(beam_search, stop=stop, use_cache=use_cache)
        return [search(model, text, max_new_tokens, n_beams)[0].ids for text in texts]
    lengths = torch.tensor([len(prompt) for prompt in texts])
    ends = lengths + max_new_tokens  # where each text ends, unless a stop token comes first
    stop_ids = torch.tensor(sorted(stop), dtype=torch.int64)
    total = int(ends.max())
    ids = torch.zeros(len(texts), total, dtype=torch.int64)
    for row, prompt in zip(ids, texts, strict=True):
        row[: len(prompt)] = torch.tensor(prompt)
    uniform = _uniform(lengths, max_new_tokens, seed) if method == "sample" else None
    with evaluating(model):
        read = _Reader(model, total, use_cache)
        for position in range(int(lengths.min()), total):
            logits = read(ids[:, :position])
            if repetition_penalty != 1.0:
                seen = torch.zeros_like(logits, dtype=torch.bool)
                seen.scatter_(-1, ids[:, :position].to(logits.device), True)
                logits = penalise_repetition(logits, seen, repetition_penalty)
            if uniform is None:
                token = greedy(logits).cpu()
            else:
                adjusted = adjust_logits(logits, temperature, top_k, top_p, min_p)
                token = sample(adjusted, uniform[:, position]).cpu()
            is_read = lengths <= position  # the whole prompt: what follows is chosen
            ids[:, position] = torch.where(is_read, token, ids[:, position])
            ends[is_read & (position < ends) & torch.isin(token, stop_ids)] = position + 1
            if (ends <= position + 1).all():
                break
    spans = zip(ids.tolist(), lengths.tolist(), ends.tolist(), strict=True)
    return [row[length:end] for row, length, end in spans]


class _Reader:
    """Gives the logits `(B, V)` of the next token, and remembers what it read if the model can."""

    def __init__(self, model: Model, capacity: int, use_cache: bool) -> None:
        self.device = device_of(model)
        self.cache: list[KeyValueCache] = []
        self.model = model
        if use_cache and isinstance(model, Decoder):
            self.cache = model.new_cache(capacity)
            self.model = partial(model, cache=self.cache, last_only=True)

    def __call__(self, ids: Tensor) -> Tensor:
        known = self.cache[0].length if self.cache else 0
        logits = self.model(ids[:, known:].to(self.device))[:, -1].float()
        if not logits.amax(dim=-1).isfinite().all():
            raise ValueError(
                "logits of the model must be a law of the next token, found NaN or infinity, or "
                "nothing but -inf. Did its training diverge?"
            )
        return logits

    def select(self, rows: list[int]) -> None:
        """Go on with these rows of the batch."""
        for layer in self.cache:
            layer.select(torch.tensor(rows, device=self.device))


def _uniform(lengths: Tensor, n: int, seed: int | torch.Generator | None) -> Tensor:
    """Draw numbers `(B, positions)`: for each text n of its own, at the positions it adds."""
    generator = as_generator(seed)
    uniform = torch.zeros(len(lengths), int(lengths.max()) + n, dtype=torch.float64)
    for row, length in zip(uniform, lengths.tolist(), strict=True):
        row[length : length + n] = torch.rand(n, generator=generator, dtype=torch.float64)
    return uniform


def as_generator(seed: int | torch.Generator | None) -> torch.Generator | None:
    """Return the generator of a seed; None, PyTorch's global one, and generators stay themselves.

    Example:
        >>> as_generator(7).initial_seed()
        7
    """
    if seed is None or isinstance(seed, torch.Generator):
        return seed
    return torch.Generator().manual_seed(as_seed(seed))


def _check_options(
    method: str,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    min_p: float | None,
    repetition_penalty: float,
    seed: int | torch.Generator | None,
    n_beams: int | None,
) -> None:
    if method not in get_args(Method):
        raise ValueError(f"method must be one of {get_args(Method)}, found {method!r}.")
    given = {
        "temperature": (("sample",), temperature != 1.0),
        "top_k": (("sample",), top_k is not None),
        "top_p": (("sample",), top_p is not None),
        "min_p": (("sample",), min_p is not None),
        "repetition_penalty": (("sample", "greedy"), repetition_penalty != 1.0),
        "seed": (("sample",), seed is not None),
        "n_beams": (("beam",), n_beams is not None),
    }
    for name, (owners, is_given) in given.items():
        if is_given and method not in owners:
            owner = " or ".join(map(repr, owners))
            raise ValueError(
                f"method must be {owner} where {name} is given, found {method!r}. "
                f"Leave {name} out, or change the method."
            )
    if method == "beam" and n_beams is None:
        raise ValueError("n_beams must be the number of texts to keep with 'beam', found None.")
    if seed is not None and not isinstance(seed, torch.Generator):
        as_seed(seed)


def check_stop(stop: Collection[int]) -> set[int]:
    """Return the ids that end a text as a set; `TypeError` if they are no collection of ids."""
    if isinstance(stop, str) or not isinstance(stop, Collection):
        raise TypeError(f"stop must be a collection of ids, such as [50256], found {stop!r}.")
    return set(_check_ids("stop", stop))


def _check_ids(name: str, ids: Collection[int] | Tensor) -> list[int]:
    """Return the ids as a list of integers."""
    try:
        ids = ids.tolist() if isinstance(ids, Tensor) else ids
        if any(isinstance(i, bool) for i in ids):
            raise TypeError
        return [operator.index(i) for i in ids]
    except TypeError:
        raise TypeError(f"{name} must be a list of token ids, integers, found {ids!r}.") from None


def check_prompt(
    name: str, prompt: Sequence[int] | Tensor, model: Model, max_new_tokens: int
) -> list[int]:
    """Return the prompt as a list, if the model can read it and continue it so far."""
    prompt = _check_ids(name, prompt)
    if not prompt:
        raise ValueError(
            f"{name} must hold at least one id to start from, such as the one that begins a text, "
            "found none."
        )
    if isinstance(model, Decoder):
        context, last = model.config.context, model.config.vocab_size - 1
        if len(prompt) + max_new_tokens > context:
            raise ValueError(
                f"{name} must with max_new_tokens = {max_new_tokens} fit into the model's context "
                f"of {context}, found {len(prompt)} tokens. Shorten either."
            )
        if min(prompt) < 0 or max(prompt) > last:
            raise ValueError(
                f"{name} must lie in 0 .. vocab_size - 1 = {last}, found {min(prompt)} to "
                f"{max(prompt)}. Is this the model's own tokenizer?"
            )
    return prompt
