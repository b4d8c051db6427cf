# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # 04 Transformer
#
# Attention moves information between tokens. A language model needs three things more: something
# that works on what has arrived, a way to stack many layers so that they can still learn, and an
# end that turns numbers into probabilities. Here you write all of it, in this notebook, every line
# in view: first GPT-2, then, with four parts exchanged, the Llama. Into yours go the real weights
# of SmolLM2, and it says what SmolLM2 says.
#
# **You will be able to**
# - write a transformer from an empty cell, and prove that it is GPT-2, or a Llama;
# - say what the residual stream is for, by taking it away and measuring what breaks;
# - count a GPT's parameters and floating-point operations by formula, to the last digit;
# - carry weights between two implementations, and catch the errors that give no error message;
# - look inside a model layer by layer, and know what such a look does not show.
#
# **Time:** about 100 minutes; all cells together run in about a minute and a half.
#
# **On the map:** Part I, a language model from scratch. Before it: self-attention. After it: how
# the weights are learned, by maximum likelihood.

# %%
import inspect
import math
from dataclasses import dataclass, replace
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from transformers import GPT2Config, GPT2LMHeadModel

# %%
from coursekit import calibration as cal, expect, llm, plots, predict
from coursekit.chapters.transformer import exercises, figures, widget
from coursekit.data import dataset_descriptions, reference_documents
from coursekit.lm import (
    GPT,
    CausalSelfAttention,
    GPTConfig,
    Llama,
    LlamaConfig,
    apply_rotary,
    forward_flops,
    next_token_loss,
    parameter_count,
    rotary_angles,
)

lm = llm.load("smollm2-135m-instruct", device="cpu")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Before you start: three questions
#
# Answer from memory: replace each `...` by a letter in quotes. A wrong answer costs nothing and is
# explained.

# %%
exercises.what_attention_sums.ask()
exercises.what_attention_sums.check(...)

# %%
exercises.what_the_mask_forbids.ask()
exercises.what_the_mask_forbids.check(...)

# %%
exercises.what_the_tokens_are.ask()
exercises.what_the_tokens_are.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Attention, as a layer
#
# From notebook 03: queries, keys and values by three learned matrices, cut into heads; each head
# does its own causal attention; what comes out is put side by side and mixed by a fourth matrix.
# The shape of a model is five numbers, and all its parts are made from them.


# %%
@dataclass
class Shape:
    vocab_size: int  # number of tokens it knows
    context: int  # the most tokens it reads at once
    width: int  # numbers in each token's vector, d
    n_layers: int
    n_heads: int


def heads(x, n):
    """Cut vectors (B, T, width) into heads (B, n, T, width / n)."""
    return x.unflatten(-1, (n, -1)).transpose(1, 2)


def attend(query, key, value):
    """Causal attention of each head: (B, heads, T, d)."""
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    future = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(diagonal=1)
    return scores.masked_fill(future, -math.inf).softmax(dim=-1) @ value


# %%
class Attention(nn.Module):
    def __init__(self, shape):
        super().__init__()
        d, self.n_heads = shape.width, shape.n_heads
        self.query, self.key, self.value = nn.Linear(d, d), nn.Linear(d, d), nn.Linear(d, d)
        self.projection = nn.Linear(d, d)

    def forward(self, x):
        layers = self.query, self.key, self.value
        query, key, value = (heads(layer(x), self.n_heads) for layer in layers)
        return self.projection(attend(query, key, value).transpose(1, 2).flatten(2))


# %% [markdown]
# **Check** at once, against the package's attention with the same weights. It makes queries, keys
# and values by a single matrix: ours, one below the other.


# %%
def stacked(attention):
    """Our three weights, and our three biases, as one of each."""
    layers = attention.query, attention.key, attention.value
    return torch.cat([a.weight for a in layers]), torch.cat([a.bias for a in layers])


torch.manual_seed(0)
small = Shape(vocab_size=300, context=32, width=48, n_layers=3, n_heads=6)
ours, packaged = Attention(small), CausalSelfAttention(48, n_heads=6, context=32)
x = torch.randn(2, 10, 48)  # (texts, tokens, width)
with torch.no_grad():
    packaged.qkv.weight.data, packaged.qkv.bias.data = stacked(ours)
    packaged.projection = ours.projection
    expect("largest difference", (ours(x) - packaged(x)).abs().max(), 0, within=1e-6)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Fully connected layers: each token thinks alone
#
# Between two rounds of attention, every token goes through two *fully connected* layers,
# together called the **MLP** (multi-layer perceptron):
#
# $$\mathrm{MLP}(x) = W_2 \, \mathrm{GELU}(W_1 x + b_1) + b_2.$$
#
# $x$ has $d$ numbers (the *width*), $W_1$ makes $4d$ of them, $W_2$ goes back to $d$. Without
# something that bends in the middle, $W_2 W_1$ would be just one matrix. GPT-2 takes the **GELU**:
# $x$ times the probability $\Phi(x)$ that a standard normal number is below $x$, in an
# approximation with tanh.


# %%
class MLP(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.up = nn.Linear(shape.width, 4 * shape.width)
        self.down = nn.Linear(4 * shape.width, shape.width)

    def forward(self, x):
        return self.down(F.gelu(self.up(x), approximate="tanh"))


# %% [markdown]
# **Predict first.** Replace the `...` by a probability from 0 to 1, or leave it.

# %%
my_probability = ...
guess = predict(
    "mlp-neighbours",
    "Changing the third of ten tokens leaves the MLP's output for the fourth as it was.",
    my_probability,
)

# %%
changed = x.clone()
changed[:, 2] = torch.randn(48)  # another vector for the third token
with torch.no_grad():
    for name, part in {"MLP": MLP(small), "attention": ours}.items():
        moved = (part(changed) - part(x)).abs().amax(dim=(0, 2)) > 1e-6
        print(f"{name}: outputs that moved, from 0:", moved.nonzero().flatten().tolist())
        if name == "MLP":
            guess.resolve(not moved[3])

# %%
grid = torch.linspace(-4, 4, 801)
curves = {"GELU": F.gelu(grid), "ReLU": F.relu(grid), "SiLU (later)": F.silu(grid)}
plots.show(figures.activation_curves(grid, curves, "Three ways to bend"))

phi = 0.5 * (1 + torch.erf(grid / math.sqrt(2)))
expect("x times Phi against torch's GELU", (grid * phi - F.gelu(grid)).abs().max(), 0, within=1e-6)
error = (F.gelu(grid) - F.gelu(grid, approximate="tanh")).abs().max()
expect("largest error of the approximation", error, 4.7e-4, within=5e-5)

# %% [markdown]
# Attention is where tokens talk; the MLP is where each works on what it has heard. The error of the
# approximation is small, yet the logits show it: to carry GPT-2's weights over exactly, we need its
# own version.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Layer normalisation: everyone speaks at the same volume
#
# A layer that adds to a sum does not know how large the sum already is. So before each layer reads,
# each token's vector is brought to mean 0 and variance 1 over its $d$ coordinates, then stretched
# by a learned *gain* $g$ and shifted by a learned *bias* $b$:
#
# $$\mathrm{LN}(x) = g \cdot \frac{x - \mathrm{mean}(x)}{\sqrt{\mathrm{var}(x) + \epsilon}} + b.$$
#
# The tiny $\epsilon$ keeps a vector of equal numbers from dividing by zero.

# %%
norm = nn.LayerNorm(48)  # gain 1 and bias 0 at birth
with torch.no_grad():
    normed, louder = norm(x), norm(100 * x + 7)
expect("largest mean of a token after it", normed.mean(-1).abs().max(), 0, within=1e-6)
expect("largest variance after it", normed.var(-1, correction=0).max(), 1, within=1e-3)
expect("change when the input is 100 x + 7", (louder - normed).abs().max(), 0, within=1e-3)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 1: layer norm by hand
#
# Volume and offset are gone, only the direction is left. Now yours: `x` has one token in each row.
# Over which axis? (Stuck? Run `exercises.layer_norm.hint()`, and in the end `.solution()`.)


# %%
def my_layer_norm(x, gain, bias, eps=1e-5):
    """Return the rows of x (T, d) normalised, times gain (d,), plus bias (d,)."""
    ...


exercises.layer_norm.check(my_layer_norm)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The block
#
# Now the four pieces: two norms, attention and the MLP. The vector of a token on its way through
# the network is called the **residual stream**. No layer replaces it. Each *reads* a normalised
# copy, and *adds* its answer:
#
# $$x' = x + \mathrm{Attention}(\mathrm{LN}_1(x)), \qquad
# x'' = x' + \mathrm{MLP}(\mathrm{LN}_2(x')).$$
#
# The kinds of its parts stand in one line, since we are going to exchange them.


# %%
class Block(nn.Module):
    Norm, Attention, MLP = nn.LayerNorm, Attention, MLP

    def __init__(self, shape):
        super().__init__()
        self.attention_norm, self.mlp_norm = self.Norm(shape.width), self.Norm(shape.width)
        self.attention, self.mlp = self.Attention(shape), self.MLP(shape)

    def forward(self, x):
        x = x + self.attention(self.attention_norm(x))
        return x + self.mlp(self.mlp_norm(x))


# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 2: the wiring
#
# Five parts, two lines, and surprisingly many ways to get it wrong. Write it without looking up.


# %%
def my_block(x, attention, mlp, norm_1, norm_2):
    """Return the stream x (T, d) after one block of GPT-2 (pre-norm)."""
    ...


exercises.block_forward.check(my_block)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The model
#
# At the bottom an embedding for each token and one for each position, added; then the blocks; at
# the top a last norm, and a head that gives each token of the vocabulary its score. One line
# deserves a second look: the head's weight *is* the token embedding. The matrix that turned ids
# into vectors turns vectors back into scores (*tied weights*): a token's logit is the dot product
# of the stream with that token's own embedding.


# %%
class MyGPT(nn.Module):
    def __init__(self, shape, Block=Block):
        super().__init__()
        self.token_embedding = nn.Embedding(shape.vocab_size, shape.width)
        self.position_embedding = nn.Embedding(shape.context, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.n_layers))
        self.final_norm = Block.Norm(shape.width)
        self.head = nn.Linear(shape.width, shape.vocab_size, bias=False)
        self.head.weight = self.token_embedding.weight

    def embed(self, ids):
        return self.token_embedding(ids) + self.position_embedding.weight[: ids.shape[1]]

    def stream(self, ids):
        """The residual stream (B, T, width) of ids (B, T), at the start and after each block."""
        states = [self.embed(ids)]
        for block in self.blocks:
            states.append(block(states[-1]))
        return states

    def forward(self, ids):
        return self.head(self.final_norm(self.stream(ids)[-1]))


# %% [markdown] slideshow={"slide_type": "slide"}
# ## Is it really GPT-2?
#
# The proof of an implementation is another one. We make a GPT-2 of the `transformers` library with
# random weights, move every parameter (at birth biases are 0 and gains 1, and a model that forgot
# them would pass), and carry the weights into ours. GPT-2's files have two habits: a weight is
# stored as (in, out) where `nn.Linear` has (out, in), and `c_attn` holds queries, keys and values
# side by side.

# %%
THEIR_LAYERS = {
    "ln_1": "attention_norm",
    "attn.c_proj": "attention.projection",
    "ln_2": "mlp_norm",
    "mlp.c_fc": "mlp.up",
    "mlp.c_proj": "mlp.down",
}


def from_gpt2(theirs):
    """The weights of a GPT-2 of transformers, under the names of ours."""
    theirs = theirs.transformer
    state = {"token_embedding.weight": theirs.wte.weight, "head.weight": theirs.wte.weight}
    state |= {"position_embedding.weight": theirs.wpe.weight}
    state |= {"final_norm.weight": theirs.ln_f.weight, "final_norm.bias": theirs.ln_f.bias}
    for i, layer in enumerate(theirs.h):
        for kind in ("weight", "bias"):
            parts = layer.attn.c_attn.get_parameter(kind).chunk(3, dim=-1)
            named = dict(zip(("query", "key", "value"), parts, strict=True))
            found = {f"attention.{name}": part for name, part in named.items()}
            for name, our_name in THEIR_LAYERS.items():
                found[our_name] = layer.get_submodule(name).get_parameter(kind)
            for name, part in found.items():  # matrices are turned round, vectors are not
                state[f"blocks.{i}.{name}.{kind}"] = part.T if part.ndim == 2 else part
    return state


# %%
torch.manual_seed(0)
sizes = dict(vocab_size=300, n_positions=32, n_embd=48, n_layer=3, n_head=6)
theirs = GPT2LMHeadModel(GPT2Config(**sizes, bos_token_id=None, eos_token_id=None)).eval()
ids = torch.randint(300, (4, 32))
mine = MyGPT(small)
with torch.no_grad():
    for parameter in theirs.parameters():
        parameter.add_(0.1 * torch.randn(parameter.shape))
    print(mine.load_state_dict(from_gpt2(theirs)))
    logits = mine(ids)
    expect("yours against transformers'", (logits - theirs(ids).logits).abs().max(), 0, 1e-5)
    package = GPT.from_transformers(theirs)
    expect("yours against the package's", (logits - package(ids)).abs().max(), 0, within=1e-5)


# %%
def lines_of(*parts):
    """How many lines of this notebook these functions, and the methods of these classes, take."""
    methods = [part for part in parts if inspect.isfunction(part)]
    for part in parts:
        methods += [m for m in vars(part).values() if inspect.isfunction(m)]
    return sum(len(inspect.getsource(method).splitlines()) for method in methods)


count = lines_of(heads, attend, Attention, MLP, Block, MyGPT)
expect("lines in the functions and methods of your GPT-2, all in view above", count, 48)

# %% [markdown]
# That is GPT-2: the same weights, the same logits. What the package adds in its few hundred lines
# are checks of the input, other kinds of positions, the cache of notebook 06 and weights carried
# both ways.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 3: carry a matrix over
#
# The one step of `from_gpt2` where most go wrong: `c_attn`, stored as $(d, 3d)$, has first all
# columns of the queries, then those of the keys, then the values'.


# %%
def my_query_weight(weight):
    """Return W (d, d) so that x @ W.T are the queries; weight (d, 3d) is c_attn's."""
    ...


exercises.query_weight.check(my_query_weight)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The real GPT-2
#
# Its weights are half a gigabyte, so this cell fetches nothing unless you ask it to. Where the
# Hugging Face hub can be reached, set `fetch = True`, and replace the second `...` by the shape of
# GPT-2 small: 50,257 tokens, a context of 1,024, width 768, 12 blocks of 12 heads.

# %% tags=["nbval-ignore-output"]
fetch, my_shape = False, ...

if fetch and my_shape is not ...:
    real = llm.load("gpt2", device="cpu")
    mine = MyGPT(my_shape)
    mine.load_state_dict(from_gpt2(real.model))
    ids = real.tokenizer("The capital of France is", return_tensors="pt").input_ids
    with torch.no_grad():
        difference = (mine(ids) - real.model(ids).logits).abs().max()
    expect("yours against the real GPT-2", difference, 0, within=1e-3)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What is the residual stream for?
#
# Take it away and see. A block has two additions, one around attention and one around the MLP. We
# keep both, one of them, or none; the norms stay. All networks begin as GPT-2 does: small random
# matrices, gains 1, biases 0, and the two matrices that write into the stream smaller by
# $\sqrt{2L}$, since $2L$ random terms are added up ($L$ is the number of blocks).


# %%
def begin(model, seed):
    """Give a model GPT-2's initial weights; returns it."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2:
            writes = name.endswith(("projection.weight", "down.weight"))
            std = 0.02 / math.sqrt(2 * len(model.blocks)) if writes else 0.02
            nn.init.normal_(parameter, std=std, generator=generator)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)
    return model


# %%
def wired(around_attention, around_mlp):
    """A block that keeps these additions."""

    class Wired(Block):
        def forward(self, x):
            x = around_attention * x + self.attention(self.attention_norm(x))
            return around_mlp * x + self.mlp(self.mlp_norm(x))

    return Wired


wirings = {
    "both additions": wired(True, True),
    "only around attention": wired(True, False),
    "only around the MLP": wired(False, True),
    "no additions": wired(False, False),
}

# %% [markdown] slideshow={"slide_type": "slide"}
# **Predict first.** The textbook says: without residual connections the gradient dies on its way
# down, and the first layers learn nothing. We measure it before training, in five networks with
# different random weights, on the task of notebook 02: name the token two places back. We begin
# with the largest matrix: the first block's MLP.

# %%
my_probability = ...
guess = predict(
    "gradients-without-residuals",
    "Eight blocks deep, removing the additions (but not the norms) makes the gradient in the first "
    "block's MLP at least ten times smaller.",
    my_probability,
)


# %%
def network(block, n_layers, seed):
    """A small network of such blocks, newborn, which reads 8 tokens of a vocabulary of 8."""
    shape = Shape(vocab_size=8, context=8, width=64, n_layers=n_layers, n_heads=4)
    return begin(MyGPT(shape, block), seed)


def look_two_back(generator):
    """32 random sequences, and the target of notebook 02: the token two places back."""
    ids = torch.randint(8, (32, 8), generator=generator)
    targets = ids.roll(2, dims=1)
    targets[:, :2] = -100  # nothing stands two places before the first two
    return ids, targets


def at_birth(block, n_layers, seed):
    """Gradients of the first MLP and of the first and last queries; two tokens apart."""
    gpt = network(block, n_layers, seed)
    ids, targets = look_two_back(torch.Generator().manual_seed(seed + 1))
    normed = F.layer_norm(gpt.stream(ids)[-1], (64,))  # the stream, as the head will see it
    next_token_loss(gpt(ids), targets).backward()
    mlp = gpt.blocks[0].mlp.up.weight.grad.norm()
    first, last = (gpt.blocks[i].attention.query.weight.grad.norm() for i in (0, -1))
    apart = (normed[:, 7] - normed[:, 5]).norm(dim=-1).mean().detach()
    return torch.stack((mlp, first, last, apart))


# %%
depths, seeds = [1, 2, 4, 8, 16], range(5)
newborns = {
    name: torch.stack([torch.stack([at_birth(block, n, seed) for n in depths]) for seed in seeds])
    for name, block in wirings.items()
}  # each (5 seeds, 5 depths, 4 quantities)
with_, without = newborns["both additions"], newborns["no additions"]
guess.resolve(bool((without[:, 3, 0] < with_[:, 3, 0] / 10).all()))

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Which gradient?
#
# The MLP's gradient is no smaller without the additions than with them. Is the textbook wrong,
# then? Before we say so: that was *one* matrix. Here are two kinds of weights in the same block.

# %%
plots.show(
    figures.seeds_against_depth(
        depths,
        {
            "MLP, both additions": with_[..., 0],
            "MLP, no additions": without[..., 0],
            "queries, both additions": with_[..., 1],
            "queries, no additions": without[..., 1],
        },
        "norm of the gradient,\nfirst block",
        "Gradients at the start of training",
    )
)

# %%
less, most = (with_ / without).amin(dim=0), (with_ / without).amax(dim=0)  # over five seeds
print("Gradient with both additions over gradient with none, 16 blocks")
expect("MLP of the first block, most of five seeds", most[4, 0], at_most=1)
expect("queries of the first block, least", less[4, 1], at_least=100)
expect("queries of the last block, least", less[4, 2], at_least=10_000)

# %% [markdown]
# So one gradient lives and another dies, and which of the two we report decides the story. Without
# additions, the weights that decide **where to look** all but lose their gradient, the more the
# deeper the network, while the MLP's stays. Noci et al. (2022) derive it for transformers before
# training.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### All tokens become one
#
# Attention makes averages. Average averages again and again, and all tokens become alike, unless
# each keeps its own vector and only *adds* the average. Is that what happens? Here is how far the
# last token is from the last but two, at the end of the stream, after normalising both. If the
# averaging is to blame, the addition *around attention* should help, and the one around the MLP
# should not.

# %%
plots.show(
    figures.seeds_against_depth(
        depths,
        {name: measured[..., 3] for name, measured in newborns.items()},
        "distance between two tokens",
        "Without the additions all tokens become one",
    )
)

# %%
apart = {name: measured[:, 3, 3] for name, measured in newborns.items()}  # at 8 blocks
expect("both additions, least of five seeds", apart["both additions"].min(), at_least=5)
expect("only around attention, least", apart["only around attention"].min(), at_least=1)
expect("only around the MLP, most", apart["only around the MLP"].max(), at_most=0.2)
expect("no additions, most", apart["no additions"].max(), at_most=0.2)

# %% [markdown]
# It is the averaging: the addition around the MLP alone helps far less than the one around
# attention, and only both together hold the tokens apart. Dong et al. (2021) prove that
# attention alone loses all differences between tokens, and fast.
#
# What has that to do with queries? If all tokens are the same, it makes no difference where a token
# looks. We give one attention layer tokens that differ less and less.

# %%
torch.manual_seed(0)
attention = Attention(Shape(8, 8, 64, 1, n_heads=4))
common, own, wanted = torch.randn(1, 1, 64), torch.randn(1, 8, 64), torch.randn(1, 8, 64)
norms = {}
for share in (1, 0.1, 0.01, 0):
    attention.zero_grad()
    (attention(common + share * own) * wanted).sum().backward()
    norms[share] = [layer.weight.grad.norm() for layer in (attention.query, attention.value)]
    queries, values = norms[share]
    size = f"{queries:.0g}" if share else "(rounding errors)"
    print(f"differences times {share:4}: values {values:3.0f}, queries {size}")
expect("a tenth of the differences: gradient over", norms[0.1][0] / norms[0.01][0], 100, within=5)
expect("no differences: queries over values", norms[0][0] / norms[0][1], 0, within=1e-6)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Does it matter for learning?
#
# Ten times more alike, a hundred times less gradient, and none at all for equal tokens; the values
# do not notice. **Predict first:** 100 steps of training, chance is $\ln 8 = 2.08$ nats.

# %%
my_probability = ...
guess = predict(
    "training-without-residuals",
    "With eight blocks and no additions, the loss is still above 2 in both of two runs.",
    my_probability,
)


# %%
def train(block, n_layers, seed, steps=100):
    """Mean loss of the last ten steps of training on the look-two-back task."""
    gpt, generator = network(block, n_layers, seed), torch.Generator().manual_seed(seed + 1)
    optimizer = torch.optim.AdamW(gpt.parameters(), lr=2e-3)
    losses = []
    for _ in range(steps):
        ids, targets = look_two_back(generator)
        loss = next_token_loss(gpt(ids), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses[-10:]) / 10


runs = [("no additions", 2)] + [(name, 8) for name in wirings]
trained = {run: [train(wirings[run[0]], run[1], seed) for seed in range(2)] for run in runs}
for (name, n_layers), losses in trained.items():
    print(f"{n_layers} blocks, {name:22} loss of two seeds", [f"{loss:.1f}" for loss in losses])
guess.resolve(min(trained["no additions", 8]) > 2)

# %%
expect("two blocks, no additions, largest loss", max(trained["no additions", 2]), at_most=0.1)
expect("eight blocks, both additions, largest loss", max(trained["both additions", 8]), at_most=0.1)
others = [min(trained[name, 8]) for name in wirings if name != "both additions"]
expect("eight blocks, any other wiring, smallest loss", min(others), at_least=1.95)

# %% [markdown]
# Two blocks learn it even without additions. With eight, only the network with both additions does,
# in both runs; the others stay at chance. Tokens alike, queries without gradient, no learning: the
# three appear together. **The residual stream remembers who everyone is**, and lets attention learn
# where to look.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Counting parameters
#
# Write $V$ for the vocabulary, $C$ for the context, $d$ for the width, $L$ for the number of
# blocks.
#
# | part | weights | biases, gains |
# | --- | --- | --- |
# | embedding of the tokens (and head) | $V d$ | |
# | embedding of the positions | $C d$ | |
# | attention, each block | $3 d^2 + d^2$ | $3 d + d$ |
# | MLP, each block | $4 d^2 + 4 d^2$ | $4 d + d$ |
# | norms, two each block and one at the end | | $2d$ each |


# %%
def parameter_parts(config):
    """The number of parameters of a GPT-2, by part."""
    V, C, d, L = config.vocab_size, config.context, config.width, config.n_layers
    return {
        "tokens": V * d,
        "positions": C * d,
        "attention": L * (4 * d**2 + 4 * d),
        "MLP": L * (8 * d**2 + 5 * d),
        "norms": L * 4 * d + 2 * d,
    }


def n_parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


gpt2 = GPTConfig(vocab_size=50257, context=1024, width=768, n_layers=12, n_heads=12)
with torch.device("meta"):  # tensors with a shape and no numbers cost no memory
    mine, theirs = MyGPT(gpt2), GPT2LMHeadModel(GPT2Config())
formula = sum(parameter_parts(gpt2).values())
expect("yours against the formula", n_parameters(mine) - formula, 0)
expect("the library's GPT-2 against the formula", n_parameters(theirs) - formula, 0)
expect("GPT-2 small has", n_parameters(theirs), 124_439_808)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Where they go, in GPT-2's four sizes

# %%
shapes = {
    "small": (768, 12, 12),
    "medium": (1024, 24, 16),
    "large": (1280, 36, 20),
    "xl": (1600, 48, 25),
}
family = {name: GPTConfig(50257, 1024, *shape) for name, shape in shapes.items()}
bars = {
    f"{name}, {parameter_count(c) / 1e6:.0f} M": parameter_parts(c) for name, c in family.items()
}
plots.show(plots.stacked_shares(bars, "share of the parameters", "GPT-2: where the parameters are"))

# %%
with torch.device("meta"):
    largest = GPT2LMHeadModel(GPT2Config(n_embd=1600, n_layer=48, n_head=25))
expect("GPT-2 xl of the library", n_parameters(largest) - parameter_count(family["xl"]), 0)

# %% [markdown]
# In every size the MLPs hold twice as much as attention. "Attention is all you need" was a good
# title; two thirds of a block are fully connected layers. And in the smallest model almost a third
# of everything is the vocabulary. (The table in GPT-2's own paper says 117 M and 345 M for the
# first two. They do not follow from the shapes it gives; the published files hold what the formula
# says. Count for yourself.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 4: the whole count, in one formula


# %%
def my_parameter_count(vocab, context, d, layers):
    """Return how many numbers GPT-2 learns: biases, norms, and tied weights once."""
    ...


exercises.gpt_parameters.check(my_parameter_count)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Counting the work
#
# An $(a, b)$ matrix times a $(b, c)$ matrix takes $abc$ products and as many sums: $2abc$
# floating-point operations, FLOPs. Everything else is small beside it. To read $T$ tokens:
#
# $$\underbrace{24 \, L \, T d^2}_{\text{weights of the blocks}} +
# \underbrace{4 \, L \, T^2 d}_{QK^\top \text{ and weights times } V} +
# \underbrace{2 \, T d V}_{\text{logits}}.$$


# %%
def flop_parts(config, length=1024):
    """FLOPs of the matrix products that read `length` tokens, by the same parts as above."""
    V, d, L = config.vocab_size, config.width, config.n_layers
    return {
        "tokens": 2 * length * d * V,
        "positions": 0,
        "attention": L * (8 * length * d**2 + 4 * length**2 * d),
        "MLP": L * 16 * length * d**2,
        "norms": 0,
    }


ids = torch.zeros(1, 1024, dtype=torch.long, device="meta")
with FlopCounterMode(display=False) as counter, torch.no_grad():  # PyTorch can count, too
    mine(ids)
counted = counter.get_total_flops()
expect("PyTorch's count against ours", counted - sum(flop_parts(gpt2).values()), 0)
expect("and the package's formula", counted - forward_flops(gpt2, 1024), 0)
expect("GPT-2 small reads 1,024 tokens with, in TFLOP", counted / 1e12, 0.292, within=0.001)

bars = {"parameters": parameter_parts(gpt2), "FLOPs, 1,024 tokens": flop_parts(gpt2)}
plots.show(
    plots.stacked_shares(bars, "share of the total", "GPT-2 small: what it holds, what it does")
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 5: the work, in one formula
#
# Looking up an embedding multiplies nothing, so "tokens" above is the head. Attention's share is
# larger than in the parameters: comparing all pairs of tokens takes work but no weights.


# %%
def my_forward_flops(vocab, d, layers, length):
    """Return the operations of all matrix products for T = length tokens."""
    ...


exercises.reading_flops.check(my_forward_flops)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The rule 6 N D, and where it is off
#
# Each parameter costs about two FLOPs a token on the way up, and twice that on the way back (one
# product for the gradient of the weights, one for that of the input). So training a model of $N$
# parameters on $D$ tokens costs about $6 N D$ (Kaplan et al. 2020). GPT-3 has 174.6 billion
# parameters and read 300 billion tokens; its paper states $3.14 \cdot 10^{23}$ operations of
# training (Brown et al. 2020, table D.1). What the rule leaves out is comparing pairs, $T^2 d$:
# beside the work of the blocks' weights it is $T / (6d)$.

# %%
my_probability = ...
guess = predict(
    "six-n-d",
    "For GPT-2 small reading 8,192 tokens at once, 6 N D is off by more than 20 %.",
    my_probability,
)

# %%
with FlopCounterMode(display=False) as counter:
    next_token_loss(mine(ids), ids).backward()
expect("training over reading", counter.get_total_flops() / forward_flops(gpt2, 1024), 3, 0.001)
expect("6 N D for GPT-3", 6 * 174.6e9 * 300e9 / 1e23, 3.14, within=0.01)

off = {}
for length in (128, 1024, 8192):
    # N without the positions: looked up and added, they cost no matrix product at any length
    N = parameter_count(gpt2) - parameter_parts(gpt2)["positions"]
    off[length] = 3 * forward_flops(gpt2, length) / (6 * N * length)
    print(f"GPT-2 small, {length:5,} tokens at once: exact operations over 6 N D {off[length]:.2f}")
guess.resolve(abs(off[8192] - 1) > 0.2)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Four knobs: from GPT-2 to the Llama
#
# SmolLM2, like many open models since 2023, keeps the wiring of the block to the letter and
# exchanges four of its parts. We turn one knob at a time.
#
# **Knob 1, the norm.** *RMSNorm* (Zhang, Sennrich 2019) does not take the mean away, and has no
# bias: it only divides by the root mean square of the $d$ coordinates,
#
# $$\mathrm{RMS}(x) = g \cdot \frac{x}{\sqrt{\mathrm{mean}(x^2) + \epsilon}}.$$


# %%
class RMSNorm(nn.Module):
    def __init__(self, width, eps=1e-5):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(width)), eps

    def forward(self, x):
        return self.weight * (x * (x.square().mean(-1, keepdim=True) + self.eps).rsqrt())


norm = RMSNorm(48)
with torch.no_grad():
    norm.weight.normal_()
    torchs = F.rms_norm(x, (48,), norm.weight, eps=1e-5)
    expect("yours against PyTorch's", (norm(x) - torchs).abs().max(), 0, within=1e-6)
    expect("change when the input is 100 x", (norm(100 * x) - norm(x)).abs().max(), 0, within=1e-3)
    expect("change when it is x + 7", (norm(x + 7) - norm(x)).abs().max(), at_least=1)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Knob 2, the MLP
#
# One matrix reads, a second one decides how much of each number passes, a third one writes:
#
# $$W_{\text{down}} \, \big(\mathrm{SiLU}(W_{\text{gate}} \, x) \odot W_{\text{up}} \, x\big),
# \qquad \mathrm{SiLU}(z) = \frac{z}{1 + e^{-z}},$$
#
# where $\odot$ multiplies number by number (*SwiGLU*, Shazeer 2020). No biases, here or in any
# other layer of the Llama.


# %%
class GatedMLP(nn.Module):
    def __init__(self, shape):
        super().__init__()
        d, m = shape.width, shape.mlp_width
        self.gate, self.up = nn.Linear(d, m, bias=False), nn.Linear(d, m, bias=False)
        self.down = nn.Linear(m, d, bias=False)

    def forward(self, x):
        return self.down(F.silu(self.gate(x)) * self.up(x))


@dataclass
class LlamaShape(Shape):
    mlp_width: int = 64  # numbers inside the gated MLP
    n_kv_heads: int = 2  # heads of keys and values
    rope_base: float = 10_000.0  # how slowly the slowest pair of coordinates turns


# %% [markdown]
# **Predict first.** SmolLM2 has width $d = 576$ and 1,536 numbers inside its MLP.

# %%
my_probability = ...
guess = predict(
    "gated-mlp-size",
    "With three matrices, its MLP has more weights than one of GPT-2's kind, 2 times d times 4d.",
    my_probability,
)

# %%
small_llama = LlamaShape(**vars(small))
d = lm.model.config.hidden_size
gated = GatedMLP(LlamaShape(300, 32, d, 3, 9, mlp_width=lm.model.config.intermediate_size))
guess.resolve(n_parameters(gated) > 2 * d * 4 * d)
expect("its MLP over one of GPT-2's kind", n_parameters(gated) / (8 * d**2), 1)

gated, their_mlp = (
    GatedMLP(LlamaShape(300, 32, d, 3, 9, mlp_width=1536)),
    lm.model.model.layers[0].mlp,
)
with torch.no_grad():
    for name in ("gate", "up", "down"):
        getattr(gated, name).weight = getattr(their_mlp, f"{name}_proj").weight
    x = torch.randn(2, 10, d)
    expect("yours against SmolLM2's first", (gated(x) - their_mlp(x)).abs().max(), 0, within=1e-4)

# %% [markdown]
# $1{,}536 = \frac{8}{3} \cdot 576$: the gate is paid for by a narrower inside, to the last weight.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Knob 3, the positions
#
# GPT-2 adds a learned vector for each position, once. The Llama adds nothing: before queries meet
# keys, each pair of their coordinates is turned by an angle that grows with the position, pair $i$
# by $t \cdot \beta^{-2i/d}$ at position $t$ (*rotary*, notebook 02; $\beta$ is the base). Paired
# are coordinates $i$ and $i + d/2$.


# %%
def rotate(x, base):
    """Turn queries or keys (..., T, d) by their positions 0 to T - 1."""
    length, d = x.shape[-2:]
    frequency = 1 / base ** (torch.arange(0, d, 2, device=x.device) / d)
    angle = torch.arange(length, device=x.device)[:, None] * frequency
    first, second = x.chunk(2, dim=-1)
    turned = (
        first * angle.cos() - second * angle.sin(),
        second * angle.cos() + first * angle.sin(),
    )
    return torch.cat(turned, dim=-1)


query, key = torch.randn(2, 1, 3, 20, 16)
theirs = apply_rotary(query, *rotary_angles(20, width=16, base=10_000.0))
expect("yours against notebook 02's", (rotate(query, 10_000) - theirs).abs().max(), 0, 1e-6)
one = key[:, :, :1].expand_as(key)  # the same vector at every position
scores = rotate(one, 10_000) @ rotate(one, 10_000).mT
expect("5 back from 6 and from 18", (scores[..., 6, 1] - scores[..., 18, 13]).abs().max(), 0, 1e-4)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Knob 4, the heads
#
# A key-value cache (notebook 03) holds keys and values of every token, in every block, for every
# head. *Grouped queries* (Ainslie et al. 2023) make it smaller: several heads of queries share one
# head of keys and values. SmolLM2 has 9 heads of queries and 3 of keys and values: heads 0, 1, 2
# ask the first, heads 3, 4, 5 the second, 6, 7, 8 the third. The cache shrinks by three.
#
# **Exercise 6: share the heads.** Before attention, each query head needs the keys of *its* group.


# %%
def my_shared_heads(x, n_heads):
    """Return x (n_kv_heads, T, d) as (n_heads, T, d): a head for each query head."""
    ...


exercises.shared_heads.check(my_shared_heads)


# %%
def share(x, n_heads):
    """Give each head of queries its head of keys or values: (B, kv, T, d) to (B, heads, T, d)."""
    return x.repeat_interleave(n_heads // x.shape[1], dim=1)


class GroupedAttention(nn.Module):
    rotate, share, attend = staticmethod(rotate), staticmethod(share), staticmethod(attend)

    def __init__(self, shape):
        super().__init__()
        self.shape, d = shape, shape.width
        shared = d // shape.n_heads * shape.n_kv_heads
        self.query, self.projection = nn.Linear(d, d, bias=False), nn.Linear(d, d, bias=False)
        self.key, self.value = nn.Linear(d, shared, bias=False), nn.Linear(d, shared, bias=False)

    def forward(self, x):
        n, m, base = self.shape.n_heads, self.shape.n_kv_heads, self.shape.rope_base
        query, key = heads(self.query(x), n), heads(self.key(x), m)
        query, key = self.rotate(query, base), self.rotate(key, base)
        key, value = self.share(key, n), self.share(heads(self.value(x), m), n)
        return self.projection(self.attend(query, key, value).transpose(1, 2).flatten(2))


# %% [markdown] slideshow={"slide_type": "slide"}
# ### All four turned
#
# The block is the same block with other parts; the model is the same model without its table of
# positions. **Check** at once, with random weights, against the package's `Llama`, which
# uses the same names, and against `transformers`.


# %%
class LlamaBlock(Block):
    Norm, Attention, MLP = RMSNorm, GroupedAttention, GatedMLP


class MyLlama(MyGPT):
    def __init__(self, shape, Block=LlamaBlock):
        super().__init__(shape, Block)
        del self.position_embedding  # positions are turned into queries and keys

    def embed(self, ids):
        return self.token_embedding(ids)


# %%
torch.manual_seed(0)
mine, ids = MyLlama(small_llama), torch.randint(300, (4, 32))
package = Llama(LlamaConfig(**vars(small_llama), tie_weights=True))
with torch.no_grad():
    for parameter in mine.parameters():
        parameter.add_(0.1 * torch.randn(parameter.shape))
    print(package.load_state_dict(mine.state_dict()))
    logits, theirs = mine(ids), package.to_transformers()(ids).logits
    expect("yours against the package's", (logits - package(ids)).abs().max(), 0, within=1e-4)
    expect("yours against transformers'", (logits - theirs).abs().max(), 0, within=1e-4)
count = lines_of(rotate, share, RMSNorm, GatedMLP, GroupedAttention, MyLlama)
expect("lines in the functions and methods of the four knobs", count, 43)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Is it really SmolLM2?
#
# The real test: the 135 million weights of SmolLM2 in *your* model. Here is how the file names
# them. Nothing is transposed this time, and the shape is read off its configuration.

# %%
THEIR_NAMES = {
    "token_embedding": "model.embed_tokens",
    "blocks": "model.layers",
    "attention_norm": "input_layernorm",
    "attention.query": "self_attn.q_proj",
    "attention.key": "self_attn.k_proj",
    "attention.value": "self_attn.v_proj",
    "attention.projection": "self_attn.o_proj",
    "mlp_norm": "post_attention_layernorm",
    "mlp.gate": "mlp.gate_proj",
    "mlp.up": "mlp.up_proj",
    "mlp.down": "mlp.down_proj",
    "final_norm": "model.norm",
    "head": "lm_head",
}
theirs = lm.model.state_dict()
weights = {}
for name in theirs:
    ours = name
    for our_part, their_part in THEIR_NAMES.items():
        ours = ours.replace(their_part, our_part)
    weights[ours] = theirs[name]


# %%
def filled(shape, weights, Block=LlamaBlock):
    """A Llama of this shape with these weights, which it shares and does not train."""
    with torch.device("meta"):  # no random numbers that would be overwritten at once
        model = MyLlama(shape, Block)
    model.load_state_dict(weights, assign=True)
    model.head.weight = model.token_embedding.weight  # tied: the same matrix, not its twin
    return model.requires_grad_(False)


c = lm.model.config
smollm2 = LlamaShape(
    c.vocab_size,
    c.max_position_embeddings,
    c.hidden_size,
    c.num_hidden_layers,
    c.num_attention_heads,
    c.intermediate_size,
    c.num_key_value_heads,
    c.rope_parameters["rope_theta"],
)
mine = filled(smollm2, weights)
print(smollm2)
expect("parameters, tied weights once", n_parameters(mine), 134_515_008)

# %% [markdown]
# **Predict first.** Its logits go up to about 40, and numbers of 32 bits carry about seven digits.
# We ask both models about prose, code, a chat, French, a single token, and a long text.

# %%
my_probability = ...
guess = predict(
    "really-smollm2",
    "On all passages, every logit of yours is within 0.001 of the library's.",
    my_probability,
)

# %%
documents = [d.text for d in reference_documents(stable=True) + dataset_descriptions()]
passages = {
    "prose": "The cat sat on the mat because it was tired, and the dog looked at it.",
    "code": "def add(first, second):\n    total = first + second\n    return total\n",
    "chat": "<|im_start|>user\nWhere is the cat that sat on the mat?<|im_end|>\n",
    "French": "Le chat dormait sur la chaise, et le chien le regardait sans bouger.",
    "one token": "Hi",
    "long": documents[-1][:1000],
}


# %%
@torch.inference_mode()
def apart(model, text):
    """Number of tokens, and the largest difference of any logit from the library's."""
    ids = lm.tokenizer(text, return_tensors="pt").input_ids
    return ids.shape[1], (model(ids) - lm.model(ids).logits).abs().max().item()


found = {name: apart(mine, text) for name, text in passages.items()}
for name, (n_tokens, difference) in found.items():
    expect(f"{name} ({n_tokens} tokens), largest difference of a logit", difference, 0, within=5e-4)
guess.resolve(max(difference for _, difference in found.values()) < 1e-3)

# %% [markdown]
# It is the same model. And what remains? Only the order in which rounded numbers are added: the
# library calls PyTorch's fused attention, you wrote a softmax and two products. With the same
# kernel in your model nothing at all should be left.


# %%
class Fused(GroupedAttention):
    attend = staticmethod(partial(F.scaled_dot_product_attention, is_causal=True))


def with_part(**parts):
    """A block of the Llama with another part."""
    return type("OtherBlock", (LlamaBlock,), parts)


fused = filled(smollm2, weights, with_part(Attention=Fused))
largest = max(apart(fused, text)[1] for text in passages.values())
expect("largest difference with the library's kernel, all passages", largest, 0, within=1e-4)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The errors without an error message
#
# Each of these Llamas has one part wrong. All shapes fit, so all of them load SmolLM2's weights
# without complaint.


# %%
class WithMean(RMSNorm):  # takes the mean away, as GPT-2's norm does
    def forward(self, x):
        return super().forward(x - x.mean(-1, keepdim=True))


class Tiled(GroupedAttention):  # heads 0, 3, 6 share, instead of 0, 1, 2
    share = staticmethod(lambda x, n_heads: x.repeat(1, n_heads // x.shape[1], 1, 1))


turned = "blocks.15.attention.projection.weight"  # a square matrix, one of 210
wrong = {
    "as it should be": mine,
    "a base of 10,000": filled(replace(smollm2, rope_base=10_000.0), weights),
    "mean taken away": filled(smollm2, weights, with_part(Norm=WithMean)),
    "one matrix transposed": filled(smollm2, weights | {turned: weights[turned].T}),
    "heads tiled": filled(smollm2, weights, with_part(Attention=Tiled)),
}

# %% [markdown]
# **Predict first.** One of the 210 matrices in the blocks stands the wrong way round, for every
# token. How much does the loss on ordinary text rise?

# %%
my_probability = ...
guess = predict(
    "silent-transpose",
    "With one matrix transposed the loss rises by more than half a nat a token.",
    my_probability,
)


# %%
@torch.inference_mode()
def token_losses(model, ids):
    """Nats for each token that came (B, T)."""
    log_probs = model(ids[:, :-1]).log_softmax(dim=-1)
    return -log_probs.gather(-1, ids[:, 1:, None])[..., 0]


pieces, _ = llm.token_windows(lm, documents[1::2], context=48, per_text=1)
losses = {name: token_losses(model, pieces[:12]).mean(dim=1) for name, model in wrong.items()}
right = losses.pop("as it should be")
more = {}
print(f"as it should be, 12 texts: {right.mean():.2f} nats a token")
for name, loss in losses.items():
    more[name] = rise = cal.bootstrap_interval(torch.mean, loss - right, method="t")
    print(f"{name:22} {rise.estimate:+.2f}, 95 % interval [{rise.low:+.2f}, {rise.high:+.2f}]")
guess.resolve(more["one matrix transposed"].estimate > 0.5)

# %%
expect("one matrix transposed: nats more", more["one matrix transposed"].estimate, 0.13, 0.05)
expect("heads tiled: nats more", more["heads tiled"].estimate, 9, within=1)
for name, rise in more.items():
    expect(f"{name}: lower end of the interval", rise.low, at_least=0)
    _, off = apart(wrong[name], passages["prose"])
    expect(f"{name}: largest difference of a logit", off, at_least=1)

# %% [markdown]
# Tiled heads write nonsense, and you would see it at once. But a transposed matrix, a base from
# another model, or the wrong norm raise the loss by about a tenth of a nat. Such a model writes
# English, and nobody notices that it is a little worse than it could be. **It loads, it runs, it
# writes: none of them is proof.** The comparison of logits is: a wrong model is off by whole
# units, a right one by less than a thousandth.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A newborn GPT: is it calibrated?
#
# Before any training a GPT knows nothing, and says so: every token gets about $1/V$. Its loss is
# about $\ln V$, that of an even guess. We give yours SmolLM2's 49,152 tokens and two exams: random
# tokens, where nobody *can* know more, and real text.
#
# For a first taste of Part II: a model is **calibrated** if what it says with confidence $p$ comes
# true in a share $p$ of cases. The *expected calibration error*, ECE, is the average distance
# between the two; 0 is perfect.
#
# **Predict first.** Chance gives one right answer in 49,152.

# %%
my_probability = ...
guess = predict(
    "newborn-on-text",
    "On real text the newborn is right at least a hundred times as often as chance.",
    my_probability,
)

# %%
V = len(lm.tokenizer)
newborn = begin(MyGPT(Shape(V, context=96, width=64, n_layers=4, n_heads=4)), seed=0)
# Texts 0, 2, 4, ... are for learning (below), texts 1, 3, 5, ... for measuring.
learn_ids, _ = llm.token_windows(lm, documents[0::2], context=96, per_text=3)
held_ids, text_of = llm.token_windows(lm, documents[1::2], context=96, per_text=2)
random_ids = torch.randint(V, held_ids.shape, generator=torch.Generator().manual_seed(1))

depths = [0, 5, 10, 15, 20, 24, 26, 27, 28, 29, 30]


@torch.inference_mode()
def stream_at(depths, ids):
    """SmolLM2's stream, in your model, at these depths: (depths, texts, T, width)."""
    states = mine.stream(ids)
    return torch.stack([states[depth] for depth in depths])


learn_stream, held_stream = (stream_at(depths, ids[:, :-1]) for ids in (learn_ids, held_ids))


# %%
def exam(logits, ids):
    """Confidence, the guess, whether it is right, and the mean loss: every second token."""
    log_probs = logits.log_softmax(dim=-1)
    confidence, guess = log_probs.exp().max(dim=-1)
    came = ids[:, 1::2]
    loss = next_token_loss(log_probs, came)
    return confidence.flatten(), guess.flatten(), (guess == came).flatten(), loss


with torch.inference_mode():
    exams = {
        "newborn, random tokens": exam(newborn(random_ids[:, :-1])[:, ::2], random_ids),
        "newborn, real text": exam(newborn(held_ids[:, :-1])[:, ::2], held_ids),
        "SmolLM2, the same text": exam(
            mine.head(mine.final_norm(held_stream[-1, :, ::2])), held_ids
        ),
    }
print(f"{'':24}{'loss':>6}{'confidence':>12}{'accuracy':>10}{'ECE':>9}")
for name, (sure, _, right, nats) in exams.items():
    ece, share = cal.expected_calibration_error(sure, right), right.double().mean()
    print(f"{name:24}{nats:>6.1f}{sure.mean():>12.1g}{share:>10.2f}{ece:>9.1g}")

# %%
sure, _, _, loss = exams["newborn, random tokens"]
expect("loss on random tokens minus ln V", loss - math.log(V), 0.020, within=0.01)
expect("confidence on random tokens, in units of 1/V", sure.mean() * V, 2.2, within=0.2)

newborn_sure, newborn_guess, newborn_right, newborn_loss = exams["newborn, real text"]
smol_sure, _, smol_right, smol_loss = exams["SmolLM2, the same text"]
guess.resolve(newborn_right.double().mean().item() > 100 / V)


def ece_difference(sure_1, right_1, sure_2, right_2):
    first = cal.expected_calibration_error(sure_1, right_1)
    return cal.expected_calibration_error(sure_2, right_2) - first


columns = (newborn_sure, newborn_right, smol_sure, smol_right)
groups = text_of.repeat_interleave(48)  # tokens of one text belong together
more = cal.bootstrap_interval(ece_difference, *columns, groups=groups, method="t")
expect("ECE of SmolLM2 minus that of the newborn", more.estimate, 0.02, within=0.01)
print(f"  95 % interval over texts: {more.low:+.2f} to {more.high:+.2f}")
expect("nats a token that SmolLM2 knows more", newborn_loss - smol_loss, 7.5, within=0.2)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Calibrated, and useless
#
# On random tokens we know the truth without asking the data: any guess is right with probability
# $1/V$. The newborn claims twice that (the largest of 49,152 nearly equal numbers is always above
# their mean), so it is off by about 0.00002. On real text its ECE is no larger than that of a model
# that writes English, and its loss is three times as large. **Calibration is not knowledge.** A
# forecaster needs both, and the loss, which asks for both, says what is missing.
#
# Yet on real text the newborn is right far more often than chance. Knowledge, from random weights?

# %%
echo = newborn_guess == held_ids[:, :-1:2].flatten()  # it repeats the token it has just read
print(f"its guess is the token it has just read: {echo.double().mean():.1f} of the time")
right_by_echo = (newborn_right & echo).sum() / newborn_right.sum()
expect("share of its right answers that are repetitions", right_by_echo, at_least=0.9)

# %% [markdown]
# No knowledge: an echo. The head is the embedding (tied weights), and the stream still holds the
# embedding of the token just read, so that token scores a little higher than others. Text has runs
# of spaces and dashes, and there the echo is right by luck.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Inside a trained model: the stream grows
#
# Now SmolLM2, whose stream your model hands out. **Predict first.** Each block reads a normalised
# copy and adds its answer. In notebook 03 all tokens looked at the first one: is its vector
# special?

# %%
my_probability = ...
guess = predict(
    "giant-first-token",
    "Somewhere in the stream the first token's vector is over 100 times as long as the others'.",
    my_probability,
)

# %%
ids = lm.tokenizer(passages["prose"], return_tensors="pt").input_ids
with torch.inference_mode():
    length = torch.stack(mine.stream(ids))[:, 0].norm(dim=-1)  # (31, T)
others = length[:, 1:].median(dim=1).values
plots.show(
    figures.lines_against_depth(
        range(31),
        {"first token": length[:, 0].tolist(), "median of the others": others.tolist()},
        "length of the vector",
        "The residual stream of SmolLM2",
        log=True,
    )
)

# %%
ratio = length[:, 0] / others
guess.resolve(ratio.max().item() > 100)
expect("median length after the embedding", others[0], 2.7, within=0.3)
expect("median length after block 28, in hundreds", others[28] / 100, 6.7, within=0.5)
expect("first token over median, after block 12", ratio[12], 178, 15)
expect("after block 21", ratio[21], 94, 8)
expect("after block 28", ratio[28], 34, 4)
expect("after the last block", ratio[30], 6, 1)

# %% [markdown]
# For the typical token the sum grows from block to block: each has a louder sum to speak against.
# But adding need not make longer. The **first token** shows it: what blocks 9 and 10 add to it
# points the other way, and takes most of its 670 back. Block 12 makes it a giant, 178 times as long
# as the others. Its length then stays where it is while the others catch up: the ratio is below a
# hundred from block 21 on and 34 after block 28, and the last two blocks take most of it back. That
# is the other side of the attention sink of notebook 03, where weight is parked (Sun et al. 2024
# call these *massive activations*). Another sentence gives the same picture: try one.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## How a guess forms, layer by layer
#
# All layers write into the same stream. So we may ask at any depth: *if the model stopped here,
# what would it say?* Put the final norm and the head on the stream after each block. This is known
# as the **logit lens** (nostalgebraist 2020).


# %%
def logit_lens(states):
    """What the final norm and head would say of states (..., width): log-probabilities (..., V)."""
    return mine.head(mine.final_norm(states)).log_softmax(dim=-1)


ids = lm.tokenizer("The capital of France is", return_tensors="pt").input_ids
with torch.inference_mode():
    france = stream_at(depths, ids)[:, 0]  # (depths, 5 tokens, width)
    log_probs, best = logit_lens(france).max(dim=-1)


def table(best, probs, title):
    """Draw the best guess at each depth and token."""
    words = [[lm.tokenizer.decode([i]) for i in row] for row in best.tolist()]
    return figures.guess_table(
        [lm.tokenizer.decode([i]) for i in ids[0]], depths, words, probs, title
    )


plots.show(table(best, log_probs.exp(), "SmolLM2, read at every depth through its own head"))

# %%
with torch.inference_mode():
    final, logits = logit_lens(france[-1, -1]).exp(), lm.model(ids).logits[0, -1]
expect(
    "after the last block, lens against model", (final - logits.softmax(-1)).abs().max(), 0, 1e-4
)
expect("probability of ' Paris'", final.max(), 0.77, within=0.02)

# %% [markdown]
# Read it from the bottom. At depth 0 the echo again: nearly every token guesses itself. Then a long
# stretch of spaces and punctuation. That *capital* goes on with *of* is clear by block 20; *Paris*
# wins only after the very last block.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Does the model grow surer with depth?
#
# **Predict first.** One prompt shows little. We read the texts that we kept for measuring, and
# compare how sure the lens is with how often it is right.

# %%
my_probability = ...
guess = predict(
    "surer-with-depth",
    "The lens is surer after the last block than halfway, after block 15.",
    my_probability,
)

# %%
states, came = held_stream[:, :, 5::6].flatten(1, 2), held_ids[:, 6::6].flatten()
piece = text_of.repeat_interleave(16)
final = logit_lens(states[-1])


def read(log_probs):
    """How sure a lens is, whether it is right, its loss, and its KL from the model's own answer."""
    confidence, best = log_probs.exp().max(dim=-1)
    nats = -log_probs.gather(-1, came[:, None])[:, 0]
    kl = (final.exp() * (final - log_probs)).sum(dim=-1)
    return torch.stack((confidence, (best == came).float(), nats, kl))


shown = {depth: states[depths.index(depth)] for depth in (0, 15, 24, 27, 29, 30)}
logit = torch.stack([read(logit_lens(at_depth)) for at_depth in shown.values()])  # (6, 4, tokens)

# %%
sure, right, nats, _ = logit.mean(dim=-1).T.tolist()
guess.resolve(sure[-1] > sure[1])
lines = {"mean confidence of the lens": sure, "how often it is right": right}
plots.show(
    figures.lines_against_depth(
        list(shown), lines, "probability, or share of tokens", "Sure long before it is right"
    )
)

# %%
print("nats a token:", "  ".join(f"{depth}: {x:.0f}" for depth, x in zip(shown, nats, strict=True)))
expect("confidence after block 15", sure[1], 0.67, within=0.03)
expect("accuracy after block 15", right[1], 0.067, within=0.03)
expect("nats after block 15", nats[1], 20, within=2)

# %% [markdown]
# The opposite of what one would think. Halfway the lens is surer than at the end, and hardly ever
# right; its loss there is worse than that of the newborn ($\ln V = 10.8$). Does the middle of the
# model know so little, and is so sure of it? Or is it the *lens*? Training judged only what comes
# out at the end. In between, the stream holds notes for later blocks, which the head was never
# meant to read.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### A translator for each depth
#
# So learn to read the notes. For each depth we fit one affine map from the stream there to what the
# head will be given at the end, $h \mapsto A h + b$, on the texts for learning, and measure it
# on the others. Belrose et al. (2023) train such maps by gradient descent on the KL divergence, and
# call it the **tuned lens**; we take the map with the least squared error (Yom Din et al. 2024),
# which needs one line of algebra and no steps. (A little ridge keeps it from learning 4,000 tokens
# by heart.)


# %%
def translator(x, y, ridge=0.1):
    """The affine map with the least squared error from x (N, d) to y (N, d), as a function."""
    mean, spread = x.mean(dim=0), x.std(dim=0)
    X, Y = (x - mean) / spread, y - y.mean(dim=0)
    A = torch.linalg.solve(X.T @ X + ridge * len(X) * torch.eye(X.shape[1]), X.T @ Y)
    return lambda h: (h - mean) / spread @ A + y.mean(dim=0)


with torch.inference_mode():
    notes = learn_stream[:, :, 1:].flatten(1, 2)  # (depths, tokens, width); no first tokens
    end = mine.final_norm(notes[-1])
    translate = {depth: translator(notes[i], end) for i, depth in enumerate(depths)}
    translate[30] = mine.final_norm  # after the last block there is nothing to translate


def tuned_lens(states, depth):
    """What the head says of states translated from this depth: log-probabilities (..., V)."""
    return mine.head(translate[depth](states)).log_softmax(dim=-1)


print(f"{len(end):,} tokens to learn from, {len(came)} to measure on")

# %% [markdown]
# **Predict first.** KL is how many nats a token are lost by reading here instead of at the end; in
# brackets stands its 95 % interval over texts.

# %%
my_probability = ...
guess = predict(
    "translated-middle",
    "On other texts, the translator of block 15 loses less than a fifth of what the logit lens loses.",
    my_probability,
)

# %%
tuned = torch.stack([read(tuned_lens(at_depth, depth)) for depth, at_depth in shown.items()])
lost = {}
for name, lens in (("logit lens", logit), ("translator", tuned)):
    for depth, (_, _, _, kl) in zip(shown, lens, strict=True):
        found = cal.bootstrap_interval(torch.mean, kl, groups=piece, method="t")
        lost[name, depth] = found.estimate
        if depth < 30:
            print(f"block {depth:2}, {name:10} KL {found.estimate:5.1f}", end=" ")
            print(f"[{found.low:.1f}, {found.high:.1f}]")
guess.resolve(lost["translator", 15] < lost["logit lens", 15] / 5)

# %%
expect("KL of the logit lens, block 15", lost["logit lens", 15], 16.5, within=1)
expect("KL of the translator, block 15", lost["translator", 15], 2.2, within=0.3)
expect("KL of the translator, block 29", lost["translator", 29], 0.25, within=0.05)

mixed = end[torch.randperm(len(end), generator=torch.Generator().manual_seed(0))]
translate["shuffled"] = translator(notes[depths.index(15)], mixed)  # ends of other tokens
blind = read(tuned_lens(shown[15], "shuffled"))[3].mean()
expect("the same, fitted on shuffled tokens, block 15", blind, 5.1, within=0.5)

# %%
measured = {"logit lens, sure": logit[:, 0], "translator, sure": tuned[:, 0]}
measured |= {"logit lens, right": logit[:, 1], "translator, right": tuned[:, 1]}
plots.show(
    figures.lines_against_depth(
        list(shown),
        {name: values.mean(dim=-1).tolist() for name, values in measured.items()},
        "mean confidence, or share right",
        "The same stream, two readings",
    )
)

# %%
gap = cal.bootstrap_interval(torch.mean, tuned[1, 0] - tuned[1, 1], groups=piece, method="t")
expect("translator of block 15: confidence minus share right", gap.estimate, 0.07, within=0.03)
expect("lower end of its 95 % interval", gap.low, at_least=0)

# %%
read_out = torch.stack([tuned_lens(x, depth) for x, depth in zip(france, depths, strict=True)])
log_probs, best = read_out.max(dim=-1)
plots.show(table(best, log_probs.exp(), "SmolLM2, read at every depth by a translator"))
by_depth = dict(zip(depths, read_out[:, -1].exp(), strict=True))
paris = lm.tokenizer(" Paris").input_ids[0]
expect("probability of ' Paris' after block 26, translated", by_depth[26][paris], 0.29, 0.05)

# %% [markdown]
# The same stream, another reading. At every depth shown here the translator loses a sixth or less
# of what the logit lens loses, and it turns the story round: read by it, the model
# grows surer with depth, and righter. Sure and wrong halfway was the lens, not the model. After
# this prompt *Paris* leads from block 26 on; of six other capitals that we asked for, three lead no
# earlier than before. The control says who knows what: fitted on shuffled tokens, where there is
# nothing to learn but what is common, the same map loses 5 nats.
#
# Two limits. A translator shows what can be read from the stream by an affine map, not what the
# model uses. And it is too sure itself, by 0.07 after block 15. Keep it in mind for Part II: **a
# number between 0 and 1 is not a forecast until somebody has held it to the outcomes.**

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 7: what the lens shows

# %%
exercises.which_lens.ask()
exercises.which_lens.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Try it: build a model that you can afford
#
# Run the next cell. Which slider moves the parameters but not the shares? Which one moves nothing?
# Make the vocabulary 256,000 and the width 256: what have you built? (The static figure stands
# above, under "Counting the work".)

# %% tags=["nbval-ignore-output"]

widget.size_explorer({"parameters": parameter_parts, "FLOPs, 1,024 tokens": flop_parts})

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you learned
#
# - A block is attention and an MLP; each reads a normalised copy of the residual stream and adds to
#   it. In a GPT, tokens exchange information in attention and nowhere else.
# - Your few dozen lines are GPT-2: the same weights, the same logits. With four parts exchanged
#   they are a Llama, and with SmolLM2's weights they are SmolLM2.
# - A model with one wrong part may load, run and write English. Compare logits.
# - Without the additions the tokens of a deep network become alike, and the weights that decide
#   where to look lose their gradient. Those of the MLP keep theirs: look at more than one.
# - Parameters and operations follow from four numbers by formula, to the last digit; heads do not
#   count, and two thirds of a block are MLP.
# - A newborn GPT knows nothing, and on the same text its ECE was no larger than that of a trained
#   one.
# - Through its own head, the middle of a trained one is very sure and wrong. Read by a translator
#   that was fitted on other texts, it is neither: the lens decides what you see.
#
# ## Common misconceptions
#
# - *"A transformer is mostly attention."* By parameters it is mostly MLP.
# - *"Each layer turns one representation into the next."* It adds to a stream that all share.
# - *"More heads, more parameters."* They share the width; the count stays the same.
# - *"A gated MLP is larger."* At $8/3$ of the width it has the weights of one of four times it.
# - *"Without residual connections the gradient vanishes."* Which one? With norms the MLP's did not;
#   that of queries did, and with it the difference between tokens.
# - *"It loads, it runs, it writes English: so it is right."* So did three wrong ones.
# - *"The model is sure of itself halfway up."* The logit lens is; a translator reads the opposite.
#
# ## Further reading
#
# - A. Vaswani et al., *Attention is all you need*, NeurIPS 2017.
# - A. Radford et al., *Language models are unsupervised multitask learners*, OpenAI 2019 (GPT-2).
# - J. L. Ba, J. R. Kiros, G. E. Hinton, *Layer normalization*, arXiv:1607.06450, 2016.
# - D. Hendrycks, K. Gimpel, *Gaussian error linear units (GELUs)*, arXiv:1606.08415, 2016.
# - R. Xiong et al., *On layer normalization in the transformer architecture*, ICML 2020 (pre-norm
#   against post-norm).
# - Y. Dong, J.-B. Cordonnier, A. Loukas, *Attention is not all you need: pure attention loses rank
#   doubly exponentially with depth*, ICML 2021.
# - L. Noci et al., *Signal propagation in transformers: theoretical perspectives and the role of
#   rank collapse*, NeurIPS 2022.
# - J. Kaplan et al., *Scaling laws for neural language models*, arXiv:2001.08361, 2020.
# - T. B. Brown et al., *Language models are few-shot learners*, NeurIPS 2020 (GPT-3).
# - H. Touvron et al., *LLaMA: open and efficient foundation language models*, arXiv:2302.13971,
#   2023.
# - B. Zhang, R. Sennrich, *Root mean square layer normalization*, NeurIPS
#   2019.
# - N. Shazeer, *GLU variants improve transformer*, arXiv:2002.05202, 2020.
# - J. Ainslie et al., *GQA: training generalized multi-query transformer models from multi-head
#   checkpoints*, EMNLP 2023.
# - J. Su et al., *RoFormer: enhanced transformer with rotary position embedding*,
#   arXiv:2104.09864, 2021.
# - M. Sun, X. Chen, J. Z. Kolter, Z. Liu, *Massive activations in large language models*, COLM
#   2024.
# - nostalgebraist, *Interpreting GPT: the logit lens*, LessWrong 2020.
# - N. Belrose et al., *Eliciting latent predictions from transformers with the tuned lens*,
#   arXiv:2303.08112, 2023.
# - A. Yom Din et al., *Jump to conclusions: short-cutting transformers with linear
#   transformations*, LREC-COLING 2024.

# %% tags=["nbval-ignore-output"]
from coursekit.chapters import progress

progress()

# %% [markdown]
# **Next:** our GPT knows nothing yet. Maximum likelihood teaches it:
# [05 Maximum likelihood](05_maximum_likelihood.ipynb).
