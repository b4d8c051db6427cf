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
# TODO
#
# **You will be able to**
# - fit how loss falls with parameters and data, and say what an unknown floor does to such a fit;
# - explain why a model that is calibrated about rare facts must state falsehoods.
#
# **Time:** about 60 minutes; all cells together run in about two minutes on two processor cores.
#
# **On the map:** Part III, a real LLM. Before it: safety (16). After it: the audit of a model of
# your choice (20).

# %%
import math
import os

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import least_squares
from torch.utils.flop_counter import FlopCounterMode

from coursekit import calibration as cal, expect, plots, predict
from coursekit.chapters.limits import exercises, figures
from coursekit.data import fact_language, grammar
from coursekit.data.passages import FAMOUS, FRESH

# %%
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

threads = torch.get_num_threads()
torch.set_num_threads(1)  # for the small models of the first half; SmolLM2 gets them all back
os.environ["ACCELERATE_USE_CPU"] = "true"  # `train` would take a GPU if there is one

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Before you start: three questions
#
# Answer from memory: replace each `...` by a letter in quotes. A wrong answer costs nothing and is
# explained.

# %%
exercises.what_one_temperature_hides.ask()
exercises.what_one_temperature_hides.check(...)

# %%
exercises.what_the_prior_takes_away.ask()
exercises.what_the_prior_takes_away.check(...)

# %%
exercises.what_refusing_needs.ask()
exercises.what_refusing_needs.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Compute: what do size and data buy?
#
# Loss falls as models grow and read more. How far can it fall? On real text nobody knows. The grammar
# tells us: its entropy is the **floor**. We train four sizes of GPT on three amounts of fresh text,
# each text read once.

# %%
torch.set_num_threads(1)
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
# ### Exercise 5: the exponent


# %%
def my_scaling_exponent(sizes, losses, floor):
    """Return b of losses - floor = a * sizes^(-b), by least squares in logs."""
    ...


exercises.scaling_exponent.check(my_scaling_exponent)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### If nobody tells you the floor
#
# The usual law has five numbers, $L = E + A N^{-\alpha} + B D^{-\beta}$. On real text the floor $E$
# must be fitted too. We can do both, twelve times over, each time without one of the twelve runs.
#
# **Predict first:**

# %%
my_probability = ...
guess = predict(
    "floor-can-be-fitted",
    "Fitted with the floor unknown, all twelve floors lie within 0.05 nats of the true one.",
    my_probability,
)

# %%
points = np.array(
    [
        (n, d, loss)
        for n, row in zip(sizes, grid, strict=True)
        for d, (loss, _) in zip(tokens, row, strict=True)
    ]
)


def fitted(points, floor=None):
    """(log A, alpha, log B, beta, E) of the law; E is the floor, or fitted if that is None."""
    n, d, loss = points.T

    def residual(x):
        above = np.exp(x[0] - x[1] * np.log(n)) + np.exp(x[2] - x[3] * np.log(d))
        if floor is None:
            return np.log(x[4] + above) - np.log(loss)
        return np.log(above) - np.log(loss - floor)

    free = floor is None
    first = [6, 1, 12, 1] + [1.2] * free
    bounds = [-20, 0, -20, 0] + [0] * free, [60, 5, 60, 5] + [loss.min()] * free
    found = least_squares(residual, first, bounds=bounds).x
    return found if free else np.append(found, floor)


# %%
left_out = [np.delete(points, i, axis=0) for i in range(len(points))]
known = np.stack([fitted(some, floor) for some in left_out])
unknown = np.stack([fitted(some) for some in left_out])
guess.resolve(bool((abs(unknown[:, 4] - floor) < 0.05).all()))

rows = {}
for place, name in ((1, "α, of parameters"), (3, "β, of tokens"), (4, "floor E (nats)")):
    for label, table in (("known", known), ("fitted", unknown)):
        x = table[:, place]
        rows[f"{name}: floor {label}"] = cal.Interval(np.median(x), x.min(), x.max(), level=1)
plots.show(
    plots.interval_rows(
        rows,
        "median and range of twelve fits",
        "One run left out, another law",
        row_height=0.45,
    )
)

# %%
expect("range of the fitted floors, nats", np.ptp(unknown[:, 4]), at_least=0.05)
wider = np.ptp(unknown[:, 3]) / np.ptp(known[:, 3])
expect("range of beta, floor fitted over floor known", wider, at_least=1.2)

# %% [markdown]
# Twelve runs agree on the law when they are told where it ends. Left to find out, they do not: a little
# less floor and a little less slope fit as well, and a β may run up to 5, where we stop the search. Read
# published exponents with that in mind: they come with a floor that somebody had to guess.

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
# ### Exercise 6: Good and Turing's estimate


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
# arbitrary facts means saying false ones. To be silent is a third way, which neither a speaker who must
# go on nor a model that must give the next word has.

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
# ## Questions and answers
#
# The article that this course grew from ends with three questions. Here they are again, each with a
# cell that shows the answer.
#
# ### Why do large language models keep getting better?
#
# *"More data, better training, larger models."* Measured above: each helps, as long as the other does
# not run out.

# %%
size_alone = small[-1] / large[-1]
data_alone = (small[1] / small[2], large[1] / large[2])
expect("41 times the parameters, most text: excess falls by a factor", size_alone, at_least=3)
expect("three times the text, largest model: by a factor", data_alone[1], at_least=2)
expect(
    "how much more that is than for the smallest model", data_alone[1] / data_alone[0], at_least=1.1
)

# %% [markdown]
# Size and data both lower the loss, and more data helps the larger model more: the smaller one has
# little room left to put it. Below the floor nobody gets.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Where does the training data come from?
#
# *"From text on the internet."* Then a model must know what everybody quotes. Eight famous passages
# against eight sentences written for this course: how surprised is SmolLM2 by each next token?

# %%
torch.set_num_threads(threads)


def surprise(passage):
    """Mean negative log-likelihood of a passage after its first eight tokens, nats."""
    ids = lm.tokenizer(passage, return_tensors="pt").input_ids.to(lm.device)
    with torch.inference_mode():
        log_probs = lm.model(ids).logits[0, :-1].float().log_softmax(dim=-1)
    return -log_probs.gather(1, ids[0, 1:, None])[8:].mean().item()


famous = torch.tensor([surprise(passage) for passage in FAMOUS.values()])
written = torch.tensor([surprise(passage) for passage in FRESH])
rows = {
    "famous passages (8)": cal.bootstrap_interval(torch.mean, famous),
    "written for this course (8)": cal.bootstrap_interval(torch.mean, written),
}
plots.show(
    plots.interval_rows(
        rows, "surprise (nats a token)", "What everybody quotes, and what nobody has read"
    )
)

# %%
is_famous = torch.arange(16)[None] < 8
p = cal.group_p_values(torch.cat([famous, written]), is_famous)
expect("p-value of the difference", p[0], at_most=0.01)
expect("written minus famous, nats a token", written.mean() - famous.mean(), at_least=1.0)

# %% [markdown]
# It has read them, or texts that quote them; our own sentences may also simply be odder. With a model
# whose data are not published, no more can be said from outside. SmolLM2's are (Ben Allal et al. 2025).

# %% [markdown] slideshow={"slide_type": "slide"}
# ### What are the limits?
#
# *"Compute and storage; bias; leaked training data."* One number for each, and the fourth, which the
# article did not have:

# %%
n_parameters = sum(parameter.numel() for parameter in lm.model.parameters())
operations = 6 * n_parameters * 2e12  # it was trained on two trillion tokens
years = operations / 1e11 / (3600 * 24 * 365)
print(
    f"compute:       {n_parameters / 1e6:.0f} million parameters, {n_parameters * 4 / 1e9:.1f} GB;"
)
print(
    f"               training them: {operations:.1e} operations, {years:.0f} years at 1e11 a second"
)
first_guess = (bits[repetitions == 16] > math.log2(10_000) - 0.01).double().mean()
expect("leaks: PINs written 16 times that are the first guess", first_guess, at_least=0.7)
expect("bias: occupations that shift the pronoun, of 18", clear.sum(), 9, within=3)
unread = column("confidence, never read")[:, -1].mean()
expect("hallucination: confidence about what was never read", unread, 0.5, within=0.2)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Outlook
#
# - *Privacy*: training with differential privacy bounds what any single page can change, at a price in
#   accuracy; deduplication comes first because it costs nothing.
# - *Groups*: a calibrator for each group needs data from each; with ten countries it fits noise. More
#   labelled data for small groups is worth more than a cleverer method.
# - *Silence*: models that may say "I do not know", and are scored so that it pays, leave the dilemma of
#   the two speakers. Calibration is what makes such a score fair.
# - *Scale*: floors, exponents and the next model's loss are extrapolations. Ask for the interval.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you learned
#
# - Exposure turns "does it remember?" into bits, and a control that was never planted stands at 1.44 by
#   construction. Repetition raises it to the maximum; removing copies takes most of it away.
# - A model says its secrets exactly as often as it states them: the leak *is* the probability.
# - Of nine honest comparisons one is "significant" in a third of all cases where nothing differs.
#   Correct for their number, and show the sample sizes.
# - No word is neutral, so a control is several words. Against it, many occupations still shift the
#   pronoun.
# - Loss falls toward the entropy, with diminishing returns of size and of data. Where the floor is not
#   known, a dozen runs cannot tell it.
# - What is told once announces what was never told. A calibrated speaker must err there; the trained
#   GPT errs less by denying that there is anything new.
#
# ## Common misconceptions
#
# - *"It was in the data only once, so it is safe."* It is safer. The mean exposure was still above
#   chance.
# - *"Deduplicated means private."* Only exact copies were removed, and one copy stays.
# - *"The group with the largest gap has the problem."* Some group always has the largest gap, and small
#   groups most easily.
# - *"The probability of 'she' after an occupation should be one half."* No standard was needed: the
#   comparison is with neutral words in the same sentence.
# - *"Hallucination is a bug that better training removes."* More training removed falsehoods here, and
#   made the model surer of what it could not know.
#
# ## Further reading
#
# - N. Carlini, C. Liu, Ú. Erlingsson, J. Kos, D. Song, *The secret sharer*, USENIX Security 2019.
# - K. Lee et al., *Deduplicating training data makes language models better*, ACL 2022; N. Kandpal, E.
#   Wallace, C. Raffel, *Deduplicating training data mitigates privacy risks in language models*, ICML
#   2022.
# - S. Holm, *A simple sequentially rejective multiple test procedure*, Scandinavian Journal of
#   Statistics 6, 1979; Y. Benjamini, Y. Hochberg, *Controlling the false discovery rate*, Journal of the
#   Royal Statistical Society B 57, 1995.
# - R. Rudinger et al., *Gender bias in coreference resolution*, NAACL 2018; J. Zhao et al., *Gender bias
#   in coreference resolution: evaluation and debiasing methods*, NAACL 2018.
# - J. Kaplan et al., *Scaling laws for neural language models*, arXiv:2001.08361, 2020; J. Hoffmann et
#   al., *Training compute-optimal large language models*, arXiv:2203.15556, 2022.
# - I. J. Good, *The population frequencies of species and the estimation of population parameters*,
#   Biometrika 40, 1953; A. T. Kalai, S. S. Vempala, *Calibrated language models must hallucinate*, STOC
#   2024.
# - G. K. Zipf, *Human behavior and the principle of least effort*, Addison-Wesley 1949.
# - M. Abadi et al., *Deep learning with differential privacy*, CCS 2016.
# - L. Ben Allal et al., *SmolLM2: when Smol goes big*, arXiv:2502.02737, 2025.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## And you?

# %% tags=["nbval-ignore-output"]

from coursekit.chapters import progress

plots.my_predictions()
progress()

# %% [markdown]
# **Next:** [20 Audit your model](20_audit_your_model.ipynb), where all of this becomes one command.
