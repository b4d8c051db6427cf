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
# # 11 Next-token calibration
#
# A language model does one thing: at every position of a text it states a probability for every
# token that could come next. All its answers, summaries and conversations are built from these
# numbers. So the first question to a real model is the most basic one: *when it says 70 %, does it
# happen 70 % of the time?* Here SmolLM2, a language model with 135 million parameters, answers it
# live on your machine. To be exact, it is SmolLM2-135M-Instruct with weights that others quantised to
# four bits each (Q4_1); `load` expands them to float32. All numbers of Part III are about this copy.
#
# **You will be able to**
# - read confidence, correctness and surprise off a model's logits at every token of a text;
# - measure the calibration of a real model, with an interval, and say what chance alone would give;
# - build a positive and a negative control, so that you trust the measurement itself;
# - check the whole vocabulary over five decades of probability, in bounded memory;
# - tell groupings that keep a calibrated model calibrated from groupings that fool you.
#
# **Time:** about 60 minutes; all cells together run in about two minutes on two processor cores.
#
# **On the map:** Part III, a real LLM. Before it: what calibration is and how it is measured (Part
# II). After it: what happens when you *ask* the model something.

# %%
import torch

from coursekit import calibration as cal, data, expect, llm, plots, predict
from coursekit.chapters.next_token_calibration import exercises, figures

lm = llm.load()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Before you start: three questions
#
# Answer from memory: replace each `...` by a letter in quotes. A wrong answer costs nothing and is
# explained.

# %%
exercises.what_ece_averages.ask()
exercises.what_ece_averages.check(...)

# %%
exercises.what_temperature_keeps.ask()
exercises.what_temperature_keeps.check(...)

# %%
exercises.what_is_proper.ask()
exercises.what_is_proper.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## One position, 49,152 probabilities
#
# Give the model a beginning. Its last layer returns one number for each token of its vocabulary,
# the *logits* $z$; the softmax makes them probabilities, $p_v = e^{z_v} / \sum_u e^{z_u}$.

# %%
text = "The capital of France is"
ids = lm.tokenizer(text, return_tensors="pt").input_ids.to(lm.device)
with torch.inference_mode():
    probs = lm.model(ids).logits[0, -1].softmax(dim=-1).cpu()

top = probs.topk(6)
tokens = [lm.tokenizer.decode([i]) for i in top.indices]
plots.show(plots.next_token_bars(tokens, top.values, f"{text} ..."))

# %% [markdown] slideshow={"slide_type": "fragment"}
# The six bars do not sum to one: the rest is spread over all other tokens, and none of them gets
# exactly zero.

# %%
print(f"the six tokens together: {top.values.sum():.2f}")
print(f"tokens in the vocabulary: {len(probs):,}")
expect("the probability of ' Paris'", top.values[0], 0.77, within=0.02)
expect("all probabilities together", probs.sum(), 1.0, within=1e-4)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Reading a whole text
#
# A text is one long exam. At each position the model states its distribution, then the next token
# is revealed. From each position we keep a few numbers:
#
# | name | what it is | unit |
# | --- | --- | --- |
# | confidence | probability of the most likely token, $\max_v p_v$ | 0 to 1 |
# | correct | is the most likely token the one that came? | yes or no |
# | log-probability | $\ln p$ of the token that came | nats |
# | entropy | $-\sum_v p_v \ln p_v$, how unsure the model is | nats |
#
# All positions come out of *one* pass through the model. Built by hand, for a short text:

# %%
text = "It was the best of times, it was the worst of times, it was the age of wisdom"
ids = lm.tokenizer(text, return_tensors="pt").input_ids.to(lm.device)
with torch.inference_mode():
    log_probs = lm.model(ids).logits[0, :-1].log_softmax(dim=-1).cpu()
came = ids[0, 1:].cpu()  # position t predicts token t + 1

guess = log_probs.argmax(dim=-1)
confidence = log_probs.exp().max(dim=-1).values
log_prob = log_probs.gather(-1, came.unsqueeze(-1)).squeeze(-1)
for t in range(len(came)):
    said, was = (lm.tokenizer.decode([ids_[t]]) for ids_ in (guess, came))
    print(f"{said!r:>12} at {confidence[t]:.2f}   {was!r:>12} came, surprise {-log_prob[t]:5.2f}")

# %% [markdown]
# Where the sentence repeats itself ("it was the ... of times") the model notices and is nearly
# certain; that "wisdom" comes last it cannot know.
#
# The package does the same, window by window, so that a long text needs no more memory than a short
# one. **Check:** the two agree, and so does the loss that `transformers` computes on its own.

# %%
packaged = llm.next_token_predictions(lm, text)
with torch.inference_mode():
    library_loss = lm.model(ids, labels=ids).loss.item()

expect("largest difference of confidence", (packaged.confidence - confidence).abs().max(), 0, 1e-4)
expect("largest difference of log-probability", (packaged.log_prob - log_prob).abs().max(), 0, 1e-3)
expect("our mean loss against the library's", -log_prob.mean() - library_loss, 0, within=1e-3)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 1: confidence and correctness
#
# Write it once yourself. `logits` has one row for each position.


# %%
def my_confidence_and_correct(logits, targets):
    """Return confidence (N,) and correct (N,) of logits (N, V) and targets (N,)."""
    ...


exercises.confidence_and_correct.check(my_confidence_and_correct)

# %% [markdown]
# Stuck? Run `exercises.confidence_and_correct.hint()`, and in the end `.solution()`.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Is SmolLM2 calibrated on prose?
#
# The texts are already on your machine: the Python language reference and scikit-learn's
# descriptions of its data sets. The model may well have read them in training, and they are dry;
# keep both in mind.
#
# **The protocol, fixed before we look:** documents are split into a test part and a calibration part
# (for fitting, later); at most three windows of 256 tokens from each document; intervals resample
# whole documents, since tokens of one document are not independent.

# %%
documents = data.reference_documents(stable=True) + data.dataset_descriptions()
documents = [d for d in documents if len(d.text) > 1400]  # long enough for a window
calibration_documents, test_documents = data.split_documents(documents, fraction=0.3, seed=0)

prose, prose_document = llm.token_windows(lm, [d.text for d in test_documents])
print(f"{len(test_documents)} test documents, {len(calibration_documents)} for calibration")
print(f"{len(prose)} test windows of {prose.shape[1] - 1} predicted tokens")

# %% [markdown]
# **Predict first.** Neural networks are said to be overconfident (Guo et al. 2017). How probable do
# you think it is that this model, on this text, is surer than it is right by more than five points?
# Replace the `...` by a number from 0 to 1, or leave it.

# %%
my_probability = ...
guess = predict(
    "overconfident-on-prose",
    "On prose, mean confidence exceeds accuracy by more than 0.05.",
    my_probability,
)


# %%
def mean(values):
    return values.double().mean().item()


on_prose = llm.next_token_predictions(lm, prose)
document_of_token = prose_document[on_prose.window]
gap_on_prose = cal.bootstrap_interval(
    cal.gap, on_prose.confidence, on_prose.correct, groups=document_of_token
)
guess.resolve(gap_on_prose.estimate > 0.05)
print(f"accuracy {mean(on_prose.correct):.2f}, mean confidence {mean(on_prose.confidence):.2f}")
print(f"gap with its 95 % interval: {gap_on_prose:.2f}")

# %%
expect("accuracy on prose", mean(on_prose.correct), 0.44, within=0.02)
expect("mean confidence on prose", mean(on_prose.confidence), 0.46, within=0.02)
expect("gap on prose", gap_on_prose.estimate, 0.023, within=0.01)

# %% [markdown]
# Surer than right by two points: less than the reputation, more than nothing.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The reliability diagram

# %%
plots.show(
    plots.reliability_diagram(
        on_prose.confidence,
        on_prose.correct,
        groups=document_of_token,
        title="SmolLM2-135M on prose",
    )
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The points keep close to the diagonal over the whole range, from "I hardly know" to "I am certain".
# Nobody asked the model to be calibrated. It was trained by maximum likelihood, and a proper score
# rewards honest probabilities. What its later tuning to follow instructions changed, only the model
# before that tuning could tell.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Is this ECE a lot, or is it chance?
#
# An estimated ECE is never zero: in every bin accuracy misses its target by chance, and the ECE adds
# up the *distances*. So ask what a model would get that **is** calibrated and has exactly these
# confidences. Simulate it: at each token, toss a coin that shows "correct" with probability equal to
# the confidence, and compute the ECE. A thousand times.

# %%
ece = cal.expected_calibration_error(on_prose.confidence, on_prose.correct)
null = cal.ece_null_distribution(on_prose.confidence, n_simulations=1000, seed=0)

plots.show(
    figures.null_histogram(null, {"SmolLM2 on prose": ece}, "ECE of a thousand calibrated models")
)

# %%
expect("ECE on prose", ece, 0.025, within=0.008)
expect("ECE that chance alone exceeds 5 % of the time", null.quantile(0.95), 0.0174, within=0.003)
expect("ECE of SmolLM2 exceeds it", bool(ece > null.quantile(0.95)), True)

# %% [markdown]
# About half of the ECE is what chance alone gives to a perfect model; the rest, independent coins do
# not explain.
#
# But tokens of one document go wrong together, which makes real chance somewhat larger. Two intervals
# above go by documents and so allow for that. In the title of the diagram, the ECE without chance may
# then be as small as zero. The gap may not. So the honest sentence is: *on this text SmolLM2 is a
# little overconfident, and the gap can tell.* We will find out where its two points come from.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Two controls: can we trust the measurement?
#
# A measurement that always says "fine" is worth nothing. So we need a case where the answer *must*
# be "calibrated", and one where it *must* be "not".
#
# **Positive control: the model's own samples.** Let the model write text, drawing each token with
# exactly the probability it states (temperature 1, nothing cut off). On this text the stated
# probability *is* the true one, so the model is perfectly calibrated, by construction.

# %%
my_probability = ...
guess = predict(
    "own-samples-easier",
    "On its own samples the model's accuracy is higher than on prose.",
    my_probability,
)

# %%
generator = torch.Generator(lm.device).manual_seed(0)
last = torch.full((32, 1), lm.tokenizer.convert_tokens_to_ids("<|endoftext|>"))
last = last.to(lm.device)  # the mark between two texts: after it, anything may begin
sampled, cache = [last], None

with torch.inference_mode():
    for _ in range(128):
        output = lm.model(last, past_key_values=cache, use_cache=True)
        cache = output.past_key_values
        stated = output.logits[:, -1].softmax(dim=-1)
        last = torch.multinomial(stated, num_samples=1, generator=generator)
        sampled.append(last)
samples = torch.cat(sampled, dim=1)

# %%
on_samples = llm.next_token_predictions(lm, samples)
guess.resolve(mean(on_samples.correct) > mean(on_prose.correct))

sample_ece = cal.expected_calibration_error(on_samples.confidence, on_samples.correct)
sample_null = cal.ece_null_distribution(on_samples.confidence, n_simulations=1000, seed=0)
reached_by_chance = mean(sample_null >= sample_ece)
expect("ECE on own samples", sample_ece, at_most=0.03)
expect("share of calibrated models with a larger ECE", reached_by_chance, at_least=0.01)

# %% [markdown]
# What ECE there is, chance explains. Note the accuracy, too: on its own samples the model is right
# *less* often than on prose, since a drawn token is often not the most likely one. Calibrated does
# not mean accurate.

# %% [markdown] slideshow={"slide_type": "slide"}
# **Negative control: a wrong temperature.** Divide the logits by 0.7, as one may do to make a text
# safer. The order of the tokens stays, so the accuracy does too, but every
# distribution gets sharper than the model's belief.

# %%
sharpened = llm.next_token_predictions(lm, prose, temperature=0.7)
plots.show(
    plots.reliability_diagram(
        sharpened.confidence,
        sharpened.correct,
        groups=document_of_token,
        title="The same model and text, logits divided by 0.7",
    )
)

# %%
sharpened_ece = cal.expected_calibration_error(sharpened.confidence, sharpened.correct)
expect("share of tokens with the same guess", mean(sharpened.guess == on_prose.guess), 1, 0.001)
expect("ECE at T = 0.7", sharpened_ece, 0.19, within=0.02)

# %% [markdown]
# The diagram sees it at once. Both controls came out as they must: the measurement can say "fine"
# and it can say "not fine".

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 2: why the positive control is perfect

# %%
exercises.which_control.ask()
exercises.which_control.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Prose, code, own samples
#
# The standard library's source code is a different language: more repetition, fewer choices.

# %%
_, code_documents = data.split_documents(data.source_documents(), fraction=0.3, seed=0)
code, code_document = llm.token_windows(lm, [d.text for d in code_documents], per_text=2)
on_code = llm.next_token_predictions(lm, code)

results = {
    "prose": (on_prose, document_of_token),
    "Python code": (on_code, code_document[on_code.window]),
    "own samples": (on_samples, on_samples.window),
}

# %%
accuracy, confidence = {}, {}
for name, (r, groups) in results.items():
    accuracy[name] = cal.bootstrap_interval(mean, r.correct, groups=groups)
    confidence[name] = cal.bootstrap_interval(mean, r.confidence, groups=groups)

plots.show(plots.accuracy_and_confidence(accuracy, confidence, "How often right, and how sure"))

# %%
print(f"{'':12}{'tokens':>8}{'NLL (nats)':>12}{'entropy (nats)':>16}{'gap':>7}")
for name in ("prose", "Python code"):
    r, _ = results[name]
    loss, entropy = -mean(r.log_prob), mean(r.entropy)
    print(
        f"{name:12}{len(r):>8,}{loss:>12.1f}{entropy:>16.1f}{cal.gap(r.confidence, r.correct):>7.2f}"
    )

# %% [markdown]
# Accuracy moves by twenty points from text to text, and confidence moves with it: the model knows
# which text is hard. Look also at the two columns in nats. Mean *entropy* is the loss that the model
# expects, *NLL* the loss that it gets. On real text the loss is higher by about 0.2 nats: the same
# slight overconfidence, seen over the whole distribution. On its own samples the two agree.

# %%
expect("accuracy on code", mean(on_code.correct), 0.55, within=0.03)
expect("gap on code", cal.gap(on_code.confidence, on_code.correct), 0.02, within=0.012)
surplus = {name: -mean(r.log_prob) - mean(r.entropy) for name, (r, _) in results.items()}
expect("NLL minus entropy on prose, nats", surplus["prose"], 0.23, within=0.05)
expect("NLL minus entropy on own samples, nats", surplus["own samples"], 0.0, within=0.12)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 3: perplexity
#
# The *perplexity* is the exponential of the mean negative log-likelihood. Write it.


# %%
def my_perplexity(log_prob):
    """Return the perplexity of log-probabilities (N,), in nats."""
    ...


exercises.perplexity.check(my_perplexity)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The best temperature
#
# If a temperature below one breaks calibration, would one slightly above improve it? Fit it on the
# *calibration documents*, which the test never sees. The blocks of logits come one after the other
# and are thrown away, so even a whole book would fit into memory.

# %%
calibration_windows, _ = llm.token_windows(lm, [d.text for d in calibration_documents])
temperatures = torch.tensor([0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 1.3])
losses = torch.zeros(len(temperatures), dtype=torch.double)

for logits, targets in llm.next_token_logits(lm, calibration_windows):
    truth = logits.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    for i, T in enumerate(temperatures.tolist()):
        losses[i] += ((logits / T).logsumexp(dim=-1) - truth / T).sum().item()

nll = losses / calibration_windows[:, 1:].numel()
best = temperatures[nll.argmin()].item()

# %%
plots.show(
    plots.temperature_curve(
        temperatures, nll, best, "Calibration documents: loss against temperature"
    )
)

# %%
expect("best temperature of the grid", best, 1.0, within=0.06)
expect("what it gains over T = 1, nats", nll[3] - nll.min(), 0.0, within=0.005)

# %% [markdown]
# The bowl is lowest at 1 or right beside it: one temperature for all tokens finds next to nothing to
# repair. An overfit model is another matter: it can want a temperature of 3 and more.
#
# The slope at T = 1 needs no grid. Along $1/T$ the loss rises by the logit that the model *expects*
# minus the logit of the token that *came* (notebook 10), and at T = 1 that is NLL minus entropy: the two
# columns in nats of the table above. On prose they differ by 0.2, so the slope is there. But the bowl
# is so curved that its bottom lies within a grid step or so.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The whole vocabulary
#
# So far only the top token counted. But the model states 49,152 probabilities at every position,
# most of them tiny. Are those honest too? When it says "one in ten thousand", does it happen once in
# ten thousand?
#
# Every pair of a position and a token is a forecast: $p$ was stated, and the token came or did not.
# We sort all of them into bins of equal width in $\log_{10} p$. Only three sums a bin are kept, so
# memory stays the same however many forecasts there are.

# %%
n_bins, lowest = 24, -6  # four bins a decade, from a millionth to one
n_pairs = torch.zeros(n_bins, dtype=torch.long)
n_came = torch.zeros(n_bins, dtype=torch.long)
sum_probs = torch.zeros(n_bins, dtype=torch.double)


def bin_of(log_p):
    """Index of the bin of natural log-probabilities; what is smaller goes to the first."""
    return ((log_p / 2.302585 / -lowest + 1) * n_bins).long().clamp(0, n_bins - 1)


for logits, targets in llm.next_token_logits(lm, prose[::4]):
    log_probs = logits.log_softmax(dim=-1).cpu()
    index = bin_of(log_probs).flatten()
    n_pairs += index.bincount(minlength=n_bins)
    sum_probs += index.bincount(weights=log_probs.exp().flatten().double(), minlength=n_bins)
    came = log_probs.gather(-1, targets.cpu().unsqueeze(-1))
    n_came += bin_of(came).flatten().bincount(minlength=n_bins)

print(f"{n_pairs.sum():,} forecasts, of which {n_came.sum():,} came true")

# %%
plots.show(
    figures.frequency_against_probability(
        (sum_probs / n_pairs)[1:],  # the first bin also holds everything below a millionth
        (n_came / n_pairs)[1:],
        n_came[1:],
        "Every token of the vocabulary, over six decades",
    )
)

# %%
likely, unlikely = slice(12, 24), slice(0, 12)  # above and below one in a thousand
ratio = {
    name: n_came[bins].sum() / sum_probs[bins].sum()
    for name, bins in {"likely": likely, "unlikely": unlikely}.items()
}
expect("came / expected, p above 0.001", ratio["likely"], 0.98, within=0.03)
expect("came / expected, p below 0.001", ratio["unlikely"], 1.25, within=0.25)

# %% [markdown]
# Over many decades the tiny probabilities mean roughly what they say. Below one in a thousand rather
# more tokens came than the model stated. Do not read much into that: few such tokens come, those of
# one document come together, and the tolerance just above is wide enough to hold 1.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 4: one bin of the whole vocabulary


# %%
def my_frequency_in_bin(logits, targets, low, high):
    """Return how often a pair came, among pairs with low < probability <= high."""
    ...


exercises.frequency_in_bin.check(my_frequency_in_bin)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Where do the two points come from?
#
# The first token of a window is guessed almost blindly, the last one with 256 tokens before it.
#
# **Predict first:** accuracy grows with context. Does confidence grow in step with it?

# %%
my_probability = ...
guess = predict(
    "context-gap",
    "In every range of context, confidence and accuracy on prose differ by less than 0.05.",
    my_probability,
)

# %%
accuracy, confidence, gaps = {}, {}, {}
for start, end in [(1, 8), (9, 32), (33, 128), (129, 256)]:
    inside = (on_prose.position >= start) & (on_prose.position <= end)
    groups, name = document_of_token[inside], f"{start} to {end} tokens"
    sure, right = on_prose.confidence[inside], on_prose.correct[inside]
    accuracy[name] = cal.bootstrap_interval(mean, right, groups=groups)
    confidence[name] = cal.bootstrap_interval(mean, sure, groups=groups)
    gaps[name] = cal.bootstrap_interval(cal.gap, sure, right, groups=groups)

guess.resolve(max(abs(interval.estimate) for interval in gaps.values()) < 0.05)

# %%
plots.show(
    plots.accuracy_and_confidence(accuracy, confidence, "Prose, by how much context the model has")
)

# %%
for name, interval in gaps.items():
    print(f"{name:>17}: gap {interval:.2f}")
expect("gap with 1 to 8 tokens of context", gaps["1 to 8 tokens"].estimate, 0.11, within=0.03)
expect("gap with 129 to 256 tokens", gaps["129 to 256 tokens"].estimate, 0.01, within=0.015)

# %% [markdown]
# Here is the overconfidence: at the beginning of a window, where the model sees a few tokens cut out
# of the middle of a document. With more than a hundred tokens of context we can no longer tell the
# gap from zero. The average over all tokens hid both facts. *Calibration belongs to a model and a
# situation, not to a model.*
#
# Why is it overconfident there? One candidate: in training a text began at its beginning, and here
# it begins anywhere. How would you test that? (We read the first eight tokens of docstrings, and eight
# from further in. At the beginnings the gap is there as well, and no smaller. So look for another
# candidate.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A grouping that fools you
#
# Now group by how common a token is. SmolLM2's tokenizer numbers its tokens in the order in which
# they were merged, so a small id is a common token. But common *which*: the token that came, or the
# token that was predicted? Try both, on the model's own samples, where it **is** calibrated.

# %%
n_common = 1000
accuracy, confidence, seen = {}, {}, {}
for name, inside in {
    "a common token came": on_samples.token < n_common,
    "a rare token came": on_samples.token >= n_common,
    "a common token was predicted": on_samples.guess < n_common,
    "a rare token was predicted": on_samples.guess >= n_common,
}.items():
    groups = on_samples.window[inside]
    accuracy[name] = cal.bootstrap_interval(mean, on_samples.correct[inside], groups=groups)
    confidence[name] = cal.bootstrap_interval(mean, on_samples.confidence[inside], groups=groups)
    seen[name] = confidence[name].estimate - accuracy[name].estimate

# %%
plots.show(
    plots.accuracy_and_confidence(accuracy, confidence, "One calibrated model, grouped in two ways")
)

# %%
expect("gap where a common token came", seen["a common token came"], -0.06, within=0.03)
expect("gap where a rare token came", seen["a rare token came"], 0.09, within=0.04)
expect("gap where a rare token was predicted", seen["a rare token was predicted"], 0.0, within=0.03)

# %% [markdown]
# Grouped by what came, a perfectly calibrated model looks wrong in both groups: the grouping looked
# at the answer. Grouped by what was predicted, it is fine. *Condition only on what was known before
# the outcome.*

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 5: which grouping is allowed?

# %%
exercises.which_grouping.ask()
exercises.which_grouping.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Try it: move the temperature
#
# Run the next cell and move the slider. Where is the negative log-likelihood lowest? Where does the
# diagram look best to you? (The static diagrams above show T = 1 and T = 0.7.)

# %% tags=["nbval-ignore-output"]

logits, targets = next(llm.next_token_logits(lm, prose))
plots.temperature_slider(logits.flatten(0, 1).cpu(), targets.flatten().cpu())

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you learned
#
# - A causal language model states a whole distribution at every token; one forward pass reads
#   thousands of forecasts.
# - SmolLM2's next-token probabilities are good: surer than right by about two points on prose and on
#   code, and roughly honest down to tiny probabilities.
# - The average hides where it goes wrong: far more overconfidence with hardly any context, about ten
#   points on prose and on code, and none that we could detect with much of it.
# - The measurement deserves trust because its controls came out right: calibrated on its own
#   samples, badly overconfident at T = 0.7.
# - An ECE means nothing without the ECE that chance alone would give.
# - Group by what was known before the outcome, never by the outcome.
#
# Is that the end of the story? No. The same model will be overconfident by more than ten points as
# soon as we *ask it questions*: calibration belongs to the model, the event, the prompt and the data
# together.
#
# ## Common misconceptions
#
# - *"Large networks are overconfident."* By two points, here; by how much depends on the event and
#   the situation. Classifiers trained for many epochs on the same images are another matter (Guo et al.
#   2017).
# - *"ECE 0.025 means it is off by 0.025."* A perfect model shows about half of that here, and more than
#   half on a third as many tokens.
# - *"Low accuracy means bad calibration."* On its own samples the model is right only a third of the
#   time, and perfectly calibrated.
# - *"Calibrated tokens make true sentences."* Each token is an honest guess at what text comes next,
#   not at what is true (Kalai and Vempala 2024).
#
# ## Further reading
#
# - C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, *On calibration of modern neural networks*, ICML 2017.
# - S. Kadavath et al., *Language models (mostly) know what they know*, arXiv:2207.05221, 2022.
# - A. T. Kalai, S. S. Vempala, *Calibrated language models must hallucinate*, STOC 2024.
# - L. Ben Allal et al., *SmolLM2: when Smol goes big*, arXiv:2502.02737, 2025.
# - P. Nakkiran et al., *Trained on tokens, calibrated on concepts: the emergence of semantic
#   calibration in LLMs*, arXiv:2511.04869, 2025: base models are well calibrated about the meaning
#   of their answers too; instruction tuning by reinforcement learning breaks this, and so does a
#   chain of thought.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## And you?
#
# Your predictions in this and the earlier notebooks make a diagram of their own. Ten of them say
# little (remember notebook 00); keep predicting.

# %% tags=["nbval-ignore-output"]
from coursekit.chapters import progress

plots.my_predictions()
progress()

# %% [markdown]
# **Next:** [12 Multiple choice](12_multiple_choice.ipynb), where we ask the model to choose among answers.
# Back to [00 Start here](00_start_here.ipynb).
