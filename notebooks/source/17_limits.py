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
# # 17 Limits
#
# Two things are said of every language model: the next one will be better, and this one makes things
# up. How much better, for how much more? And is making things up a fault that training removes? Both
# questions can be *measured* where the truth is known: on a grammar whose entropy we can compute, and
# in a country of invented facts, of which we know what a model has read.
#
# **You will be able to**
# - measure what size and data buy, and say what that costs in operations;
# - say how probable it is that the next sentence tells something new;
# - explain why a speaker who must go on, and is calibrated about rare facts, states falsehoods.
#
# **Time:** about 60 minutes; all cells together run in about two minutes on two processor cores.
#
# **On the map:** Part III, a real LLM. Before it: safety (16). After it: the audit of a model of
# your choice (20).

# %%
import os

import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from coursekit import expect, plots, predict
from coursekit.chapters.limits import exercises, figures
from coursekit.data import fact_language, grammar
from coursekit.lm import (
    GPT,
    GPTConfig,
    TrainingConfig,
    forward_flops,
    next_token_loss,
    parameter_count,
    sequence_logits,
    train,
)

torch.set_num_threads(1)  # small models are fastest so, and two machines agree better
os.environ["ACCELERATE_USE_CPU"] = "true"  # `train` would take a GPU if there is one

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Before you start: three questions
#
# Answer from memory: replace each `...` by a letter in quotes. A wrong answer costs nothing and is
# explained.

# %%
exercises.what_a_threshold_promises.ask()
exercises.what_a_threshold_promises.check(...)

# %%
exercises.what_a_blind_rule_shows.ask()
exercises.what_a_blind_rule_shows.check(...)

# %%
exercises.what_exposure_counts.ask()
exercises.what_exposure_counts.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Compute: what do size and data buy?
#
# Loss falls as models grow and read more. How far can it fall? On real text nobody knows. The grammar
# tells us: its entropy is the **floor**. We train four sizes of GPT on three amounts of fresh text,
# each text read once.

# %%
language = grammar()
test = language.sample(100, seed=999)
truth = language.next_token_probs(test)[:, :-1]
floor = torch.special.entr(truth).sum(dim=-1).mean().item()
text = language.sample(16 * 720, seed=1)
widths, step_counts = (8, 16, 32, 64), (60, 240, 720)
tokens = [16 * 63 * steps for steps in step_counts]


def loss_after(width, steps):
    """Expected loss on the test positions, in nats, of one GPT trained that long."""
    heads = max(1, width // 16)
    shape = GPTConfig(language.vocab_size, 64, width, 1, heads, positions="rotary")
    model = GPT(shape, torch.Generator().manual_seed(0))
    config = TrainingConfig(steps, 16, warmup_steps=steps // 10, evaluate_every=steps)
    train(model, text[: 16 * steps], config, progress=False)
    log_q = sequence_logits(model, test).double().log_softmax(dim=-1)
    return -(truth * log_q).sum(dim=-1).mean().item(), parameter_count(shape)


grid = [[loss_after(width, steps) for steps in step_counts] for width in widths]

# %%
sizes = [row[0][1] for row in grid]
excess = {
    f"{n:,} parameters": [loss - floor for loss, _ in row]
    for n, row in zip(sizes, grid, strict=True)
}
plots.show(
    figures.scaling_curves(
        tokens,
        excess,
        "tokens read",
        "loss above the floor (nats)",
        "Data and size, each with diminishing returns",
    )
)

# %%
small, large = excess[f"{sizes[0]:,} parameters"], excess[f"{sizes[-1]:,} parameters"]
expect("the floor, nats", floor, 1.387, within=0.001)
expect("largest model, most text, nats above it", large[-1], at_most=0.03)
expect("smallest model, most text, nats above it", small[-1], at_least=0.06)
expect(
    "12 times the text: excess of the largest falls by a factor", large[0] / large[-1], at_least=5
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### What it costs
#
# A matrix product multiplies and adds once for each weight and token, and the backward pass costs
# twice that: training takes about $C = 6 N D$ operations for $N$ parameters and $D$ tokens. Check it
# against PyTorch's own counter, for one step of the largest model.

# %%
shape = GPTConfig(language.vocab_size, 64, widths[-1], 1, 4, positions="rotary")
batch = text[:16]
with FlopCounterMode(display=False) as counter:
    next_token_loss(GPT(shape)(batch[:, :-1]), batch[:, 1:]).backward()
counted = counter.get_total_flops()
rule = 6 * parameter_count(shape) * batch[:, 1:].numel()
expect("6 N D over what the counter counts", rule / counted, 0.96, within=0.12)
with_attention = 3 * 16 * forward_flops(shape, 63)
expect("3 x forward_flops over what it counts", with_attention / counted, 1.08, within=0.12)

# %% [markdown]
# The rule holds to within a few percent. It leaves out the products inside attention, which grow with
# the length of the text; so may the counter, where attention is one fused operation.

# %%
compute = {name: [6 * n * d for d in tokens] for name, n in zip(excess, sizes, strict=True)}
plots.show(
    figures.scaling_curves(
        tokens,
        excess,
        "compute, 6 N D (operations)",
        "loss above the floor (nats)",
        "For each budget another size is best",
        own_x=compute,
    )
)

# %% [markdown]
# With little compute a small model that reads much beats a large one that reads little; with more the
# order turns. Choosing size and data together for a budget is what *compute-optimal* means (Hoffmann
# et al. 2022).

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 1: the exponent


# %%
def my_scaling_exponent(sizes, losses, floor):
    """Return b of losses - floor = a * sizes^(-b), by least squares in logs."""
    ...


exercises.scaling_exponent.check(my_scaling_exponent)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Hallucination: why an honest model must err
#
# Kalai and Vempala (2024) proved something uncomfortable: a *calibrated* model must state falsehoods,
# at a rate of at least about the share of facts that its training text told exactly once. Not because
# it is badly trained: because calibration means giving what it has never read the probability it
# deserves, and nobody can know such facts.
#
# The fact language makes this visible. 400 invented countries, each with one of 50 capitals, drawn at
# random: nothing about a name tells its capital. How often each is told follows Zipf's law.

# %%
facts = fact_language(400, n_capitals=50, exponent=1.0)
reading = facts.sample(600, seed=1, length=7)
counts = facts.counts(reading)
print(facts.tokenizer.decode(reading[0]))
for name, of in (
    ("never read", counts == 0),
    ("read once", counts == 1),
    ("more often", counts > 1),
):
    print(
        f"{name}: {of.sum()} facts, told in {facts.fact_probs[of].sum():.2f} of all sentences to come"
    )

# %% [markdown] slideshow={"slide_type": "slide"}
# ### How much is there that you have never read?
#
# Good and Turing: the share of the reading that was told **once** estimates the probability that the
# next sentence tells something **new**. Take each sentence out in turn: it is news exactly if its fact
# was read once.
#
# ### Exercise 2: Good and Turing's estimate


# %%
def my_good_turing(counts):
    """Return the estimate from counts (F,): how often each of F facts was read."""
    ...


exercises.good_turing.check(my_good_turing)

# %%
draws = torch.Generator().manual_seed(0)
print(f"{'Zipf exponent':>14}{'read once / all read':>26}{'truly new':>12}")
for exponent in (0.6, 1.0, 1.4):
    law = fact_language(400, n_capitals=50, exponent=exponent).fact_probs
    drawn = torch.multinomial(law.expand(200, -1), 600, replacement=True, generator=draws)
    n = F.one_hot(drawn, 400).sum(dim=1)  # (200, 400): 200 readings
    once = (n == 1).sum(dim=1).double() / 600
    new = ((n == 0) * law).sum(dim=1)
    low, high = once.quantile(torch.tensor([0.025, 0.975]).double())
    print(f"{exponent:>14}{once.mean():>12.2f} [{low:.2f}, {high:.2f}]{new.mean():>12.2f}")
    expect(
        f"its error, exponent {exponent}, mean of 200 readings",
        (once - new).mean(),
        0,
        within=0.005,
    )

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Two speakers
#
# Two speakers have read the 600 sentences and remember every one.
#
# - **The calibrated one** gives new facts the probability they have, as Good and Turing estimate it.
#   Which capital a new country has, it cannot know: it says one of 50.
# - **The repeater** only repeats what it has read. It is never wrong. And it states that something
#   new has probability 0, which happens in one of seven sentences.

# %%
once = (counts == 1).sum().item() / 600
new = facts.fact_probs[counts == 0].sum().item()
false_calibrated = once * (1 - 1 / 50)
print(
    f"calibrated: says something new {once:.2f}, truly new {new:.2f}, false {false_calibrated:.2f}"
)
print(f"repeater:   says something new {0:.2f}, truly new {new:.2f}, false {0:.2f}")
expect("off by, calibrated", once - new, 0, within=0.03)
expect("off by, repeater", -new, -0.16, within=0.01)

# %% [markdown]
# That is the whole argument. Honest about what is new means saying new things; saying new things about
# arbitrary facts means saying false ones. To be silent is a third way, which a speaker who must go on
# does not have.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### And a GPT?
#
# We train it on the 600 sentences, three times with other readings, and watch. **Predict first:** at
# the end it is asked about countries that it never read about.

# %%
my_probability = ...
guess = predict(
    "sure-of-the-unread",
    "Asked for capitals it never read, the overtrained GPT has a mean confidence above 0.3.",
    my_probability,
)


# %%
def watching(counts):
    """What to record in training: false sentences, and confidence in answers, by exact sums."""
    unread, weight = counts == 0, facts.fact_probs

    def evaluate(model):
        laws = model(facts.prompts).double().softmax(dim=-1)
        country = laws[0, 2, facts.prompts[:, 3]]  # how often it speaks of each country
        truth = laws[:, -1].gather(1, facts.answers[:, None])[:, 0]
        sure, top = laws[:, -1].max(dim=-1)
        right = (top == facts.answers).double()
        return {
            "false": (country * (1 - truth)).sum(),
            "new": country[unread].sum(),
            "confidence": (weight * sure).sum(),
            "accuracy": (weight * right).sum(),
            "confidence, never read": sure[unread].mean(),
            "accuracy, never read": right[unread].mean(),
        }

    return evaluate


# %%
runs = []
fresh = facts.sample(1_000, seed=100, length=7)
for seed in (1, 2, 3):
    reading = facts.sample(600, seed=seed, length=7)
    shape = GPTConfig(facts.vocab_size, context=8, width=64, n_layers=1, n_heads=4)
    model = GPT(shape, torch.Generator().manual_seed(seed))
    runs.append(
        train(
            model,
            reading,
            TrainingConfig(600, evaluate_every=30, seed=seed),
            validation=fresh,
            evaluate=watching(facts.counts(reading)),
            progress=False,
        )
    )


# %%
def column(name):
    """One recorded number of all three runs, (3, 20)."""
    return torch.tensor([run.column(name) for run in runs])


guess.resolve(column("confidence, never read")[:, -1].mean().item() > 0.3)
read = runs[0].column("tokens")
panels = plots.new_axes(14.5, 4.8, ncols=3, sharey=True)
plots.training_curves(
    read,
    {"false": column("false").tolist(), "something new": column("new").tolist()},
    "share, or probability",
    "What it says by itself",
    levels={f"truly new: {new:.2f}": new},
    ax=panels[0],
)
for ax, which, title in (
    (panels[1], "", "Asked: all facts"),
    (panels[2], ", never read", "Asked: facts never read"),
):
    lines = {name: column(name + which).tolist() for name in ("confidence", "accuracy")}
    plots.training_curves(read, lines, "", title, ax=ax)
panels[0].set_ylim(-0.03, 1.25)
plots.show(panels[0])

# %%
best = column("validation_loss").argmin(dim=1)
at_best = column("false")[torch.arange(3), best]
expect("false sentences at the lowest validation loss", at_best.mean(), at_least=0.1)
expect("false sentences at the end", column("false")[:, -1].mean(), at_most=0.06)
expect("what it says of new things at the end", column("new")[:, -1].max(), at_most=0.03)
expect(
    "never read, confidence at the end",
    column("confidence, never read")[:, -1].mean(),
    at_least=0.3,
)
expect(
    "never read, accuracy at the end", column("accuracy, never read")[:, -1].mean(), at_most=0.08
)
outrun = column("confidence")[:, -1] - column("accuracy")[:, -1]
expect("confidence minus accuracy at the end, smallest of three", outrun.min(), at_least=0.02)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The GPT takes the repeater's way: the longer it trains, the fewer falsehoods it tells by itself, and
# the less it admits that there is anything new. The bill comes when somebody *asks*: about countries it
# never read of it answers with confidence, and is right one time in fifty or so.
#
# So this is no test of the theorem, whose premise (calibration) the GPT does not keep. It is the same
# trade seen from the other side: fewer falsehoods, paid for with calibration.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you learned
#
# - On a language whose entropy is known the loss falls toward it, with size and with data, and each
#   helps only as long as the other does not run out.
# - Training costs about six operations a parameter and token, and which size is best depends on the
#   budget.
# - What is told once announces what was never told: Good and Turing's estimate.
# - A calibrated speaker who must go on errs about rare facts. The trained GPT errs less by denying
#   that there is anything new, and is sure when somebody asks.
#
# ## Common misconceptions
#
# - *"A larger model is better."* With little text, or few operations, a smaller one was.
# - *"Hallucination is a bug that better training removes."* More training removed falsehoods here, and
#   made the model surer of what it could not know.
#
# ## Further reading
#
# - J. Kaplan et al., *Scaling laws for neural language models*, arXiv:2001.08361, 2020; J. Hoffmann et
#   al., *Training compute-optimal large language models*, arXiv:2203.15556, 2022.
# - I. J. Good, *The population frequencies of species and the estimation of population parameters*,
#   Biometrika 40, 1953; A. T. Kalai, S. S. Vempala, *Calibrated language models must hallucinate*, STOC
#   2024.
# - G. K. Zipf, *Human behavior and the principle of least effort*, Addison-Wesley 1949.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## And you?

# %% tags=["nbval-ignore-output"]

from coursekit.chapters import progress

plots.my_predictions()
progress()

# %% [markdown]
# **Next:** [20 Audit your model](20_audit_your_model.ipynb), where all of this becomes one command.
