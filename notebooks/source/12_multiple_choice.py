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
# # 12 Multiple choice
#
# The last notebook found a model that is nearly calibrated: token by token, on running text. Now we
# *ask* it something: the capitals of 161 countries, four options each. Out come numbers that look
# like confidence, and the first ones will be nonsense: almost certain, and right one time in four.
#
# Then we ask in sixteen other ways: as raw text and in the model's own chat format, with the options
# listed or not, with examples or none, with the first words of the reply put into its mouth or not.
# The model never changes, only the question does. *How you ask decides what confidence means*, and
# what you say about "the model" must hold for more than one way of asking.
#
# **You will be able to**
# - turn a language model into a multiple-choice answerer, by letter or by name, and say what each
#   measures;
# - cross several ways of asking, and tell what holds over all of them from what hangs on one prompt;
# - give a number an interval over questions *and* prompts;
# - remove a preference for a letter, divide out length and prior, and say what that did to accuracy
#   and confidence;
# - fit a temperature without looking at the test questions, and know what it does not carry over to:
#   harder questions.
#
# **Time:** about 100 minutes; all cells together run in about two minutes on two processor cores.
#
# **On the map:** Part III, a real LLM. Before it: calibration token by token (11). After it: answers
# in the model's own words (13).

# %%
from dataclasses import replace

import torch

from coursekit import calibration as cal, expect, llm, plots, predict
from coursekit.chapters.multiple_choice import asking, exercises, figures, widget
from coursekit.data import benchmarks, capital_questions, split_questions

lm = llm.load()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Before you start: three questions
#
# Answer from memory: replace each `...` by a letter in quotes. A wrong answer costs nothing and is
# explained.

# %%
exercises.what_a_small_ece_says.ask()
exercises.what_a_small_ece_says.check(...)

# %%
exercises.which_repair_for_few.ask()
exercises.which_repair_for_few.check(...)

# %%
exercises.why_the_space.ask()
exercises.why_the_space.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## An exam with letters
#
# The wrong options are capitals of the same continent, so that geography does not give the answer
# away. **The protocol, fixed before we look:** countries are split into a calibration half, on which
# anything may be fitted, and a test half, which is only looked at. Asking in sixteen ways takes time,
# so there, where nothing is fitted, we ask 20: the first ten of each half.

# %%
questions = capital_questions(n_options=4)
labels = torch.tensor([question.correct for question in questions])
place = {question.key: i for i, question in enumerate(questions)}
calibration, test = (
    torch.tensor([place[question.key] for question in half])
    for half in split_questions(questions, fraction=0.5, seed=0)
)
chosen_few = torch.cat([test[:10], calibration[:10]])
few, right_of_few = [questions[i] for i in chosen_few], labels[chosen_few]
print(f"{len(questions)} questions: {len(calibration)} for calibration, {len(test)} for the test")

# %% [markdown]
# The obvious way to ask is the way of every exam: list the options, ask for the letter. The model
# gives a probability to each of the tokens " A" to " D", and we take the largest.

# %%
by_letter = asking.Way(listed=True, answer_with="letter")
print(by_letter.prompts(["Afghanistan"], [["Kabul", "Tehran", "Dhaka", "Amman"]])[0])

# %% [markdown]
# **Predict first.** Blind guessing gets one in four. Replace the `...` by a probability, or leave it.

# %%
my_probability = ...
guess = predict(
    "letters-half-right",
    "Asked for a letter, the model answers more than half of the questions right.",
    my_probability,
)

# %%
no_examples = asking.ask(lm, by_letter, few)  # log-probabilities (N, 4)
confidence, correct = cal.top_label(llm.choice_probs(no_examples), right_of_few)
guess.resolve(correct.float().mean().item() > 0.5)

expect("accuracy, asked for a letter", correct.float().mean(), at_most=0.5)
expect("mean confidence", confidence.mean(), 0.85, within=0.05)

# %% [markdown] slideshow={"slide_type": "fragment"}
# About as often right as a blind guess, at a confidence of 0.85. And this is the model that was off by
# two points on running text. What happened? Two checks that cost nothing. *Which* letter did it choose,
# and how much of its probability went to the four letters at all?

# %%
chosen = no_examples.argmax(dim=-1)
on_letters = no_examples.exp().sum(dim=-1)  # before the four are made to sum to one
expect("share of answers 'A'", (chosen == 0).float().mean(), at_least=0.9)
expect("mean probability of all four letters together", on_letters.mean(), at_most=0.15)

# %% [markdown]
# It says "A" whatever stands there. And more than nine tenths of its probability are somewhere else: it
# was not about to say a letter. We threw that away and made the rest sum to one. A confidence of 0.85
# meant: *if I must say a letter, then A*. Nothing in it is about capitals.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 1: from the vocabulary to four letters
#
# The step that hid the trouble. `log_probs` has an entry for each token of the vocabulary, `ids` are
# the tokens of the letters.


# %%
def my_letter_probs(log_probs, ids):
    """Return P(letter | one of the letters) (C,) from log_probs (V,) and ids (C,)."""
    ...


exercises.letter_probs.check(my_letter_probs)

# %% [markdown]
# Stuck? Run `exercises.letter_probs.hint()`, and in the end `.solution()`.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Its own format
#
# Was that fair? This is an *instruct* model: after learning to continue documents it was trained on
# conversations, in which marks say who speaks. Nobody ever spoke to it in the form above. Its tokenizer
# carries the form it knows, a *chat template*; `llm.Chat` holds the texts, and the template puts the
# marks. We also show how: four solved examples, about regions, so that they give nothing away.

# %%
in_chat = replace(by_letter, chat=True)
[chat] = in_chat.prompts(["Afghanistan"], [["Kabul", "Tehran", "Dhaka", "Amman"]])
print(lm.tokenizer.apply_chat_template(chat.messages, add_generation_prompt=True, tokenize=False))

# %%
letters = {
    "raw text, no examples": no_examples,
    "raw text, 4 examples": asking.ask(lm, replace(by_letter, n_examples=4), few),
    "chat, 4 examples": asking.ask(lm, replace(in_chat, n_examples=4), few),
}
shares = {
    name: dict(zip("ABCD", scores.argmax(dim=-1).bincount(minlength=4).tolist(), strict=True))
    for name, scores in letters.items()
}
ax = plots.stacked_shares(
    shares, "share of the answers (the right ones are spread evenly)", "Which place was chosen"
)
plots.show(ax)


# %%
def mean(values):
    return values.double().mean().item()


def compare(methods, labels, title):
    """Draw accuracy and confidence of several methods on the same questions."""
    pairs = {}
    for name, scores in methods.items():
        confidence, correct = cal.top_label(llm.choice_probs(scores), labels)
        pairs[name] = [cal.bootstrap_interval(mean, part) for part in (correct, confidence)]
    accuracy, sure = ({name: pair[k] for name, pair in pairs.items()} for k in (0, 1))
    plots.show(plots.accuracy_and_confidence(accuracy, sure, title, of="questions"))
    return pairs


# %%
pairs = compare(letters, right_of_few, "Letters, three ways of asking")
expect("highest accuracy", max(pair[0].estimate for pair in pairs.values()), at_most=0.5)
on_letters = letters["chat, 4 examples"].exp().sum(dim=-1).mean()
expect("chat, 4 examples: probability of the four letters", on_letters, at_least=0.5)

# %% [markdown]
# With examples the *form* is learned, in both formats: most of the probability is now on letters. The
# knowledge is not there, and what is preferred is a place.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Repair the letters
#
# A preference for a letter is a *bias*, and a bias can be measured and divided out. Three ways, none
# of which needs a label:
#
# | method | where the preference is measured |
# | --- | --- |
# | contextual calibration (Zhao et al. 2021) | on questions that say nothing: "N/A" |
# | batch calibration (Zhou et al. 2024) | on average over real questions |
# | averaging over orders | each option stands at each place once, and the preference cancels |
#
# **Predict first.** Once the preference is gone, will there be knowledge under it?

# %%
my_probability = ...
guess = predict(
    "repaired-letters",
    "At least one of the repairs brings the accuracy by letter above one half.",
    my_probability,
)

# %% [markdown]
# *Contextual*: ask about nothing, in all four orders, so that no empty word favours a place. *Orders*:
# turn the list by 0 to 3 places; `ask` brings every option's log-probability back from the place where
# it stood.

# %%
way = replace(by_letter, n_examples=4)
orders = llm.cyclic_orders(4)  # orders[k, place] is the option at that place
nothing = ["N/A", "[MASK]", "...", "-"]
empty = way.prompts(
    [word for word in nothing for _ in orders],
    [[nothing[i] for i in order] for _ in nothing for order in orders],
)
content_free = torch.stack(llm.score_choices(lm, empty, [[" A", " B", " C", " D"]] * len(empty)))
prior = llm.choice_probs(content_free).mean(dim=0)  # (4,)
corrected = llm.choice_probs(letters["raw text, 4 examples"]) / prior
contextual = (corrected / corrected.sum(dim=-1, keepdim=True)).log()

# %%
in_orders = [letters["raw text, 4 examples"]]
in_orders += [asking.ask(lm, replace(way, turn=turn), few) for turn in (1, 2, 3)]
over_orders = torch.stack(in_orders).log_softmax(dim=-1).mean(dim=0)
pairs = compare(
    {
        "letters, as they are": letters["raw text, 4 examples"],
        "contextual calibration": contextual,
        "averaged over 4 orders": over_orders,
    },
    right_of_few,
    "Letters, repaired",
)
guess.resolve(max(pair[0].estimate for pair in pairs.values()) > 0.5)

# %%
packaged = llm.contextual_calibration(letters["raw text, 4 examples"], content_free)
difference_to_ours = (llm.choice_probs(packaged) - contextual.exp()).abs().max()
expect("the package's contextual calibration minus ours", difference_to_ours, 0, within=1e-5)
repaired = pairs["averaged over 4 orders"]
expect("confidence, averaged over orders", repaired[1].estimate, 0.29, within=0.05)
expect("accuracy, averaged over orders", repaired[0].estimate, at_most=0.5)

# %% [markdown]
# The preference is gone, and so is the confidence. What is left says "about one in four" and is right
# about one time in four: *nearly calibrated, and useless*. No correction can divide out a bias and find
# knowledge that did not reach the letters. (Some large models do connect letters with options,
# Robinson et al. 2023; here we saw no sign of it.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 2: contextual calibration


# %%
def my_contextual(probs, content_free):
    """Return probabilities (N, C) from probs (N, C) and content_free (M, C)."""
    ...


exercises.contextual.check(my_contextual)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 3: averaging over orders
#
# One question, asked in K orders. Mind where each option stood.


# %%
def my_over_orders(log_probs, orders):
    """Return the mean by option (C,); log_probs by place and orders are (K, C)."""
    ...


exercises.over_orders.check(my_over_orders)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Ask for the answer itself
#
# A language model is trained to say what text comes next. So do not ask for a letter; ask how
# probable each *answer* is as the next text. No list, no letters: the question, and after it each of
# the four names. An answer's probability is the product of its tokens', its score the sum of their
# logarithms.

# %%
by_name = asking.Way(n_examples=4)
my_probability = ...
guess = predict(
    "text-half-right",
    "Asked for the text of the answer, the model gets more than half of the questions right.",
    my_probability,
)

# %%
text = asking.ask(lm, by_name, questions)
confidence, correct = cal.top_label(llm.choice_probs(text), labels)
guess.resolve(correct.float().mean().item() > 0.5)
expect("accuracy, by the text of the answer", correct.float().mean(), 0.84, within=0.04)
expect("mean confidence", confidence.mean(), 0.93, within=0.03)

ax = plots.answers_diagram(confidence, correct, "By name, 161 capitals", chance=0.25)
plots.show(ax)

# %% [markdown]
# The knowledge was there all along.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 4: the probability of a whole answer


# %%
def my_answer_probs(tokens):
    """Return the probabilities of the answers (C,); tokens is a list of C tensors."""
    ...


exercises.answer_probs.check(my_answer_probs)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Was it the letters, the list, the format?
#
# From the exam to the names we changed several things at once. One could now change them back one by
# one, and see what each does *to this prompt*. But a prompt is a bundle of choices, and another bundle
# may answer differently. So we **cross** four factors, two levels each, on the same 20 questions:
#
# | factor | | |
# | --- | --- | --- |
# | format | raw text | the model's own chat format |
# | list | the question alone | the four options listed |
# | examples | none | four |
# | reply begins | with the answer | "The capital of X is" |
#
# Always the names are scored, never the letters. Everything else (the wording, the layout, which
# examples, the order of the list) is drawn at random for each of the sixteen, so that none of it is
# tied to a factor. Two of them:

# %%
ways = asking.crossed_ways(seed=0)
country, cities = ["Afghanistan"], [["Kabul", "Tehran", "Dhaka", "Amman"]]
print(ways[5].prompts(country, cities)[0])
print("\n... and as a conversation:")
for message in ways[13].prompts(country, cities)[0].messages:
    print(f"{message['role']}: {message['content']}")

# %% [markdown]
# **Predict first.** Surely it helps to see the options?

# %%
my_probability = ...
guess = predict(
    "list-hurts",
    "Averaged over the ways of asking, the model is right less often when the options are listed, and "
    "so in each of the eight pairs.",
    my_probability,
)

# %%
scores = torch.stack([asking.ask(lm, way, few) for way in ways])  # (16, 20, 4)
sure, chosen = scores.softmax(dim=-1).max(dim=-1)
right = (chosen == right_of_few).double()  # (16, 20), as is sure

ax = figures.specification_curve(
    [cal.bootstrap_interval(mean, row) for row in right],
    sure.mean(dim=1).tolist(),
    {
        "format": [way.chat for way in ways],
        "list": [way.listed for way in ways],
        "examples": [way.n_examples > 0 for way in ways],
        "reply begins": [way.sentence for way in ways],
    },
    asking.FACTORS,
    "Sixteen ways to ask, one model, 20 questions",
)
plots.show(ax)

# %% [markdown]
# A *specification curve*: every way of asking, sorted, and below it what it consists of. The same model
# on the same questions is right one time in four or nine times in ten. Its confidence moves far less.
#
# Which factor does it? For each factor there are eight pairs of ways that differ in this factor (and
# in what was drawn), and all answered the same questions.

# %%
changes = ("chat, not raw text", "options listed", "four examples", "a sentence begins the reply")
effects = {
    name: cal.crossed_mean(table)
    for name, table in zip(changes, asking.effects(right).values(), strict=True)
}
of_list = asking.effects(right)["list"].mean(dim=1)  # one for each pair of ways
guess.resolve(bool((of_list < 0).all()))
accuracies = right.mean(dim=1)
expect("lowest accuracy", accuracies.min(), 0.25, within=0.1)
expect("highest accuracy", accuracies.max(), 0.9, within=0.1)
spans = sure.mean(dim=1).max() - sure.mean(dim=1).min()
expect("highest minus lowest mean confidence", spans, 0.28, within=0.1)
expect("effect of the list on accuracy, mean of the pairs", of_list.mean(), -0.35, within=0.1)
expect("pairs of ways in which the list lowers it", (of_list < 0).sum(), at_least=7)
expect("the smallest loss", -of_list.max(), at_most=0.2)
expect("the largest loss", -of_list.min(), at_least=0.5)
of_format = asking.effects(right)["format"].mean(dim=1)
expect("pairs in which the chat format lowers it", (of_format < 0).sum(), at_least=1)
expect("pairs in which it raises it", (of_format > 0).sum(), at_least=1)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## An interval over questions is not enough
#
# How far can we trust the mean accuracy of all sixteen? The interval we know draws other *questions*.
# But other *prompts* could have been written just as well, and a bootstrap over questions does not know
# that. Call the table $y_{pq}$: prompt $p$, question $q$. In plain words, an entry is
#
# *the general level + how good this prompt is + how easy this question is + the rest.*
#
# Three sources of chance, with variances $\sigma_a^2$ of prompts, $\sigma_b^2$ of questions and
# $\sigma_e^2$ of the rest. The mean of $P$ prompts and $Q$ questions then has the variance
#
# $$\frac{\sigma_a^2}{P} + \frac{\sigma_b^2}{Q} + \frac{\sigma_e^2}{P Q} .$$
#
# More questions make the last two small, and leave the first as it is.

# %%
table = cal.crossed_mean(right)
of_prompts, of_questions, rest = table.variances
print(f"over other questions:             {table.interval('columns'):.2f}")
print(f"over other prompts:               {table.interval('rows'):.2f}")
print(f"over other questions and prompts: {table.interval('both'):.2f}")


def width(interval):
    return interval.high - interval.low


wider = width(table.interval("both")) / width(table.interval("columns"))
expect("times as wide when prompts are drawn as well", wider, 1.4, within=0.3)
expect("variance of prompts", of_prompts, 0.046, within=0.025)
expect("variance of questions", of_questions, 0.043, within=0.025)

# %% [markdown]
# Prompts vary as much as questions do. With sixteen prompts the honest interval is 1.4 times as wide as
# the usual one. And what of a report with *one* prompt and a thousand questions? Put $P = 1$ and
# $Q = 1000$ into the formula, with and without its first term:

# %%
reported = 1.96 * ((of_questions + rest) / 1000) ** 0.5
honest = 1.96 * (of_prompts + (of_questions + rest) / 1000) ** 0.5
expect("one prompt, 1000 questions: half an interval over questions", reported, 0.03, within=0.01)
expect("half an interval over prompts as well", honest, 0.42, within=0.12)

# %% [markdown]
# Three points either way in the report; forty if "this model" shall mean more than "this model, asked
# with these very words". (It takes our sixteen for a sample of the prompts one might write. Those of
# another author may vary in another way; nobody can draw "a random prompt".)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 5: where does the chance come from?
#
# The three variances from the table. A mean of $Q$ entries also trembles by the rest.


# %%
def my_variance_parts(table):
    """Return the variances of prompts, questions and rest (3,) from table (P, Q)."""
    ...


exercises.variance_parts.check(my_variance_parts)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What may be said of *this model*?
#
# Now the four effects, each twice: with an interval over questions, and over questions and prompts. An
# effect that differs from pair to pair has a wide second interval, and should have.

# %%
ax = figures.effects_over(
    effects, "accuracy with it minus accuracy without", "Four changes, on the accuracy"
)
plots.show(ax)

# %%
chat, listed, shown, sentence = (effect.interval("both") for effect in effects.values())
expect("list: high end of the interval over both", listed.high, at_most=-0.05)
expect("sentence: effect on accuracy", sentence.estimate, 0.18, within=0.1)
expect("its low end", sentence.low, at_least=0)
expect("chat format: effect on accuracy", chat.estimate, 0.0, within=0.12)
expect("its interval contains 0", 0.0 in chat, True)
expect("examples: their interval contains 0", 0.0 in shown, True)

# %% [markdown]
# - **The list** costs this model accuracy: beyond chance over questions and prompts. How much depends on
#   the rest: from a tenth, which may be none, to more than half.
# - **A sentence** for the reply to begin with helps, on average over the prompts.
# - **The chat format**: no effect detected. From one prompt to another it may do harm or good; on average
#   the interval leaves room for a sixth in either direction, and not for more.
# - **Examples**: no effect detected.
#
# Does the chat format at least repair what the list spoils? Look at the pairs with the list, and at those
# without. And the sentence?

# %%
for factor in ("format", "reply begins"):
    for where, table in asking.effect_by_list(right, factor).items():
        print(f"{factor}, {where:7}: {cal.crossed_mean(table).interval('both'):.2f}")

# %% [markdown]
# Of the format no effect is detected on either side. The sentence gains where the list stands in front;
# where there is none, its interval contains 0. So if chat, with a sentence put into the model's mouth,
# does better than raw text on a list, do not thank the format: nothing here says that it did it.
#
# And the confidence? The same table, for how sure the model was, and for confidence minus accuracy.

# %%
gaps = asking.effects(sure - right)["list"]
of_confidence = cal.crossed_mean(asking.effects(sure)["list"])
expect("list: effect on confidence", of_confidence.mean, -0.13, within=0.06)
expect("list: effect on confidence minus accuracy", gaps.mean(), 0.22, within=0.1)
low_end = cal.crossed_mean(gaps).interval("both").low
expect("low end of its interval over both", low_end, at_least=0)

# %% [markdown]
# The list takes 35 points of accuracy, and 13 of confidence: so with it the model is the more
# overconfident, on average, and the low end of that interval is near zero. *Calibration is a property of
# model, question and prompt.*
#
# **Your turn.** `crossed_ways(seed=1)` draws everything else anew. Which of the four statements survive,
# and in how many of the eight pairs? (We drew three times more, and asked two other sets of 20 questions:
# the list took 28 to 47 points, the sentence gained 14 to 28, and of format and examples nothing was
# detected in any of the six.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Long names, short names
#
# Back to names without a list, and all 161 questions. A product of many probabilities is small, so long
# names start with a handicap. A common remedy is to divide the score by its **length**: in tokens, which
# depend on the tokenizer, or in bytes, which do not. The answers hardly change. Watch the confidence.

# %%
options = [question.options for question in questions]
prompts = by_name.prompts([question.subject for question in questions], options)
answers = llm.continuations(prompts, options)
n_tokens = torch.stack(llm.answer_lengths(lm, prompts, answers, unit="tokens"))
n_bytes = torch.stack(llm.answer_lengths(lm, prompts, answers, unit="bytes"))
per_token, per_byte = llm.length_normalised(text, n_tokens), llm.length_normalised(text, n_bytes)
pairs = compare(
    {"sum over the tokens": text, "mean per token": per_token, "mean per byte": per_byte},
    labels,
    "One score, three units of length",
)


# %%
def difference(a, b):
    return mean(a) - mean(b)


expect("confidence of the sum", pairs["sum over the tokens"][1].estimate, 0.93, within=0.03)
expect("confidence per token", pairs["mean per token"][1].estimate, 0.83, within=0.04)
expect("confidence per byte", pairs["mean per byte"][1].estimate, 0.53, within=0.06)
by_text = text.argmax(dim=-1) == labels
change = cal.bootstrap_interval(difference, per_token.argmax(dim=-1) == labels, by_text)
expect("accuracy per token minus sum", change.estimate, 0.0, within=0.05)
expect("its interval contains 0", 0.0 in change, True)

# %% [markdown]
# One model, one set of answers, three confidences: 0.93 (too sure), 0.83 (about right), 0.53 (far too
# modest). Dividing a log-probability by a length is dividing by a *temperature*, another one for each
# answer. That the one per token lands close to the accuracy is luck, not law: nothing in it knows how
# often the model is right.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Some answers are likely anyway
#
# Ask the same form of question about no country at all: "What is the capital of this country?" What
# the model says now is its **prior**: names that it would say to any such question. Divide by it: how
# much does *this question* raise *this answer*?
#
# $$\text{score} = \ln P(\text{answer} \mid \text{question}) - \ln P(\text{answer} \mid \text{neutral prompt})$$
#
# That is the pointwise mutual information (PMI) of question and answer. It is contextual calibration
# once more, with a prior for each answer instead of each letter.

# %%
my_probability = ...
guess = predict(
    "pmi-accuracy",
    "Divided by the prior, the accuracy rises, and the 95 % interval of the difference excludes 0.",
    my_probability,
)

# %%
prior = asking.prior(lm, by_name, questions)
pmi = llm.pmi_scores(text, prior)
gain = cal.bootstrap_interval(difference, pmi.argmax(dim=-1) == labels, by_text)
guess.resolve(gain.low > 0)

decades = (prior.max() - prior.min()) / torch.tensor(10.0).log()
expect("powers of ten between likeliest and least likely name", decades, at_least=10)
expect("difference of accuracy to text", gain.estimate, 0.04, within=0.035)
expect("its interval contains 0", 0.0 in gain, True)

# %% [markdown]
# More are right, but 161 questions cannot tell that from chance. Accuracy counts each question as 0 or
# 1; the negative log-likelihood (NLL) also sees *how sure* the model was, and so sees more. And we
# should not hang on one prompt: of our sixteen, eight list no options, and each gets its own prior.


# %%
def nll(scores, labels):
    """Negative log-likelihood of every question (N,), in nats."""
    return -llm.choice_probs(scores).log().gather(-1, labels.unsqueeze(-1)).squeeze(-1)


nll_gain = cal.bootstrap_interval(difference, nll(pmi, labels), nll(text, labels))
without_list = [k for k, way in enumerate(ways) if not way.listed]
over_ways = torch.stack(
    [
        nll(scores[k] - asking.prior(lm, ways[k], few), right_of_few) - nll(scores[k], right_of_few)
        for k in without_list
    ]
)  # (8, 20)
nll_gain_over_ways = cal.crossed_mean(over_ways)
print(f"one prompt, 161 questions: {nll_gain:.2f} nats")
print(f"eight prompts, over both:  {nll_gain_over_ways.interval('both'):.2f} nats")

# %%
expect("one prompt: difference of NLL, nats", nll_gain.estimate, -0.32, within=0.15)
expect("eight prompts: difference of NLL, nats", nll_gain_over_ways.mean, -0.41, within=0.25)
both_ends = nll_gain_over_ways.interval("both")
expect("their interval contains 0", 0.0 in both_ends, True)

# %% [markdown]
# So the honest sentence is: *dividing by the prior lowers the NLL here, by a third of a nat or so, and these
# data cannot exclude that it is chance.* A few questions in which the model is surely wrong weigh much in
# the NLL, and a prompt's own.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 6: divide by the prior


# %%
def my_divided_by_prior(scores, prior):
    """Return probabilities (N, C) from log-probabilities, both (N, C)."""
    ...


exercises.divided_by_prior.check(my_divided_by_prior)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Where does an answer end?
#
# " New" is contained in " New York": every text that begins with the second begins with the first. So
# asked to choose between the two, the first can never lose. What ends an answer tells them apart: in raw
# text a new line, in a conversation the mark that ends a message.

# %%
asked = "What is the largest city of the United States?"
raw = llm.few_shot_prompts([asked], [("What is the largest city of Italy?", "Rome")])
chat = llm.chat_prompts([asked], reply="The largest city is")
for prompt, end in ((raw, "\n"), (chat, "<|im_end|>")):
    [begins] = llm.score_choices(lm, prompt, [[" New", " New York"]])
    [ends] = llm.score_choices(lm, prompt, [[f" New{end}", f" New York{end}"]])
    expect("' New' is at least as probable as ' New York'", bool(begins[0] >= begins[1]), True)
    expect("with its end, ' New York' wins", bool(ends[1] > ends[0]), True)

# %% [markdown]
# Read as "the answer begins with", options can contain each other, and their probabilities do not
# belong into one softmax. Our capitals are safe; check yours (`llm.score_spellings` refuses such options).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## One number to repair them all?
#
# By name, with four examples, the model is right 84 times in 100 and sure at 93. Notebook 10 has the
# tool: a temperature, fitted on the calibration half, judged on the test half.


# %%
def after_temperature(scores, fit, judge):
    """Probabilities of the questions `judge` at the temperature that suits the questions `fit`."""
    scaling = cal.TemperatureScaling().fit(scores[fit], labels[fit])
    return scaling.predict_proba(scores[judge]), scaling.temperature_


scaled, temperature = after_temperature(text, calibration, test)
before = cal.top_label(llm.choice_probs(text)[test], labels[test])
after = cal.top_label(scaled, labels[test])
expect("temperature fitted on the calibration half", temperature, 2.7, within=0.4)
gap = {name: mean(sure) - mean(hit) for name, (sure, hit) in (("T = 1", before), ("fitted", after))}
print(f"confidence minus accuracy: {gap['T = 1']:+.2f} before, {gap['fitted']:+.2f} after")

# %%
expect("gap before", gap["T = 1"], 0.05, within=0.03)
expect("gap after", gap["fitted"], -0.08, within=0.04)
chance = cal.ece_null_distribution(after[0]).quantile(0.95)
expect(
    "ECE after, as a share of what chance alone may give",
    cal.expected_calibration_error(*after) / chance,
    at_most=1.0,
)

# %% [markdown]
# Hm. From too sure to too modest: on *this* split the calibration half happened to be harder than the
# test half. And yet the ECE afterwards is within what chance gives to a calibrated model: 81 questions
# say little, in both directions. One split is one draw. Draw 200.

# %%
both = {"T = 1": [], "T fitted": []}
improved, temperatures = [], []
for seed in range(200):
    fit, judge = (
        torch.tensor([place[question.key] for question in half])
        for half in split_questions(questions, fraction=0.5, seed=seed)
    )
    cooled, T = after_temperature(text, fit, judge)
    for name, probs in (("T = 1", llm.choice_probs(text)[judge]), ("T fitted", cooled)):
        both[name].append(cal.expected_calibration_error(*cal.top_label(probs, labels[judge])))
    improved.append((nll(cooled.log(), labels[judge]) - nll(text[judge], labels[judge])).mean())
    temperatures.append(T)

spread = {name: torch.tensor(values) for name, values in both.items()}
temperatures, improved = torch.tensor(temperatures), torch.stack(improved)

# %%
one_split = {
    "T = 1": cal.expected_calibration_error(*before),
    "T fitted": cal.expected_calibration_error(*after),
}
plots.show(
    figures.spread_over_splits(spread, one_split, "ECE on the test half", "200 splits into halves")
)

# %%
expect("temperature, mean over the splits", temperatures.mean(), 2.2, within=0.3)
expect("its standard deviation", temperatures.std(), 0.32, within=0.12)
better_ece = mean(spread["T fitted"] < spread["T = 1"])
expect("share of splits in which the ECE falls", better_ece, 0.73, within=0.15)
expect("share of splits in which the NLL falls", mean(improved < 0), at_least=0.9)
expect("change of the NLL, mean over the splits, nats", improved.mean(), -0.18, within=0.08)

# %% [markdown]
# The temperature wanders by a third of a unit, and the ECE falls in about three splits of four. The
# NLL falls in nearly all. So: temperature scaling helps here, the NLL sees it, and a single ECE on 81
# questions may say the opposite. (The splits share the same 161 questions: their spread tells how much
# the *split* matters, not how another 161 countries would come out.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 7: where to fit

# %%
exercises.where_to_fit.ask()
exercises.where_to_fit.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A second task: harder questions
#
# Of capitals this model knows much. How sure is it where it knows less? Two public sets, as papers report
# them: ARC, its easy part (Clark et al. 2018), questions of school science; and CommonsenseQA (Talmor et
# al. 2019). `benchmarks.load` fetches them once (86 MB), as `llm.load` fetched the model.

# %%
for name in ("arc_easy", "commonsense_qa"):
    print(benchmarks.about(name))

# %% [markdown]
# **Predict first.** On the harder sets its accuracy will fall. And its confidence?

# %%
my_probability = ...
guess = predict(
    "sure-on-hard",
    "From capitals to CommonsenseQA, the mean confidence falls less than half as much as the accuracy.",
    my_probability,
)


# %%
def ask_plainly(questions, chat):
    """Scores (N, C) of the options by their text, with no list, no examples, no first words."""
    asked = [question.question for question in questions]
    options = [question.options for question in questions]
    prompts = llm.chat_prompts(asked) if chat else llm.few_shot_prompts(asked)
    return torch.stack(llm.score_choices(lm, prompts, llm.continuations(prompts, options)))


arc = [q for q in benchmarks.load("arc_easy", limit=30) if len(q.options) == 4]
sets = {
    "capitals": [questions[i] for i in test[:32]],
    "ARC, easy": arc[:24],
    "CommonsenseQA": benchmarks.load("commonsense_qa", limit=40),
}
plainly = {
    (name, form): ask_plainly(listed, form == "chat")
    for name, listed in sets.items()
    for form in ("raw text", "chat")
}

# %%
outcomes = {
    (name, form): cal.top_label(
        llm.choice_probs(scores), torch.tensor([q.correct for q in sets[name]])
    )
    for (name, form), scores in plainly.items()
}
accuracy, sureness = (
    {
        ", ".join(key): cal.bootstrap_interval(mean, outcome[part])
        for key, outcome in outcomes.items()
    }
    for part in (1, 0)
)
plots.show(
    plots.accuracy_and_confidence(
        accuracy, sureness, "Three sets, two formats, nothing else changed", of="questions"
    )
)


# %%
def falls(form):
    """By how much accuracy and mean confidence fall from capitals to CommonsenseQA."""
    (easy_sure, easy_hit), (hard_sure, hard_hit) = (
        outcomes[name, form] for name in ("capitals", "CommonsenseQA")
    )
    return mean(easy_hit) - mean(hard_hit), mean(easy_sure) - mean(hard_sure)


def gap_grows(sure, hit, is_hard):
    """Confidence minus accuracy on the hard set, minus the same on the easy one."""
    return mean((sure - hit)[is_hard]) - mean((sure - hit)[~is_hard])


for form in ("raw text", "chat"):
    of_accuracy, of_confidence = falls(form)
    expect(f"{form}: the accuracy falls by", of_accuracy, 0.53, within=0.12)
    expect(f"{form}: the confidence falls by", of_confidence, 0.13, within=0.08)
    pairs = [outcomes[name, form] for name in ("capitals", "CommonsenseQA")]
    sure, hit = (torch.cat([pair[k].double() for pair in pairs]) for k in (0, 1))
    is_hard = torch.arange(len(sure)) >= len(sets["capitals"])
    growth = cal.bootstrap_interval(gap_grows, sure, hit, is_hard)
    expect("low end of the interval: how much the gap grows", growth.low, at_least=0.1)
guess.resolve(of_confidence < of_accuracy / 2)

# %% [markdown]
# The accuracy falls by about 53 points, the confidence by about 13, in both formats. People show the like:
# the harder the questions, the more they are too sure, and on easy ones they are not sure enough. It is
# called the **hard-easy effect** (Lichtenstein and Fischhoff 1977).
#
# Part of it is arithmetic: whoever states about the same confidence everywhere is too sure wherever
# questions are hard. What is *measured* here is that this model nearly does so.
#
# So what does the temperature of the capitals do for these questions?

# %%
hard = sets["CommonsenseQA"]
truth = torch.tensor([question.correct for question in hard])
for form in ("raw text", "chat"):
    cool, hit = cal.top_label((plainly["CommonsenseQA", form] / temperature).softmax(-1), truth)
    left = cal.bootstrap_interval(cal.gap, cool, hit)
    expect(
        f"{form}: confidence minus accuracy, at the capitals' T", left.estimate, 0.25, within=0.15
    )
    expect("low end of its interval", left.low, at_least=0)

# %% [markdown]
# It helps, and is not enough: the model stays too sure. A temperature (one number) cannot know that the
# questions became harder. Whoever reports "calibrated" must say on which questions, asked how.


# %% [markdown] slideshow={"slide_type": "slide"}
# ## Negative control: countries that do not exist
#
# What is the capital of Quelzostan? There is none, so a model that knows what it knows has no
# favourite among four options. The same options, and invented countries, in both formats.

# %%
my_probability = ...
guess = predict(
    "invented-sure",
    "Asked about invented countries, the model's mean confidence among the four options is above 0.5.",
    my_probability,
)

# %%
from coursekit.data import invented_countries

judged = [questions[i] for i in test[:40]]
invented = [
    replace(question, subject=name)
    for question, name in zip(judged, invented_countries(len(judged)), strict=True)
]
unknown = {
    "raw text": asking.ask(lm, by_name, invented),
    "chat": asking.ask(lm, replace(by_name, chat=True), invented),
}
pairs = compare(
    {
        "real, raw text": text[test[:40]],
        "invented, raw text": unknown["raw text"],
        "invented, chat": unknown["chat"],
        "invented, raw text, T fitted": unknown["raw text"] / temperature,
    },
    labels[test[:40]],
    "Real and invented countries, same options",
)
guess.resolve(pairs["invented, raw text"][1].estimate > 0.5)

# %%
for name in ("raw text", "chat"):
    accuracy, sure_of_nothing = pairs[f"invented, {name}"]
    expect(f"invented, {name}: accuracy", accuracy.estimate, 0.27, within=0.2)
    expect(f"invented, {name}: mean confidence", sure_of_nothing.estimate, at_least=0.6)
still = pairs["invented, raw text, T fitted"][1].estimate
expect("the same at the fitted temperature", still, at_least=0.4)

# %% [markdown]
# Accuracy is near chance, as it must be: the measurement works. But the confidence is not. We *made* it
# so: the softmax over four options assumes that one of them is the answer. It compares, and something
# always wins; no temperature can turn that into "I do not know this country".
#
# The evidence is there, in what we divided out. How much probability do the four options have
# together, among all texts?

# %%
known = text[test[:40]].exp().sum(dim=-1).clamp(max=1)
exists = torch.cat([torch.ones(40), torch.zeros(40)]).bool()
together = torch.cat([known, unknown["raw text"].exp().sum(dim=-1).clamp(max=1)])
told_apart = cal.bootstrap_interval(cal.auroc, together, exists, n_resamples=400)
expect("real countries: mean probability of all four options", known.mean(), 0.3, within=0.15)
expect("invented countries: the same", together[40:].mean(), at_most=0.03)
expect("AUROC of that sum: is the country real?", told_apart.estimate, 0.88, within=0.1)
expect("low end of its 95 % interval", told_apart.low, at_least=0.7)

# %% [markdown]
# Many times less, and enough to tell most real countries from invented ones. *Renormalising over
# the options throws away "none of these".* Keep the sum.
#
# One more control, for the measurement: shuffle the right answers. Whatever the model says, accuracy
# must fall to chance.

# %%
shuffled = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]
_, lucky = cal.top_label(llm.choice_probs(pmi), shuffled)
by_chance = cal.bootstrap_interval(mean, lucky)
expect("accuracy against shuffled answers", by_chance.estimate, 0.25, within=0.1)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Try it: ask it your way
#
# Choose the format, the list, the examples, how the reply begins and what it answers with. Every change
# asks the model 12 questions again, live, in a few seconds.

# %%
plots.show(widget.asked_view(lm, few[:12], asking.Way(chat=True, listed=True)))

# %% tags=["nbval-ignore-output"]
widget.prompt_explorer(lm, few[:12])

# %% [markdown] slideshow={"slide_type": "slide"}
# Some things to find out, with 12 questions (so trust only large differences):
#
# - Chat format, list, a bare answer. Now change *one* thing: the format, the list, or the beginning of
#   the reply. Which changes most?
# - Turn the list by one. Do the answers turn with it, or does the place stay?
# - Answer with a letter. Is there a format in which that works?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you learned
#
# - The same model on the same questions is right one time in four or nine times in ten, depending on how
#   it is asked; its confidence moves far less. Confidence is a property of model, question *and* prompt.
# - Factors are crossed, on the same questions, with all else drawn at random. Over the prompts, the list
#   hurt and a sentence to begin with helped; of the chat format and of examples no effect was detected.
# - Prompts are a sample, too. Here they vary as much as questions do: one prompt and a thousand questions
#   give an interval that is many times too narrow for a sentence about the model.
# - By letter it chose a place, not an answer, in both formats. Such a preference can be divided out; what
#   was left was nearly calibrated and useless.
# - The length of the answer acts like a temperature: three units, three confidences.
# - A temperature fitted on 80 questions lowered the NLL in nearly all splits of the same task. It does not
#   know when the task becomes harder, and neither does the confidence: the hard-easy effect.
# - Among options, confidence is relative. Only the sum that the softmax divides out could tell invented
#   countries from real ones.
#
# ## Common misconceptions
#
# - *"The model said A with 85 %, so it believes A."* 85 % of the little that went to letters.
# - *"I changed the template and it got better, so the template helps."* With this wording, these
#   examples, this list. Change those, too, and look again.
# - *"Ten thousand questions, so the interval is tiny."* Over questions. You asked with one prompt.
# - *"Calibration repairs a bad prompt."* It repairs the confidence. The knowledge is lost or kept when
#   you ask.
# - *"Calibrated once, calibrated everywhere."* Calibrated on that task, asked in that way.
#
# ## Further reading
#
# - Z. Zhao et al., *Calibrate before use: improving few-shot performance of language models*, ICML 2021.
# - A. Holtzman et al., *Surface form competition: why the highest probability answer isn't always
#   right*, EMNLP 2021.
# - H. Zhou et al., *Batch calibration: rethinking calibration for in-context learning and prompt
#   engineering*, ICLR 2024.
# - C. Zheng et al., *Large language models are not robust multiple choice selectors*, ICLR 2024.
# - J. Robinson, C. M. Rytting, D. Wingate, *Leveraging large language models for multiple choice
#   question answering*, ICLR 2023.
# - C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, *On calibration of modern neural networks*, ICML 2017.
# - M. Sclar, Y. Choi, Y. Tsvetkov, A. Suhr, *Quantifying language models' sensitivity to spurious
#   features in prompt design*, ICLR 2024.
# - M. Mizrahi et al., *State of what art? A call for multi-prompt LLM evaluation*, TACL 2024.
# - U. Simonsohn, J. P. Simmons, L. D. Nelson, *Specification curve analysis*, Nature Human Behaviour
#   2020.
# - S. R. Searle, G. Casella, C. E. McCulloch, *Variance components*, 1992.
# - S. Lichtenstein, B. Fischhoff, *Do those who know more also know more about how much they know?*,
#   Organizational Behavior and Human Performance 1977.
# - P. Clark et al., *Think you have solved question answering? Try ARC, the AI2 reasoning challenge*,
#   2018.
# - A. Talmor, J. Herzig, N. Lourie, J. Berant, *CommonsenseQA: a question answering challenge targeting
#   commonsense knowledge*, NAACL 2019.
# - F. M. Molfese et al., *Right answer, wrong score: uncovering the inconsistencies of LLM
#   evaluation in multiple-choice question answering*, Findings of ACL 2025: the usual ways to read
#   a choice off a written reply often count a model below what it can do, and language models that
#   read it off make systematic errors.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## And you?
#
# Were you surer than you were right?

# %% tags=["nbval-ignore-output"]

from coursekit.chapters import progress

plots.my_predictions()
progress()

# %% [markdown]
# **Next:** [13 Free-form answers](13_free_form_answers.ipynb): answers in the model's own words.
# Back to [11 Next-token calibration](11_next_token_calibration.ipynb).
