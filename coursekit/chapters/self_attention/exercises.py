"""03 Self-attention."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from coursekit.exercises.engine import ChoiceExercise, FunctionExercise, Mistake

# Three questions about what came before.

shuffled_without_positions = ChoiceExercise(
    name="shuffled_without_positions",
    question="One layer of attention reads five tokens, with no mask and no positions. You shuffle "
    "the tokens. What comes out for the token 'cat', wherever it stands now?",
    options={
        "a": "The same vector as before.",
        "b": "Another vector, because its neighbours have changed.",
        "c": "Another vector, because the first token counts most.",
    },
    correct="a",
    explanations={
        "a": "The same tokens look at the same tokens; nothing tells the layer who stands where. "
        "That is why positions must be added.",
        "b": "Attention has no neighbours: it sees a bag of tokens, and the bag is the same.",
        "c": "Without positions there is no first token, only a bag of five.",
    },
)

what_rotary_keeps = ChoiceExercise(
    name="what_rotary_keeps",
    question="Rotary positions turn a query by an angle that grows with its position, and each key "
    "likewise. You push both tokens 100 places to the right. What happens to their score?",
    options={
        "a": "It shrinks, because both are farther from the start.",
        "b": "It stays the same.",
        "c": "It changes, because both vectors were turned.",
    },
    correct="b",
    explanations={
        "a": "The start plays no part: only the difference of the two angles enters.",
        "b": "Both turn by the same extra angle, and a dot product sees only the difference.",
        "c": "Both were turned, but by the same extra angle, so the angle between them stays.",
    },
)

which_loss_is_lower = ChoiceExercise(
    name="which_loss_is_lower",
    question="Model A reports a loss of 2.9 nats a token, model B 3.4, on the same text. B's "
    "vocabulary is larger. Which model predicts the text better?",
    options={
        "a": "A, its loss is lower.",
        "b": "B, its tokens are longer.",
        "c": "It cannot be told from this: compare them per byte.",
    },
    correct="c",
    explanations={
        "a": "A's tokens may be shorter and easier to guess; the text then has more of them.",
        "b": "Longer tokens explain a higher loss a token, but not whether the sum is lower.",
        "c": "The loss of the whole text is what counts: loss a token times tokens, per byte.",
    },
)

# What the notebook teaches.


def _tensor(rng, *shape):
    return torch.tensor(rng.normal(size=shape))


def _fixed(*shape):
    """Return a tensor with no pattern, always the same."""
    return torch.arange(math.prod(shape), dtype=torch.float64).add(1).square().sin().view(shape)


def _attend(scores, value):
    return scores.softmax(dim=-1) @ value


attend = FunctionExercise(
    name="attend",
    title="Scaled dot-product attention, for all queries at once",
    reference=lambda query, key, value: F.scaled_dot_product_attention(query, key, value),
    # As many queries as keys, so that every mistake still has the right shape.
    inputs=lambda rng: (2 * _tensor(rng, 4, 3), _tensor(rng, 4, 3), _tensor(rng, 4, 2)),
    edges=[
        (3 * _fixed(2, 5), _fixed(3, 5), _fixed(3, 4)),
        (_fixed(1, 2), _fixed(1, 2), _fixed(1, 1)),
    ],
    mistakes=[
        Mistake(
            name="softmax over the queries",
            wrong=lambda query, key, value: (
                (query @ key.T / math.sqrt(query.shape[-1])).softmax(dim=0) @ value
            ),
            message="You took the softmax over the queries (dim=0): columns sum to one. Each query "
            "spends a weight of one on the keys, so rows must sum to one: dim=-1.",
        ),
        Mistake(
            name="forgotten scale",
            wrong=lambda query, key, value: _attend(query @ key.T, value),
            message="The scores are not divided by the square root of d. With d = 64 a typical "
            "softmax would be nearly one-hot.",
        ),
        Mistake(
            name="divided by d",
            wrong=lambda query, key, value: _attend(query @ key.T / query.shape[-1], value),
            message="You divided by d. The standard deviation of a dot product grows with the "
            "square root of d; dividing by d makes the weights almost equal.",
        ),
        Mistake(
            name="keys ask, queries answer",
            wrong=lambda query, key, value: _attend(
                key @ query.T / math.sqrt(query.shape[-1]), value
            ),
            message="You multiplied key by query^T: row t is then how much the others look at "
            "token t. Row t must belong to query t: query @ key.T.",
        ),
    ],
    hints=[
        "Three lines: scores, weights, weighted sum. The weighted sum is one matrix product.",
        "`scores = query @ key.T / math.sqrt(query.shape[-1])`, then a softmax over the keys.",
    ],
    stub="""
        def my_attention(query, key, value):
            \"\"\"Return the output (T, e) of queries (T, d), keys (S, d) and values (S, e).\"\"\"
            ...
    """,
    solution="""
        def my_attention(query, key, value):
            scores = query @ key.T / math.sqrt(query.shape[-1])
            weights = scores.softmax(dim=-1)
            return weights @ value
    """,
    insight="It equals PyTorch's own function, which is what this check compared it with.",
)


def _causal_rows(scores):
    """Row by row, each over its own past: slow, and with no mask at all."""
    rows = [F.pad(row[: t + 1].softmax(0), (0, len(row) - t - 1)) for t, row in enumerate(scores)]
    return torch.stack(rows)


def _masked_softmax(scores, allowed):
    return scores.masked_fill(~allowed, -math.inf).softmax(dim=-1)


causal_weights = FunctionExercise(
    name="causal_weights",
    title="Attention weights that do not see the future",
    reference=_causal_rows,
    inputs=lambda rng: (_tensor(rng, 4, 4),),
    edges=[
        (torch.tensor([[-300.0, 40.0], [0.0, 1.0]], dtype=torch.float64),),  # finds masks that leak
        (_fixed(1, 1),),
        (3 * _fixed(6, 6),),
    ],
    mistakes=[
        Mistake(
            name="mask after the softmax",
            wrong=lambda scores: scores.softmax(dim=-1).tril(),
            message="You masked after the softmax: rows sum to less than one, and the future still "
            "sits in the denominator. Set the scores to minus infinity before it.",
        ),
        Mistake(
            name="score zero",
            wrong=lambda scores: scores.tril().softmax(dim=-1),
            message="A score of 0 is not 'forbidden': exp(0) = 1, so the future still gets weight. "
            "The score must be minus infinity.",
        ),
        Mistake(
            name="cannot see itself",
            wrong=lambda scores: _masked_softmax(scores, torch.ones_like(scores).tril(-1).bool()),
            message="Your mask is off by one: it forbids a token to look at itself. The first "
            "token then has nothing left to look at, and its row is NaN.",
        ),
        Mistake(
            name="peeks at the next token",
            wrong=lambda scores: _masked_softmax(scores, torch.ones_like(scores).tril(1).bool()),
            message="Your mask is off by one: every token sees the next one, the very token it has "
            "to predict. Training loss would fall to nearly zero, and the model be useless.",
        ),
        Mistake(
            name="upside down",
            wrong=lambda scores: _masked_softmax(scores, torch.ones_like(scores).triu().bool()),
            message="Your mask is upside down: tokens see the future and not the past. Keep the "
            "lower triangle, where the key comes no later than the query.",
        ),
    ],
    hints=[
        "Where the column is larger than the row, the key is in the future: "
        "`torch.ones_like(scores).triu(diagonal=1).bool()`.",
        "`scores.masked_fill(future, -math.inf)`, and only then the softmax.",
    ],
    stub="""
        def my_causal_weights(scores):
            \"\"\"Return the weights (T, T) of scores (T, T): token t sees tokens 0 to t.\"\"\"
            ...
    """,
    solution="""
        def my_causal_weights(scores):
            future = torch.ones_like(scores).triu(diagonal=1).bool()
            return scores.masked_fill(future, -math.inf).softmax(dim=-1)
    """,
)

split_heads = FunctionExercise(
    name="split_heads",
    title="Cut the width into heads",
    reference=lambda x, n_heads: torch.stack(x.chunk(n_heads, dim=-1)),
    inputs=lambda rng: (_tensor(rng, 4, 6), 2),
    edges=[(_fixed(3, 6), 3), (_fixed(2, 4), 1), (_fixed(1, 4), 4)],
    mistakes=[
        Mistake(
            name="view without transpose",
            wrong=lambda x, n_heads: x.reshape(n_heads, x.shape[0], -1),
            message="The shape is right, the contents are not: a view alone puts the first tokens "
            "into head 0 and the last into head 1. View as (T, n_heads, d), then transpose.",
        ),
        Mistake(
            name="interleaved",
            wrong=lambda x, n_heads: x.reshape(x.shape[0], -1, n_heads).permute(2, 0, 1),
            message="Each head got every n_heads-th coordinate. A head owns a slice: head 0 the "
            "first d coordinates, head 1 the next d.",
        ),
        Mistake(
            name="tokens before heads",
            wrong=lambda x, n_heads: x.reshape(x.shape[0], n_heads, -1),
            message="The slices are right, but tokens still come first. Attention multiplies the "
            "last two dimensions, which must be (T, d): transpose the first two.",
        ),
    ],
    hints=[
        "With d = width / n_heads, `x.view(T, n_heads, d)` cuts each token's vector into slices.",
        "Then swap the first two dimensions: `.transpose(0, 1)`.",
    ],
    stub="""
        def my_split_heads(x, n_heads):
            \"\"\"Return x (T, width) as (n_heads, T, d), where d = width / n_heads.\"\"\"
            ...
    """,
    solution="""
        def my_split_heads(x, n_heads):
            length, width = x.shape
            return x.view(length, n_heads, width // n_heads).transpose(0, 1)
    """,
)


def _step(query, keys, values, **options):
    return F.scaled_dot_product_attention(query, keys, values, **options)


cached_step = FunctionExercise(
    name="cached_step",
    title="One new token, with the keys and values of the past in a cache",
    reference=lambda query, key, value, keys, values: _step(
        query, torch.cat([keys, key]), torch.cat([values, value])
    ),
    inputs=lambda rng: (
        *(_tensor(rng, 1, width) for width in (3, 3, 2)),
        *(_tensor(rng, 5, width) for width in (3, 2)),
    ),
    edges=[
        (3 * _fixed(1, 5), _fixed(1, 5), _fixed(1, 4), _fixed(7, 5), _fixed(7, 4)),
        (_fixed(1, 2), _fixed(1, 2), _fixed(1, 1), torch.zeros(0, 2), torch.zeros(0, 1)),
    ],
    mistakes=[
        Mistake(
            name="forgets the new token",
            wrong=lambda query, key, value, keys, values: _step(query, keys, values),
            message="The new token looks at the past only. It must see itself too: append its key "
            "and value first, then attend.",
        ),
        Mistake(
            name="ignores the cache",
            wrong=lambda query, key, value, keys, values: value.clone(),
            message="That is the new value itself: with a single key the softmax gives it all the "
            "weight. The past is in `keys` and `values`.",
        ),
        Mistake(
            name="mask from the top left",
            wrong=lambda query, key, value, keys, values: _step(
                query, torch.cat([keys, key]), torch.cat([values, value]), is_causal=True
            ),
            message="That is the first token's value: PyTorch's is_causal takes your single query "
            "for token 0. The newest token may see everything, so it needs no mask.",
        ),
        Mistake(
            name="pairs torn apart",
            wrong=lambda query, key, value, keys, values: _step(
                query, torch.cat([keys, key]), torch.cat([value, values])
            ),
            message="The new key stands last but the new value first, so every weight meets the "
            "value of another token. Append both at the same end.",
        ),
    ],
    hints=[
        "`torch.cat([keys, key])` has shape (S + 1, d).",
        "No mask is needed: whatever is in the cache is the past.",
    ],
    stub="""
        def my_cached_step(query, key, value, keys, values):
            \"\"\"Return the output (1, e) of a new token.

            Its query and key are (1, d), its value (1, e); the cache has keys (S, d) and
            values (S, e).
            \"\"\"
            ...
    """,
    solution="""
        def my_cached_step(query, key, value, keys, values):
            keys, values = torch.cat([keys, key]), torch.cat([values, value])
            weights = (query @ keys.T / math.sqrt(query.shape[-1])).softmax(dim=-1)
            return weights @ values
    """,
)


def _causal_heads(rng):
    """Weights of 3 layers with 4 heads each over 5 tokens."""
    scores = 2 * _tensor(rng, 3, 4, 5, 5)
    return (_masked_softmax(scores, torch.ones(5, 5).tril().bool()),)


def _best(score):
    return divmod(int(score.argmax()), score.shape[1])


def _previous_by_loop(weights):
    n = weights.shape[-1]
    return _best(sum(weights[..., t, t - 1] for t in range(1, n)) / (n - 1))


find_previous_token_head = FunctionExercise(
    name="find_previous_token_head",
    title="The head that looks most at the previous token",
    reference=_previous_by_loop,
    inputs=_causal_heads,
    edges=[(2 * _fixed(2, 6, 4, 4),), (_fixed(1, 1, 2, 2),)],
    mistakes=[
        Mistake(
            name="looks at itself",
            wrong=lambda weights: _best(weights.diagonal(0, -2, -1).mean(-1)),
            message="You measured the main diagonal: how much a token looks at itself. The "
            "previous token is one column to the left: weights[..., t, t - 1].",
        ),
        Mistake(
            name="looks ahead",
            wrong=lambda weights: _best(weights.diagonal(1, -2, -1).mean(-1)),
            message="You measured weights[..., t, t + 1], the next token. The mask makes all of "
            "them zero, so the first head of the first layer won by default.",
        ),
        Mistake(
            name="one lucky token",
            wrong=lambda weights: _best(weights.diagonal(-1, -2, -1).amax(-1)),
            message="You took the maximum over the tokens: one strong look is enough then. A head "
            "that always looks back has a high mean.",
        ),
        Mistake(
            name="head before layer",
            wrong=lambda weights: _previous_by_loop(weights)[::-1],
            message="You gave the head first and the layer second. The weights are "
            "(layers, heads, T, T), so return (layer, head).",
        ),
    ],
    hints=[
        "`weights.diagonal(-1, -2, -1)` has shape (layers, heads, T - 1): each token's weight on "
        "the one before it.",
        "Average over the tokens, `argmax()` gives an index into all heads in a row, and "
        "`divmod(index, n_heads)` turns it into (layer, head).",
    ],
    stub="""
        def my_previous_token_head(weights):
            \"\"\"Return (layer, head) with the largest mean weight on the previous token.

            weights is (layers, heads, T, T); the first token has no previous one.
            \"\"\"
            ...
    """,
    solution="""
        def my_previous_token_head(weights):
            score = weights.diagonal(-1, -2, -1).mean(dim=-1)
            return divmod(score.argmax().item(), score.shape[1])
    """,
    insight="Try it on the weights of SmolLM2.",
)


def _causal_weights_and_period(rng):
    length = int(rng.integers(6, 10))
    scores = torch.tensor(rng.normal(size=(length, length)))
    scores = scores.masked_fill(torch.ones_like(scores, dtype=torch.bool).triu(1), -math.inf)
    return scores.softmax(dim=-1), int(rng.integers(2, length - 2))


def _follower_by_loop(weights, period):
    rows = range(period, len(weights))
    return sum(float(weights[t, t - period + 1]) for t in rows) / len(rows)


induction_score = FunctionExercise(
    name="induction_score",
    title="How much weight goes to the token that followed last time",
    reference=_follower_by_loop,
    inputs=_causal_weights_and_period,
    edges=[
        (_fixed(5, 5).tril() / _fixed(5, 5).tril().sum(1, keepdim=True), 2),
        (_fixed(6, 6).tril() / _fixed(6, 6).tril().sum(1, keepdim=True), 5),
        (_fixed(4, 4).tril() / _fixed(4, 4).tril().sum(1, keepdim=True), 1),
    ],
    mistakes=[
        Mistake(
            name="the copy itself",
            wrong=lambda weights, period: weights.diagonal(-period).mean(),
            message="You measured weights[t, t - period]: the earlier copy of the token itself. "
            "What followed it stands one place to the right, at t - period + 1.",
        ),
        Mistake(
            name="one row too many",
            wrong=lambda weights, period: weights.diagonal(1 - period).mean(),
            message="The diagonal begins in row period - 1. That token has no earlier copy yet: "
            "leave its row out.",
        ),
        Mistake(
            name="the wrong side",
            wrong=lambda weights, period: weights.diagonal(-period - 1).mean(),
            message="You measured weights[t, t - period - 1], the token *before* the earlier copy. "
            "The follower is on its other side, t - period + 1.",
        ),
        Mistake(
            name="sum",
            wrong=lambda weights, period: weights.diagonal(1 - period)[1:].sum(),
            message="You added the weights up. Take their mean: a score between 0 and 1.",
        ),
    ],
    hints=[
        "In row t the token stood before at t - period; the follower is at t - period + 1.",
        "`weights.diagonal(-k)` holds weights[t, t - k] from row k on. Here k is period - 1, and "
        "the first row counts only from t = period.",
    ],
    stub="""
        def my_induction_score(weights, period):
            \"\"\"Return the mean weight (T, T) on the follower, over rows `period` to T - 1.\"\"\"
            ...
    """,
    solution="""
        def my_induction_score(weights, period):
            return weights.diagonal(1 - period)[1:].mean()
    """,
    insight="An induction head scores high here; a head that looks at the earlier copy itself "
    "scores low, and is called a duplicate-token head.",
)

what_a_map_shows = ChoiceExercise(
    name="what_a_map_shows",
    question="In some model a head puts 0.9 of the weight of the answer's token on the word "
    "'Paris' in the question. Which conclusion is safe?",
    options={
        "a": "The model answered as it did because it read 'Paris'.",
        "b": "In this head, 'Paris' has 0.9 of the weights in the weighted sum.",
        "c": "'Paris' contributes nine tenths of what this head hands on.",
    },
    correct="b",
    explanations={
        "a": "A cause is shown by an intervention: silence the head, or change the word, and "
        "measure what happens to the answer. Other heads may do the work.",
        "b": "That is what a weight is, and no more. Whether it matters takes an experiment.",
        "c": "The sum is of weights times values. If the value of 'Paris' is a short vector, its "
        "part is small whatever its weight, as with the first token.",
    },
)
