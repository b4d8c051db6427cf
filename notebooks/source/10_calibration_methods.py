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
# # 10 Calibration methods
#
# A model that was trained too long on too little is too sure of itself. Can its probabilities be
# repaired afterwards, without training it again? Many methods promise that, from one number
# (temperature scaling) to thousands (matrix scaling). Here they all treat the same patient. Because
# we know the *true* next-word probabilities, we can split what is wrong with it into
# **miscalibration**, which a calibrator can mend, and **information that is missing**, which it
# cannot; and then ask whether the illness could have been prevented.
#
# **You will be able to**
# - derive, fit and check a temperature;
# - split a divergence from the truth into miscalibration and missing information, and say which of
#   them a method takes away;
# - choose among Platt, temperature, vector, matrix, Dirichlet, beta and isotonic calibration and
#   histogram binning by what they keep, what they need and what they heal; build two of them;
# - compare repair with prevention: early stopping, weight decay, label smoothing, ensembles,
#   cross-fitting;
# - fit on one split, report on another, and say what goes wrong otherwise.
#
# **Time:** about 80 minutes; all cells together run in about a minute and a half.
#
# **On the map:** the last notebook of Part II. Before it: what calibration is (07), how it is
# measured (08), bias and variance (09). After it: a real language model (11).

# %%
import torch
import torch.nn.functional as F
from scipy.optimize import isotonic_regression, minimize_scalar

from coursekit import calibration as cal, expect, plots, predict
from coursekit.chapters.calibration_methods import exercises, figures

# %%
from coursekit.data import grammar
from coursekit.lm import GPT, GPTConfig, TrainingConfig, sequence_logits, train

torch.set_num_threads(1)  # small matrices: a second thread waits more than it works

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Before you start: three questions
#
# Answer from memory: replace each `...` by a letter in quotes. A wrong answer costs nothing and is
# explained.

# %%
exercises.what_an_ece_of_zero_says.ask()
exercises.what_an_ece_of_zero_says.check(...)

# %%
exercises.what_an_average_cuts.ask()
exercises.what_an_average_cuts.check(...)

# %%
exercises.which_score_finds_a_temperature.ask()
exercises.which_score_finds_a_temperature.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The patient
#
# The language is the grammar of notebook 06: number agreement, brackets, a hidden topic, and for
# every context the exact probability of each next word. The patient is a small GPT that has read
# 200 sequences of it, 48 times over.
#
# Three splits, disjoint by sequence: **training** makes the patient, **calibration** fits the
# repairs, **test** judges them. Nothing is ever fitted on the test split.
#
# Three names for all that follows. $p$ is the **true distribution** of the next word; the model's
# **forecast** $q$ is the distribution that it states; the Kullback-Leibler **divergence**
# $\mathrm{KL}(p \,\|\, q) = \sum_w p(w) \ln \frac{p(w)}{q(w)}$ says how far the second is from the
# first, averaged over all contexts.

# %%
language = grammar()
n_words = language.vocab_size
training = language.sample(200, seed=100)
calibration = language.sample(80, seed=901)
test = language.sample(400, seed=900)

truth = language.next_token_probs(test)[:, :-1].flatten(0, 1)  # (N, V), exact
labels = test[:, 1:].flatten()
calibration_labels = calibration[:, 1:].flatten()
sequence = torch.arange(len(test)).repeat_interleave(test.shape[1] - 1)
print(f"{n_words} words; {len(calibration_labels):,} to calibrate, {len(labels):,} to test")


# %%
def trained_gpt(tokens, steps, seed=0, watch=None, **settings):
    """A small GPT after so many steps of 16 sequences; `watch` sees it every 100 steps."""
    shape = GPTConfig(vocab_size=n_words, context=64, width=64, n_layers=1, n_heads=4)
    model = GPT(shape, torch.Generator().manual_seed(seed))
    config = TrainingConfig(steps=steps, batch_size=16, seed=seed, **settings)
    train(model, tokens, config, evaluate=watch, progress=False)
    return model


def logits_on(model, tokens):
    """Logits of every next word, one row a word."""
    return sequence_logits(model, tokens).flatten(0, 1)


def case_history(seed, **settings):
    """A patient, and its logits on calibration and test words at steps 100, 200, ... 600."""
    seen = []

    def watch(model):
        seen.append((logits_on(model, calibration), logits_on(model, test)))
        return {}

    return trained_gpt(training, 600, seed, watch, **settings), seen


# %% [markdown]
# One patient might be an odd case. So we make three, which differ in nothing but the seed, treat the
# first, and come back to the others before we believe anything.

# %%
cases = [case_history(seed) for seed in range(3)]
patient, history = cases[0]
z_calibration, z_test = history[-1]


# %% [markdown]
# How ill is it? We judge by scores that see the outcomes (NLL, ECE) and by one that sees the truth,
# the divergence.


# %%
def judge(probs):
    """NLL, Brier score, KL from the truth, and the ECE with its interval by sequence."""
    return {
        "NLL": cal.negative_log_likelihood(probs, labels),
        "Brier": cal.brier_score(probs, labels),
        "KL": cal.kl_divergence(truth, probs),
        "ECE": cal.ece_interval(*cal.top_label(probs, labels), groups=sequence),
        "accuracy": cal.top_label(probs, labels)[1].double().mean().item(),
    }


ill = judge(z_test.softmax(dim=-1))
entropy = cal.negative_log_likelihood(truth, labels)
expect("NLL of the truth on the test words", entropy, 1.39, within=0.02)
expect("NLL of the patient", ill["NLL"], 2.6, within=0.3)
expect("KL of the patient", ill["KL"], 1.2, within=0.3)
expect("ECE of the patient", ill["ECE"].estimate, 0.28, within=0.06)

# %%
plots.show(
    plots.reliability_diagram(
        *cal.top_label(z_test.softmax(dim=-1), labels), groups=sequence, title="The patient"
    )
)

# %% [markdown]
# Where it says nine in ten it is right little more than every other time: the patient has learned
# its 200 sequences by heart and takes what it remembers for what must come.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## One number: temperature scaling
#
# Divide all logits $z$ by one temperature $T$, and choose the $T$ that makes the *calibration*
# labels most probable (Guo et al. 2017):
#
# $$q_T(w) = \frac{e^{z_w / T}}{\sum_v e^{z_v / T}}, \qquad
#   \frac{\partial\, \mathrm{NLL}}{\partial (1/T)}
#   = \frac1N \sum_i \Bigl( \sum_w q_T(w \mid i)\, z_{iw} - z_{i y_i} \Bigr) .$$
#
# In words: at the best $T$ the logit that the model *expects* equals, on average, the logit of the
# word that *came*. The slope is positive where the model is too sure, and the loss is convex in
# $1/T$, so there is one minimum and nothing to tune.
#
# **Predict first:** how probable is it that one number brings this ECE below 0.06?

# %%
my_probability = ...
guess = predict(
    "one-temperature-heals-the-ece",
    "On the test split, temperature scaling brings the patient's ECE below 0.06.",
    my_probability,
)

# %%
temperatures = torch.linspace(0.8, 4, 33)
losses = torch.stack([F.cross_entropy(z_calibration / t, calibration_labels) for t in temperatures])
best = temperatures[losses.argmin()].item()
plots.show(plots.temperature_curve(temperatures, losses, best, "Calibration split: one valley"))

# %% [markdown]
# `TemperatureScaling` finds the bottom by Newton's method on $\ln T$, in a few passes over the
# data. **Check:** SciPy's bounded search and the condition above agree with it.

# %%
scaling = cal.TemperatureScaling().fit(z_calibration, calibration_labels)
found = minimize_scalar(
    lambda t: F.cross_entropy(z_calibration.double() / t, calibration_labels).item(),
    bounds=(0.5, 5),
    method="bounded",
    options={"xatol": 1e-8},
)
q = scaling.predict_proba(z_calibration.double())
expected_logit = (q * z_calibration).sum(dim=-1).mean()
logit_of_what_came = z_calibration.gather(1, calibration_labels[:, None]).mean()

expect("temperature", scaling.temperature_, 2.1, within=0.35)
expect("SciPy's temperature against ours", found.x - scaling.temperature_, 0, within=1e-4)
expect("expected logit minus that of the truth", expected_logit - logit_of_what_came, 0, 1e-4)

# %%
with_temperature = scaling.predict_proba(z_test)
after = judge(with_temperature)
guess.resolve(after["ECE"].estimate < 0.06)
expect("ECE after temperature scaling", after["ECE"].estimate, at_most=0.06)
expect("NLL after temperature scaling", after["NLL"], 2.0, within=0.15)

# %%
plots.show(
    plots.reliability_diagram(
        *cal.top_label(with_temperature, labels), groups=sequence, title="The patient, divided by T"
    )
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 1: the best of some temperatures


# %%
def my_best_temperature(logits, labels, temperatures):
    """Return the entry of temperatures (K,) with the lowest NLL, as a float."""
    ...


exercises.best_temperature.check(my_best_temperature)

# %% [markdown]
# Stuck? Run `exercises.best_temperature.hint()`, and in the end `.solution()`.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The diagram looks healed. Is the distribution?
#
# Most courses would stop here, with a beautiful diagram. We know the truth, so we can ask on.
#
# **Predict first:** the temperature removed most of the ECE. Did it remove most of the divergence
# from the truth, more than three quarters, say?

# %%
my_probability = ...
guess = predict(
    "temperature-heals-the-distribution",
    "Temperature scaling removes more than three quarters of the patient's KL from the truth.",
    my_probability,
)

# %%
guess.resolve(after["KL"] < 0.25 * ill["KL"])
expect("share of the ECE that is left", after["ECE"].estimate / ill["ECE"].estimate, at_most=0.25)
expect("share of the KL that is left", after["KL"] / ill["KL"], 0.5, within=0.12)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### What the rest is made of
#
# A diagram asks about one event, "the top word comes". Let $c$ be the confidence and $t$ the true
# probability of that event. The divergence first of this event, then of everything else, is the whole
# divergence (its *chain rule*), and the part of the event splits once more:
#
# $$\mathrm{KL}(p \,\|\, q) = \underbrace{\mathrm{KL}(a(c) \,\|\, c)}_{\text{miscalibration}} +
# \underbrace{\mathrm{KL}(t \,\|\, a(c))}_{\text{information missing}} +
# \underbrace{(1 - t)\, \mathrm{KL}(p_{\text{rest}} \,\|\, q_{\text{rest}})}_{\text{the other words}},$$
#
# in the mean over contexts. Here $a(c)$ is the mean of $t$ among all contexts with confidence $c$:
# what a calibrated model would say there. The first part is what the diagram shows. The second is
# what the *confidence does not tell apart*: contexts that get the same number although their truths
# differ (Kull and Flach 2015; Perez-Lebel et al. 2023 call it the *grouping loss*). The third part no
# diagram of the top word looks at.


# %%
def event(chance):
    """Probabilities (N, 2) that an event stays out or comes, from its chance (N,)."""
    return torch.stack((1 - chance, chance), dim=1)


def mean_chance(confidence, chance):
    """a(c): the mean true chance at each confidence, as the closest rising staircase."""
    level, place, count = confidence.unique(return_inverse=True, return_counts=True)
    mean_there = torch.zeros_like(level).index_add(0, place, chance) / count
    found = isotonic_regression(mean_there.numpy(), weights=count.double().numpy())
    return torch.tensor(found.x)[place]


def parts(probs):
    """The three parts of KL: miscalibration, information missing, the other words; in nats."""
    confidence, top = probs.double().max(dim=1, keepdim=True)
    confidence, chance = confidence[:, 0], truth.double().gather(1, top)[:, 0]
    honest = mean_chance(confidence, chance)
    of_event = cal.kl_divergence(event(chance), event(confidence))
    missing = cal.known_truth_decomposition(event(honest), event(chance)).grouping
    of_others = cal.kl_divergence(truth, probs) - of_event
    return torch.tensor([of_event - missing, missing, of_others])


# %% [markdown]
# **Controls first.** A split that cannot come out differently says nothing. Two forecasters whose
# parts we know: the truth itself, which must get three zeros; and the *unigram*, which says at every
# place how often each word occurs. It knows nothing of the context, and is calibrated: no
# miscalibration, all the rest. And the third part, computed on its own.

# %%
counts = training.flatten().bincount(minlength=n_words) + 0.5
unigram = (counts / counts.sum()).double().expand(len(labels), -1)
of_unigram, of_truth = parts(unigram), parts(truth)
expect("all parts of the truth together", of_truth.abs().sum(), 0, within=1e-6)
expect("unigram: miscalibration", of_unigram[0], at_most=0.001)
expect("unigram: information missing", of_unigram[1], 0.22, within=0.02)

confidence, top = with_temperature.double().max(dim=1, keepdim=True)
p_rest, q_rest = (x.double().scatter(1, top, 0.0) for x in (truth, with_temperature))
p_given, q_given = p_rest / p_rest.sum(1, True), q_rest / q_rest.sum(1, True)
other = torch.xlogy(p_rest, p_given) - torch.xlogy(p_rest, q_given)
apart = other.nansum(dim=1).mean() - parts(with_temperature)[2]
expect("the other words, computed on their own, minus the rest", apart, 0, within=1e-5)

# %%
z_all = [seen[-1] for _, seen in cases]
before = torch.stack([parts(z.softmax(dim=-1)) for _, z in z_all])  # (3 patients, 3 parts)
scaled = [
    cal.TemperatureScaling().fit(z_fit, calibration_labels).predict_proba(z) for z_fit, z in z_all
]
divided = torch.stack([parts(probs) for probs in scaled])
plots.show(
    figures.divergence_parts(
        {"as it is": before, "temperature": divided},
        "Three patients: what the temperature takes away",
    )
)

# %%
left = divided / before  # (3 patients, 3 parts)
expect("miscalibration left, most of three patients", left[:, 0].max(), at_most=0.06)
expect("missing information left, least of three", left[:, 1].min(), at_least=0.7)
expect("missing at the top word, nats: unigram", of_unigram[1], 0.22, within=0.02)
expect("the patients after the temperature", divided[:, 1].mean(), 0.11, within=0.02)

# %% [markdown]
# The temperature is an excellent *calibrator*: of the miscalibration it leaves next to nothing. Of
# the information that is missing it leaves nearly all. That is no failure of this one method. A
# rising map of the confidence cannot pull apart what got the same confidence. *A healed diagram says
# that the model knows how much it knows. It does not say that it knows much:* the diagram of the
# unigram is as good.
#
# A warning about the split itself. Applied to the whole forecast, all its numbers at once, it finds
# no two contexts alike, so that a map of whole forecasts could in theory repair everything, and all
# of the divergence counts as miscalibration:

# %%
strict = cal.known_truth_decomposition(with_temperature, truth)
expect("missing, if contexts are grouped by their whole forecast", strict.grouping, at_most=0.001)
expect("miscalibration then, against all of the KL", strict.calibration / after["KL"], 1, 0.01)

# %% [markdown]
# That map has as many entries as contexts, and no calibration split could fit it. "Information is
# missing" always means: from what the calibrator looks at. So methods that look at more than the
# confidence may win more back, as we shall see.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 2: what was healed?

# %%
exercises.what_healed.ask()
exercises.what_healed.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## More numbers: the other methods, a line each
#
# In this table $q$ is the model's probability of a class, $z$ its logits, $\sigma$ the logistic
# function.
#
# | method | what it learns | numbers for V classes |
# | --- | --- | --- |
# | temperature | $\mathrm{softmax}(z / T)$ | 1 |
# | Platt | $\sigma(a \ln \frac{q}{1-q} + c)$ for each class, then divide by the sum | 2 V |
# | beta | $\sigma(a \ln q - b \ln (1-q) + c)$ for each class, then divide | 3 V |
# | vector | $\mathrm{softmax}(w \circ z + b)$ | 2 V |
# | matrix | $\mathrm{softmax}(W z + b)$, with a penalty | V² + V |
# | Dirichlet | $\mathrm{softmax}(W \ln q + b)$, with a penalty | V² + V |
# | histogram binning | the frequency in each bin of $q$, for each class | bins times V |
# | isotonic | any rising staircase of $q$, for each class | as many as the data allow |
#
# All of them share one interface, `fit(logits, labels)` and `predict_proba(logits)`. For one event
# (the top word is right, or not) histogram binning is only this:

# %%
p_of_first = z_calibration.softmax(dim=-1).amax(dim=-1)  # confidence, as one event: correct or not
came_true = z_calibration.argmax(dim=-1) == calibration_labels
bin_of = (p_of_first * 15).ceil().long() - 1
used = bin_of.unique()
by_hand = torch.stack([came_true[bin_of == b].double().mean() for b in used])

two_classes = torch.stack((torch.log1p(-p_of_first.double()), p_of_first.double().log()), dim=1)
binning = cal.HistogramBinning(n_bins=15).fit(two_classes, came_true.long())
difference = (binning.frequency_[0][used] - by_hand).abs().max()
expect("largest difference from the class, bin by bin", difference, 0, within=1e-12)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 3: histogram binning


# %%
def my_histogram_binning(confidence, correct, new, n_bins):
    """Learn from confidence (N,) and correct (N,) how often each bin was right; answer
    for new (M,). Bins have equal width and hold their upper border."""
    ...


exercises.histogram_binning.check(my_histogram_binning)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 4: isotonic calibration
#
# Isotonic regression chooses its steps itself: of all staircases that rise with the confidence, the
# one closest to the outcomes. Start with the outcomes in the order of confidence, and wherever a
# block is not below the next one, *pool* the two into their common mean.


# %%
def my_staircase(came):
    """Return the rising numbers (N,) closest, in squares, to the outcomes came (N,):
    0 or 1, in the order of rising confidence."""
    ...


exercises.staircase.check(my_staircase)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## All treat the same patient
#
# **Predict first:** isotonic regression can learn any rising function. Its ECE will be fine. Will
# its negative log-likelihood be lower than that of temperature scaling?

# %%
my_probability = ...
guess = predict(
    "isotonic-nll",
    "Isotonic calibration has a lower test NLL than temperature scaling.",
    my_probability,
)

# %%
methods = {
    "Platt": cal.PlattScaling(),
    "vector": cal.VectorScaling(),
    "matrix": cal.MatrixScaling(),
    "beta": cal.BetaCalibration(),
    "isotonic": cal.IsotonicCalibration(),
    "histogram binning": cal.HistogramBinning(),
}
repaired = {"as it is": z_test.softmax(dim=-1), "temperature": with_temperature}
for name, method in methods.items():
    repaired[name] = method.fit(z_calibration, calibration_labels).predict_proba(z_test)

verdict = {name: judge(probs) for name, probs in repaired.items()}
guess.resolve(verdict["isotonic"]["NLL"] < verdict["temperature"]["NLL"])

# %% tags=["nbval-ignore-output"]
# (Training differs in the last digits from machine to machine; `expect`, below, allows for that.)
print(f"{'':>18} {'NLL':>6} {'Brier':>6} {'KL':>6} {'accuracy':>9}   ECE")
for name, scores in verdict.items():
    numbers = f"{scores['NLL']:6.2f} {scores['Brier']:6.3f} {scores['KL']:6.2f}"
    print(f"{name:>18} {numbers} {scores['accuracy']:9.3f}   {scores['ECE']:.3f}")

# %%
by_chance = cal.ece_null_distribution(confidence[:, 0], n_simulations=200).quantile(0.95)
expect("ECE that chance alone exceeds 5 % of the time", by_chance, at_most=0.012)
for name in ("temperature", "Platt", "beta", "isotonic", "vector"):
    expect(f"ECE, {name}", verdict[name]["ECE"].estimate, at_most=0.065)
expect("ECE, matrix", verdict["matrix"]["ECE"].estimate, 0.07, within=0.02)
expect("isotonic: the NLL is infinite", verdict["isotonic"]["NLL"] == float("inf"), True)
expect("matrix: KL", verdict["matrix"]["KL"], 0.38, within=0.1)
expect("temperature: KL", verdict["temperature"]["KL"], 0.61, within=0.15)

# %% [markdown]
# - **By ECE nearly all repairs look alike**, a few hundredths, where chance alone would explain
#   about 0.01; matrix scaling looks the worst of them.
# - **Isotonic regression and histogram binning have an infinite NLL.** Where the calibration split
#   saw no success they answer with exactly 0, and then it happened. The ECE, which looks only at the
#   top word, notices nothing.
# - **The divergence tells another story.** A temperature halves it, the methods with more numbers
#   remove more, and matrix scaling, last by ECE, comes closest to the truth.
#
# The split says why:

# %%
shares = {name: parts(probs)[None] for name, probs in repaired.items()}
plots.show(
    figures.divergence_parts(shares, "One patient, eight repairs: what is left of the divergence")
)

# %%
missing = {name: three[0, 1] for name, three in shares.items()}
for name in ("Platt", "vector", "beta", "matrix"):
    less = missing[name] / missing["temperature"]
    expect(f"information missing, {name} over temperature", less, at_most=0.85)
    expect(f"miscalibration of the top word, {name}", shares[name][0, 0], at_most=0.03)

# %% [markdown]
# All repairs calibrate about equally well. What sets them apart is *information*: a map for each word
# uses more of the forecast than the confidence, and 5,040 labelled words have something to teach
# about each of them.
#
# *Modify:* import `DirichletCalibration` and add it to `methods`. On log-probabilities instead of
# logits, does it find anything that matrix scaling did not?

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Is the difference real?
#
# The same test words judge both methods, so compare them word by word: the difference of the two
# losses, with an interval that resamples whole sequences (a *paired* bootstrap).


# %%
def loss_of(probs):
    return -probs.gather(1, labels[:, None])[:, 0].double().log()


def mean(values):
    return values.double().mean().item()


def paired(probs, other):
    """Difference of the mean losses on the test words, with its interval by sequence."""
    difference = loss_of(probs) - loss_of(other)
    return cal.bootstrap_interval(mean, difference, groups=sequence, n_resamples=500)


lead = {}
for name in ("Platt", "vector", "beta", "matrix"):
    lead[name] = paired(repaired[name], with_temperature)
    expect(f"{name} minus temperature: upper end", lead[name].high, at_most=0)
expect("matrix minus temperature, nats a word", lead["matrix"].estimate, -0.23, within=0.06)

# %% [markdown]
# Every interval lies below zero: here more numbers are better. Matrix scaling, so often warned of in
# the literature, does more than calibrate: with 5,040 labelled words it *learns the language* from a
# calibration split almost half as large as what the patient was trained on. Look at the accuracies in
# the table: they rise, too. That is help of another kind, and it has its price.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What each method needs
#
# Fit on less and less: 80, 40, 10 and 2 sequences, two draws each. (Matrix scaling, slow to fit, gets
# two draws of the smallest size and one of the others.)

# %%
draws = [language.sample(80, seed=seed) for seed in (901, 902)]
families = {
    "temperature": cal.TemperatureScaling,
    "Platt": cal.PlattScaling,
    "vector": cal.VectorScaling,
    "matrix": cal.MatrixScaling,
}
sizes = [2, 10, 40, 80]
test_loss = {name: torch.full((len(draws), len(sizes)), torch.nan) for name in families}
test_loss["matrix"][0, 3] = verdict["matrix"]["NLL"]  # fitted above on the same words

for d, draw in enumerate(draws):
    z_draw, y_draw = logits_on(patient, draw), draw[:, 1:].flatten()
    for s, size in enumerate(sizes):
        n = size * (draw.shape[1] - 1)
        for name, family in families.items():
            if name == "matrix" and (size == 80 or (size > 2 and d > 0)):
                continue
            fitted = family().fit(z_draw[:n], y_draw[:n])
            probs = fitted.predict_proba(z_test)
            test_loss[name][d, s] = cal.negative_log_likelihood(probs, labels)

# %%
plots.show(
    figures.score_against_data(
        [63 * size for size in sizes],
        test_loss,
        ill["NLL"],
        "the patient, not calibrated",
        "How much data a calibrator needs",
    )
)

# %%
least = {name: losses[:, 0].mean().item() for name, losses in test_loss.items()}
most = {name: losses[:, -1].nanmean().item() for name, losses in test_loss.items()}
expect("temperature, 2 sequences against 80", least["temperature"] - most["temperature"], 0, 0.06)
expect(
    "vector minus temperature, 2 sequences", least["vector"] - least["temperature"], at_least=0.1
)
expect("vector minus temperature, 80", most["vector"] - most["temperature"], at_most=-0.05)
expect("matrix minus the untreated, 2 sequences", least["matrix"] - ill["NLL"], at_least=1)
expect("matrix minus vector, 80", most["matrix"] - most["vector"], at_most=-0.05)

# %% [markdown]
# A temperature is as good after 126 words as after 5,040: one number is soon known. Vector scaling
# starts worse and overtakes it. Matrix scaling, with few words, is by far worse than doing nothing,
# and with thousands the best of all. The bias-variance trade of notebook 09, once more: *few
# numbers, a lasting bias; many numbers, a variance that data must pay for.*

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What each method keeps
#
# | | the top word, and so the accuracy | the order of all words | works for a word never seen in the fit |
# | --- | --- | --- | --- |
# | temperature | always | always | yes |
# | Platt, beta, isotonic, each class alone | not always | not always | its prior only |
# | vector, matrix, Dirichlet | not always | not always | hardly |
#
# For a language model with 49,152 tokens the last column decides: nearly every paper on language
# models uses a temperature.

# %%
top_before = z_test.argmax(dim=-1)
for name in ("temperature", "Platt", "vector"):
    kept = (repaired[name].argmax(dim=-1) == top_before).double().mean()
    changed = "keeps every top word" if kept == 1 else "changes some of the top words"
    print(f"{name:>12}: {changed}")
expect("top words that a temperature keeps", mean(with_temperature.argmax(-1) == top_before), 1.0)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Fitted on the wrong split
#
# The patient's own training sequences are labelled, too. Why spend a calibration split?
#
# **Predict first:** will the temperature fitted on the training split be above 1, below 1, or the
# same as before?

# %%
my_probability = ...
guess = predict(
    "temperature-on-training-data",
    "Fitted on the training data, the temperature is above 1.5.",
    my_probability,
)

# %%
z_training, training_labels = logits_on(patient, training), training[:, 1:].flatten()
on_training = cal.TemperatureScaling().fit(z_training, training_labels)
guess.resolve(on_training.temperature_ > 1.5)
wrong_split = judge(on_training.predict_proba(z_test))
expect("temperature fitted on the training split", on_training.temperature_, at_most=0.9)
worse = wrong_split["ECE"].estimate - ill["ECE"].estimate
expect("test ECE with that temperature, minus without", worse, at_least=0.02)

# %% [markdown]
# On what it has learned by heart the patient is right even more often than it is sure, and the fit
# on these data makes it *surer still*: the cure feeds the illness. It shows only on words that the
# model has not seen, so only those can measure what helps.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 5: where to fit

# %%
exercises.where_to_fit.ask()
exercises.where_to_fit.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## How the illness came
#
# Why did the patient become ill at all? We kept what it said after 100, 200, ... 600 steps.
# **Predict first:** during those steps it became too sure. Did it also *lose information*?

# %%
my_probability = ...
guess = predict(
    "overfitting-loses-information",
    "From step 200 to step 600, the information missing at the top word at least doubles.",
    my_probability,
)

# %%
course = torch.stack(
    [torch.stack([parts(z.softmax(dim=-1)) for _, z in seen]) for _, seen in cases]
)  # (3 patients, 6 stages, 3 parts)
steps = [100, 200, 300, 400, 500, 600]
guess.resolve(bool((course[:, 5, 1] > 2 * course[:, 1, 1]).all()))
plots.show(figures.parts_by_step(steps, course, "How the illness came to three patients"))

# %%
growth = course[:, 5, 1] / course[:, 1, 1]
expect("missing information, step 600 over step 200, least of three", growth.min(), at_least=2)
expect("KL at step 200, mean of three patients", course[:, 1].sum(dim=1).mean(), 0.2, within=0.04)

# %% [markdown]
# Overtraining did not only make the model boast about what it knows. It knew *more* at step 200: what
# it learned by heart since then has overwritten what it had learned of the language. No calibrator
# brings that back.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Prevention against repair
#
# A contest at **equal data**. Every contestant may use the same 280 labelled sequences, 200 of the
# training and 80 of the calibration split, as it likes:
#
# | contestant | how it uses the data |
# | --- | --- |
# | temperature, matrix | train 600 steps on 200, fit the calibrator on 80 |
# | average of 3 | average three patients' probabilities, then a temperature |
# | weight decay | train 600 steps on 200 with strong decay, then a temperature |
# | label smoothing | train 600 steps on 200 with softened labels (below), then a temperature |
# | early stopping | of the stages above, take the one that a temperature, fitted on the 80, makes best there |
# | all for training | train on all 280, but only for 200 steps |
# | cross-fitting | four models of 200 steps, each without one fold of the 280, averaged |
#
# The 200 steps of the last two come from the stages above, so from the calibration split. The decay
# of 6 was the best there of 0.3, 1, 3, 6, 10 and 20, on one seed. Everything is repeated with
# other seeds, except what takes all three patients anyway.
#
# **Predict first:**

# %%
my_probability = ...
guess = predict(
    "early-stopping-beats-matrix",
    "Early stopping comes closer to the truth than the best calibrator of the finished patient.",
    my_probability,
)


# %%
def with_own_temperature(seen):
    """Test probabilities of logits (calibration, test), after a temperature fitted on the first."""
    fitted = cal.TemperatureScaling().fit(seen[0], calibration_labels)
    return fitted.predict_proba(seen[1])


def best_stage(seen):
    """The stage with the lowest calibration NLL after a temperature: refine, then calibrate."""

    def refined(stage):
        fitted = cal.TemperatureScaling().fit(stage[0], calibration_labels)
        return cal.negative_log_likelihood(fitted.predict_proba(stage[0]), calibration_labels)

    return min(seen, key=refined)


def last_logits(model):
    return logits_on(model, calibration), logits_on(model, test)


stopped = [with_own_temperature(best_stage(seen)) for _, seen in cases]
decayed = [last_logits(trained_gpt(training, 600, seed, weight_decay=6.0)) for seed in (0, 1)]
smooth = [last_logits(trained_gpt(training, 600, seed, label_smoothing=0.1)) for seed in (0, 1)]
everything = torch.cat((training, calibration))
short = [logits_on(trained_gpt(everything, 200, seed), test).softmax(-1) for seed in range(3)]

# %% [markdown]
# **Cross-fitting.** A model may not be calibrated on what it has read. But each word can be judged by
# a model that has *not* read it: split the 280 sequences into four folds, train four models, each
# without one fold, and let each speak about the fold it has not seen. All data train, and all data
# calibrate.

# %%
fold = torch.arange(len(everything)) % 4
unread = torch.zeros(len(everything), everything.shape[1] - 1, n_words)
fold_models = []
for k in range(4):
    model = trained_gpt(everything[fold != k], 200, seed=k)
    unread[fold == k] = sequence_logits(model, everything[fold == k])
    fold_models.append(logits_on(model, test))

crossed = cal.TemperatureScaling().fit(unread.flatten(0, 1), everything[:, 1:].flatten())
by_folds = torch.stack([crossed.predict_proba(z) for z in fold_models]).mean(dim=0)
expect("temperature fitted on words that the models have not read", crossed.temperature_, 1.06, 0.1)

# %%
tables_calibration, tables = (torch.stack(z) for z in zip(*z_all, strict=True))
average = cal.EnsembleAverage().fit(tables_calibration, calibration_labels)
both = cal.EnsembleAverage(cal.TemperatureScaling()).fit(tables_calibration, calibration_labels)

forecasts = {
    "as it is": [z.softmax(dim=-1) for _, z in z_all],
    "temperature": scaled,
    "matrix": [repaired["matrix"]],
    "average of 3": [average.predict_proba(tables)],
    "average of 3, temperature": [both.predict_proba(tables)],
    "label smoothing, temperature": [with_own_temperature(seen) for seen in smooth],
    "weight decay, temperature": [with_own_temperature(seen) for seen in decayed],
    "early stopping, temperature": stopped,
    "all for training, 200 steps": short,
    "cross-fitting, 4 folds": [by_folds],
}
contest = {name: torch.stack([parts(q) for q in runs]) for name, runs in forecasts.items()}
kl_of = {name: runs.sum(dim=1).mean().item() for name, runs in contest.items()}
guess.resolve(contest["early stopping, temperature"].sum(1).max().item() < kl_of["matrix"])

# %%
plots.show(figures.divergence_parts(contest, "Prevention against repair, at equal data"))

# %%
expect("KL, early stopping and temperature", kl_of["early stopping, temperature"], 0.19, 0.04)
expect("KL, all for training", kl_of["all for training, 200 steps"], 0.135, within=0.035)
expect("KL, cross-fitting", kl_of["cross-fitting, 4 folds"], 0.135, within=0.035)
expect("KL, weight decay", kl_of["weight decay, temperature"], 0.17, within=0.05)
eces = [judge(probs)["ECE"].estimate for probs in short]
expect("ECE, all for training, no calibrator: worst of three", max(eces), at_most=0.04)
gain = kl_of["temperature"] - kl_of["average of 3, temperature"]
expect("KL, temperature minus average and temperature", gain, 0.18, within=0.05)
ahead = paired(stopped[0], repaired["matrix"])
expect("loss, early stopping minus matrix: upper end", ahead.high, at_most=-0.1)
kept = contest["early stopping, temperature"][:, 1].mean() / contest["temperature"][:, 1].mean()
expect("information missing, early stopping over temperature", kept, at_most=0.45)

# %% [markdown]
# **Prevention wins, by far.** Stopping early or strong decay (which took six trainings to find) leave
# every calibrator of the finished patient behind, and not because they calibrate better: two thirds
# of the information that the finished patient lacks is there. If all data may train, for the right
# number of steps, there is hardly anything left to calibrate: cross-fitting, which can tell, finds a
# temperature near 1. Berta et al. (2025) give the rule used here for stopping: *refine, then
# calibrate*. Stop where the loss *after* calibration is lowest, and leave the rest to a temperature.
#
# Averaging takes away what the members remember differently (notebook 09). Three averaged patients
# come about as close to the truth as one with a temperature, without a single calibration label, and
# both together closer than either; but all three have read the same text too often.
#
# So is calibration useless? No: most models reach you finished, and then the calibrators are all you
# have. And the contest was held on a patient who was *made* ill by training too long. What it shows is
# which illness a calibrator can heal.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Label smoothing: the trap
#
# Label smoothing replaces each training label, with probability $\varepsilon$, by any of the $V$
# words. Maximum likelihood then aims not at the truth $p$ but at
#
# $$q(w) = (1 - \varepsilon)\, p(w) + \frac{\varepsilon}{V} .$$
#
# So theory tells what a perfectly trained model would state. Compare it with a real one that has
# seen plenty of data.


# %%
epsilon = 0.1
predicted = (1 - epsilon) * truth + epsilon / n_words
plenty = language.sample(6400, seed=101)
well_fed = logits_on(trained_gpt(plenty, 400, label_smoothing=epsilon), test)


def portrait(probs):
    """Mean confidence, ECE and fitted temperature of probabilities on the test words."""
    confidence, correct = cal.top_label(probs, labels)
    temperature = cal.TemperatureScaling().fit(probs.log(), labels).temperature_
    return mean(confidence), cal.expected_calibration_error(confidence, correct), temperature


# %%
theory, practice = portrait(predicted), portrait(well_fed.softmax(dim=-1))
for name, t, m, within in zip(
    ("mean confidence", "ECE", "temperature"), theory, practice, (0.03, 0.02, 0.05), strict=True
):
    expect(f"{name}: trained minus theory", m - t, 0, within=within)
expect("theory: temperature", theory[2], 0.78, within=0.03)

# %% [markdown]
# Theory and practice agree. (The temperature is fitted on the test words only to *describe* the
# bend; nothing is reported as repaired by it.) With enough data a model needs no modesty: smoothing
# makes it *too* modest, and gives probability to words that the grammar forbids.
#
# And the patient, for whom one would prescribe it? Two seeds, with and without smoothing:

# %%
for seed in (0, 1):
    plain = judge(z_all[seed][1].softmax(dim=-1))
    softened = judge(smooth[seed][1].softmax(dim=-1))
    fell = plain["ECE"].estimate - softened["ECE"].estimate
    expect(f"seed {seed}: the ECE falls by", fell, at_least=0.03)
    after_both = parts(with_own_temperature(smooth[seed])).sum() - divided[seed].sum()
    expect(
        f"seed {seed}: KL after a temperature, minus without smoothing", after_both, at_least=0.2
    )

# %% [markdown]
# The ECE falls, and whoever looks only at the ECE reports a success. A temperature would have mended
# that for nothing, and after it the smoothed patient is *much farther* from the truth than the plain
# one. The last figure shows where: mostly in the other words, which no reliability diagram looks at.
# Judge a remedy by what is left *after* the cheap repair.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 6: a false success

# %%
exercises.why_smoothing_misleads.ask()
exercises.why_smoothing_misleads.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 7: the smoothed truth


# %%
def my_smoothed(probs, epsilon):
    """Return the distribution of smoothed labels; the truth is probs (N, V)."""
    ...


exercises.smoothed.check(my_smoothed)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## When calibration cannot help: the world shifts
#
# Now the same speakers are heard through noise: every fifth word is replaced by any word. The
# temperature was fitted on clean text.
#
# **Predict first:** does the repaired patient stay calibrated, with an ECE below 0.06?

# %%
my_probability = ...
guess = predict(
    "calibration-under-shift",
    "On noisy text, the temperature fitted on clean text keeps the ECE below 0.06.",
    my_probability,
)

# %%
noisy = language.with_noise(0.2).sample(400, seed=904)
z_noisy, noisy_labels = logits_on(patient, noisy), noisy[:, 1:].flatten()
noisy_confidence, noisy_correct = cal.top_label(scaling.predict_proba(z_noisy), noisy_labels)
ece_noisy = cal.expected_calibration_error(noisy_confidence, noisy_correct)
guess.resolve(ece_noisy < 0.06)
expect("ECE on noisy text with the old temperature", ece_noisy, 0.18, within=0.05)

again = cal.TemperatureScaling().fit(
    z_noisy[: len(z_noisy) // 2], noisy_labels[: len(z_noisy) // 2]
)
expect("temperature that noisy text would need", again.temperature_, at_least=2.3)

# %% [markdown]
# Nothing in the logits says that the world has changed, so no calibrator fitted before can know.
# *A calibrated model is calibrated somewhere.* All it takes to find out is a few labelled examples of
# the new world; a temperature, we saw, needs very few.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Try it: find the minimum by hand
#
# Run the next cell and move the slider. Find the lowest NLL you can; then compare with the
# temperature that was fitted above. Is the diagram best at the same place? (The static diagrams above
# show T = 1 and the fitted T.)

# %% tags=["nbval-ignore-output"]

plots.temperature_slider(z_calibration, calibration_labels)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you learned
#
# - A temperature is one number, found where the expected logit equals that of the truth; it keeps
#   every top word and needs a hundred labelled words.
# - It healed the reliability diagram of an overfit model, and left half of its divergence from the
#   truth (of a patient of 400 steps, three quarters). A divergence has three parts: miscalibration of the top word, information missing at the
#   top word, and the other words. The temperature took the first away, and little of the second.
# - Methods with more numbers heal more and need more data; beyond some point they no longer
#   calibrate but learn the task. Those that can say 0 can be infinitely wrong.
# - Overtraining lost information, not only honesty. Early stopping and strong weight decay, at equal
#   data, kept it, and left all calibrators of the finished patient far behind; with all data used
#   for training there was hardly anything left to calibrate, which cross-fitting in four folds can
#   tell. (Two folds ask models that have read only half, and find them too sure.)
# - Label smoothing bends even a good model, by exactly what theory says. On the patient it lowered
#   the ECE and, after a temperature, raised the divergence.
# - Fit on held-out data of the world in which you report, and nowhere else.
#
# ## Common misconceptions
#
# - *"After temperature scaling the model is calibrated."* Its top label is, on average, on data like
#   these.
# - *"A diagram on the diagonal shows a good forecast."* So is the diagram of the unigram. It shows
#   that nothing is miscalibrated, not that nothing is missing.
# - *"The method with the lowest ECE is the best."* By ECE matrix scaling came last of the repairs,
#   and it was closest to the truth; isotonic calibration looked fine, with an infinite loss.
# - *"Overfitting makes a model overconfident, and calibration undoes it."* It undoes the
#   overconfidence.
# - *"Matrix scaling overfits."* With little data. With much it learns, and then ask why you did not
#   train the model on those data.
# - *"Calibration makes a model better."* A temperature changes no answer. It changes what you know
#   about the answers.
#
# ## Further reading
#
# - J. Platt, *Probabilistic outputs for support vector machines*, Advances in Large Margin
#   Classifiers, 1999.
# - B. Zadrozny, C. Elkan, *Transforming classifier scores into accurate multiclass probability
#   estimates*, KDD 2002.
# - C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, *On calibration of modern neural networks*, ICML 2017.
# - M. Kull et al., *Beyond temperature scaling*, NeurIPS 2019.
# - B. Lakshminarayanan, A. Pritzel, C. Blundell, *Simple and scalable predictive uncertainty
#   estimation using deep ensembles*, NeurIPS 2017.
# - M. Kull, P. Flach, *Novel decompositions of proper scoring rules for classification*, ECML PKDD
#   2015: calibration loss and grouping loss.
# - A. Perez-Lebel, M. Le Morvan, G. Varoquaux, *Beyond calibration: estimating the grouping loss of
#   modern neural networks*, ICLR 2023: missing information where the truth is not known.
# - E. Berta, D. Holzmüller, M. I. Jordan, F. Bach, *Rethinking early stopping: refine, then
#   calibrate*, arXiv:2501.19195, 2025.
# - R. Müller, S. Kornblith, G. Hinton, *When does label smoothing help?*, NeurIPS 2019.
# - Y. Ovadia et al., *Can you trust your model's uncertainty? Evaluating predictive uncertainty under
#   dataset shift*, NeurIPS 2019.

# %% tags=["nbval-ignore-output"]
from coursekit.chapters import progress

progress()

# %% [markdown]
# **Next:** [11 Next-token calibration](11_next_token_calibration.ipynb): a real language model, and
# the same questions.
