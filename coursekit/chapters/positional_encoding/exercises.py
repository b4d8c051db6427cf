"""02 Positional encoding."""

from __future__ import annotations

import math

import torch

from coursekit.exercises.engine import ChoiceExercise, FunctionExercise, Mistake, ValueExercise

# Three questions about what came before.

what_encoding_replays = ChoiceExercise(
    name="what_encoding_replays",
    question="A byte-pair tokenizer meets a word that was not in its training text. How does it "
    "cut the word?",
    options={
        "a": "It replaces the word by a token that means 'unknown'.",
        "b": "It starts from bytes and replays its merges, oldest first.",
        "c": "It counts the pairs of the new text and merges the most frequent.",
    },
    correct="b",
    explanations={
        "a": "All 256 bytes are in its vocabulary, so nothing is ever unknown.",
        "b": "The ordered list of merges is the tokenizer; nothing is counted any more.",
        "c": "Counting happens in training only. Otherwise the same word would get other tokens in "
        "another text.",
    },
)

what_losses_compare = ChoiceExercise(
    name="what_losses_compare",
    question="Two language models have different tokenizers. Which losses on the same text may you "
    "compare?",
    options={
        "a": "The mean loss per token.",
        "b": "The loss of the whole text, or per byte of it.",
        "c": "None: models with different tokenizers cannot be compared.",
    },
    correct="b",
    explanations={
        "a": "A token of a large vocabulary says more, so it costs more. That is no fault of the "
        "model.",
        "b": "Both models share out the same text, and it has the same bytes for both.",
        "c": "Both give the whole text a probability, and those may be compared.",
    },
)

what_fifty_percent_scores = ChoiceExercise(
    name="what_fifty_percent_scores",
    question="Somebody who knows nothing says 50 % to every yes-or-no question. What is their "
    "Brier score?",
    options={
        "a": "0.25, whatever the answers are.",
        "b": "0.5, whatever the answers are.",
        "c": "It depends on how many of the statements are true.",
    },
    correct="a",
    explanations={
        "a": "(0.5 - 0) squared and (0.5 - 1) squared are the same number.",
        "b": "The distance is 0.5, but the score takes its square.",
        "c": "From 50 % it is as far to yes as to no, so every answer costs the same.",
    },
)

# What the notebook teaches.


def _sinusoidal(length, width):
    """Return the table by plain loops."""
    rows = []
    for t in range(length):
        row = []
        for i in range(width // 2):
            angle = t / 10000 ** (2 * i / width)
            row += [math.sin(angle), math.cos(angle)]
        rows.append(row)
    return torch.tensor(rows)


def _angles(positions, exponent):
    return positions[:, None] / 10000**exponent


def _woven(angle):
    return torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(1)


sinusoidal_table = FunctionExercise(
    name="sinusoidal_table",
    title="The sinusoidal table: sines in even columns, cosines in odd ones",
    reference=_sinusoidal,
    inputs=lambda rng: (int(rng.integers(3, 6)), 2 * int(rng.integers(2, 5))),
    edges=[(1, 2), (9, 2), (2, 12)],
    mistakes=[
        Mistake(
            name="all sines first",
            wrong=lambda length, width: torch.cat(
                (_sinusoidal(length, width)[:, ::2], _sinusoidal(length, width)[:, 1::2]), dim=1
            ),
            message="All sines stand before all cosines. That is the same table in another order, "
            "and would work as well, but asked for are sine and cosine by turns.",
        ),
        Mistake(
            name="i over width",
            wrong=lambda length, width: _woven(
                _angles(torch.arange(length), torch.arange(width // 2) / width)
            ),
            message="Your exponent is i / width; it should be 2 i / width. So your slowest "
            "frequency is about 1/100, not 1/10000: positions repeat themselves sooner.",
        ),
        Mistake(
            name="positions from one",
            wrong=lambda length, width: _sinusoidal(length + 1, width)[1:],
            message="Your first row is position 1. Positions count from 0, where every sine is 0 "
            "and every cosine is 1.",
        ),
        Mistake(
            name="cosine first",
            wrong=lambda length, width: (
                _sinusoidal(length, width).unflatten(1, (-1, 2)).flip(-1).flatten(1)
            ),
            message="In each pair the cosine stands first. The first row should be 0 1 0 1 ...",
        ),
    ],
    hints=[
        "The angles are a (length, width / 2) table: positions down, frequencies across.",
        "torch.stack((angle.sin(), angle.cos()), dim=-1) has shape (length, width / 2, 2); "
        "flatten(1) puts each sine and its cosine side by side.",
    ],
    stub="""
        def my_sinusoidal(length, width):
            \"\"\"Return the table (length, width); replace each ... below.\"\"\"
            position = torch.arange(length)[:, None]
            exponent = ...
            angle = position / 10000**exponent
            return torch.stack((angle.sin(), ...), dim=-1).flatten(1)
    """,
    solution="""
        def my_sinusoidal(length, width):
            position = torch.arange(length)[:, None]
            exponent = torch.arange(0, width, 2) / width
            angle = position / 10000**exponent
            return torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(1)
    """,
)


def _halves(x):
    return x.chunk(2, dim=-1)


def _turned(x, angle):
    """Turn a pair: multiply a complex number by another of length one."""
    first, second = _halves(x)
    turned = torch.complex(first, second) * torch.exp(1j * angle)
    return torch.cat((turned.real, turned.imag), dim=-1)


def _both_plus(x, angle):
    (first, second), cos, sin = _halves(x), angle.cos(), angle.sin()
    return torch.cat((first * cos + second * sin, second * cos + first * sin), dim=-1)


def _neighbours(x, angle):
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(pairs * torch.exp(1j * angle)).flatten(-2)


rotate = FunctionExercise(
    name="rotate",
    title="Turn coordinate i together with coordinate i + d/2 by an angle",
    reference=_turned,
    inputs=lambda rng: (
        torch.tensor(rng.normal(size=(3, 4))),
        torch.tensor(rng.uniform(0.3, 1.2, size=(3, 2))),
    ),
    edges=[
        (torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]]), torch.tensor([[0.0, 2.5, -1.0]])),
        (torch.tensor([[1.0, 0.0], [0.5, -2.0]]), torch.tensor([[7.0], [3.0]])),
    ],
    mistakes=[
        Mistake(
            name="both plus",
            wrong=_both_plus,
            message="Both sums have a plus. Then the vectors change their length; a rotation has "
            "one minus: first cos - second sin, and second cos + first sin.",
        ),
        Mistake(
            name="the other way round",
            wrong=lambda x, angle: _turned(x, -angle),
            message="You turned clockwise. Scores would come out the same, if query and key were "
            "both turned so, but a positive angle turns from the first axis to the second.",
        ),
        Mistake(
            name="neighbours paired",
            wrong=_neighbours,
            message="You paired neighbours, 2i with 2i + 1, as the paper does. Here i goes with "
            "i + d/2, as in Llama. Mixing the two ruins a trained model without any error.",
        ),
    ],
    hints=[
        "`first, second = x.chunk(2, dim=-1)` gives the two halves; each pair has one in each.",
        "The second halves add up. For the first, what is the cosine of a sum of two angles?",
    ],
    stub="""
        def my_rotate(x, angle):
            \"\"\"Return x (T, d), each pair (i, i + d/2) turned by angle (T, d/2).\"\"\"
            first, second = x.chunk(2, dim=-1)
            cos, sin = angle.cos(), angle.sin()
            new_first = ...
            new_second = second * cos + first * sin
            return torch.cat((new_first, new_second), dim=-1)
    """,
    solution="""
        def my_rotate(x, angle):
            first, second = x.chunk(2, dim=-1)
            cos, sin = angle.cos(), angle.sin()
            return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)
    """,
)

what_is_turned = ChoiceExercise(
    name="what_is_turned",
    question="Attention compares queries with keys and then sums up values. Which of the three "
    "does rotary turn?",
    options={
        "a": "The queries only.",
        "b": "The queries and the keys.",
        "c": "Queries, keys and values.",
    },
    correct="b",
    explanations={
        "a": "Then the score would depend on the query's position, not on the distance: the key's "
        "turn is what cancels the rest.",
        "b": "Only the comparison needs positions: the two turns leave their difference in the "
        "score. What is handed over stays as it is.",
        "c": "Values are not compared with anything, so nothing would cancel: the same word would "
        "say something else at every position.",
    },
)


def _distance(scores):
    return torch.arange(scores.shape[-1] - 1, -1, -1)


alibi_weights = FunctionExercise(
    name="alibi_weights",
    title="The attention weights of the last token under ALiBi",
    reference=lambda scores, slopes: torch.stack(
        [
            (head - slope * _distance(scores)).softmax(dim=-1)
            for head, slope in zip(scores, slopes, strict=True)
        ]
    ),
    inputs=lambda rng: (
        torch.tensor(rng.normal(size=(2, 5))),
        torch.tensor(rng.uniform(0.2, 0.9, size=2)),
    ),
    edges=[
        (torch.tensor([[0.5, -1.0, 2.0]] * 3), torch.tensor([0.0, 0.25, 2.0])),
        (torch.tensor([[0.0, 3.0, -1.0, 1.0, 0.5, -2.0, 0.2]]), torch.tensor([0.5])),
        (torch.tensor([[4.0]]), torch.tensor([0.5])),
    ],
    mistakes=[
        Mistake(
            name="positive",
            wrong=lambda scores, slopes: (scores + slopes[:, None] * _distance(scores)).softmax(-1),
            message="Far tokens gain. Either you added the price instead of subtracting it, or you "
            "counted the distance from the first token. It counts from the query, the last one.",
        ),
        Mistake(
            name="after the softmax",
            wrong=lambda scores, slopes: scores.softmax(-1) - slopes[:, None] * _distance(scores),
            message="You subtracted from the weights, after the softmax: they no longer sum to "
            "one, and some are negative. Subtract from the scores, then take the softmax.",
        ),
        Mistake(
            name="divided by the distance",
            wrong=lambda scores, slopes: (
                scores / (1 + slopes[:, None] * _distance(scores))
            ).softmax(-1),
            message="You divided the scores. Then a negative score would rise with distance. ALiBi "
            "subtracts, whatever the score is.",
        ),
    ],
    hints=[
        "`torch.arange(T - 1, -1, -1)` counts down to 0, the distance of the last token to itself.",
        "slopes[:, None] * distance has a row for each head, like scores.",
    ],
    stub="""
        def my_alibi_weights(scores, slopes):
            \"\"\"Return weights (heads, T) from scores (heads, T) and slopes (heads,).\"\"\"
            ...
    """,
    solution="""
        def my_alibi_weights(scores, slopes):
            distance = torch.arange(scores.shape[1] - 1, -1, -1)
            return (scores - slopes[:, None] * distance).softmax(dim=-1)
    """,
    insight="With equal scores a head's weight halves every ln 2 / slope tokens.",
)


def _slow(frequency, factor, slowed):
    return torch.where(slowed, frequency / factor, frequency)


slow_the_guilty = FunctionExercise(
    name="slow_the_guilty",
    title="Slow the hands that never come round in training, and leave the others",
    reference=lambda frequency, factor, trained: torch.stack(
        [w / factor if trained * w < math.tau else w for w in frequency]
    ),
    inputs=lambda rng: (
        10.0 ** torch.tensor(rng.uniform(-4.5, 0, size=6)).sort(descending=True).values,
        int(rng.integers(2, 9)),
        int(rng.integers(10, 2000)),
    ),
    edges=[
        (torch.tensor([1.0, 0.1, 0.01, 0.001]), 4, 16),
        (torch.tensor([0.5, 0.05]), 2, 3),
        (torch.tensor([1.0, 0.9]), 8, 100),
        (torch.tensor([1.0, 0.02, 0.007]), 3, 300),
    ],
    mistakes=[
        Mistake(
            name="one radian",
            wrong=lambda frequency, factor, trained: _slow(
                frequency, factor, trained * frequency < 1
            ),
            message="You left alone each hand that turns by one radian. It comes round when it "
            "has turned by 2 pi.",
        ),
        Mistake(
            name="all of them",
            wrong=lambda frequency, factor, trained: frequency / factor,
            message="All hands are slower: that is interpolation. The fast ones know exact "
            "distances, and lose them.",
        ),
        Mistake(
            name="the innocent",
            wrong=lambda frequency, factor, trained: _slow(
                frequency, factor, trained * frequency >= math.tau
            ),
            message="You slowed the hands that do come round. They have seen all their angles; "
            "the others have not.",
        ),
        Mistake(
            name="faster",
            wrong=lambda frequency, factor, trained: _slow(
                frequency, 1 / factor, trained * frequency < math.tau
            ),
            message="The right hands, but they turn faster now. Divide by the factor: a text "
            "`factor` times as long should end at the angles that training ended at.",
        ),
        Mistake(
            name="in the longer text",
            wrong=lambda frequency, factor, trained: _slow(
                frequency, factor, factor * trained * frequency < math.tau
            ),
            message="You asked which hands come round in the longer text. What counts is what "
            "training has shown: `trained` tokens.",
        ),
    ],
    hints=[
        "In training a hand turns by trained * frequency radians. Once round is 2 pi.",
        "`torch.where(condition, frequency / factor, frequency)` chooses for each hand.",
    ],
    stub="""
        def my_slowed(frequency, factor, trained):
            \"\"\"Return frequencies (d / 2,), radians a token, slowed where they need it.\"\"\"
            ...
    """,
    solution="""
        def my_slowed(frequency, factor, trained):
            never = trained * frequency < 2 * math.pi
            return torch.where(never, frequency / factor, frequency)
    """,
    insight="For the small models this is YaRN to the letter, but for its sharper attention: its "
    "ramp has no hand between.",
)


def _full_turns(base, turn, context=8192, width=64):
    return sum(turn * base ** (2 * i / width) <= context for i in range(width // 2))


full_turns = ValueExercise(
    name="full_turns",
    title="How many of the 32 pairs in a head of SmolLM2 turn full circle within 8,192 tokens",
    answer=_full_turns(100_000, math.tau),
    mistakes=[
        Mistake(
            name="one radian",
            wrong=_full_turns(100_000, 1),
            message="You counted the pairs that turn by one radian. Full circle is 2 pi radians.",
        ),
        Mistake(
            name="base 10,000",
            wrong=_full_turns(10_000, math.tau),
            message="That is for the base 10,000 of the paper. SmolLM2's is 100,000, so its slow "
            "pairs are slower.",
        ),
        Mistake(
            name="the others",
            wrong=32 - _full_turns(100_000, math.tau),
            message="That is how many do not. Their angles of distances beyond 8,192 were never "
            "seen in training.",
        ),
        Mistake(
            name="i over width",
            wrong=32,
            message="All of them? The exponent is 2i / 64, not i / 64: the last pair turns by some "
            "1 / 70,000 of a radian a token.",
        ),
    ],
    hints=[
        "Pair i turns by 100000 ** (-2 * i / 64) radians a token, for i from 0 to 31.",
        "A pair needs 2 pi / frequency tokens for a full turn. For how many i is that below 8,192?",
    ],
    solution="""
        my_full_turns = sum(2 * math.pi * 100_000 ** (2 * i / 64) <= 8192 for i in range(32))
    """,
    insight="The other 12 pairs never come round: for them each distance has an angle of its own, "
    "and a distance beyond the trained ones an angle that the model never met.",
)
