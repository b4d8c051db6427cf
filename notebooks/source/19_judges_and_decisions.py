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
# # 19 Judges and decisions
#
# Nobody grades ten thousand answers by hand. A model grades them, and a number goes into a table:
# "our system is right in 66 % of the cases". Somebody buys the system, sets a threshold, and goes
# home. Three questions remain. What is such a number worth, if the judge errs? What does it cost
# whoever relies on a probability that is none? And who notices when it stops being true?
#
# **You will be able to**
# - correct a judge's number in two ways, with intervals, and say when each of them fails;
# - measure whether a judge reads the answers or their place;
# - test a probe against answer length, and on questions of another kind;
# - put a vendor's claim of calibration on trial, and be fair to the vendor;
# - choose the threshold that makes a decision cheapest, and watch calibration as time goes by.
#
# **Time:** about 100 minutes; all cells together run in about two minutes on two processor cores.
#
# **On the map:** Part III, a real LLM. Before it: training for calibration (18). After it: the
# audit of a model of your choice (20).

# %%
import json
import tempfile
from pathlib import Path

import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from coursekit import calibration as cal, expect, llm, plots, predict
from coursekit.audit import audit_results
from coursekit.chapters.judges_and_decisions import exercises, figures, probing, vendor, widget
from coursekit.data import benchmarks

torch.set_num_threads(1)  # small tables: a second thread waits more than it works

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Before you start: three questions
#
# Answer from memory: replace each `...` by a letter in quotes. A wrong answer costs nothing and is
# explained.

# %%
exercises.what_more_data_cure.ask()
exercises.what_more_data_cure.check(...)

# %%
exercises.when_an_answer_pays.ask()
exercises.when_an_answer_pays.check(...)

# %%
exercises.where_the_letter_stands.ask()
exercises.where_the_letter_stands.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A judge that errs
#
# To see what a judge does we need the truth, so we make it. A system is right with probability 0.6.
# The judge calls a right answer right with probability 0.9 (its *sensitivity* $s$) and a wrong one
# wrong with probability 0.7 (its *specificity* $c$). It is right more often than not about both.


# %%
def answers(n, generator, right_share=0.6, s=0.9, c=0.7):
    """Whether each of n answers is right, and what the judge says of it."""
    right = torch.rand(n, generator=generator) < right_share
    called_right = torch.where(right, s, 1 - c)
    return right, torch.rand(n, generator=generator) < called_right


# %% [markdown]
# **Predict first:** the judge grades 20,000 answers.

# %%
my_probability = ...
guess = predict(
    "more-verdicts-find-the-truth",
    "The 95 % interval of the share that the judge calls right, of 20,000, contains 0.6.",
    my_probability,
)


# %%
def share(said):
    """The share of True, with Wilson's interval."""
    mean = said.double().mean()
    low, high = cal.wilson_interval(mean, torch.tensor(float(len(said))).double())
    return cal.Interval(mean.item(), low.item(), high.item())


generator = torch.Generator().manual_seed(0)
naive = {n: share(answers(n, generator)[1]) for n in (50, 200, 2_000, 20_000)}
rows = {f"{n:,} verdicts": found for n, found in naive.items()}
title = "What the judge says, ever more precisely"
plots.show(plots.interval_rows(rows, "share called right", title, (0.6, "truly right")))

# %%
guess.resolve(0.6 in naive[20_000])
expect("called right, of 20,000", naive[20_000].estimate, 0.66, within=0.01)
expect("width of its interval", naive[20_000].high - naive[20_000].low, at_most=0.015)

# %% [markdown] slideshow={"slide_type": "fragment"}
# Of a share $a$ that is right the judge calls $q = a s + (1 - a)(1 - c)$ right: here
# $0.6 \cdot 0.9 + 0.4 \cdot 0.3 = 0.66$. More verdicts find $q$, ever more precisely.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Every share is bent
#
# The judge flatters whom it should not, and evens out differences. At one single share it tells the
# truth.

# %%
plots.show(figures.judged_against_true(0.9, 0.7, "A judge with s = 0.9 and c = 0.7"))
slope = 0.9 + 0.7 - 1
expect("of a difference between two systems the judge reports", slope, 0.6, within=0.001)
expect("the share of which it tells the truth", 0.3 / (1 - slope), 0.75, within=0.001)

# %% [markdown]
# Move its two error rates. When is it right of everyone? When does it see no difference at all?

# %% tags=["nbval-ignore-output"]
widget.judge_explorer()

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 1: back to the truth


# %%
def my_true_share(judged, sensitivity, specificity):
    """Return the share that is right, if the judge calls `judged` of all right."""
    ...


exercises.true_share.check(my_true_share)

# %% [markdown]
# Stuck? `exercises.true_share.hint()`, and at last `.solution()`.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Two corrections
#
# Nobody knows $s$ and $c$. Somebody must grade: say 100 answers, drawn at random, beside 2,000
# verdicts.
#
# - **Rogan and Gladen** (1978, for tests of diseases) solve the equation above, with $s$ and $c$
#   taken from the graded answers.
# - **Prediction-powered inference** (Angelopoulos et al., 2023) takes the judge's mean and adds its
#   error on the graded answers. PPI++ weights the judge by what it is worth.

# %%
gold, gold_judged = answers(100, generator)
_, judged = answers(2_000, generator)
rows = {
    "2,000 verdicts, as they are": share(judged),
    "100 grades alone": share(gold),
    "Rogan and Gladen": cal.rogan_gladen(gold, gold_judged, judged),
    "prediction-powered": cal.prediction_powered_mean(gold, gold_judged, judged, weight=1.0),
    "PPI++, best weight": cal.prediction_powered_mean(gold, gold_judged, judged),
}
title = "One system, five intervals"
plots.show(plots.interval_rows(rows, "share that is right", title, (0.6, "truly right")))

# %% [markdown]
# Check both against an implementation that shares nothing with them: draw grades and verdicts again
# with replacement, and solve anew each time.


# %%
def solved(y, f, judged):
    """Rogan and Gladen's estimate, written down again."""
    s, c = f[y].mean(), 1 - f[~y].mean()
    return (judged.mean() + c - 1) / (s + c - 1)


def redrawn(statistic, n_resamples=1000):
    """The 95 % bootstrap interval of a statistic of grades, their verdicts, and other verdicts."""
    draw, values = torch.Generator().manual_seed(1), []
    for _ in range(n_resamples):
        i = torch.randint(len(gold), (len(gold),), generator=draw)
        j = torch.randint(len(judged), (len(judged),), generator=draw)
        values.append(statistic(gold[i], gold_judged[i].double(), judged[j].double()))
    return torch.stack(values).quantile(torch.tensor([0.025, 0.975]).double())


for name, statistic in (
    ("Rogan and Gladen", solved),
    ("prediction-powered", lambda y, f, judged: judged.mean() + (y.double() - f).mean()),
):
    low, high = redrawn(statistic)
    ends = max(abs(rows[name].low - low), abs(rows[name].high - high))
    expect(f"{name}: ends of the interval, from the bootstrap's", ends, at_most=0.04)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 2: the judge's mean, and its error


# %%
def my_powered_mean(gold, gold_judged, judged):
    """Return the mean grade: grades (n,), verdicts on them (n,), on others (N,)."""
    ...


exercises.powered_mean.check(my_powered_mean)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Do the intervals keep their promise?
#
# One sample proves nothing. We draw a thousand, and count how often each interval contains 0.6. In
# three worlds, since graded answers come from somewhere:
#
# 1. they are a **random part** of the answers in question;
# 2. they are of **another system**, right with probability 0.8; the judge errs about it in the same
#    way;
# 3. they are of **easier questions**, right as often, on which the judge sees wrong answers better
#    ($c = 0.9$).
#
# **Predict first:**

# %%
my_probability = ...
guess = predict(
    "ppi-anywhere",
    "With grades of another system (world 2) prediction-powered intervals still cover the truth in "
    "at least 90 % of the samples.",
    my_probability,
)

# %%
worlds = {
    "a random part": {},
    "another system": {"right_share": 0.8},
    "easier questions": {"c": 0.9},
}
methods = {
    "verdicts alone": lambda y, f, judged: share(judged),
    "grades alone": lambda y, f, judged: share(y),
    "Rogan and Gladen": cal.rogan_gladen,
    "prediction-powered": lambda *of: cal.prediction_powered_mean(*of, weight=1.0),
    "PPI++": cal.prediction_powered_mean,
}


def tried(world, n=100, n_samples=1000):
    """Whether each method's interval holds 0.6 (1 or 0), and its width, sample by sample."""
    draw = torch.Generator().manual_seed(2)
    found = {name: [] for name in methods}
    for _ in range(n_samples):
        graded, (_, judged) = answers(n, draw, **world), answers(2_000, draw)
        for name, method in methods.items():
            interval = method(*graded, judged)
            found[name].append((0.6 in interval, interval.high - interval.low))
    return {name: torch.tensor(values).double() for name, values in found.items()}


trials = {world: tried(of) for world, of in worlds.items()}

# %%
lines = {
    world: [share(trial[name][:, 0] > 0) for name in methods] for world, trial in trials.items()
}
names = ["verdicts", "grades", "Rogan,\nGladen", "PPI", "PPI++"]
title, unit = "Which interval keeps its promise of 95 %?", "share of samples with 0.6 inside"
ax = plots.new_axes(9.5, 5.2)
plots.show(plots.lines_with_intervals(names, lines, "method", unit, title, ax=ax))


# %%
def covered(world, method):
    return trials[world][method][:, 0].mean()


guess.resolve(bool(covered("another system", "prediction-powered") >= 0.9))
expect("verdicts alone, random part", covered("a random part", "verdicts alone"), at_most=0.01)
for method in ("Rogan and Gladen", "prediction-powered", "PPI++"):
    expect(f"{method}, random part", covered("a random part", method), 0.95, within=0.025)
for method in ("Rogan and Gladen", "prediction-powered"):
    found = covered("another system", method)
    target = {"Rogan and Gladen": 0.95, "prediction-powered": 0.45}[method]
    expect(f"{method}, another system", found, target, within=0.05)
    expect(f"{method}, easier questions", covered("easier questions", method), at_most=0.4)

# %% [markdown]
# Each correction carries over one thing. Rogan and Gladen carry over *how the judge errs*: the
# share of right answers may be another. Prediction-powered inference carries over *nothing*: its
# grades must be a random part of the answers in question. And where the judge errs otherwise than
# on the graded answers, nothing helps. Who chooses the graded answers decides whether the interval
# is true.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## When it hurts to correct
#
# Look at the widths, in the first world.

# %%
width = {name: values[:, 1].mean().item() for name, values in trials["a random part"].items()}
for name, value in width.items():
    print(f"{name:20} {value:.3f}")
alone = width["grades alone"]
expect("Rogan and Gladen over grades alone", width["Rogan and Gladen"] / alone, 1.5, within=0.12)
expect("PPI++ over grades alone", width["PPI++"] / alone, 0.8, within=0.05)

# %% [markdown]
# Rogan and Gladen's interval is valid and *wider than that of the 100 grades alone*, which needs no
# judge at all. From the graded answers it takes only how the judge errs and throws away what share
# of them is right. Where the grades are a random part of the answers, that is what should be used.
#
# Now a poor judge, $s = 0.6$ and $c = 0.55$:

# %%
draw, poor = torch.Generator().manual_seed(3), {"s": 0.6, "c": 0.55}
widths = {"grades alone": [], "prediction-powered": [], "PPI++": []}
for _ in range(500):
    graded, (_, judged) = answers(100, draw, **poor), answers(2_000, draw, **poor)
    for name, found in widths.items():
        interval = methods[name](*graded, judged)
        found.append(interval.high - interval.low)
mean = {name: sum(found) / len(found) for name, found in widths.items()}
ratio = mean["prediction-powered"] / mean["grades alone"]
expect("prediction-powered over grades alone", ratio, 1.36, within=0.06)
expect("PPI++ over grades alone", mean["PPI++"] / mean["grades alone"], 1.0, within=0.03)

# %% [markdown]
# With weight 1 a poor judge only adds its own noise. The best weight, estimated from the same data,
# leaves it out: then nothing is won, and nothing is lost. And a very good judge, right in 95 % of
# the cases about both kinds?

# %%
draw, good = torch.Generator().manual_seed(3), {"s": 0.95, "c": 0.95}
graded, (_, judged) = answers(100, draw, **good), answers(2_000, draw, **good)
rows = {
    name: methods[name](*graded, judged) for name in ("grades alone", "Rogan and Gladen", "PPI++")
}
for name, interval in rows.items():
    print(f"{name:17} {interval:.3f}")
corrected, alone = (rows[name] for name in ("Rogan and Gladen", "grades alone"))
expect("width of Rogan and Gladen's", corrected.high - corrected.low, at_most=0.15)
expect("width of the grades' alone", alone.high - alone.low, at_least=0.17)

# %% [markdown]
# With such a judge both corrections pay.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What is a judge worth?
#
# With $\rho$ the correlation between verdict and grade, and verdicts without end, $n$ grades and
# the best weight are worth $n / (1 - \rho^2)$ grades. For a judge that is right with the same
# probability about right and wrong answers:
#
# **Predict first:**

# %%
my_probability = ...
guess = predict(
    "a-judge-right-in-eight-of-ten",
    "A judge that is right in 80 % of the cases, asked as often as you like, at least doubles the "
    "worth of your grades.",
    my_probability,
)


# %%
def worth(accuracy, a=0.6):
    """How many grades one grade is worth with endless verdicts: 1 / (1 - rho^2)."""
    q = a * accuracy + (1 - a) * (1 - accuracy)
    covariance = a * (1 - a) * (2 * accuracy - 1)
    return 1 / (1 - covariance**2 / (a * (1 - a) * q * (1 - q)))


def measured_worth(accuracy, n=200, n_samples=1000):
    """The same, from how PPI++ scatters over samples, beside 20,000 verdicts."""
    draw, kind = torch.Generator().manual_seed(4), {"s": accuracy, "c": accuracy}
    found = []
    for _ in range(n_samples):
        graded, (_, judged) = answers(n, draw, **kind), answers(20_000, draw, **kind)
        found.append(cal.prediction_powered_mean(*graded, judged).estimate)
    return 0.24 / n / torch.tensor(found).var().item()


accuracies = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95]
lines = {
    "in theory": [worth(a) for a in accuracies],
    "measured": [measured_worth(a) for a in accuracies],
}
axes = "judge is right (share of its verdicts)", "grades that one grade is worth"
plots.show(figures.curves(accuracies, lines, *axes, "What a judge is worth"))

# %%
guess.resolve(worth(0.8) >= 2)
expect("worth at 0.7", worth(0.7), 1.18, within=0.01)
expect("worth at 0.8", worth(0.8), 1.54, within=0.01)
expect("worth at 0.95", worth(0.95), 5.1, within=0.1)
expect("measured over theory, at 0.8", lines["measured"][3] / worth(0.8), 1, within=0.2)

# %% [markdown]
# Below 0.8 a judge saves little, however often it is asked. And *few* grades? There the scatter of
# the correction may exceed the bias that it removes. The root of the mean squared error, for 2,000
# verdicts of our first judge:

# %%
numbers = [10, 20, 40, 80, 160, 320]
error = {name: [] for name in ("verdicts alone", "grades alone", "PPI++")}
for n in numbers:
    draw = torch.Generator().manual_seed(5)
    off = {name: [] for name in error}
    for _ in range(400):
        graded, (_, judged) = answers(n, draw), answers(2_000, draw)
        for name, values in off.items():
            values.append(methods[name](*graded, judged).estimate - 0.6)
    for name, values in off.items():
        error[name].append(torch.tensor(values).square().mean().sqrt().item())
axes = "graded answers", "typical distance from the truth"
plots.show(figures.curves(numbers, error, *axes, "How many grades?", log=True))

# %%
expect("verdicts alone, off by", error["verdicts alone"][0], 0.061, within=0.004)
expect("PPI++ with 10 grades", error["PPI++"][0], 0.14, within=0.03)
expect("PPI++ with 80 grades", error["PPI++"][3], 0.045, within=0.008)

# %% [markdown]
# With ten or twenty grades the uncorrected number was *nearer* to the truth than the corrected one.
# But the verdicts alone do not tell whether their bias is 0.06 or 0.3. What grades buy
# first is an interval that is honest, and only then one that is narrow.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A language model as the judge
#
# So far the judge was a pair of numbers. Now SmolLM2 judges *pairs*: which answer is right, A or B?
# The questions are public (CommonsenseQA); one answer is right, the other wrong. Each pair is shown
# twice, once in either order, as raw text and as a conversation.

# %%
lm = llm.load()
questions = benchmarks.load("commonsense_qa", limit=60)
pairs = []
for i, q in enumerate(questions):
    wrong = [option for option in q.options if option != q.answer]
    pairs.append((q.question, q.answer, wrong[i % len(wrong)]))


def as_text(question, first, second, letters="AB"):
    return llm.few_shot_prompts([llm.lettered(question, [first, second], letters)])[0]


def as_chat(question, first, second, letters="AB"):
    text = llm.lettered(question, [first, second], letters)
    return llm.Chat(f"{text}\nWhich answer is right, A or B?")


print(as_text(*pairs[0]))


# %%
def says_first(ask, letters="AB"):
    """P(it names the first of the two), right answer first and right answer second (60, 2)."""
    orders = [(q, *order) for q, a, b in pairs for order in ((a, b), (b, a))]
    prompts = [ask(*order, letters) for order in orders]
    scores = llm.score_choices(lm, prompts, llm.continuations(prompts, [list(letters)] * 120))
    return llm.choice_probs(scores)[:, 0].view(-1, 2)


# %% [markdown]
# **Predict first:**

# %%
my_probability = ...
guess = predict(
    "judge-prefers-a-place",
    "In more than 80 % of the pairs the judge changes its verdict when the order changes.",
    my_probability,
)

# %%
first = {"raw text": says_first(as_text), "chat": says_first(as_chat)}


def of_right(p):
    """P(the right answer), in both orders (60, 2)."""
    return torch.stack([p[:, 0], 1 - p[:, 1]], dim=1)


rows = {}
for name, p in first.items():
    says_right = of_right(p) > 0.5
    rows[f"{name}: says A"] = share(p[:, 0] > 0.5)
    rows[f"{name}: changes with the order"] = share(says_right[:, 0] != says_right[:, 1])
title = "What decides, answer or place?"
plots.show(plots.interval_rows(rows, "share of 60 pairs", title))

# %%
guess.resolve(rows["raw text: changes with the order"].estimate > 0.8)
expect(
    "raw text: changes with the order", rows["raw text: changes with the order"].low, at_least=0.9
)
expect("chat: changes with the order", rows["chat: changes with the order"].low, at_least=0.85)
confidence = torch.maximum(first["raw text"], 1 - first["raw text"])
expect("mean confidence of its verdicts, raw text", confidence.mean(), 0.93, within=0.03)

# %% [markdown]
# Whatever stands at A wins, with high confidence. Since each pair is shown in both orders, such
# verdicts are right in half of the cases. Is it the *place* that it likes, or the *letter*? Change
# one thing: the first answer is called B, the second A.

# %%
renamed = {"raw text": says_first(as_text, "BA"), "chat": says_first(as_chat, "BA")}
expect("raw text: names the first, now B", (renamed["raw text"] > 0.5).double().mean(), at_most=0.1)
expect("chat: names the first, now B", (renamed["chat"] > 0.5).double().mean(), at_most=0.4)

# %% [markdown]
# Between A and B the verdict goes with the letter, and hardly with the place. An order alone does not
# tell these two apart, nor does a list whose first letter is always A. And two letters do not speak for
# all: between C and D the first is named more often, whichever letter it has.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Averaged over both orders
#
# The mean of both orders can prefer neither letter nor place. Is there knowledge left, and does its
# confidence fit?

# %%
judges = {name: of_right(p).mean(dim=1) for name, p in first.items()}
correct = {name: share(p > 0.5) for name, p in judges.items()}
sure = {
    name: cal.bootstrap_interval(torch.mean, torch.maximum(p, 1 - p).double())
    for name, p in judges.items()
}
for name, target in (("raw text", 0.58), ("chat", 0.5)):
    expect(f"{name}: right", correct[name].estimate, target, within=0.1)
    expect(f"{name}: mean confidence", sure[name].estimate, 0.51, within=0.02)
expect("raw text: a coin's 0.5 is inside the interval", 0.5 in correct["raw text"], True)
expect("chat: a coin's 0.5 is inside the interval", 0.5 in correct["chat"], True)

# %% [markdown]
# Averaged, the judge is modest, and has nothing to say: a confidence of about one half, right about
# as often as a coin. That is *calibrated*, as far as 60 pairs tell, and useless: averaging takes a
# bias away and puts no knowledge in.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What it holds, and does not say
#
# Does the model know no more? We let it *read* each of the two answers behind its question and look
# at three things: the **likelihood** of the answer; the **hidden state** at its last token, from
# which a *linear probe* (logistic regression) is to tell right from wrong; and the **length** of
# the answer, which knows nothing of the matter. Length must be measured first: as a detector of
# errors in free answers it rivals far more costly ones (Janiak et al., 2025).


# %%
def read_pairs(name, n=140):
    """Questions of a set, each with its right and one wrong answer: 2 n rows, right ones first."""
    questions = [q for q in benchmarks.load(name, limit=2 * n) if len(q.options) > 3][:n]
    texts = []
    for i, q in enumerate(questions):
        wrong = [option for option in q.options if option != q.answer]
        texts += [(q.question, q.answer), (q.question, wrong[i % len(wrong)])]
    return probing.read_answers(lm, [q for q, _ in texts], [a for _, a in texts])


read = {"ARC": read_pairs("arc_easy"), "CommonsenseQA": read_pairs("commonsense_qa")}
n_layers = read["ARC"].states.shape[1]
print(f"{n_layers} layers, states of {read['ARC'].states.shape[2]} numbers, 140 pairs a set")


# %%
def won(pairs):
    """1 where the right answer of a pair scores higher, 1/2 for a tie (n,)."""
    return (pairs[:, 0] > pairs[:, 1]).double() + 0.5 * (pairs[:, 0] == pairs[:, 1]).double()


def wins(score):
    """In which share of the pairs the right answer, in the even rows, scores higher (2 n,)."""
    return cal.bootstrap_interval(torch.mean, won(score.view(-1, 2)))


def probe():
    return make_pipeline(StandardScaler(), LogisticRegression(C=1e-3, max_iter=500))


def marks(n_rows):
    """Right, wrong, right, wrong: whether the answer of each row is right."""
    return [True, False] * (n_rows // 2)


# %% [markdown]
# Which layer? The first half of the pairs chooses, by cross-validation over five parts; the second
# half only reports.

# %%
half, layers = 140, range(4, n_layers, 5)  # 140 rows: 70 pairs
pair_of = torch.arange(half) // 2  # both answers of a question stay together
chosen = {}
for name, of in read.items():
    held_out = {}
    for layer in layers:
        values = cross_val_predict(
            probe(), of.states[:half, layer], marks(half), groups=pair_of,
            cv=GroupKFold(5), method="decision_function",
        )  # fmt: skip
        held_out[layer] = wins(torch.from_numpy(values)).estimate
    chosen[name] = max(held_out, key=held_out.get)
    expect(f"{name}: block chosen, of {n_layers}", chosen[name] + 1, at_most=n_layers)

# %% [markdown]
# **Predict first:**

# %%
my_probability = ...
guess = predict(
    "a-probe-beats-the-likelihood",
    "On ARC's second half the probe picks the right answer more often than the answer's likelihood.",
    my_probability,
)


# %%
def fitted_on(name, rows):
    """What the probe that was fitted on the first half of a set says of other rows (2 n,)."""
    layer = chosen[name]
    model = probe().fit(read[name].states[:half, layer], marks(half))
    return torch.from_numpy(model.decision_function(rows.states[half:, layer]))


found = {}
for name, other in (("ARC", "CommonsenseQA"), ("CommonsenseQA", "ARC")):
    of = read[name]
    found[name] = {
        "length": of.length[half:].double(),
        "likelihood": (of.log_prob * of.length)[half:],
        "probe": fitted_on(name, of),
        f"probe fitted on {other}": fitted_on(other, of),
    }
rows = {f"{name}: {what}": wins(x) for name, of in found.items() for what, x in of.items()}
title, unit = "Which of two answers is right?", "right answer picked (share of 70 pairs)"
plots.show(plots.interval_rows(rows, unit, title, (0.5, "a coin"), row_height=0.42))

# %%
guess.resolve(rows["ARC: probe"].estimate > rows["ARC: likelihood"].estimate)
for name in read:
    expect(f"{name}: length, a coin is inside", 0.5 in rows[f"{name}: length"], True)
expect("ARC: likelihood, lower end", rows["ARC: likelihood"].low, at_least=0.5)
ahead = cal.bootstrap_interval(
    lambda a, b: won(a).mean() - won(b).mean(),
    found["ARC"]["probe"].view(-1, 2),
    found["ARC"]["likelihood"].view(-1, 2),
)
expect("ARC: probe minus likelihood", ahead.estimate, 0.09, within=0.15)
for name, other in (("ARC", "CommonsenseQA"), ("CommonsenseQA", "ARC")):
    moved = rows[f"{name}: probe fitted on {other}"]
    expect(f"{name}: probe of the other set, a coin is inside", 0.5 in moved, True)
expect("its lower end", ahead.low, at_most=0.0)

# %% [markdown]
# Length knows nothing here: the wrong options were written to look like the right one. In free
# answers it often does, and then a detector may be no more than a costly ruler. Measure it before
# you believe.
#
# On ARC, questions of school science, the weights that are no judge do know something: the
# likelihood of the answers picks the right one more often than a coin, and nobody had to grade
# anything for it. The probe, with 70 graded pairs, was not clearly better: the interval of the
# difference holds 0. Carried over to the other kind of question, neither probe could be told from a
# coin. With 70 pairs the intervals are wide: that is what so few pairs can say.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A vendor's claim on trial
#
# On the package index stands a decider, `sparrow-decider` 0.2.0 (Apache 2.0): a model of two
# megabytes that answers questions about a *state*, a passage of text, in a fraction of a
# millisecond. Its page says of the family that "they return calibrated probabilities". Do they? The
# same page names what they are weak at: "open-ended language it never trained on", and yes-or-no
# judgement.
#
# We take it from the index, its hash pinned, and let its own code answer. The state is the passage
# that SciQ has for each question, and the options are the four answers. (SciQ allows no commercial
# use.)

# %%
print(benchmarks.about("sciq"))
decider = vendor.load_decider()
sciq = benchmarks.load("sciq", passages=True, accept_licence=True)  # yes: this is teaching
passage, _, asked = sciq[0].question.rpartition("\n")
reply = vendor.decide(decider, passage, asked, sciq[0].options)
print(asked, *(f"{p:.2f} {option}" for option, p in reply["probabilities"].items()), sep="\n  ")
print("confidence:", reply["confidence"])


# %% [markdown] slideshow={"slide_type": "slide"}
# ### A trap
#
# A reply has a field `confidence`. **Predict first:** an audit that takes it for a probability
# finds

# %%
my_probability = ...
guess = predict(
    "the-field-is-a-probability",
    "a decider whose confidence, in this field, is within 0.05 of its accuracy.",
    my_probability,
)


# %%
def results(questions, ask):
    """A file of results, as `python -m coursekit audit` reads it: one line a question."""
    rows = []
    for q in questions:
        reply = ask(q)
        probs = list(reply["probabilities"].values())
        rows.append({"id": q.key, "confidence": reply["confidence"], "probs": probs})
        rows[-1] |= {"correct": reply["choice"] == q.answer, "label": q.correct}
    file = Path(tempfile.mkdtemp()) / "results.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return file


def with_passage(q):
    passage, _, asked = q.question.rpartition("\n")
    return vendor.decide(decider, passage, asked, q.options)


file = results(sciq, with_passage)
field = audit_results(file, confidence="confidence", correct="correct").metrics("results")
probs = audit_results(file, probs=["probs"], label="label").metrics("results")
for name in ("accuracy", "confidence", "gap", "ece", "auroc"):
    print(f"{name:11} field: {field[name]:.3f}   probabilities: {probs[name]:.3f}")

# %%
guess.resolve(abs(field["gap"].estimate) < 0.05)
expect("accuracy", probs["accuracy"].estimate, 0.568, within=0.005)
expect("gap by the field", field["gap"].estimate, -0.155, within=0.005)
expect("gap by the probabilities", probs["gap"].estimate, -0.008, within=0.005)
expect("0 is inside its interval", 0 in probs["gap"], True)
expect("AUROC, of either", probs["auroc"].estimate, 0.796, within=0.005)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The field says that the vendor is far too modest; the probabilities are right. The field is no
# probability. It is the *margin over chance*, stretched to [0, 1]: $(4p - 1)/3$ for four options, 0
# for a blind guess. Its order is the same, and so is its AUROC; its level means something else.
# Nothing in the name tells.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 3: the probability behind it


# %%
def my_probability_behind(margin, n_options):
    """Return the probabilities (Q,) of which margin (Q,) is (n p - 1) / (n - 1)."""
    ...


exercises.probability_behind.check(my_probability_behind)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Calibrated about what?
#
# With its passage before it the decider keeps the claim. And without? The same questions with
# nothing to read, and two other sets. Where the question stands (as the state, or as the
# instruction) is up to whoever asks: we try both on the first half of each set, keep the one with
# more right answers, and report on the second half.


# %%
def as_state(q):
    return vendor.decide(decider, q.question, "Which answer is correct?", q.options)


def as_instruction(q):
    return vendor.decide(decider, "", q.question, q.options)


def audited(questions, ask):
    return audit_results(results(questions, ask), probs=["probs"], label="label").metrics("results")


sets = {
    "SciQ, passage withheld": benchmarks.load("sciq", accept_licence=True),
    "ARC, easy": benchmarks.load("arc_easy", limit=1000),
    "CommonsenseQA": benchmarks.load("commonsense_qa", limit=1000),
}
found = {"SciQ with its passage": audited(sciq[len(sciq) // 2 :], with_passage)}
for name, questions in sets.items():
    middle = len(questions) // 2
    tried_on, report_on = questions[:middle], questions[middle:]
    best = max(
        (as_state, as_instruction), key=lambda ask: audited(tried_on, ask)["accuracy"].estimate
    )
    found[name] = audited(report_on, best)

# %%
rows = {f"{name}: {of['accuracy'].estimate:.2f} right": of["gap"] for name, of in found.items()}
title = "One decider, four kinds of question"
plots.show(plots.interval_rows(rows, "confidence minus accuracy", title, (0.0, "calibrated")))

# %%
for name, gap, accuracy in (
    ("SciQ, passage withheld", 0.12, 0.35),
    ("ARC, easy", 0.15, 0.33),
    ("CommonsenseQA", 0.18, 0.29),
):
    expect(f"{name}: gap", found[name]["gap"].estimate, gap, within=0.05)
    expect(f"{name}: its lower end", found[name]["gap"].low, at_least=0.05)
    expect(f"{name}: accuracy", found[name]["accuracy"].estimate, accuracy, within=0.05)
turned = [vendor.decide(decider, passage, asked, sciq[0].options[::-1])["probabilities"]]
change = max(abs(turned[0][option] - p) for option, p in reply["probabilities"].items())
expect("options in reverse: largest change of a probability", change, at_most=0.0001)

# %% [markdown]
# **The verdict.** Asked about a text that it is given, as it is meant to be, the decider is
# calibrated within what 997 questions can show, on a public set of science questions. The order of its
# options does not change its verdict, as it did our judge's. Asked what no text tells, it is too sure, by
# a tenth to a fifth; the vendor's own list of weaknesses allows for that, the word "calibrated" alone does not.
# *Calibrated* is a statement about a model **and** a kind of question. We tried one of its models,
# in one language, and not the tasks that it advertises most.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A decision: to check or not to check
#
# An answer may be used as it is; if it is wrong that costs $L$, the *loss*. Or somebody checks it,
# at a *cost* $C$. With probability $p$ of being right, not to check costs $(1 - p) L$ on average.
# So a check pays where the doubt $1 - p$ exceeds $C / L$: that is the best threshold, and **the
# prices set it**, not the model. Does it hold? A world of known probabilities, a check at 2 euros
# and an error at 10:

# %%
draw = torch.Generator().manual_seed(6)
p = torch.rand(100_000, generator=draw).double()
right = torch.rand(100_000, generator=draw) < p
overconfident = 1 - (1 - p) / 2  # half the doubt
thresholds = [i / 20 for i in range(21)]


def bill(confidence, threshold, cost=2.0, loss=10.0):
    """The mean expense of who checks where the doubt exceeds a threshold."""
    checks = 1 - confidence > threshold
    return (cost * checks + loss * (~checks & ~right)).double().mean().item()


bills = {
    "true probabilities": [bill(p, t) for t in thresholds],
    "half the doubt": [bill(overconfident, t) for t in thresholds],
}
axes = "check where the doubt exceeds", "euros an answer"
plots.show(figures.curves(thresholds, bills, *axes, "A check costs 2, an error 10"))

# %%
cheapest = {name: thresholds[min(range(21), key=of.__getitem__)] for name, of in bills.items()}
expect("cheapest threshold, true probabilities", cheapest["true probabilities"], 0.2)
expect("cheapest threshold, half the doubt", cheapest["half the doubt"], 0.1)
extra = bill(overconfident, 0.2) - bill(p, 0.2)
expect("euros lost an answer by trusting half the doubt", extra, 0.2, within=0.02)
same = cal.expense(p, right, cost=2, loss=10)
expect("the same by cal.expense", same - bill(p, 0.2), 0, within=1e-9)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 4: the bill


# %%
def my_expense(confidence, correct, cost, loss):
    """Return the mean expense; confidence and correct (Q,), checked in doubt."""
    ...


exercises.mean_expense.check(my_expense)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Whom does miscalibration cost?
#
# Another user has other prices. Only their ratio $r = C / L$ counts. The **Murphy diagram** (Ehm et
# al., 2016) shows for every $r$ what its user pays more than somebody who knows which answers are
# wrong: a needless check costs $r$, an error that gets through $1 - r$, in units of the loss. A
# lower line is better for the user at that place, and for all users if it is lower everywhere.
# Twice the area below is the Brier score.
#
# The decider about SciQ: once by its probabilities, once by somebody who takes the field
# `confidence` for one, and once with the same confidence for every answer.
#
# **Predict first:**

# %%
my_probability = ...
guess = predict(
    "better-no-check-at-all",
    "At r = 0.7, who believes the field pays more than who uses every answer unchecked.",
    my_probability,
)

# %%
rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
top = torch.tensor([max(row["probs"]) for row in rows]).double()
margin = torch.tensor([row["confidence"] for row in rows]).double()
correct = torch.tensor([row["correct"] for row in rows])
same_for_all = torch.full_like(top, correct.double().mean().item())
ratios = torch.arange(101).double() / 100
users = {
    name: cal.regret(sure, correct, ratios)
    for name, sure in (
        ("its probabilities", top),
        ("its field", margin),
        ("one confidence for all", same_for_all),
    )
}
axes = "cost ratio r of the user", "paid too much (share of the loss)"
title = "Murphy diagram: who pays for the wrong number?"
lines = {name: of.tolist() for name, of in users.items()}
plots.show(figures.curves(ratios.tolist(), lines, *axes, title))

# %%
area = 2 * torch.trapezoid(users["its probabilities"], ratios).item()
brier = cal.binary_brier_score(top, correct)
expect("twice the area minus the Brier score", area - brier, 0, within=0.002)


def dearer(than, other, correct, r):
    """What a user with ratio r pays more by `other`: euros for 1,000 answers, an error costs 10."""
    paid = [cal.expense(sure, correct, cost=10 * r, loss=10) for sure in (than, other)]
    return 1_000 * (paid[1] - paid[0])


bills = {
    f"r = {r}": cal.bootstrap_interval(
        lambda a, b, y, r=r: dearer(a, b, y, r), top, margin, correct, n_resamples=300
    )
    for r in (0.1, 0.3, 0.5, 0.7, 0.9)
}
title = "What the wrong field costs, by user"
plots.show(plots.interval_rows(bills, "euros more for 1,000 answers", title, (0.0, "nothing")))

# %%
expect("r = 0.7: euros more for 1,000 answers", bills["r = 0.7"].estimate, 290, within=40)
expect("its lower end", bills["r = 0.7"].low, at_least=50)
unchecked = cal.bootstrap_interval(
    lambda b, y: dearer(torch.ones_like(b), b, y, 0.7), margin, correct, n_resamples=300
)
guess.resolve(unchecked.estimate > 0)
print(f"r = 0.7, believing the field instead of checking nothing: {unchecked:.0f} euros more")
expect("its lower end", unchecked.low, at_least=20)

# %% [markdown]
# To a user for whom a check is cheap ($r = 0.1$) it hardly matters which number they read: they
# check nearly everything. For $r = 0.7$ it does: believing the field they check so much that they
# would do better to check nothing at all. The order of the answers is the same in both, so AUROC
# sees no difference; the bill does.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Time: who notices?
#
# A model was calibrated when it was bought. Then the questions change, or the model behind an
# address does. Answers come in one by one, with $x_t$ = confidence minus 1 or 0. A world in which
# we know when it breaks: confidences between 0.5 and 1, calibrated; after the break each answer is
# right 0.15 less often, at the same confidence.


# %%
def stream(n_streams, n_answers, seed, breaks=None, drop=0.15):
    """Confidence, true probability and excess (confidence minus correctness), each (R, T)."""
    draw = torch.Generator().manual_seed(seed)
    confidence = 0.5 + 0.5 * torch.rand(n_streams, n_answers, generator=draw).double()
    truth = confidence.clone()
    truth[:, breaks if breaks is not None else n_answers :] -= drop
    correct = torch.rand(n_streams, n_answers, generator=draw) < truth
    return confidence, truth, confidence - correct.double()


# %% [markdown]
# The obvious alarm: after each answer compute the gap of all answers so far, and call when it is
# significant at 5 %.
#
# **Predict first:**

# %%
my_probability = ...
guess = predict(
    "looking-every-day",
    "While nothing is wrong, this alarm goes off within 1,000 answers in more than 20 % of the streams.",
    my_probability,
)

# %%
confidence, _, excess = stream(1_000, 1_000, seed=7)
z = excess.cumsum(dim=1) / (confidence * (1 - confidence)).cumsum(dim=1).sqrt()
called = (z[:, 19:].abs() > 1.96).any(dim=1)  # from the 20th answer on
guess.resolve(bool(called.double().mean() > 0.2))
print(f"false alarm within 1,000 answers: {share(called):.2f}")
expect("false alarms", share(called).estimate, 0.46, within=0.05)
expect(
    "at one look, after 1,000 answers", (z[:, -1].abs() > 1.96).double().mean(), 0.05, within=0.02
)

# %% [markdown]
# Each single look errs in 5 % of the cases, and there are many looks.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### A control chart
#
# Page's CUSUM (1954) adds up what exceeds a slack $k$ and never falls below zero: $S_t = \max(0,
# S_{t-1} + x_t - k)$; above a limit $h$ it calls. As slack take half of the shift that matters,
# 0.075. And the limit? A calibrated model's outcomes can be *drawn from its own confidence*; so the
# false alarms of any limit can be measured before the first real answer comes in. Count how many
# answers pass until one, on average: the *average run length*. (Here one stream; the chart is
# checked against the loop that defines it.)

# %%
_, _, excess = stream(1, 2_000, seed=11, breaks=1_000)
chart, height = cal.cusum(excess[0], slack=0.075), 0.0
for t, x in enumerate(excess[0].tolist()):
    height = max(0.0, height + x - 0.075)
    assert abs(height - chart[t].item()) < 1e-9
limits = {"limit h = 6": 6.0}
title = "One stream; after 1,000 answers something breaks"
axes = "answers that have come in", "CUSUM of confidence\nminus correctness"
times = list(range(801, 1_201))
lines = {"chart": chart[800:1_200].tolist()}
plots.show(figures.curves(times, lines, *axes, title, levels=limits))
first_call = cal.run_lengths(excess[0], 0.075, limits["limit h = 6"]).item()
expect("this stream calls after answer", first_call, at_least=1_001)

# %%
heights = [3, 4, 5, 6, 7]
_, _, quiet = stream(400, 40_000, seed=8)
_, _, broken = stream(400, 2_000, seed=9, breaks=0)
lines = {"until a false alarm": [], "until the break is seen": []}
for h in heights:
    lines["until a false alarm"].append(cal.run_lengths(quiet, 0.075, h).double().mean().item())
    lines["until the break is seen"].append(
        cal.run_lengths(broken, 0.075, h).double().mean().item()
    )
ax = figures.curves(heights, lines, "limit h", "answers, on average", "Patience has a price")
ax.set_yscale("log")
plots.show(ax)

# %%
quiet_for = dict(zip(heights, lines["until a false alarm"], strict=True))
seen_after = dict(zip(heights, lines["until the break is seen"], strict=True))
expect("h = 6: answers until a false alarm", quiet_for[6], 3_100, within=500)
expect("h = 6: answers until the break is seen", seen_after[6], 64, within=6)
expect("one more: false alarms rarer by a factor", quiet_for[6] / quiet_for[5], 2.4, within=0.4)
expect("and the break is seen later by", seen_after[6] - seen_after[5], 12, within=3)

# %% [markdown]
# One step of the limit makes false alarms about twice as rare, and delays the true one by a dozen
# answers: that is a good bargain, and so charts are set high. But the run length belongs to *these*
# confidences. Of a model that is surer, the same limit makes another chart:

# %%
draw = torch.Generator().manual_seed(10)
surer = 0.9 + 0.1 * torch.rand(400, 40_000, generator=draw).double()
surer_excess = surer - (torch.rand(400, 40_000, generator=draw) < surer).double()
longer = cal.run_lengths(surer_excess, 0.075, 6).double().mean().item()
expect(
    "surer model, h = 6: share of 40,000 answers that pass, at least", longer / 40_000, at_least=0.9
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Repair on the run?
#
# Why wait for an alarm? Recalibrate all the time: from each confidence subtract the mean gap of the
# last $w$ answers. What that does is seen against the truth, as the mean squared distance from the
# true probability.
#
# **Predict first:**

# %%
my_probability = ...
guess = predict(
    "a-window-is-free",
    "Before the break, a window of 30 answers leaves the probabilities as good as they were.",
    my_probability,
)


# %%
def moving(confidence, excess, w):
    """Each confidence minus the mean excess of the w answers before it; none before the first w."""
    total = torch.nn.functional.pad(excess.cumsum(dim=1), (1, 0))[:, :-1]
    shift = torch.zeros_like(excess)
    shift[:, w:] = (total[:, w:] - total[:, :-w]) / w
    return (confidence - shift).clamp(0, 1)


def over_streams(values):
    """The mean of independent streams, and two standard errors to either side."""
    mean, error = values.mean().item(), values.std().item() / len(values) ** 0.5
    return cal.Interval(mean, mean - 2 * error, mean + 2 * error)


confidence, truth, excess = stream(1_000, 2_000, seed=12, breaks=1_000)
spans = {"before the break": (400, 1_000), "the next 100": (1_000, 1_100), "later": (1_400, 2_000)}
repaired = {"as it is": confidence}
repaired |= {f"last {w}": moving(confidence, excess, w) for w in (30, 100, 300)}
lines = {}
for name, p in repaired.items():
    off = (p - truth).square()
    lines[name] = [over_streams(off[:, a:b].mean(dim=1)) for a, b in spans.values()]
axes = "time", "squared distance from the truth"
ax = plots.new_axes(8.5, 5.0)
plots.show(plots.lines_with_intervals(list(spans), lines, *axes, "A moving window", ax=ax))

# %%
guess.resolve(lines["last 30"][0].estimate < 0.0005)
expect("before, as it is", lines["as it is"][0].estimate, 0.0)
for w, target in ((30, 0.0054), (100, 0.0017), (300, 0.00056)):
    expect(f"before, last {w}", lines[f"last {w}"][0].estimate, target, within=target / 8)
expect("later, as it is", lines["as it is"][2].estimate, 0.0225, within=1e-9)
expect("later, last 100", lines["last 100"][2].estimate, 0.0022, within=0.0003)
expect("the next 100, last 300", lines["last 300"][1].estimate, at_least=0.015)

# %% [markdown]
# While nothing is wrong, the window chases noise: it costs about $0.17 / w$, the variance of a mean
# of $w$ outcomes. After the break it saves the gap squared, 0.0225, once the window is full of new
# answers. A short window is nervous, a long one late. It pays only where the gap exceeds
# $\sqrt{0.17 / w}$:

# %%
variance = (confidence * (1 - confidence)).mean().item()
for w in (30, 100, 300):
    print(f"last {w:3}: pays from a gap of {(variance / w) ** 0.5:.3f} on")
expect("last 100: pays from a gap of", (variance / 100) ** 0.5, 0.041, within=0.002)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you learned
#
# - More verdicts of a judge that errs find a wrong share more precisely.
# - Rogan and Gladen carry over how the judge errs; prediction-powered inference needs grades from
#   among the very answers in question. Where the judge errs otherwise on the graded answers, both
#   miss.
# - With grades of a random part and a judge like ours, Rogan and Gladen's interval was wider than
#   that of the grades alone. PPI++ uses both.
# - A judge that is right in 80 % of the cases makes each grade worth one and a half, no more.
# - Asked which of two answers is right, SmolLM2 changed its verdict with the order in nearly every
#   pair. Averaged over both orders it was modest, and as good as a coin.
# - Length is the baseline that a probe must beat, and the likelihood is another, which costs no
#   grade.
# - The vendor's decider was calibrated on questions about a passage before it, and too sure where
#   nothing told it the answer. Its field `confidence` is no probability.
# - With a calibrated probability the cheapest threshold is the cost of a check over the loss by an
#   error. A wrong number costs one user much and another nearly nothing.
# - An alarm that looks after each answer goes off sooner or later. A chart has an average run
#   length, which can be measured from the model's own confidence before it is used.
# - A moving window repairs after a break and costs before it.
#
# ## Common misconceptions
#
# - *"With enough verdicts the judge's errors cancel."* They have a direction.
# - *"Corrected is better."* With ten grades the corrected share was farther from the truth on
#   average.
# - *"It is called confidence, so it is a probability."* Here it was a margin over chance; the gap
#   of -0.155 was an artefact of the reader.
# - *"Calibrated, says the vendor."* About which questions?
# - *"Same AUROC, same worth."* The same order at another level sent somebody the higher bill.
# - *"We test every day at 5 %, so we are wrong in 5 %."* In two of five quiet streams, or more, it
#   called.
#
# ## Further reading
#
# - W. J. Rogan, B. Gladen, *Estimating prevalence from the results of a screening test*, American
#   Journal of Epidemiology 107, 1978.
# - E. C. Fieller, *Some problems in interval estimation*, Journal of the Royal Statistical Society
#   B 16, 1954.
# - A. N. Angelopoulos, S. Bates, C. Fannjiang, M. I. Jordan, T. Zrnic, *Prediction-powered
#   inference*, Science 382, 2023.
# - A. N. Angelopoulos, J. C. Duchi, T. Zrnic, *PPI++: efficient prediction-powered inference*,
#   arXiv:2311.01453, 2023.
# - C. Lee et al., *How to correctly report LLM-as-a-judge evaluations*, arXiv:2511.21140, 2025.
# - L. Shi et al., *Judging the judges: a systematic study of position bias in LLM-as-a-judge*,
#   arXiv:2406.07791, 2024.
# - D. Janiak et al., *The illusion of progress: re-evaluating hallucination detection in LLMs*,
#   arXiv:2508.08285, 2025.
# - W. Ehm, T. Gneiting, A. Jordan, F. Krüger, *Of quantiles and expectiles: consistent scoring
#   functions, Choquet representations and forecast rankings*, Journal of the Royal Statistical
#   Society B 78, 2016.
# - A. H. Murphy, *The value of climatological, categorical and probabilistic forecasts in the
#   cost-loss ratio situation*, Monthly Weather Review 105, 1977.
# - E. S. Page, *Continuous inspection schemes*, Biometrika 41, 1954.
# - J. Welbl, N. F. Liu, M. Gardner, *Crowdsourcing multiple choice science questions*, W-NUT 2017.
# - A. Talmor, J. Herzig, N. Lourie, J. Berant, *CommonsenseQA*, NAACL 2019.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## And you?

# %% tags=["nbval-ignore-output"]

from coursekit.chapters import progress

plots.my_predictions()
progress()

# %% [markdown]
# **Next:** [20 Audit your model](20_audit_your_model.ipynb), where all of this becomes one command.
