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
# end that turns numbers into probabilities. Here you put them together. The result is GPT-2, in
# about a hundred lines: with the same weights it gives the same logits as the well-known library.
#
# **You will be able to**
# - build a transformer block from its four pieces and check it against the package;
# - say what the residual stream is for, by taking it away and measuring what breaks;
# - count a GPT's parameters and floating-point operations by formula, to the last digit;
# - carry weights between two implementations, and avoid the error that gives no error message;
# - look inside a model layer by layer, and know what such a look does not show.
#
# **Time:** about 75 minutes; all cells together run in about a minute on two processor cores.
#
# **On the map:** Part I, a language model from scratch. Before it: self-attention. After it: how
# the weights are learned, by maximum likelihood.

# %%
import inspect
import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from transformers import GPT2Config, GPT2LMHeadModel

# %%
from coursekit import calibration as cal, expect, llm, plots, predict
from coursekit.chapters.transformer import exercises, figures, widget
from coursekit.data import dataset_descriptions, reference_documents
from coursekit.lm import (
    GPT,
    Block,
    CausalSelfAttention,
    GPTConfig,
    forward_flops,
    next_token_loss,
    parameter_count,
)

lm = llm.load()

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
# ## Fully connected layers: each token thinks alone
#
# Between two rounds of attention, every token goes through two *fully connected* layers
# (全连接层), together called the **MLP** (multi-layer perceptron):
#
# $$\mathrm{MLP}(x) = W_2 \, \mathrm{GELU}(W_1 x + b_1) + b_2.$$
#
# $x$ has $d$ numbers (the *width*), $W_1$ makes $4d$ of them, $W_2$ goes back to $d$. "Fully
# connected" means: every input number has a weight to every output number. Every token meets the
# same weights, and none sees its neighbours.
#
# **Predict first.** Replace the `...` by a probability from 0 to 1, or leave it.

# %%
my_probability = ...
guess = predict(
    "mlp-neighbours",
    "Changing the third of six tokens leaves the MLP's output for the fourth as it was.",
    my_probability,
)

# %%
torch.manual_seed(0)
d = 16
mlp = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(approximate="tanh"), nn.Linear(4 * d, d))
x = torch.randn(1, 6, d)  # (batch, tokens, width)
changed = x.clone()
changed[0, 2] = torch.randn(d)  # another vector for the third token

with torch.no_grad():
    moved = (mlp(changed) - mlp(x)).abs().amax(dim=-1)[0]
guess.resolve(bool(moved[3] < 1e-6))
print("outputs that moved, counted from 0:", [t for t in range(6) if moved[t] > 1e-6])

# %% [markdown]
# Only the third token's own output moved. Attention is where tokens talk; the MLP is where each
# works on what it has heard.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### GELU, a soft gate
#
# Without something that bends in the middle, $W_2 W_1$ would be just one matrix. The older choice
# is ReLU, $\max(0, x)$. GPT-2 takes the **GELU**: $x$ times the probability $\Phi(x)$ that a
# standard normal number is below $x$, computed by an approximation with tanh. Does it matter?

# %%
grid = torch.linspace(-4, 4, 801)
phi = 0.5 * (1 + torch.erf(grid / math.sqrt(2)))
exact, approximate = grid * phi, F.gelu(grid, approximate="tanh")

ax = figures.activation_curves(grid, {"GELU": exact, "ReLU": F.relu(grid)}, "Two ways to bend")
plots.show(
    ax,
    alt="Curves of GELU and ReLU from -4 to 4. ReLU is zero, then the diagonal, with a kink at "
    "zero; GELU is smooth and dips slightly below zero near -0.75.",
)

# %%
expect("our GELU against torch's", (exact - F.gelu(grid)).abs().max(), 0, within=1e-6)
expect("largest error of the approximation", (exact - approximate).abs().max(), 4.7e-4, within=5e-5)

# %% [markdown]
# Small, yet it adds up over layers: to carry GPT-2's weights over exactly, we need its own version.

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
norm = nn.LayerNorm(d)  # gain 1 and bias 0 at birth
with torch.no_grad():
    normed = norm(x)
    louder = norm(100 * x + 7)
print("mean and variance of each token, over its coordinates:")
print("  before", [f"{m:+.1f}, {v:.1f}" for m, v in zip(x[0].mean(-1), x[0].var(-1), strict=True)])
expect("largest mean after it", normed.mean(-1).abs().max(), 0, within=1e-6)
expect("largest variance after it", normed.var(-1, correction=0).max(), 1, within=1e-3)
expect("change when the input is 100 x + 7", (louder - normed).abs().max(), 0, within=1e-3)

# %% [markdown]
# Volume and offset are gone, only the direction is left.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 1: layer norm by hand
#
# `x` has one token in each row. Over which axis?


# %%
def my_layer_norm(x, gain, bias, eps=1e-5):
    """Return the rows of x (T, d) normalised, times gain (d,), plus bias (d,)."""
    ...


exercises.layer_norm.check(my_layer_norm)

# %% [markdown]
# Stuck? Run `exercises.layer_norm.hint()`, and in the end `.solution()`.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The block
#
# Now the four pieces: two norms, attention (from notebook 03) and the MLP. The vector of a token on
# its way through the network is called the **residual stream**. No layer replaces it. Each *reads*
# a normalised copy, and *adds* its answer:
#
# $$x' = x + \mathrm{Attention}(\mathrm{LN}_1(x)), \qquad
# x'' = x' + \mathrm{MLP}(\mathrm{LN}_2(x')).$$


# %%
class MyBlock(nn.Module):
    def __init__(self, config):
        super().__init__()
        d = config.width
        self.attention_norm = nn.LayerNorm(d)
        self.attention = CausalSelfAttention(d, config.n_heads, config.context)
        self.mlp_norm = nn.LayerNorm(d)
        self.mlp = nn.Sequential(
            nn.Linear(d, 4 * d), nn.GELU(approximate="tanh"), nn.Linear(4 * d, d)
        )

    def forward(self, x, cache=None):
        x = x + self.attention(self.attention_norm(x), cache)
        return x + self.mlp(self.mlp_norm(x))


# %% [markdown]
# **Check:** the package's block has the same names, so it can take our weights. All of them are
# moved a little at random first: at birth biases are 0 and gains 1, and a block that forgot them
# would pass.

# %%
small = GPTConfig(vocab_size=50, context=8, width=16, n_layers=2, n_heads=4)
ours, packaged = MyBlock(small), Block(small)
with torch.no_grad():
    for parameter in ours.parameters():
        parameter.add_(0.1 * torch.randn(parameter.shape))
    packaged.load_state_dict(ours.state_dict())
    expect("largest difference", (ours(x) - packaged(x)).abs().max(), 0, within=1e-6)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 2: the wiring
#
# Five parts, two lines, and surprisingly many ways to get it wrong.


# %%
def my_block(x, attention, mlp, norm_1, norm_2):
    """Return the stream x (T, d) after one block of GPT-2 (pre-norm)."""
    ...


exercises.block_forward.check(my_block)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What is the residual stream for?
#
# Take it away and see. Three kinds of block: ours; the same without the two additions; and one that
# has neither additions nor norms.


# %%
class NoResidual(MyBlock):
    def forward(self, x, cache=None):
        x = self.attention(self.attention_norm(x))
        return self.mlp(self.mlp_norm(x))


class Bare(MyBlock):
    def forward(self, x, cache=None):
        return self.mlp(self.attention(x))


def network(block, n_layers):
    """A small GPT of such blocks, on 8 tokens of vocabulary; PyTorch's usual initial weights."""
    torch.manual_seed(0)
    gpt = GPT(GPTConfig(vocab_size=8, context=8, width=64, n_layers=n_layers, n_heads=4))
    gpt.blocks = nn.ModuleList(block(gpt.config) for _ in range(n_layers))
    return gpt


def look_two_back(generator):
    """32 random sequences, and the target of notebook 02: the token two places back."""
    ids = torch.randint(8, (32, 8), generator=generator)
    targets = ids.roll(2, dims=1)
    targets[:, :2] = -100  # nothing stands two places before the first two
    return ids, targets


# %% [markdown] slideshow={"slide_type": "slide"}
# **Predict first.** The textbook says: without residual connections the gradient dies on its way
# down, and the first layers learn nothing. We measure it in the first block's weights.

# %%
my_probability = ...
guess = predict(
    "gradients-without-residuals",
    "Eight blocks deep, removing the additions (but not the norms) makes the gradient in the first "
    "block at least ten times smaller.",
    my_probability,
)

# %%
kinds = {"our block": MyBlock, "no additions": NoResidual, "no additions, no norms": Bare}
depths = [1, 2, 4, 8, 16]
gradient = {name: [] for name in kinds}
apart = {name: [] for name in kinds}

for name, block in kinds.items():
    for depth in depths:
        gpt = network(block, depth)
        ids, targets = look_two_back(torch.Generator().manual_seed(1))
        last = []  # what reaches the final norm: the stream at the end
        gpt.final_norm.register_forward_pre_hook(
            lambda _, inputs, last=last: last.append(inputs[0])
        )
        next_token_loss(gpt(ids), targets).backward()
        gradient[name].append(gpt.blocks[0].mlp[0].weight.grad.norm().item())
        centred = F.layer_norm(last[0].detach(), (64,))
        apart[name].append((centred[:, 7] - centred[:, 5]).norm(dim=-1).mean().item())

guess.resolve(gradient["no additions"][3] < gradient["our block"][3] / 10)

# %%
ax = figures.lines_against_depth(
    depths,
    gradient,
    "norm of the gradient,\nfirst block",
    "Gradients at the start of training",
    xlabel="number of blocks",
    log=True,
)
plots.show(
    ax,
    alt="Norm of the gradient in the first block against the number of blocks, logarithmic. Our "
    "block and the one without additions stay near 0.1 to 0.3; with neither additions nor norms "
    "the gradient falls by nearly twenty orders of magnitude by 16 blocks.",
)

# %% [markdown]
# With neither, the gradient dies just as the textbook says. But here **the norms alone keep it
# alive**. Then are the additions needed at all? Train the two for a moment.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Alive, and yet?
#
# **Predict first:** 100 steps of training, chance is $\ln 8 = 2.08$ nats.

# %%
my_probability = ...
guess = predict(
    "training-without-residuals",
    "With eight blocks and no additions, the loss is still above 2.",
    my_probability,
)


# %%
def train(block, n_layers, steps=100):
    """Loss over 100 steps of training on the look-two-back task; chance is ln 8 = 2.08."""
    gpt, generator = network(block, n_layers), torch.Generator().manual_seed(1)
    optimizer = torch.optim.AdamW(gpt.parameters(), lr=2e-3)
    losses = []
    for _ in range(steps):
        ids, targets = look_two_back(generator)
        loss = next_token_loss(gpt(ids), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


for name, block in (("our block", MyBlock), ("no additions", NoResidual)):
    for n_layers in (2, 8):
        last_loss = train(block, n_layers)[-1]
        print(f"{name:13} {n_layers} blocks: last loss {last_loss:.1f}")
guess.resolve(last_loss > 2)

# %% [markdown]
# Two blocks learn it either way. With eight, only the block with its additions does; the other
# stays at chance, although its gradient was no smaller. Something else has died.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### What died is the difference between tokens
#
# Attention makes averages. Average averages again and again, and all tokens become alike, unless
# each keeps its own vector and only *adds* the average. Here is how far the last token is from the
# last but two, at the end of the stream, after normalising both.

# %%
ax = figures.lines_against_depth(
    depths,
    {name: apart[name] for name in ("our block", "no additions")},
    "distance between two tokens",
    "Without the additions all tokens become one",
    xlabel="number of blocks",
    log=True,
)
plots.show(
    ax,
    alt="Distance between two tokens' normalised vectors at the end of the stream, against the "
    "number of blocks, logarithmic. With additions it stays above 1; without, it falls below a "
    "hundredth at 16 blocks.",
)

# %%
expect("eight blocks, with additions", apart["our block"][3], at_least=1)
expect("eight blocks, without", apart["no additions"][3], at_most=0.1)

# %% [markdown]
# Without additions, next to nothing is left of the sentence after eight blocks: every place holds
# nearly the same vector. Dong et al. (2021) prove that attention alone loses all differences
# between tokens, and fast, and that the additions prevent it. **The residual stream remembers who
# everyone is.**

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The whole GPT, read section by section
#
# Embeddings at the bottom, a stack of blocks, a norm and a head at the top. We do not write it
# again, we read the package's. First the parts:

# %%
print(inspect.getsource(GPT.__init__))

# %% [markdown]
# One line deserves a second look: `self.head.weight = self.token_embedding.weight`. The matrix that
# turned ids into vectors turns vectors back into scores (*tied weights*). The logit of a token is
# the dot product of the stream with that token's own embedding.
#
# **Predict first:** take a text in which no cat occurs, and change the embedding of *cat*. With tied
# weights, the score of *cat* as the next word moves. And with a head of its own?

# %%
my_probability = ...
guess = predict(
    "tied-embedding",
    "With a head of its own, the score of cat moves, too.",
    my_probability,
)


# %%
def score_moves(tied):
    """Whether the score of token 7 moves with its embedding, in a text without token 7."""
    gpt = GPT(GPTConfig(50, 8, 16, n_layers=2, n_heads=4, tie_weights=tied))
    ids = torch.tensor([[1, 2, 3]])
    with torch.no_grad():
        before = gpt(ids)[0, -1, 7].item()
        gpt.token_embedding.weight[7] += torch.arange(16)
        return gpt(ids)[0, -1, 7].item() != before


print(f"moves with tied weights: {score_moves(True)}, without: {score_moves(False)}")
guess.resolve(score_moves(False))

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The start

# %%
print(inspect.getsource(GPT._initialise))

# %% [markdown]
# Small random matrices; gains 1, biases 0. The two matrices that write into the stream are made
# smaller by $\sqrt{2L}$: $2L$ random terms are added up ($L$ is the number of blocks), and the
# variance of their sum should not grow with depth.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The way through

# %%
print(inspect.getsource(GPT.forward).split('"""')[2])  # without its docstring

# %%
sections = (Block, GPT.__init__, GPT._initialise, GPT.forward)
n_lines = sum(len(inspect.getsource(section).splitlines()) for section in sections)
expect("lines of the model, docstrings and all", n_lines, at_most=100)

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


gpt2 = GPTConfig(vocab_size=50257, context=1024, width=768, n_layers=12, n_heads=12)
for part, count in parameter_parts(gpt2).items():
    print(f"{part:10} {count:>12,}")
print(f"{'total':10} {sum(parameter_parts(gpt2).values()):>12,}")

# %% [markdown]
# **Predict first.** GPT-2 small has 12 heads of width 64. Give it 24 heads of width 32 instead.

# %%
my_probability = ...
guess = predict(
    "more-heads-more-parameters", "With 24 heads it has more parameters.", my_probability
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Check: count what is there
#
# On PyTorch's *meta* device tensors have a shape and no numbers, so even a large model costs no
# memory. We count the parameters of our GPT and of the library's, which was written by others.


# %%
def n_parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


with torch.device("meta"):
    ours = GPT(gpt2)
    many_heads = GPT(GPTConfig(50257, 1024, 768, 12, n_heads=24))
    theirs = GPT2LMHeadModel(GPT2Config())

guess.resolve(n_parameters(many_heads) > n_parameters(ours))
formula = sum(parameter_parts(gpt2).values())
expect("our GPT against the formula", n_parameters(ours) - formula, 0)
expect("the library's GPT-2 against the formula", n_parameters(theirs) - formula, 0)
expect("GPT-2 small has", n_parameters(theirs), 124_439_808)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### GPT-2's four sizes, from the formula

# %%
shapes = {
    "small": (768, 12, 12),
    "medium": (1024, 24, 16),
    "large": (1280, 36, 20),
    "xl": (1600, 48, 25),
}
family = {name: GPTConfig(50257, 1024, *shape) for name, shape in shapes.items()}

print(f"{'':8}{'width':>6}{'blocks':>8}{'heads':>7}{'parameters':>15}{'a file, 4 bytes each':>23}")
for name, config in family.items():
    count = parameter_count(config)
    print(
        f"{name:8}{config.width:>6}{config.n_layers:>8}{config.n_heads:>7}{count:>15,}"
        f"{4 * count / 1e9:>20.1f} GB"
    )
    expect(f"{name}, by parts", sum(parameter_parts(config).values()) - count, 0)

# %%
with torch.device("meta"):
    largest = GPT2LMHeadModel(GPT2Config(n_embd=1600, n_layer=48, n_head=25))
expect("GPT-2 xl of the library", n_parameters(largest) - parameter_count(family["xl"]), 0)

# %% [markdown]
# The table in GPT-2's own paper says 117 M and 345 M for the first two. They do not follow from the
# shapes it gives; the published files hold what the formula says. Count for yourself.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Where they go

# %%
bars = {
    f"{name}, {parameter_count(c) / 1e6:.0f} M": parameter_parts(c) for name, c in family.items()
}
ax = plots.stacked_shares(bars, "share of the parameters", "GPT-2: where the parameters are")
plots.show(
    ax,
    alt="Stacked bars of the four GPT-2 sizes. The share of the token embedding falls from 31 % to "
    "5 %, the MLP's grows from 46 % to 63 %, attention's from 23 % to 32 %.",
)

# %% [markdown]
# In every size the MLPs hold twice as much as attention. "Attention is all you need" was a good
# title; two thirds of a block are fully connected layers. And in the smallest model almost a third
# of everything is the vocabulary.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 3: the whole count, in one formula


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


# PyTorch can count, too; it does not see into the fused attention kernels, so we switch them off.
ids = torch.zeros(1, 1024, dtype=torch.long, device="meta")
with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
    ours(ids)

counted = counter.get_total_flops()
expect("PyTorch's count against ours", counted - sum(flop_parts(gpt2).values()), 0)
expect("and the package's formula", counted - forward_flops(gpt2, 1024), 0)
expect("GPT-2 small reads 1,024 tokens with, in TFLOP", counted / 1e12, 0.292, within=0.001)

# %%
bars = {"parameters": parameter_parts(gpt2), "FLOPs, 1,024 tokens": flop_parts(gpt2)}
ax = plots.stacked_shares(bars, "share of the total", "GPT-2 small: what it holds, what it does")
plots.show(
    ax,
    alt="Two stacked bars for GPT-2 small. Parameters: tokens 31 %, MLP 46 %, attention 23 %. "
    "Floating-point operations: tokens 27 %, attention 33 %, MLP 40 %.",
)

# %% [markdown]
# Looking up an embedding multiplies nothing, so "tokens" here is the head. Attention's share is
# larger than in the parameters: comparing all pairs of tokens takes work but no weights.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 4: the work, in one formula


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
# parameters on $D$ tokens costs about $6 N D$ (Kaplan et al. 2020). First the factor 3:

# %%
with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
    next_token_loss(ours(ids), ids).backward()
expect("training over reading", counter.get_total_flops() / forward_flops(gpt2, 1024), 3, 0.001)

# %% [markdown] slideshow={"slide_type": "fragment"}
# Then the rule, for several models and lengths: exact operations over $6ND$. Where will it fail?

# %%
my_probability = ...
guess = predict(
    "six-n-d",
    "For GPT-2 small reading 8,192 tokens at once, 6 N D is off by more than 20 %.",
    my_probability,
)

# %%
tiny = GPTConfig(vocab_size=1000, context=16_384, width=64, n_layers=4, n_heads=4)
models = {"tiny": tiny} | family
lengths = (128, 1024, 8192)
print(f"{'tokens at once':14}" + "".join(f"{length:>9,}" for length in lengths))
for name, config in models.items():
    # N without the positions: looked up and added, they cost no matrix product at any length
    N = parameter_count(config) - parameter_parts(config)["positions"]
    ratios = [3 * forward_flops(config, T) / (6 * N * T) for T in lengths]
    print(f"{name:14}" + "".join(f"{ratio:>9.2f}" for ratio in ratios))
small_at_8192 = 3 * forward_flops(gpt2, 8192) / (6 * (parameter_count(gpt2) - 1024 * 768) * 8192)
guess.resolve(abs(small_at_8192 - 1) > 0.2)

# %% [markdown]
# A 1.00 would be the rule exactly. For GPT-2 up to its own 1,024 tokens it is right within 15 %. It
# is off where tokens are many and the model narrow: comparing pairs, $T^2 d$, is not in $6ND$, and
# that work, over the work of the blocks' weights, is $T / (6d)$.
#
# GPT-3 has 174.6 billion parameters and read 300 billion tokens. Its paper states
# $3.14 \cdot 10^{23}$ operations of training (Brown et al. 2020, table D.1):

# %%
expect("6 N D for GPT-3", 6 * 174.6e9 * 300e9 / 1e23, 3.14, within=0.01)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Is it really GPT-2?
#
# The proof of an implementation is another one. We make a GPT-2 of the `transformers` library with
# random weights (moving every parameter, biases and gains too), carry the weights into ours, and
# compare the logits. Then back.

# %%
torch.manual_seed(0)
theirs = GPT2LMHeadModel(
    GPT2Config(
        vocab_size=300,
        n_positions=32,
        n_embd=48,
        n_layer=3,
        n_head=6,
        bos_token_id=None,
        eos_token_id=None,
    )
).eval()
with torch.no_grad():
    for parameter in theirs.parameters():
        parameter.add_(0.1 * torch.randn(parameter.shape))

ours = GPT.from_transformers(theirs)
back = ours.to_transformers()
ids = torch.randint(300, (4, 32))
with torch.no_grad():
    expect("ours against theirs", (ours(ids) - theirs(ids).logits).abs().max(), 0, within=1e-5)
    expect("and back", (back(ids).logits - theirs(ids).logits).abs().max(), 0, within=1e-5)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The real GPT-2
#
# Its weights are half a gigabyte, so this cell fetches nothing unless you ask it to. Set
# `fetch = True` where the Hugging Face hub can be reached.

# %% tags=["nbval-ignore-output"]
fetch = False

try:
    real = llm.load("gpt2") if fetch else None
except llm.ModelUnavailableError:
    real = None
if real is not None:
    ids = real.tokenizer("The capital of France is", return_tensors="pt").input_ids.to(real.device)
    with torch.no_grad():
        difference = (GPT.from_transformers(real.model)(ids) - real.model(ids).logits).abs().max()
    expect("ours against the real GPT-2", difference, 0, within=1e-3)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The error without an error message
#
# GPT-2's files store a weight as (in, out), `nn.Linear` as (out, in). Forget to transpose and most
# matrices do not fit, which is lucky. But attention's `c_proj` is *square*.
#
# **Predict first.** We load that one matrix per block the wrong way round.

# %%
my_probability = ...
guess = predict("silent-transpose", "PyTorch raises an error.", my_probability)

# %%
wrong = GPT.from_transformers(theirs)
ids = torch.randint(300, (4, 32), generator=torch.Generator().manual_seed(0))
raised = False
try:
    state = wrong.state_dict()
    for i in range(3):
        state[f"blocks.{i}.attention.projection.weight"] = theirs.transformer.h[
            i
        ].attn.c_proj.weight.detach()
    wrong.load_state_dict(state)
except RuntimeError:
    raised = True
guess.resolve(raised)
with torch.no_grad():
    difference = (wrong(ids) - theirs(ids).logits).abs().max()
expect("largest difference of the logits", difference, at_least=0.1)

# %% [markdown]
# It loads, it runs, it even writes fluent nonsense. Only the comparison of numbers catches it.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 5: carry a matrix over
#
# GPT-2 makes queries, keys and values with one matrix `c_attn`, stored as $(d, 3d)$: first all
# columns of the queries, then those of the keys, then the values'.


# %%
def my_query_weight(weight):
    """Return W (d, d) so that x @ W.T are the queries; weight (d, 3d) is c_attn's."""
    ...


exercises.query_weight.check(my_query_weight)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A newborn GPT: is it calibrated?
#
# Before any training a GPT knows nothing, and says so: every token gets about $1/V$. Its loss is
# about $\ln V$, that of an even guess. We give it SmolLM2's 49,152 tokens and two exams: random
# tokens, where nobody *can* know more, and real text.
#
# For a first taste of Part II: a model is **calibrated** if what it says with confidence $p$ comes
# true in a share $p$ of cases. The *expected calibration error*, ECE, is the average distance
# between the two; 0 is perfect.

# %%
V = len(lm.tokenizer)
newborn = GPT(
    GPTConfig(V, context=64, width=64, n_layers=4, n_heads=4), torch.Generator().manual_seed(0)
)
documents = [d.text for d in reference_documents(stable=True) + dataset_descriptions()]
real_text, _ = llm.token_windows(lm, documents, context=64, per_text=1)
real_text = real_text[:40]
random_tokens = torch.randint(V, real_text.shape, generator=torch.Generator().manual_seed(1))


def exam(ids):
    """Confidence, correct, mean loss, and whether the newborn repeats the token it just read."""
    with torch.no_grad():
        log_probs = newborn(ids[:, :-1]).log_softmax(dim=-1)
    confidence, guess = log_probs.exp().max(dim=-1)
    loss = next_token_loss(log_probs, ids[:, 1:])
    correct, echo = guess == ids[:, 1:], guess == ids[:, :-1]
    return confidence.flatten(), correct.flatten(), loss, echo.flatten()


# %% [markdown]
# **Predict first.** Chance gives one right answer in 49,152.

# %%
my_probability = ...
guess = predict(
    "newborn-on-text",
    "On real text the newborn is right at least a hundred times as often as chance.",
    my_probability,
)

# %%
confidence, correct, loss, echo = exam(random_tokens)
text_confidence, text_correct, text_loss, text_echo = exam(real_text)
guess.resolve(text_correct.double().mean().item() > 100 / V)

print(f"{'':16}{'loss':>7}{'confidence':>13}{'accuracy':>11}{'ECE':>10}")
for name, ids in {"random tokens": random_tokens, "real text": real_text}.items():
    sure, right, nats, _ = exam(ids)
    ece = cal.expected_calibration_error(sure, right)
    share = right.double().mean()
    print(f"{name:16}{nats:>7.1f}{sure.mean():>13.0e}{share:>11.2f}{ece:>10.0e}")

# %%
expect("loss on random tokens minus ln V", loss - math.log(V), 0.014, within=0.006)
expect("loss on real text minus ln V", text_loss - math.log(V), 0, within=0.05)
expect("confidence on random tokens, in units of 1/V", confidence.mean() * V, 2.2, within=0.2)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Calibrated, and useless
#
# On random tokens we know the truth without asking the data: any guess is right with probability
# $1/V$. The newborn claims twice that (the largest of 49,152 nearly equal numbers is always above
# their mean), so it is off by about 0.00002. SmolLM2, in notebook 11, is off by a thousand times as
# much, and writes English. **Calibration is not knowledge.** A forecaster needs both, and the loss,
# which asks for both, says what is missing.
#
# On real text the newborn is right far more often than chance. Knowledge, from random weights?

# %%
repeated = (real_text[:, 1:] == real_text[:, :-1]).double().mean()
right_by_echo = (text_correct & text_echo).sum() / text_correct.sum()
print(f"its guess is the token it has just read: {text_echo.double().mean():.1f} of the time")
print(f"a token of the text repeats the one before it: {repeated:.2f} of the time")
expect("share of its right answers that are repetitions", right_by_echo, at_least=0.9)

# %% [markdown]
# No: an echo. The head is the embedding (tied weights), and the stream still holds the embedding of
# the token just read, so that token scores a little higher than others. Text has runs of spaces and
# dashes, and there the echo is right by luck.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Inside a trained model: the stream grows
#
# SmolLM2 has 30 blocks of the same plan. (Details differ: it normalises by the root mean square
# without subtracting the mean, its positions are rotary, its MLP has a gate.) We read its stream
# after the embedding and after each block, before the last norm.
#
# **Predict first.** Each block reads a normalised copy and adds its answer. In notebook 03 all
# tokens looked at the first one. Is its vector special?

# %%
my_probability = ...
guess = predict(
    "giant-first-token",
    "Somewhere in the stream the first token's vector is over 100 times as long as the others'.",
    my_probability,
)


# %%
def residual_stream(ids):
    """The stream of texts (B, T), after the embedding and each block: (31, B, T, width)."""
    last = []
    hook = lm.model.model.norm.register_forward_pre_hook(lambda _, inputs: last.append(inputs[0]))
    with torch.inference_mode():
        states = lm.model(ids.to(lm.device), output_hidden_states=True).hidden_states
    hook.remove()
    return torch.stack([*states[:-1], last[0]])  # the library gives the last one normalised


sentence = "The cat sat on the mat because it was tired, and the dog looked at it."
ids = lm.tokenizer(sentence, return_tensors="pt").input_ids
length = residual_stream(ids)[:, 0].norm(dim=-1).cpu()  # (31, T)

ax = figures.lines_against_depth(
    range(31),
    {
        "first token": length[:, 0].tolist(),
        "median of the others": length[:, 1:].median(1).values.tolist(),
    },
    "length of the vector",
    "The residual stream of SmolLM2",
    log=True,
)
plots.show(
    ax,
    alt="Length of the residual stream's vectors after each of 30 blocks, logarithmic. The median "
    "token grows steadily from 3 to several hundred. The first token reaches 700 after block 3, is "
    "back with the others after block 10, jumps to 22,000 after block 12 and falls at the end.",
)

# %%
guess.resolve((length[:, 0] / length[:, 1:].median(1).values).max().item() > 100)
expect("median length after the embedding", length[0, 1:].median(), 2.7, within=0.3)
expect("median length after block 28, in hundreds", length[28, 1:].median() / 100, 6.7, within=0.5)
expect("first token over median, after block 12", length[12, 0] / length[12, 1:].median(), 178, 15)

# %% [markdown]
# The stream only adds, so it grows: each block has a louder sum to speak against. And the **first
# token** is a giant from block 12 on, more than a hundred times as long as the others. That is the
# other side of the attention sink of notebook 03, where weight is parked. One block writes it, and
# the last two take most of it back (Sun et al. 2024 call these *massive activations*).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## How a guess forms, layer by layer
#
# All layers write into the same stream. So we may ask at any depth: *if the model stopped here,
# what would it say?* Put the final norm and the head on the stream after each block. This is known
# as the **logit lens** (nostalgebraist 2020).


# %%
def lens(stream):
    """What the final norm and head would say of a stream (..., width): probabilities (..., V)."""
    with torch.inference_mode():
        return lm.model.lm_head(lm.model.model.norm(stream)).softmax(dim=-1).cpu()


prompt = "The capital of France is"
ids = lm.tokenizer(prompt, return_tensors="pt").input_ids
shown = [0, 5, 10, 15, 20, 24, 26, 27, 28, 29, 30]
probs, best = lens(residual_stream(ids)[shown, 0]).max(dim=-1)
guesses = [[lm.tokenizer.decode([i]) for i in row] for row in best.tolist()]

ax = figures.guess_table(
    [lm.tokenizer.decode([i]) for i in ids[0]],
    shown,
    guesses,
    probs,
    "SmolLM2, read at every depth",
)
plots.show(
    ax,
    alt="Table of the best next token after selected blocks, for each token of 'The capital of "
    "France is'. At the bottom nearly every token predicts itself; then come spaces and "
    "punctuation; ' of' after ' capital' stands from block 20 on, ' Paris' after ' is' only in the "
    "last row, on top.",
)

# %%
final = lens(residual_stream(ids)[30, 0, -1])
with torch.inference_mode():
    logits = lm.model(ids.to(lm.device)).logits[0, -1].cpu()
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
# **Predict first.** One prompt shows little. We read 13 pieces of documentation at eleven depths,
# and compare how sure the lens is with how often it is right.

# %%
my_probability = ...
guess = predict(
    "surer-with-depth",
    "The lens is surer after the last block than halfway, after block 15.",
    my_probability,
)

# %%
windows, _ = llm.token_windows(
    lm, [text for text in documents if len(text) > 1400], context=96, per_text=1
)
windows = windows[:13]
stream = residual_stream(windows[:, :-1])[:, :, ::4]  # every fourth token will do
came = windows[:, 1::4]

depths = list(range(0, 31, 3))
sure, right, nll = [], [], []
for depth in depths:
    probs = lens(stream[depth])
    confidence, best = probs.max(dim=-1)
    sure.append(confidence.mean().item())
    right.append((best == came).double().mean().item())
    nll.append(-probs.gather(-1, came[..., None]).clamp_min(1e-30).log().mean().item())
guess.resolve(sure[-1] > sure[5])

# %%
ax = figures.lines_against_depth(
    depths,
    {"mean confidence of the lens": sure, "how often it is right": right},
    "probability, or fraction of tokens",
    "Sure long before it is right",
)
plots.show(
    ax,
    alt="Mean confidence and accuracy of the logit lens after each third block of SmolLM2. "
    "Confidence starts near 1, stays around 0.6 to 0.7 and falls to 0.45 at the end; accuracy "
    "stays near 0.05 until block 18 and then climbs to 0.4, where the two meet.",
)

# %%
print("nats a token:", "  ".join(f"{depth}: {x:.0f}" for depth, x in zip(depths, nll, strict=True)))
expect("confidence after block 15", sure[5], 0.66, within=0.05)
expect("accuracy after block 15", right[5], 0.06, within=0.04)
expect("confidence minus accuracy at the end", sure[-1] - right[-1], 0.04, within=0.05)

# %% [markdown]
# The opposite of what one would think. Halfway the lens is surer than at the end, and hardly ever
# right; its loss there is worse than that of the newborn ($\ln V = 10.8$). The last blocks make it
# *more accurate and less sure*, and only at the very end do the two lines meet.
#
# Nothing is wrong with the middle. Training judged only what comes out at the end, so only there do
# the probabilities have a reason to be honest. In between, the stream holds notes for later blocks,
# which the head was never meant to read. (Belrose et al. 2023 train a translator for each depth,
# the *tuned lens*, and read much more.) Keep it in mind for Part II: **a number between 0 and 1 is
# not a forecast until somebody has held it to the outcomes.**

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 6: what the lens shows

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
# - Without the additions it was not the gradient that died, as long as norms were there, but the
#   difference between tokens.
# - Parameters and operations follow from four numbers by formula, to the last digit; heads do not
#   count, and two thirds of a block are MLP.
# - Our hundred lines are GPT-2: the same weights, the same logits, both ways.
# - A newborn GPT is nearly calibrated and knows nothing. The middle of a trained one is very sure
#   and wrong. Calibration is a property of forecasts, and comes from being held to outcomes.
#
# ## Common misconceptions
#
# - *"A transformer is mostly attention."* By parameters it is mostly MLP.
# - *"Each layer turns one representation into the next."* It adds to a stream that all share.
# - *"More heads, more parameters."* They share the width; the count stays the same.
# - *"Residual connections are there for the gradient."* With norms the gradient lived without them;
#   the tokens did not.
# - *"It loads, so it is right."* A square matrix loads either way round. Compare logits.
# - *"The model knows it halfway up, and grows surer."* Read through its own head, this one knows
#   little halfway up, and grows less sure.
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
# - J. Kaplan et al., *Scaling laws for neural language models*, arXiv:2001.08361, 2020.
# - T. B. Brown et al., *Language models are few-shot learners*, NeurIPS 2020 (GPT-3).
# - M. Sun, X. Chen, J. Z. Kolter, Z. Liu, *Massive activations in large language models*, COLM
#   2024.
# - nostalgebraist, *Interpreting GPT: the logit lens*, LessWrong 2020.
# - N. Belrose et al., *Eliciting latent predictions from transformers with the tuned lens*,
#   arXiv:2303.08112, 2023.

# %% tags=["nbval-ignore-output"]
from coursekit.chapters import progress

progress()

# %% [markdown]
# **Next:** our GPT knows nothing yet. Maximum likelihood teaches it:
# [05 Maximum likelihood](05_maximum_likelihood.ipynb).
