"""04 Transformer."""

from __future__ import annotations

import torch
from torch import nn

from coursekit.exercises.engine import ChoiceExercise, FunctionExercise, Mistake
from coursekit.lm.gpt import GPTConfig, forward_flops, parameter_count

# Three questions about what came before.

what_attention_sums = ChoiceExercise(
    name="what_attention_sums",
    question="A head gives the first token of a text half of its weight. How much of the head's "
    "output comes from that token?",
    options={
        "a": "Half of it, since the weights sum to one.",
        "b": "It depends on the length of the token's value vector: if that is short, little.",
        "c": "None: the first token is only a mark for the beginning.",
    },
    correct="b",
    explanations={
        "a": "The weights sum to one, but what is summed is weight times value, and the values "
        "have different lengths.",
        "b": "A large weight on a short vector contributes little: that is what a sink is for.",
        "c": "It is an ordinary token. Its values may be short, but they are not nothing.",
    },
)

what_the_mask_forbids = ChoiceExercise(
    name="what_the_mask_forbids",
    question="In a causal model you replace the last token of a text by another one. Which outputs "
    "of an attention layer change?",
    options={
        "a": "Only the last token's.",
        "b": "Those of all tokens, since every token takes part in the sum.",
        "c": "Those of the last token and of the one before it, which predicts it.",
    },
    correct="a",
    explanations={
        "a": "Nobody before it may look at it, so nobody before it can notice.",
        "b": "That would be so without the mask: then earlier tokens would see the future.",
        "c": "The token before it predicts it without seeing it. If its output changed, the answer "
        "would have leaked.",
    },
)

what_the_tokens_are = ChoiceExercise(
    name="what_the_tokens_are",
    question="A vocabulary is made four times as large, by learning more merges. What happens to a "
    "page of English?",
    options={
        "a": "It becomes fewer tokens, and each is harder to guess.",
        "b": "It becomes fewer tokens, and each is as easy to guess as before.",
        "c": "It stays as many tokens: only the list of possible ones grows.",
    },
    correct="a",
    explanations={
        "a": "The same information in fewer steps: more of it in each.",
        "b": "The page holds the same information; fewer tokens must carry more each.",
        "c": "Each merge that occurs on the page shortens it.",
    },
)

# What the notebook teaches.


def _rows_gain_bias(rng):
    """Rows off centre, of different size, one of them tiny, so that eps matters."""
    scale = torch.tensor([[3.0], [0.5], [0.004]], dtype=torch.float64)
    x = scale * torch.tensor(rng.normal(loc=1.0, size=(3, 5)))
    gain, bias = torch.tensor(rng.uniform(0.5, 2.0, size=5)), torch.tensor(rng.normal(size=5))
    return x, gain, bias


def _normalised(x, gain, bias, dim=-1, correction=0, eps=1e-5):
    mean = x.mean(dim=dim, keepdim=True)
    variance = x.var(dim=dim, correction=correction, keepdim=True)
    return (x - mean) / (variance + eps).sqrt() * gain + bias


layer_norm = FunctionExercise(
    name="layer_norm",
    title="Layer normalisation by hand",
    reference=lambda x, gain, bias: nn.functional.layer_norm(x, x.shape[-1:], gain, bias, 1e-5),
    inputs=_rows_gain_bias,
    edges=[
        (torch.tensor([[3.0, -1.0]]), torch.tensor([0.5, 2.0]), torch.tensor([1.0, 0.0])),
        (
            torch.tensor([[2.0] * 7, [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]]),  # one of no spread
            torch.linspace(-1, 1, 7),
            torch.linspace(0, 3, 7),
        ),
    ],
    mistakes=[
        Mistake(
            name="over the tokens",
            wrong=lambda x, gain, bias: _normalised(x, gain, bias, dim=0),
            message="You normalised over the tokens (dim=0), as batch normalisation does. Then a "
            "token's vector would depend on its neighbours, even on those of the future. Each "
            "token is normalised alone, over its own coordinates: dim=-1.",
        ),
        Mistake(
            name="divides by d - 1",
            wrong=lambda x, gain, bias: _normalised(x, gain, bias, correction=1),
            message="Your variance divides by d - 1, which is torch's default. Nothing is being "
            "estimated from a sample here: divide by d, with `correction=0`.",
        ),
        Mistake(
            name="eps outside the root",
            wrong=lambda x, gain, bias: (
                (x - x.mean(-1, keepdim=True))
                / (x.std(-1, correction=0, keepdim=True) + 1e-5)
                * gain
                + bias
            ),
            message="You added eps to the standard deviation. It belongs inside the root, to the "
            "variance; for a tiny vector that is a large difference.",
        ),
        Mistake(
            name="mean not subtracted",
            wrong=lambda x, gain, bias: (
                x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt() * gain + bias
            ),
            message="You did not subtract the mean. That is RMS normalisation, which many newer "
            "models use (SmolLM2, too), but not GPT-2.",
        ),
    ],
    hints=[
        "Mean and variance of each row: dim=-1, keepdim=True, and correction=0 for the variance.",
        "Subtract the mean, divide by the root of (variance + eps), then times gain, plus bias.",
    ],
    stub="""
        def my_layer_norm(x, gain, bias, eps=1e-5):
            \"\"\"Return the rows of x (T, d) normalised, times gain (d,), plus bias (d,).\"\"\"
            ...
    """,
    solution="""
        def my_layer_norm(x, gain, bias, eps=1e-5):
            mean = x.mean(dim=-1, keepdim=True)
            variance = x.var(dim=-1, correction=0, keepdim=True)
            return (x - mean) / (variance + eps).sqrt() * gain + bias
    """,
)


def _linear(rng, width):
    layer = nn.Linear(width, width, dtype=torch.float64)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.tensor(rng.normal(size=parameter.shape)))
    return layer.requires_grad_(False)


def _norm(rng, width):
    layer = nn.LayerNorm(width, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(rng.uniform(0.5, 2.0, size=width)))
        layer.bias.copy_(torch.tensor(rng.normal(size=width)))
    return layer.requires_grad_(False)


def _block_inputs(rng):
    """Plain linear layers stand in for attention and MLP: only the wiring is asked for."""
    x = torch.tensor(rng.normal(size=(2, 4)))
    return x, _linear(rng, 4), _linear(rng, 4), _norm(rng, 4), _norm(rng, 4)


def _block(x, attention, mlp, norm_1, norm_2):
    middle = x + attention(norm_1(x))
    return middle + mlp(norm_2(middle))


def _same_norm(x, attention, mlp, norm_1, norm_2):
    return _block(x, attention, mlp, norm_1, norm_1)


def _post_norm(x, attention, mlp, norm_1, norm_2):
    middle = norm_1(x + attention(x))
    return norm_2(middle + mlp(middle))


def _replaces_the_stream(x, attention, mlp, norm_1, norm_2):
    x = norm_1(x)
    x = norm_2(x + attention(x))
    return x + mlp(x)


def _parallel(x, attention, mlp, norm_1, norm_2):
    return x + attention(norm_1(x)) + mlp(norm_2(x))


def _added_twice(x, attention, mlp, norm_1, norm_2):
    return x + _block(x, attention, mlp, norm_1, norm_2)


block_forward = FunctionExercise(
    name="block_forward",
    title="Wire a block: x + attention(norm(x)), then the same with the MLP",
    reference=_block,
    inputs=_block_inputs,
    mistakes=[
        Mistake(
            name="post-norm",
            wrong=_post_norm,
            message="You normalise after the addition. That is the transformer of 2017 "
            "(post-norm). GPT-2 normalises what a layer reads, and never the stream itself.",
        ),
        Mistake(
            name="no residual",
            wrong=lambda x, attention, mlp, norm_1, norm_2: mlp(norm_2(attention(norm_1(x)))),
            message="You replace the stream by each layer's output. Add the output to what was "
            "there: x + attention(norm_1(x)).",
        ),
        Mistake(
            name="one norm for both",
            wrong=_same_norm,
            message="You used norm_1 twice. Each layer reads through its own norm, with a gain and "
            "a bias of its own.",
        ),
        Mistake(
            name="normalises the stream",
            wrong=_replaces_the_stream,
            message="You put the normalised vector back into the stream (x = norm(x), then add). "
            "Only the layer sees it: what is added to must be the x that came in.",
        ),
        Mistake(
            name="both read the old stream",
            wrong=_parallel,
            message="Your MLP reads the stream as it was before attention. It should read what "
            "attention has added. Some models do run both in parallel, but not GPT-2.",
        ),
        Mistake(
            name="residual twice",
            wrong=_added_twice,
            message="The x that came in is added twice. After attention the stream already holds "
            "it; add the MLP's output to that.",
        ),
    ],
    hints=[
        "Two lines of the same form: what is there, plus what a layer makes of its normed copy.",
        "x = x + attention(norm_1(x)) is the first. The second reads and adds to the new x.",
    ],
    stub="""
        def my_block(x, attention, mlp, norm_1, norm_2):
            \"\"\"Return the stream x (T, d) after one block of GPT-2 (pre-norm).\"\"\"
            ...
    """,
    solution="""
        def my_block(x, attention, mlp, norm_1, norm_2):
            x = x + attention(norm_1(x))
            return x + mlp(norm_2(x))
    """,
)


def _shape(rng):
    """V, C, d, L: small and all different, so that no two formulas agree by accident."""
    return tuple(int(rng.integers(low, high)) for low, high in ((50, 99), (20, 40), (4, 9), (2, 6)))


def _count(vocab, context, d, layers):
    return parameter_count(GPTConfig(vocab, context, d, layers, n_heads=1))


gpt_parameters = FunctionExercise(
    name="gpt_parameters",
    title="The number of parameters of GPT-2, from its shape",
    reference=_count,
    inputs=_shape,
    edges=[(50_257, 1_024, 1_600, 48), (10, 7, 3, 1)],  # GPT-2 XL, 1,557,611,200; and a dwarf
    close=lambda expected, got: int(expected) == got,
    mistakes=[
        Mistake(
            name="no biases",
            wrong=lambda vocab, context, d, layers: (
                _count(vocab, context, d, layers) - layers * 9 * d
            ),
            message="You forgot the biases. The four linear layers of a block have 3d, d, 4d and d "
            "of them: 9d a block.",
        ),
        Mistake(
            name="no norms",
            wrong=lambda vocab, context, d, layers: (
                _count(vocab, context, d, layers) - layers * 4 * d - 2 * d
            ),
            message="You forgot the layer norms: a gain and a bias, 2d, for each of the two norms "
            "of a block, and for the one at the end.",
        ),
        Mistake(
            name="weight matrices only",
            wrong=lambda vocab, context, d, layers: (vocab + context) * d + layers * 12 * d**2,
            message="You counted the matrices only. Biases and norms are few, 13d a block and 2d "
            "at the end, but an exact count has them.",
        ),
        Mistake(
            name="head counted again",
            wrong=lambda vocab, context, d, layers: _count(vocab, context, d, layers) + vocab * d,
            message="You counted the embedding of the tokens twice. The head at the end uses the "
            "same matrix (tied weights): V d numbers, once.",
        ),
        Mistake(
            name="no positions",
            wrong=lambda vocab, context, d, layers: _count(vocab, context, d, layers) - context * d,
            message="You forgot the table of positions: C rows of d numbers, learned, too.",
        ),
        Mistake(
            name="final norm",
            wrong=lambda vocab, context, d, layers: _count(vocab, context, d, layers) - 2 * d,
            message="Nearly: 2d are missing. After the last block there is one more layer norm.",
        ),
    ],
    hints=[
        "A block: attention has 4 d^2 + 4 d, the MLP 8 d^2 + 5 d, two norms 4 d.",
        "Outside of the blocks: V d for tokens, C d for positions, 2 d for the final norm.",
    ],
    stub="""
        def my_parameter_count(vocab, context, d, layers):
            \"\"\"Return how many numbers GPT-2 learns: biases, norms, and tied weights once.\"\"\"
            ...
    """,
    solution="""
        def my_parameter_count(vocab, context, d, layers):
            block = (4 * d**2 + 4 * d) + (8 * d**2 + 5 * d) + 4 * d
            return vocab * d + context * d + layers * block + 2 * d
    """,
    insight="The number of heads is not in it: heads only share the width among themselves.",
)


def _flops(vocab, d, layers, length):
    return forward_flops(GPTConfig(vocab, length, d, layers, n_heads=1), length)


reading_flops = FunctionExercise(
    name="reading_flops",
    title="Floating-point operations to read T tokens, matrix products only",
    reference=_flops,
    inputs=lambda rng: tuple(
        int(rng.integers(low, high)) for low, high in ((50, 99), (4, 9), (2, 6), (20, 40))
    ),
    edges=[(50_257, 768, 12, 1_024), (10, 3, 1, 1)],
    close=lambda expected, got: int(expected) == got,
    mistakes=[
        Mistake(
            name="multiply-add as one",
            wrong=lambda vocab, d, layers, length: _flops(vocab, d, layers, length) // 2,
            message="You counted multiply-adds. Each is two operations, a product and a sum.",
        ),
        Mistake(
            name="no scores",
            wrong=lambda vocab, d, layers, length: length * (24 * layers * d**2 + 2 * d * vocab),
            message="You forgot attention itself: Q K^T, and weights times V. Neither has "
            "parameters, but each costs 2 T^2 d a layer.",
        ),
        Mistake(
            name="no head",
            wrong=lambda vocab, d, layers, length: (
                length * 24 * layers * d**2 + 4 * layers * length**2 * d
            ),
            message="You forgot the logits: at each token, d times V multiply-adds.",
        ),
        Mistake(
            name="embedding as a product",
            wrong=lambda vocab, d, layers, length: (
                _flops(vocab, d, layers, length) + 2 * length * d * vocab
            ),
            message="You counted the embedding as a matrix product. Looking up a row of the table "
            "multiplies nothing; only the head at the end does.",
        ),
        Mistake(
            name="one token",
            wrong=lambda vocab, d, layers, length: (
                24 * layers * d**2 + 2 * d * vocab + 4 * layers * length * d
            ),
            message="That is the cost of one token. All T tokens are read.",
        ),
    ],
    hints=[
        "An (a, b) times (b, c) product has a b c multiply-adds, so 2 a b c operations.",
        "A token meets 12 d^2 weights a layer, and V d in the head; then add Q K^T and weights "
        "times V: 2 T^2 d each, a layer.",
    ],
    stub="""
        def my_forward_flops(vocab, d, layers, length):
            \"\"\"Return the operations of all matrix products for T = length tokens.\"\"\"
            ...
    """,
    solution="""
        def my_forward_flops(vocab, d, layers, length):
            weights = length * 2 * (layers * 12 * d**2 + vocab * d)
            attention = layers * 2 * (2 * length**2 * d)
            return weights + attention
    """,
)


query_weight = FunctionExercise(
    name="query_weight",
    title="The queries' weight for an nn.Linear, from GPT-2's c_attn",
    reference=lambda weight: weight.T[: len(weight)],
    inputs=lambda rng: (torch.tensor(rng.normal(size=(4, 12))),),
    edges=[(torch.arange(27).view(3, 9).cos(),), (torch.tensor([[1.0, 2.0, 3.0]]),)],
    mistakes=[
        Mistake(
            name="not transposed",
            wrong=lambda weight: weight[:, : len(weight)],
            message="Right columns, but not turned: nn.Linear stores (out, in). This matrix is "
            "square, so it would load without a complaint and give wrong logits.",
        ),
        Mistake(
            name="reshaped",
            wrong=lambda weight: weight.reshape(-1, len(weight))[: len(weight)],
            message="You reshaped. That reads the same numbers in the same order into other rows; "
            "to swap rows and columns, transpose: `.T`.",
        ),
        Mistake(
            name="every third column",
            wrong=lambda weight: weight[:, ::3].T,
            message="You took every third column. The three blocks stand side by side: first all "
            "columns of the queries, then the keys', then the values'.",
        ),
        Mistake(
            name="the values",
            wrong=lambda weight: weight[:, -len(weight) :].T,
            message="Those are the values, the last d columns. Queries come first.",
        ),
    ],
    hints=[
        "Of the 3d columns of weight, the first d make queries.",
        "nn.Linear computes x @ W.T, so its W is the transpose of what c_attn stores.",
    ],
    stub="""
        def my_query_weight(weight):
            \"\"\"Return W (d, d) so that x @ W.T are the queries; weight (d, 3d) is c_attn's.\"\"\"
            ...
    """,
    solution="""
        def my_query_weight(weight):
            d = weight.shape[0]
            return weight[:, :d].T
    """,
)


def _shared_by_index(x, n_heads):
    """Head h of the queries looks into head h // group, whatever `repeat_interleave` is."""
    group = n_heads // len(x)
    return torch.stack([x[head // group] for head in range(n_heads)])


def _kept_heads(rng, n_kv_heads, length=3, width=2):
    return torch.tensor(rng.normal(size=(n_kv_heads, length, width)))


shared_heads = FunctionExercise(
    name="shared_heads",
    title="Heads of keys and values, shared by groups of query heads",
    reference=_shared_by_index,
    inputs=lambda rng: (_kept_heads(rng, kept := int(rng.integers(2, 4))), 3 * kept),
    edges=[
        (torch.arange(8.0).view(2, 2, 2), 4),
        (torch.arange(12.0).view(3, 2, 2), 3),  # nothing is shared
        (torch.arange(6.0).view(1, 3, 2), 4),  # one head for all
    ],
    mistakes=[
        Mistake(
            name="tiled",
            wrong=lambda x, n_heads: x.repeat(n_heads // len(x), 1, 1),
            message="You laid the heads side by side again and again: 0, 1, 2, 0, 1, 2, ... The "
            "shape is right, and no error will come, but query heads 0, 1, 2 must all look into "
            "head 0: 0, 0, 0, 1, 1, 1, ... That is `repeat_interleave`, not `repeat`.",
        ),
        Mistake(
            name="tokens repeated",
            wrong=lambda x, n_heads: x.repeat_interleave(n_heads // len(x), dim=1).reshape(
                n_heads, *x.shape[1:]
            ),
            message="You repeated along the tokens and reshaped. The shape is right, but a head "
            "now holds its first tokens several times, and its last ones went to another head. "
            "Repeat along the heads: dim=0 here.",
        ),
        Mistake(
            name="coordinates repeated",
            wrong=lambda x, n_heads: x.repeat_interleave(n_heads // len(x), dim=-1).reshape(
                n_heads, *x.shape[1:]
            ),
            message="You repeated the coordinates and reshaped. Whole heads are shared: repeat "
            "along the first dimension.",
        ),
        Mistake(
            name="n_heads copies of each",
            wrong=lambda x, n_heads: x.repeat_interleave(n_heads, dim=0),
            message="You made n_heads copies of each head. Together they should be n_heads: each "
            "is needed n_heads // n_kv_heads times.",
        ),
        Mistake(
            name="one for all",
            wrong=lambda x, n_heads: x.mean(dim=0, keepdim=True).expand(n_heads, -1, -1),
            message="You gave the mean head to all. Each group has a head of its own.",
        ),
        Mistake(
            name="mirrored groups",
            wrong=lambda x, n_heads: _shared_by_index(x.flip(0), n_heads),
            message="Your groups are in the wrong order: the first group of query heads looks "
            "into head 0.",
        ),
    ],
    hints=[
        "With 9 heads of queries and 3 of keys, the heads looked into are 0, 0, 0, 1, 1, 1, 2, 2, "
        "2: query head h looks into head h // 3.",
        "`repeat_interleave` along dim=0, n_heads // n_kv_heads times.",
    ],
    stub="""
        def my_shared_heads(x, n_heads):
            \"\"\"Return x (n_kv_heads, T, d) as (n_heads, T, d): a head for each query head.\"\"\"
            ...
    """,
    solution="""
        def my_shared_heads(x, n_heads):
            return x.repeat_interleave(n_heads // len(x), dim=0)
    """,
    insight="Copied only for attention: the cache holds each shared head once, which is the point.",
)

which_lens = ChoiceExercise(
    name="which_lens",
    question="Read after block 15, the lens says ' the' at 0.9, and is wrong. What does that show?",
    options={
        "a": "After 15 blocks the model believes in ' the', and later changes its mind.",
        "b": "That the final norm and head, applied here, give a distribution nobody trained to be "
        "honest: its 0.9 is no forecast.",
        "c": "That block 15 is badly trained.",
    },
    correct="b",
    explanations={
        "a": "The training only ever judged what comes out at the end. In the middle the stream "
        "is written in a form that the head cannot read: a translator reads there something else.",
        "b": "Calibration belongs to a forecast and what it was trained for. A probability read "
        "off where no loss looked has no reason to be calibrated.",
        "c": "Its task is to be useful to later blocks, not to be read by the head.",
    },
)
