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
# # 18 Training for calibration
#
# A model that has read much is trained again, for a *reward*: a point for a right answer, none for a
# wrong one. It answers better afterwards. What becomes of its confidence? And can a reward be written
# that teaches honesty as well?
#
# On real questions nobody knows the probability that a confidence should have had. Here we do: the
# model forecasts the weather of an invented diary whose true probabilities are known. So we watch, while
# it is trained, how far its words are from the truth. Then we try a real model, on public questions.
#
# **You will be able to**
# - compute the exact policy gradient of an expected reward;
# - say what a reward teaches a model to state, and when it teaches to answer wrongly on purpose;
# - tell the probability of an answer from the confidence stated with it, and measure both;
# - compute the best policy on a leash to the model before, and undo what the leash left over;
# - fine-tune a real model with LoRA, and hold it against one fitted temperature.
#
# **Time:** about 90 minutes; all cells together run in about two and a half minutes on two processor
# cores.
#
# **On the map:** Part III, a real LLM. Before it: limits (17). After it: judges and decisions (19).

# %%
import os

import torch
import torch.nn.functional as F

from coursekit import calibration as cal, expect, llm, plots, predict
from coursekit.chapters.training_for_calibration import exercises, figures, forecaster, tuning
from coursekit.chapters.training_for_calibration.forecaster import examined, practised
from coursekit.lm import expected_reward, regularised_optimum

torch.set_num_threads(1)  # small models are fastest so, and two machines agree better
os.environ["ACCELERATE_USE_CPU"] = "true"  # training would take a GPU if there is one

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Before you start: three questions
#
# Answer from memory: replace each `...` by a letter in quotes. A wrong answer costs nothing and is
# explained.

# %%
exercises.what_a_proper_score_wants.ask()
exercises.what_a_proper_score_wants.check(...)

# %%
exercises.what_a_temperature_keeps.ask()
exercises.what_a_temperature_keeps.check(...)

# %%
exercises.what_binary_grading_teaches.ask()
exercises.what_binary_grading_teaches.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A forecaster whose truth we know
#
# The diary has one word a day: sun, rain, wind or snow. Sun and snow last, rain and wind pass; a season,
# which nobody names, decides what may come. A *question* is four days; the *answer* is the weather of the fifth, followed by a
# *confidence*, one of ten words from 5% to 95%. There are 256 questions, and for each the true
# probability of each weather is known exactly.
#
# A small GPT reads 8,000 such lines. In its reading the confidences are drawn by chance: it learns that
# a number follows an answer, and nothing about what the number means. One line in ten says "unknown"
# in place of the weather.

# %%
world = forecaster.the_world()
for line in world.read(4, seed=1):
    print(" ".join(forecaster.VOCABULARY[i] for i in line))
seeds = range(5)
before = [forecaster.pretrained(world, seed) for seed in seeds]  # five models, a few seconds each
print(f"{len(world.practice)} questions for practice, {len(world.examination)} for the examination")

# %% [markdown]
# Two numbers can be called the model's confidence, and they are not the same quantity:
#
# - the **token probability**: how probable the answer is among the answers, read from the softmax;
# - the **stated confidence**: the word that it says after the answer.
#
# For each question of the examination, both, against the true probability of the model's most probable
# answer (for the stated confidence, the mean over the words that it may say):

# %%
spoken = [examined(world, model) for model in before]


def panel(one, title, ax):
    """Both confidences of one model against the truth."""
    said = {"token probability": one.token_probability, "stated, mean": one.stated_confidence}
    figures.against_truth(one.true_probability, said, title, ax=ax)


axes = plots.new_axes(10.5, 5.6, ncols=2)
for ax, seed in zip(axes, (0, 1), strict=True):
    panel(spoken[seed], f"After reading, seed {seed}", ax)
plots.show(axes[0])


# %%
def over_seeds(measure, ones):
    """Mean of a measure over the seeds, with Student's interval."""
    values = torch.tensor([measure(one) for one in ones])
    return cal.bootstrap_interval(torch.mean, values.double(), method="t")


token_off = over_seeds(lambda s: s.token_distance, spoken)
stated_off = over_seeds(lambda s: s.stated_distance, spoken)
print(f"distance from the truth: token probability {token_off:.3f}, stated {stated_off:.3f}")
expect("token probability, mean distance from the truth", token_off.estimate, 0.02, within=0.01)
expect("stated confidence, mean distance from the truth", stated_off.estimate, 0.37, within=0.03)

# %% [markdown] slideshow={"slide_type": "fragment"}
# Maximum likelihood has done what notebook 05 promised: the token probabilities lie on the diagonal,
# within a few hundredths. The stated confidence is a flat line: it tells nothing.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The expected reward, with no noise
#
# Asked $x$, the model says $y$ (an answer and a confidence) with probability $\pi_\theta(y \mid x)$ and
# gets a reward $r(x, y)$. Training for a reward raises
#
# $$J(\theta) = \sum_x w(x) \sum_y \pi_\theta(y \mid x)\, r(x, y), \qquad
# \frac{\partial J}{\partial z_k} = \pi_k \Big( r_k - \sum_j \pi_j r_j \Big)$$
#
# with $w(x)$ how often the question comes, and $z$ the logits of one question. Real models can say too
# much to be summed, so the sum is estimated from samples. Here $y$ has 4 × 10 values: we sum.
#
# ### Exercise 1: the policy gradient


# %%
def my_policy_gradient(probs, rewards):
    """Return d/dlogits (K,) of the expected reward; probs (K,), rewards (K,)."""
    ...


exercises.policy_gradient.check(my_policy_gradient)

# %% [markdown]
# Stuck? `exercises.policy_gradient.hint()`, and at last `.solution()`.
#
# Check the sum against what everybody else does: draw answers, and average
# $r \cdot \partial \log \pi(y) / \partial z$ (REINFORCE, Williams 1992).

# %%
logits = torch.tensor([[0.5, 0.0, -0.5, 1.0]], dtype=torch.float64, requires_grad=True)
reward = torch.tensor([[1.0, 0.2, 0.0, -0.5]], dtype=torch.float64)
expected_reward(logits.log_softmax(dim=1), reward).backward()
probs = logits.detach().softmax(dim=1)[0]
drawn = torch.multinomial(probs, 20_000, True, generator=torch.Generator().manual_seed(0))
noisy = reward[0, drawn, None] * (F.one_hot(drawn, 4) - probs)
for k in range(4):
    sampled = cal.bootstrap_interval(torch.mean, noisy[:, k])
    print(f"logit {k}: exact {logits.grad[0, k]:+.4f}, 20,000 samples {sampled:+.4f}")
off = (noisy.mean(dim=0) - logits.grad[0]).abs().max()
expect("largest difference of the two", off, at_most=0.01)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Four rewards
#
# Let $y = 1$ if the answer is right and $0$ if not, and $c$ the stated confidence.
#
# | reward | $r$ |
# | --- | --- |
# | right or wrong | $y$ |
# | + Brier (RLCR, Damani et al. 2025) | $y - (c - y)^2$ |
# | + log score | $y + y \log c + (1 - y) \log (1 - c)$ |
# | Brier alone | $-(c - y)^2$ |


# %%
def right_or_wrong(y, c):
    return y + 0 * c


def with_brier(y, c):
    return y - (c - y) ** 2


def with_log(y, c):
    return y + y * c.log() + (1 - y) * (1 - c).log()


def brier_alone(y, c):
    return -((c - y) ** 2)


rewards = {
    "right or wrong": right_or_wrong,
    "+ Brier": with_brier,
    "+ log score": with_log,
    "Brier alone": brier_alone,
}

# %% [markdown]
# ### Exercise 2: what does a reward teach to state?


# %%
def my_best_confidence(p, levels, if_right, if_wrong):
    """Return the level that brings most on average; all three are tensors (K,)."""
    ...


exercises.best_confidence.check(my_best_confidence)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Which answer is worth giving?
#
# A model that is trained for a reward chooses its answer as well. So ask: what is an answer *worth*
# that is right with probability $p$, if the best confidence is stated with it?

# %%
chances = torch.arange(101) / 100
levels = torch.arange(1, 200) / 200  # a fine grid
worth = {}
for name, rule in rewards.items():
    mean = chances[:, None] * rule(1.0, levels) + (1 - chances[:, None]) * rule(0.0, levels)
    worth[name] = [mean.max(dim=1).values.tolist()]
label, title = "probability p that the answer is right", "What an answer is worth"
plots.show(figures.curves(chances.tolist(), worth, label, "expected reward", title))

# %% [markdown]
# Right or wrong and "+ Brier" rise with $p$: the best answer is the most probable one. The other two fall
# first. *Brier alone* pays as much for a surely wrong answer at confidence 0 as for a surely right one
# at 1. The log score has no lower bound, and beats the point for being right: below about
# $p = 0.65$ a surely wrong answer is worth more. Damani et al. (2025) prove that a *bounded* proper
# score added to the point is safe.

# %%
log_worth = torch.tensor(worth["+ log score"][0])
safe = chances[(log_worth > log_worth[0]).nonzero()[0, 0]]
expect("+ log score: from which p an answer beats a surely wrong one", safe, 0.65, within=0.02)
brier_worth = torch.tensor(worth["+ Brier"][0])
expect("+ Brier: smallest step upward, times 1,000", 1000 * brier_worth.diff().min(), at_least=0)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Train
#
# Each reward, five models, a hundred steps on the practice questions. The reward is the exact
# expectation over answers, confidences and the weather to come. What is measured is measured on the
# examination questions, which no reward was given for.
#
# **Predict first.** Two bets:

# %%
my_probability = ...
bet_on_stated = predict(
    "stated-under-binary",
    "Trained for right or wrong alone, the model states more than 0.7 on average.",
    my_probability,
)

# %%
my_probability = ...
bet_on_token = predict(
    "token-under-brier",
    "Trained with the Brier score, its token probabilities stay within 0.1 of the truth, on average.",
    my_probability,
)

# %%
after, histories = {}, {}
for name, rule in rewards.items():
    runs = [practised(world, model, rule, watched=True) for model in before]
    after[name] = [examined(world, model) for model, _ in runs]
    histories[name] = [history for _, history in runs]
steps = histories["+ Brier"][0].column("step")

# %%
bet_on_stated.resolve(
    over_seeds(lambda s: s.mean(s.stated_confidence), after["right or wrong"]).estimate > 0.7
)
bet_on_token.resolve(over_seeds(lambda s: s.token_distance, after["+ Brier"]).estimate < 0.1)


# %%
def along(column, names=("right or wrong", "+ Brier", "+ log score")):
    """One recorded number of all runs, by reward."""
    return {name: [history.column(column) for history in histories[name]] for name in names}


panels = plots.new_axes(17, 10, ncols=3, nrows=2).flatten()
shown = {
    "accuracy": "share right",
    "entropy": "nats",
    "divergence": "nats, from the model before",
    "token distance": "distance from the truth",
    "stated distance": "distance from the truth",
    "stated confidence": "mean confidence",
}
for ax, (column, unit) in zip(panels, shown.items(), strict=True):
    figures.curves(steps, along(column), "steps", unit, column.capitalize(), ax=ax)
    ax.set_ylim(0, None)
plots.show(panels[0], note="Lines are means of five seeds, bands reach from lowest to highest.")

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The same, question by question

# %%
axes = plots.new_axes(15, 5.8, ncols=3)
for ax, name in zip(axes, ("right or wrong", "+ Brier", "+ log score"), strict=True):
    title = name[0].upper() + name[1:] if name[0] != "+" else f"Right or wrong {name}"
    panel(after[name][0], title, ax)
plots.show(axes[0])

# %%
for name in ("right or wrong", "+ Brier", "+ log score"):
    token = over_seeds(lambda s: s.token_distance, after[name])
    stated = over_seeds(lambda s: s.stated_distance, after[name])
    accuracy = over_seeds(lambda s: s.accuracy, after[name])
    print(f"{name:15} accuracy {accuracy:.3f}, off: token {token:.3f}, stated {stated:.3f}")
    expect(f"{name}: token probability, distance", token.estimate, 0.22, within=0.02)
old = over_seeds(lambda s: s.accuracy, spoken).estimate
expect("accuracy of drawn answers before", old, 0.66, within=0.02)
best = spoken[0].mean(spoken[0].truth.max(dim=1).values)
expect("accuracy of whoever knows the diary", best, 0.78, within=0.01)
for name, target in (("right or wrong", 0.36), ("+ Brier", 0.045), ("+ log score", 0.04)):
    stated = over_seeds(lambda s: s.stated_distance, after[name]).estimate
    expect(f"{name}: stated confidence, distance", stated, target, within=0.025)
constant = over_seeds(lambda s: s.constant_distance, after["+ Brier"]).estimate
expect("control: the best constant confidence, distance", constant, 0.12, within=0.015)

# %% [markdown] slideshow={"slide_type": "fragment"}
# Three things happened, in all five seeds:
#
# 1. **Accuracy** of a drawn answer rises to nearly what the best forecaster has. It is *the same answers*,
#    given always instead of often.
# 2. **The token probability is lost**, whatever the reward. It goes to 1 for answers that are right three
#    times in four. The proper score does not prevent that: it scores the number that is *stated*.
# 3. **The stated confidence** learns the truth where a proper score asks for it, to within the width of a
#    level, and much nearer than any constant. Right or wrong pays the same at each level, so there is no
#    gradient on it, and it stays the noise that it was.
#
# In the figure the third is a staircase: one level for each group of questions that are alike, and little
# or nothing within a group. A control: in a duller diary, where all weather lasts alike and the true probabilities
# differ little, a hundred steps taught it the average confidence and hardly more.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Brier alone
#
# And the score without the point for being right?

# %%
wrong = after["Brier alone"]
accuracy = over_seeds(lambda s: s.accuracy, wrong)
stated = over_seeds(lambda s: s.mean(s.stated_confidence), wrong)
print(f"accuracy {accuracy:.3f}, stated confidence {stated:.3f}")
expect("Brier alone: accuracy, highest of five", max(s.accuracy for s in wrong), at_most=0.35)
expect("Brier alone: mean accuracy", accuracy.estimate, 0.1, within=0.06)
off = over_seeds(lambda s: s.mean(s.stated_confidence) - s.mean(s.true_probability), wrong)
expect("Brier alone: stated confidence minus truth", off.estimate, 0, within=0.08)

# %% [markdown]
# It forecasts weather that will *not* come, and says that it will not. A guess would be right one time in
# four. Nothing in this score asks for a right answer, and where training ends is an accident of where it
# begins: with another half of the questions for practice, or in shorter seasons, it gave right ones.
#
# By the figure above the log score tempts to wrong answers as well, even with the point for being right.
# Where does its best answer differ from the most probable one, and did training find it?

# %%
rows = world.examination
truth, weights = world.truth[rows], world.weights[rows] / world.weights[rows].sum()
wanted = world.rewards(with_log)[rows].max(dim=2).values.argmax(dim=1, keepdim=True)
tempted = weights * (wanted != truth.argmax(dim=1, keepdim=True))[:, 0]
expect("share of the questions with a wrong answer for optimum", tempted.sum(), 0.04, within=0.01)
gave = [
    ((tempted * s.answer_probs.gather(1, wanted)[:, 0]).sum() / tempted.sum()).item()
    for s in after["+ log score"]
]
expect("there: probability of that answer, largest of five", max(gave), at_most=0.2)

# %% [markdown]
# It did not. Training climbs from where it begins, and the right answers were the most probable there. A
# reward says what is best, and not where a hundred steps end.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## On a leash
#
# In practice training is held back: $\beta$ times the divergence from the model before is subtracted,
#
# $$\max_\pi \; \sum_y \pi(y)\, r(y) - \beta\, \text{KL}(\pi \,\|\, \pi_0)
# \quad \Longrightarrow \quad \pi^*(y) \propto \pi_0(y)\, e^{r(y) / \beta} .$$
#
# ### Exercise 3: the best policy on a leash


# %%
def my_leashed_policy(reference, rewards, beta):
    """Return the best probabilities (K,) from reference (K,) and rewards (K,)."""
    ...


exercises.leashed_policy.check(my_leashed_policy)

# %% [markdown]
# No network is needed for the formula. Does training get there? Right or wrong, on two leashes:

# %%
references = [forecaster.log_policy(model, world.questions[rows]).detach() for model in before]


def sureness(law):
    """Mean probability of the most probable answer; law (128, 4, 10) of log-probabilities."""
    return (weights * law.exp().sum(dim=-1).max(dim=1).values).sum().item()


exact = world.rewards(right_or_wrong)[rows]
betas = torch.logspace(-2, 1, 31).tolist()
formula = [[sureness(regularised_optimum(ref, exact, b)) for b in betas] for ref in references]
trained = {b: [practised(world, m, right_or_wrong, beta=b)[0] for m in before] for b in (0.2, 1.0)}

# %%
laws = {
    b: [forecaster.log_policy(m, world.questions[rows]).detach() for m in models]
    for b, models in trained.items()
}
dots = [(b, sureness(law)) for b, five in laws.items() for law in five]
points = {"trained, five seeds": tuple(zip(*dots, strict=True))}
plots.show(
    figures.curves(
        betas,
        {"formula": formula},
        "beta: how short the leash is",
        "token probability of the top answer",
        "Training for right or wrong, on a leash",
        points=points,
        log=True,
    )
)

# %%
for b, five in laws.items():
    optima = [regularised_optimum(ref, exact, b) for ref in references]
    off = [
        (weights[:, None] * (law.exp().sum(-1) - best.exp().sum(-1)).abs()).sum().item() / 2
        for law, best in zip(five, optima, strict=True)
    ]
    expect(
        f"beta {b}: distance of the answers from the formula, largest of five",
        max(off),
        at_most=0.05,
    )
expect("token probability at beta 0.2", sum(map(sureness, laws[0.2])) / 5, 0.94, within=0.02)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### A temperature undoes it
#
# Let the reward be the logarithm of the answer's true probability $p$, and let training begin at the
# truth. Then the formula says $\pi^* \propto p \cdot p^{1/\beta} = p^{\,1 + 1/\beta}$: the truth,
# sharpened. A temperature of $1 + 1/\beta$ takes it back; with $\beta = 1$, that is 2. What do the
# trained networks need?


# %%
def repaired(law):
    """The temperature with the least divergence from the truth, and the divergence before and after."""
    answers = law.exp().sum(dim=-1).log()
    grid = torch.arange(50, 501) / 100
    gaps = [
        (weights * F.kl_div((answers / t).log_softmax(1), truth, reduction="none").sum(1)).sum()
        for t in grid
    ]
    best = torch.stack(gaps).argmin()
    return grid[best].item(), gaps[50].item(), gaps[best].item()


log_truth = world.truth.log()[..., None].expand(-1, -1, 10)
sharpened = [practised(world, model, log_truth, beta=1.0)[0] for model in before]
cases = {
    "log of the truth, beta 1": [
        forecaster.log_policy(m, world.questions[rows]).detach() for m in sharpened
    ],
    "right or wrong, beta 0.2": laws[0.2],
}
for name, five in cases.items():
    t, gap, mended = (sum(x) / 5 for x in zip(*map(repaired, five), strict=True))
    print(f"{name}: temperature {t:.2f}, divergence from the truth {gap:.3f}, then {mended:.3f}")
    expect(f"{name}: divergence that is left", mended, at_most=0.02)
expect(
    "temperature for the log of the truth",
    repaired(cases["log of the truth, beta 1"][0])[0],
    2,
    within=0.2,
)

# %% [markdown]
# What training on a leash sharpened, one temperature softens again, as after the post-training of real
# models (notebook 10). For the log of the truth that is arithmetic; for right or wrong it was found.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## "Unknown"
#
# Now it may say "unknown", which brings 0, and a wrong answer costs $t / (1 - t)$ (notebook 17). The best
# policy is silent exactly where no answer has $p > t$. In notebook 17 a GPT with all weights free learned
# answers, and no silence. Here the reward is an expectation: there are no single answers to learn by heart.

# %%
my_probability = ...
guess = predict(
    "penalty-silence",
    "Trained with t = 0.75, it is silent or not as the best policy in at least 95 % of the examination.",
    my_probability,
)


# %%
def penalised(t):
    """The rule for a threshold t: 1 if right, -t / (1 - t) if wrong, whatever is stated."""
    return lambda y, c: y - (1 - y) * t / (1 - t) + 0 * c


silent, agreed = {}, {}
for t in (0.5, 0.75):
    should = (truth.max(dim=1).values <= t).float()
    models = [practised(world, m, penalised(t), unknown=True)[0] for m in before]
    ones = [examined(world, model, unknown=True) for model in models]
    silent[t] = over_seeds(lambda s: s.silence, ones)
    says = [(one.answer_probs.argmax(dim=1) == forecaster.UNKNOWN).float() for one in ones]
    agreed[t] = [(weights * (said == should)).sum().item() for said in says]
    print(f"t = {t}: silent {silent[t]:.2f}, best {(weights * should).sum():.2f}")

# %%
guess.resolve(sum(agreed[0.75]) / 5 >= 0.95)
expect("t = 0.75: silence", silent[0.75].estimate, 0.28, within=0.03)
expect("t = 0.75: as the best policy, least of five", min(agreed[0.75]), at_least=0.95)
expect("t = 0.5: as the best policy, least of five", min(agreed[0.5]), at_least=0.85)

# %% [markdown]
# The penalty teaches silence where it pays, also about questions that were not practised. It states no
# confidence about it: "unknown" is one bit, for one $t$. And it is not sure to work: in the duller diary,
# where many probabilities lie close to 0.5, training with $t = 0.5$ ended silent far too often.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A real model
#
# SmolLM2, and short questions of ARC-Easy with four options. Asked by the first token of each option,
# it is right a little less than half the time, and far too sure. Can a *loss* repair that? **LoRA** (Hu
# et al. 2022) leaves each weight matrix $W$ as it is and adds $\frac{\alpha}{r} B A$, with $B$ and $A$ of
# rank $r = 8$. We adapt the last two of thirty layers; the layers below run once, and what they hand up
# is kept.

# %%
lm = llm.load(device="cpu")
asked = tuning.ask(lm, tuning.short_questions(lm, 600))
order = torch.randperm(600, generator=torch.Generator().manual_seed(0))
learn, repair, test = order[:200], order[200:320], order[320:]
model = tuning.LastLayers(lm)
n_trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
print(f"{n_trained:,} numbers are trained, of {lm.model.num_parameters():,}")

# %% [markdown]
# Two checks: the last layers on what was kept give what the whole model gives; and what the library
# `peft` adds to a matrix is $\frac{\alpha}{r} B A$, which is 0 before training.

# %%
plain = tuning.LastLayers(lm, rank=0).scores(asked, test[:1])[0]
question = tuning.short_questions(lm, 600)[test[0]]
ids = lm.tokenizer(tuning.PROMPT.format(question.question), return_tensors="pt").input_ids
with torch.no_grad():
    whole = lm.model(ids).logits[0, -1, asked.options[test[0]]]
expect("largest difference of the scores", (plain - whole).abs().max(), at_most=0.001)

layer = model.top.base_model.model.layers[0].self_attn.q_proj
expect("what LoRA adds before training", layer.get_delta_weight("default").abs().max(), 0.0)
with torch.no_grad():
    layer.lora_B["default"].weight.normal_()
A, B = (getattr(layer, name)["default"].weight for name in ("lora_A", "lora_B"))
off = (layer.get_delta_weight("default") - 2 * B @ A).abs().max()
expect("alpha / r B A is what peft adds, up to", off, at_most=1e-5)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Four losses
#
# Cross-entropy; cross-entropy plus Brier; *label smoothing*, which asks for 0.925 and not 1 for the right
# option; *focal loss*, which cares less for what is already sure (Mukhoti et al. 2020). Each is trained
# three times over 200 questions. The baseline that each must beat is one number: a temperature, fitted
# to the *untrained* model.
#
# **Predict first:**

# %%
my_probability = ...
guess = predict(
    "a-loss-beats-temperature",
    "At least one of the four losses, as trained, has a lower log loss on the test questions than the "
    "untrained model with a temperature.",
    my_probability,
)


# %%
def plus_brier(scores, labels):
    squares = (scores.softmax(dim=1) - F.one_hot(labels, 4)) ** 2
    return F.cross_entropy(scores, labels) + squares.sum(dim=1).mean()


def smoothed(scores, labels):
    return F.cross_entropy(scores, labels, label_smoothing=0.1)


def focal(scores, labels):
    losses = F.cross_entropy(scores, labels, reduction="none")
    return ((1 - torch.exp(-losses)) ** 2 * losses).mean()


losses = {"cross-entropy": F.cross_entropy, "+ Brier": plus_brier}
losses |= {"label smoothing": smoothed, "focal": focal}
models = {"untrained": tuning.LastLayers(lm)}
for name, loss in losses.items():
    models[name] = tuning.fine_tune(tuning.LastLayers(lm), asked, learn, loss)

# %% [markdown]
# Each model is measured on 280 test questions, as it is, and with a temperature of its own, fitted to 120
# *other* questions: those that it has learned by heart would say that all is well.

# %%
labels, found = asked.labels[test], {}
for name, model in models.items():
    scores, practice = model.scores(asked, test), model.scores(asked, repair)
    t = cal.TemperatureScaling().fit(practice, asked.labels[repair]).temperature_
    for form, logits in (("as it is", scores), (f"T = {t:.1f}", scores / t)):
        found[name, form.split()[0]] = logits.softmax(dim=1)
        confidence, correct = cal.top_label(logits.softmax(dim=1), labels)
        gap = cal.bootstrap_interval(cal.gap, confidence, correct)
        share = correct.double().mean()
        print(f"{name:15} {form:8} right {share:.2f}, too sure by {gap:+.2f}")


# %%
def log_losses(probs):
    """Negative log-likelihood of each test question, in nats."""
    return -probs.gather(1, labels[:, None])[:, 0].log()


rows_of_figure = {
    f"{name}, {'temperature' if form == 'T' else 'as it is'}": cal.bootstrap_interval(
        torch.mean, log_losses(probs)
    )
    for (name, form), probs in found.items()
}
chance = (torch.tensor(4.0).log().item(), "four equal guesses")
title = "Loss on 280 test questions"
unit = "negative log-likelihood (nats a question)"
plots.show(plots.interval_rows(rows_of_figure, unit, title, reference=chance, row_height=0.42))

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Against the baseline
#
# The same questions, so take differences question by question. Eight comparisons: intervals of
# $1 - 0.05 / 8$.

# %%
baseline = log_losses(found["untrained", "T"])
differences = {
    f"{name}, {'temperature' if form == 'T' else 'as it is'}": cal.bootstrap_interval(
        torch.mean, log_losses(probs) - baseline, level=1 - 0.05 / 8
    )
    for (name, form), probs in found.items()
    if name != "untrained"
}
title, unit = "Loss above the untrained model with a temperature", "nats a question"
plots.show(plots.interval_rows(differences, unit, title, reference=(0.0, "no difference")))

# %%
as_trained = [d for name, d in differences.items() if name.endswith("as it is")]
with_t = [d for name, d in differences.items() if name.endswith("temperature")]
guess.resolve(min(d.estimate for d in as_trained) < 0)
expect("as trained: smallest lower end of the four", min(d.low for d in as_trained), at_least=0)
expect("with a temperature: lowest estimate", min(d.estimate for d in with_t), -0.03, within=0.03)
expect("with a temperature: smallest upper end", min(d.high for d in with_t), at_least=0)
expect(
    "the four losses: largest difference of their estimates",
    max(d.estimate for d in as_trained) - min(d.estimate for d in as_trained),
    at_most=0.1,
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# No loss beat the temperature: trained on 200 questions, every one of the four left the model too sure,
# and they hardly differ from each other. Training *and* a temperature is a little better than the
# temperature alone, by an amount that 280 questions cannot tell from nothing.
#
# This is a small model, few questions and a short training. It does not say that losses never matter; it
# says what they must be held against. Xiao et al. (2025) restore the calibration of aligned models by
# fine-tuning, with larger models and more data.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What others find
#
# - **After post-training.** Nakkiran et al. (2025) find base models calibrated in the meaning of their
#   answers, and that instruction tuning by reinforcement learning breaks it.
# - **Saying it and acting on it.** Wang et al. (2026) raise the penalty for errors in the question, and
#   frontier models hardly ever abstain, whatever confidence they state.
# - **Reasoning** is disputed. Yoon et al. (2025) find that models which reason at length state better
#   calibrated confidences; Fu et al. (2025) find that token probabilities rise after reasoning, most where
#   the answer is wrong; Lacombe, Wu and Dilworth (2025) find that more reasoning made the confidence
#   worse. They do not measure the same quantity: the first and the last read what is *stated*, the second
#   the *token probability*. You have just seen the two part ways in one and the same model.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you learned
#
# - The expected reward can be summed where all answers fit in a table, and an answer's logit rises if it
#   is better than the average, in proportion to how often it is given.
# - Trained for right or wrong, the model gave its most probable answer always: its token probability went
#   to 1, far from the truth, and its stated confidence stayed the noise that it was.
# - With a proper score added, the stated confidence learned the truth, where it differs enough from
#   question to question. The token probability was lost all the same.
# - A proper score alone does not ask for right answers: the Brier score alone mostly taught wrong ones, at
#   low confidence. The point for being right prevents it, if the score is bounded.
# - On a leash the best policy is the old one times exp(r / beta), training found it, and one temperature
#   undid the sharpening.
# - Under a penalty with "unknown" allowed, it learned to be silent about as the best policy is.
# - On SmolLM2 none of four losses, trained on 200 questions, beat one temperature on the untrained model.
#
# ## Common misconceptions
#
# - *"Reinforcement learning makes a model lie about its confidence."* Right or wrong has no opinion about
#   the stated confidence. It sharpens the token probability.
# - *"A proper score makes the model calibrated."* It makes that number calibrated which it scores.
# - *"A model that is calibrated is a good one."* The ones that were trained by the Brier score alone stated
#   low confidences, and gave wrong answers.
# - *"What the reward wants is what training gives."* The log score's optimum was here and there a wrong
#   answer, and training did not give it.
# - *"A better loss is the cure for overconfidence."* First try one temperature on held-out questions.
#
# ## Further reading
#
# - M. Damani et al., *Beyond binary rewards: training LMs to reason about their uncertainty*,
#   arXiv:2507.16806, 2025.
# - R. J. Williams, *Simple statistical gradient-following algorithms for connectionist reinforcement
#   learning*, Machine Learning 8, 1992.
# - T. Korbak, E. Perez, C. L. Buckley, *RL with KL penalties is better viewed as Bayesian inference*,
#   Findings of EMNLP 2022.
# - A. T. Kalai, O. Nachum, S. S. Vempala, E. Zhang, *Why language models hallucinate*,
#   arXiv:2509.04664, 2025.
# - J. Wang, Y. Zhou, S. Devic, D. Fu, *Are LLM decisions faithful to verbal confidence?*,
#   arXiv:2601.07767, 2026.
# - P. Nakkiran et al., *Trained on tokens, calibrated on concepts: the emergence of semantic calibration
#   in LLMs*, arXiv:2511.04869, 2025.
# - J. Xiao et al., *Restoring calibration for aligned large language models: a calibration-aware
#   fine-tuning approach*, ICML 2025.
# - D. Yoon et al., *Reasoning models better express their confidence*, arXiv:2505.14489, 2025.
# - T. Fu et al., *Multiple choice questions: reasoning makes large language models (LLMs) more
#   self-confident even when they are wrong*, arXiv:2501.09775, 2025.
# - R. Lacombe, K. Wu, E. Dilworth, *Don't think twice! Over-reasoning impairs confidence calibration*,
#   arXiv:2508.15050, 2025.
# - E. J. Hu et al., *LoRA: low-rank adaptation of large language models*, ICLR 2022.
# - J. Mukhoti et al., *Calibrating deep neural networks using focal loss*, NeurIPS 2020.
# - R. Müller, S. Kornblith, G. Hinton, *When does label smoothing help?*, NeurIPS 2019.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## And you?

# %% tags=["nbval-ignore-output"]

from coursekit.chapters import progress

plots.my_predictions()
progress()

# %% [markdown]
# **Next:** [19 Judges and decisions](19_judges_and_decisions.ipynb): who grades, who pays, and who
# notices.
