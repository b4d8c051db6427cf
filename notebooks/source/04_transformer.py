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
# about 300 lines, comments and all: with the same weights it gives the same logits as the
# well-known library.
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
    causal_mask,
    forward_flops,
    next_token_loss,
    parameter_count,
    scaled_dot_product_attention,
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
# Between two rounds of attention, every token goes through two *fully connected* layers,
# together called the **MLP** (multi-layer perceptron):
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

plots.show(
    figures.activation_curves(grid, {"GELU": exact, "ReLU": F.relu(grid)}, "Two ways to bend")
)

# %%
expect("our GELU against torch's", (exact - F.gelu(grid)).abs().max(), 0, within=1e-6)
expect("largest error of the approximation", (exact - approximate).abs().max(), 4.7e-4, within=5e-5)

# %% [markdown]
# Small, yet the logits show it: to carry GPT-2's weights over exactly, we need its own version.

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
# Take it away and see. A block has two additions, one around attention and one around the MLP. We
# keep both, one of them, or none; the norms stay.


# %%
class Rewired(MyBlock):
    around_attention = around_mlp = True  # keep this addition?

    def forward(self, x, cache=None):
        x = self.around_attention * x + self.attention(self.attention_norm(x), cache)
        return self.around_mlp * x + self.mlp(self.mlp_norm(x))


class OnlyAroundAttention(Rewired):
    around_mlp = False


class OnlyAroundMLP(Rewired):
    around_attention = False


class NoAdditions(Rewired):
    around_attention = around_mlp = False


class Bare(MyBlock):  # no norms, either
    def forward(self, x, cache=None):
        return self.mlp(self.attention(x))


# %%
def network(block, n_layers, seed):
    """A small GPT of such blocks, on 8 tokens of vocabulary; PyTorch's usual initial weights."""
    torch.manual_seed(seed)
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
# down, and the first layers learn nothing. We measure it before training, in five networks with
# different random weights, and begin with the largest matrix: the first block's MLP.

# %%
my_probability = ...
guess = predict(
    "gradients-without-residuals",
    "Eight blocks deep, removing the additions (but not the norms) makes the gradient in the first "
    "block's MLP at least ten times smaller.",
    my_probability,
)

# %%
wirings = {
    "both additions": Rewired,
    "only around attention": OnlyAroundAttention,
    "only around the MLP": OnlyAroundMLP,
    "no additions": NoAdditions,
}
depths, seeds = [1, 2, 4, 8, 16], range(5)


def at_birth(block, n_layers, seed):
    """Gradients of the first MLP and of the first and last queries and keys; two tokens apart."""
    gpt, end = network(block, n_layers, seed), []
    ids, targets = look_two_back(torch.Generator().manual_seed(seed + 1))
    gpt.final_norm.register_forward_pre_hook(lambda _, inputs: end.append(inputs[0].detach()))
    next_token_loss(gpt(ids), targets).backward()
    mlp = gpt.blocks[0].mlp[0].weight.grad.norm()
    first, last = (gpt.blocks[i].attention.qkv.weight.grad[:128].norm() for i in (0, -1))
    normed = F.layer_norm(end[0], (64,))  # the stream, as the head will see it
    return torch.stack((mlp, first, last, (normed[:, 7] - normed[:, 5]).norm(dim=-1).mean()))


newborns = {
    name: torch.stack([torch.stack([at_birth(block, n, seed) for n in depths]) for seed in seeds])
    for name, block in wirings.items()
}  # each (5 seeds, 5 depths, 4 quantities)
with_, without = newborns["both additions"], newborns["no additions"]
guess.resolve(bool((without[:, 3, 0] < with_[:, 3, 0] / 10).all()))

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Which gradient?
#
# The MLP's gradient is as large without the additions as with them. Is the textbook wrong, then?
# Before we say so: that was *one* matrix. Here are two kinds of weights in the same block.

# %%
plots.show(
    figures.seeds_against_depth(
        depths,
        {
            "MLP, both additions": with_[..., 0],
            "MLP, no additions": without[..., 0],
            "queries and keys, both": with_[..., 1],
            "queries and keys, none": without[..., 1],
        },
        "norm of the gradient,\nfirst block",
        "Gradients at the start of training",
    )
)

# %%
less, most = (with_ / without).amin(dim=0), (with_ / without).amax(dim=0)  # over five seeds
print("Gradient with both additions over gradient with none")
expect("MLP of the first, 8 blocks, most of five seeds", most[3, 0], at_most=2)
expect("queries and keys of the first, 8 blocks, least", less[3, 1], at_least=5)
expect("queries and keys of the last, 8 blocks, least", less[3, 2], at_least=20)
expect("MLP of the first, 16 blocks, most", most[4, 0], at_most=10)
expect("queries and keys of the first, 16 blocks, least", less[4, 1], at_least=1000)
expect("queries and keys of the last, 16 blocks, least", less[4, 2], at_least=50_000)

# %% [markdown]
# So one gradient lives and another dies, and which of the two we report decides the story. Without
# additions, the weights that decide **where to look** all but lose their gradient, the more the
# deeper the network, while the MLP's stays. Noci et al. (2022) derive it for transformers before
# training. (It is the norms that keep the MLP's gradient alive. Without them, and with these
# initial weights, it dies as in the textbook:)

# %%
bare = torch.stack([at_birth(Bare, 16, seed)[0] for seed in seeds])
expect("no additions, no norms, 16 blocks: MLP's gradient, most", bare.max(), at_most=1e-10)

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
expect("both additions, least of five seeds", apart["both additions"].min(), at_least=1)
expect("only around attention, least", apart["only around attention"].min(), at_least=0.15)
expect("only around the MLP, most", apart["only around the MLP"].max(), at_most=0.15)
expect("no additions, most", apart["no additions"].max(), at_most=0.25)
ratio = (apart["only around the MLP"] / apart["no additions"]).log().mean().exp()
expect("addition around the MLP alone over none", ratio, at_most=1.5)

# %% [markdown]
# It is the averaging: the addition around the MLP alone helps far less than the one around
# attention, and only both together hold the tokens apart. Dong et al. (2021) prove that
# attention alone loses all differences between tokens, and fast.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Alike tokens, no gradient
#
# What has that to do with queries and keys? If all tokens are the same, it makes no difference
# where a token looks. We give one attention layer tokens that differ less and less.

# %%
torch.manual_seed(0)
attention = CausalSelfAttention(64, n_heads=4, context=8)
common, own, wanted = torch.randn(1, 1, 64), torch.randn(1, 8, 64), torch.randn(1, 8, 64)
norms = {}
for share in (1, 0.1, 0.01, 0):
    attention.zero_grad()
    (attention(common + share * own) * wanted).sum().backward()
    gradient = attention.qkv.weight.grad
    norms[share] = gradient[:128].norm(), gradient[128:].norm()
    queries_keys, values = norms[share]
    print(f"differences times {share:4}: values {values:3.0f}, queries and keys ", end="")
    print(f"{queries_keys:.0g}" if share else "(rounding errors)")
expect("a tenth of the differences: gradient over", norms[0.1][0] / norms[0.01][0], 100, within=5)
expect("no differences: queries and keys over values", norms[0][0] / norms[0][1], 0, within=1e-6)

# %% [markdown]
# Ten times more alike, a hundred times less gradient, and none at all for equal tokens; the values
# do not notice. That is what the last block of the deep networks meets. (In the first block the
# tokens still differ, and its gradient falls less.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Does it matter for learning?
#
# **Predict first:** 100 steps of training, chance is $\ln 8 = 2.08$ nats.

# %%
my_probability = ...
guess = predict(
    "training-without-residuals",
    "With eight blocks and no additions, the loss is still above 2 in each of three runs.",
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


runs = [("both additions", 2), ("no additions", 2)] + [(name, 8) for name in wirings]
trained = {run: [train(wirings[run[0]], run[1], seed) for seed in range(3)] for run in runs}
for (name, n_layers), losses in trained.items():
    print(f"{n_layers} blocks, {name:22} loss of three seeds", [f"{loss:.1f}" for loss in losses])
guess.resolve(min(trained["no additions", 8]) > 2)

# %%
learned = [max(trained[name, 2]) for name in ("both additions", "no additions")]
expect("two blocks, either way, largest loss", max(learned), at_most=0.1)
expect("eight blocks, both additions, largest loss", max(trained["both additions", 8]), at_most=0.1)
others = [min(trained[name, 8]) for name in wirings if name != "both additions"]
expect("eight blocks, any other wiring, smallest loss", min(others), at_least=1.95)

# %% [markdown]
# Two blocks learn it either way. With eight, only the network with both additions does, in all
# three runs; the others stay at chance. (We tried 300 steps, too: the network with the addition
# around attention began to learn in one run of three, down to 1.9.) Tokens alike, queries and keys
# without gradient, no learning: the three appear together. **The residual stream remembers who
# everyone is**, and lets attention learn where to look.

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
# **Predict first:** take a text in which no cat occurs, and change the embedding of *cat*. With
# tied weights, the score of *cat* as the next word moves. And with a head of its own?

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
sections = {
    "configuration": [GPTConfig],
    "block": [Block],
    "GPT": [GPT.__init__, GPT._initialise, GPT.forward],
    "attention": [CausalSelfAttention, scaled_dot_product_attention, causal_mask],
}
n_lines = {
    name: sum(len(inspect.getsource(part).splitlines()) for part in parts)
    for name, parts in sections.items()
}
print(n_lines)
expect("lines of the model, docstrings and all", sum(n_lines.values()), at_most=330)

# %% [markdown]
# Attention, from notebook 03, is the longest part. What the package adds is left out: the checks of
# the input, the cache of notebook 06, and the exchange of weights.

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
plots.show(plots.stacked_shares(bars, "share of the parameters", "GPT-2: where the parameters are"))

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
plots.show(
    plots.stacked_shares(bars, "share of the total", "GPT-2 small: what it holds, what it does")
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
# It loads, and it runs. Only the comparison of numbers catches it.

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
random_tokens = torch.randint(V, real_text.shape, generator=torch.Generator().manual_seed(1))
text_of = torch.arange(len(real_text)).repeat_interleave(64)  # tokens of one text belong together


def exam(logits, ids):
    """Confidence, the guess, whether it is right (all B T), and the mean loss."""
    log_probs = logits.log_softmax(dim=-1).cpu()
    confidence, guess = log_probs.exp().max(dim=-1)
    right = guess == ids[:, 1:]
    loss = next_token_loss(log_probs, ids[:, 1:])
    return confidence.flatten(), guess.flatten(), right.flatten(), loss


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
with torch.inference_mode():
    exams = {
        "newborn, random tokens": exam(newborn(random_tokens[:, :-1]), random_tokens),
        "newborn, real text": exam(newborn(real_text[:, :-1]), real_text),
        "SmolLM2, the same text": exam(lm.model(real_text[:, :-1].to(lm.device)).logits, real_text),
    }
random_sure, _, _, random_loss = exams["newborn, random tokens"]
newborn_sure, newborn_guess, newborn_right, newborn_loss = exams["newborn, real text"]
guess.resolve(newborn_right.double().mean().item() > 100 / V)

print(f"{'':24}{'loss':>6}{'confidence':>12}{'accuracy':>10}{'ECE':>9}")
for name, (sure, _, right, nats) in exams.items():
    ece = cal.expected_calibration_error(sure, right)
    share = right.double().mean()
    print(f"{name:24}{nats:>6.1f}{sure.mean():>12.1g}{share:>10.2f}{ece:>9.1g}")

# %%
expect("loss on random tokens minus ln V", random_loss - math.log(V), 0.020, within=0.004)
expect("loss on real text minus ln V", newborn_loss - math.log(V), -0.015, within=0.004)
expect("confidence on random tokens, in units of 1/V", random_sure.mean() * V, 2.2, within=0.2)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Calibrated, and useless
#
# On random tokens we know the truth without asking the data: any guess is right with probability
# $1/V$. The newborn claims twice that (the largest of 49,152 nearly equal numbers is always above
# their mean), so it is off by about 0.00002.
#
# But that was on tokens of which nothing can be known. The fair comparison is on the **same text**,
# where the newborn is under-confident and SmolLM2 over-confident. Whose ECE is larger?

# %%
_, _, smol_right, smol_loss = exams["SmolLM2, the same text"]
smol_sure = exams["SmolLM2, the same text"][0]


def ece_difference(sure_1, right_1, sure_2, right_2):
    first = cal.expected_calibration_error(sure_1, right_1)
    return cal.expected_calibration_error(sure_2, right_2) - first


columns = (newborn_sure, newborn_right, smol_sure, smol_right)
more = cal.bootstrap_interval(ece_difference, *columns, groups=text_of)
for name, sure, right in (("newborn", *columns[:2]), ("SmolLM2", *columns[2:])):
    gap = cal.bootstrap_interval(cal.gap, sure, right, groups=text_of)
    print(
        f"{name}: confidence minus accuracy {gap.estimate:+.2f} [{gap.low:+.2f}, {gap.high:+.2f}]"
    )
expect("ECE of SmolLM2 minus that of the newborn", more.estimate, 0.016, within=0.004)
expect("lower end of its 95 % interval over texts", more.low, at_least=0)
expect("nats a token that SmolLM2 knows more", newborn_loss - smol_loss, 7.3, within=0.1)

# %% [markdown]
# On these 38 short pieces the newborn's ECE is even a little *smaller* than that of a model that
# writes English, and its loss is three times as large. **Calibration is not knowledge.** A
# forecaster needs both, and the loss, which asks for both, says what is missing.
#
# On real text the newborn is right far more often than chance. Knowledge, from random weights?

# %%
echo = newborn_guess == real_text[:, :-1].flatten()  # it repeats the token it has just read
repeated = (real_text[:, 1:] == real_text[:, :-1]).double().mean()
print(f"its guess is the token it has just read: {echo.double().mean():.1f} of the time")
print(f"a token of the text repeats the one before it: {repeated:.2f} of the time")
right_by_echo = (newborn_right & echo).sum() / newborn_right.sum()
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

plots.show(
    figures.lines_against_depth(
        range(31),
        {
            "first token": length[:, 0].tolist(),
            "median of the others": length[:, 1:].median(1).values.tolist(),
        },
        "length of the vector",
        "The residual stream of SmolLM2",
        log=True,
    )
)

# %%
guess.resolve((length[:, 0] / length[:, 1:].median(1).values).max().item() > 100)
expect("median length after the embedding", length[0, 1:].median(), 2.7, within=0.3)
expect("median length after block 28, in hundreds", length[28, 1:].median() / 100, 6.7, within=0.5)
ratio = length[:, 0] / length[:, 1:].median(1).values
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
def lens(stream):
    """What the final norm and head would say of a stream (..., width): probabilities (..., V)."""
    with torch.inference_mode():
        return lm.model.lm_head(lm.model.model.norm(stream)).softmax(dim=-1).cpu()


prompt = "The capital of France is"
ids = lm.tokenizer(prompt, return_tensors="pt").input_ids
shown = [0, 5, 10, 15, 20, 24, 26, 27, 28, 29, 30]
probs, best = lens(residual_stream(ids)[shown, 0]).max(dim=-1)
guesses = [[lm.tokenizer.decode([i]) for i in row] for row in best.tolist()]

plots.show(
    figures.guess_table(
        [lm.tokenizer.decode([i]) for i in ids[0]],
        shown,
        guesses,
        probs,
        "SmolLM2, read at every depth",
    )
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
# **Predict first.** One prompt shows little. We read 19 pieces of documentation at eleven depths,
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
stream = residual_stream(windows[:, :-1])[:, :, ::4]  # every fourth token will do
came = windows[:, 1::4]

depths = list(range(0, 31, 3))
piece = torch.arange(len(windows)).repeat_interleave(came.shape[1])
sure, right, nll, gap = [], [], [], []
for depth in depths:
    probs = lens(stream[depth])
    confidence, best = (column.flatten() for column in probs.max(dim=-1))
    correct = best == came.flatten()
    sure.append(confidence.mean().item())
    right.append(correct.double().mean().item())
    nll.append(-probs.gather(-1, came[..., None]).clamp_min(1e-30).log().mean().item())
    gap.append(cal.bootstrap_interval(cal.gap, confidence, correct, groups=piece))
guess.resolve(sure[-1] > sure[5])

# %%
plots.show(
    figures.lines_against_depth(
        depths,
        {"mean confidence of the lens": sure, "how often it is right": right},
        "probability, or fraction of tokens",
        "Sure long before it is right",
    )
)

# %%
print("nats a token:", "  ".join(f"{depth}: {x:.0f}" for depth, x in zip(depths, nll, strict=True)))
print("confidence minus accuracy, with a 95 % interval over the 19 pieces:")
for depth, interval in zip(depths[5:], gap[5:], strict=True):
    print(f"  block {depth}: {interval.estimate:.2f} [{interval.low:.2f}, {interval.high:.2f}]")
expect("confidence after block 15", sure[5], 0.65, within=0.03)
expect("accuracy after block 15", right[5], 0.066, within=0.01)
expect("confidence minus accuracy at the end", gap[-1].estimate, 0.079, within=0.015)
expect("lower end of its interval", gap[-1].low, at_least=0.02)

# %% [markdown]
# The opposite of what one would think. Halfway the lens is surer than at the end, and hardly ever
# right; its loss there is worse than that of the newborn ($\ln V = 10.8$). The last blocks make it
# *more accurate and less sure*, and the two lines come near each other only at the very end. They
# do not meet: on these texts SmolLM2's own answer is still too sure, by 0.08, and the interval
# excludes 0. Whether that is so on other texts, notebook 11 will ask.
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
# - Without the additions the tokens of a deep network become alike, and the weights that decide
#   where to look lose their gradient. Those of the MLP keep theirs: look at more than one.
# - Parameters and operations follow from four numbers by formula, to the last digit; heads do not
#   count, and two thirds of a block are MLP.
# - Our few hundred lines are GPT-2: the same weights, the same logits, both ways.
# - A newborn GPT knows nothing, and on the same text its ECE was no larger than that of a trained
#   one. The middle of a trained one is very sure and wrong. A number between 0 and 1 is no forecast
#   until it has been held to outcomes.
#
# ## Common misconceptions
#
# - *"A transformer is mostly attention."* By parameters it is mostly MLP.
# - *"Each layer turns one representation into the next."* It adds to a stream that all share.
# - *"More heads, more parameters."* They share the width; the count stays the same.
# - *"Without residual connections the gradient vanishes."* Which one? With norms the MLP's did not;
#   that of queries and keys did, and with it the difference between tokens.
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
# - L. Noci et al., *Signal propagation in transformers: theoretical perspectives and the role of
#   rank collapse*, NeurIPS 2022.
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
