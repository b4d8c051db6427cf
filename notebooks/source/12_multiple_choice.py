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
# Then we ask the same model the same questions in other ways, until it is right more than eight
# times in ten.
#
# The model never changes. Only the question does. *How you ask decides what confidence means.*
#
# **You will be able to**
# - turn a language model into a multiple-choice answerer in six ways, and say what each measures;
# - tell a preference for a letter from knowledge, and remove the one without inventing the other;
# - divide out length and prior, add up spellings, and say what that did to accuracy and confidence;
# - fit a temperature without looking at the test questions, and say how far one split can be trusted;
# - read a table of results with intervals, and know which differences in it are real.
#
# **Time:** about 90 minutes; all cells together run in about two minutes on two processor cores.
#
# **On the map:** Part III, a real LLM. Before it: calibration token by token (11). After it: answers
# in the model's own words (13).

# %%
import torch

from coursekit import calibration as cal, expect, llm, plots, predict
from coursekit.chapters.multiple_choice import exercises, figures, widget
from coursekit.data import capital_questions, split_questions

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
# anything may be fitted, and a test half, which is only looked at. What needs no fitting is reported
# on all questions.

# %%
questions = capital_questions(n_options=4)
labels = torch.tensor([question.correct for question in questions])
asked = [question.question for question in questions]
options = [question.options for question in questions]
answers = [[f" {option}" for option in listed] for listed in options]

place = {question.key: i for i, question in enumerate(questions)}
calibration, test = (
    torch.tensor([place[question.key] for question in half])
    for half in split_questions(questions, fraction=0.5, seed=0)
)
print(f"{len(questions)} questions: {len(calibration)} for calibration, {len(test)} for the test")

# %% [markdown]
# The obvious way to ask is the way of every exam: list the options, ask for the letter. The model
# gives a probability to each of the tokens " A" to " D", and we take the largest.

# %%
prompts = llm.lettered_prompts(asked, options)
letters = [[" A", " B", " C", " D"]] * len(questions)
print(prompts[1])

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
no_examples = torch.stack(llm.score_choices(lm, prompts, letters))  # log-probabilities (N, 4)
confidence, correct = cal.top_label(llm.choice_probs(no_examples), labels)
guess.resolve(correct.float().mean().item() > 0.5)

expect("accuracy, asked for a letter", correct.float().mean(), 0.25, within=0.06)
expect("mean confidence", confidence.mean(), 0.85, within=0.05)

# %%
plots.show(plots.reliability_diagram(confidence, correct, title="Asked for a letter"))

# %% [markdown] slideshow={"slide_type": "fragment"}
# Right as often as a blind guess, at a confidence of 0.85. And this is the model that was off by two
# points on running text. What happened?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Why? Look at what it chose
#
# Two checks that cost nothing. *Which* letter did it choose, and how much of its probability went to
# the four letters at all?

# %%
chosen = no_examples.argmax(dim=-1)
on_letters = no_examples.exp().sum(dim=-1)  # before the four are made to sum to one
expect("share of answers 'A'", (chosen == 0).float().mean(), at_least=0.95)
expect("mean probability of all four letters together", on_letters.mean(), at_most=0.15)

# %% [markdown]
# It says "A" whatever stands there. And more than nine tenths of its probability are somewhere else:
# after "Answer:" it expects the name of a city, not a letter. We threw that away and made the rest
# sum to one. A confidence of 0.85 meant: *if I must say a letter, then A*. Nothing in it is about
# capitals.

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
# ## Show it how: four examples
#
# A base model completes documents. So give it the beginning of a document in which questions are
# answered by letters: four solved examples, in which each letter is right once. (They ask about
# regions, not about countries, so that they give nothing away.)

# %%
examples = [
    ("What is the capital of Bavaria?", ["Munich", "Stuttgart", "Dresden", "Hamburg"], "Munich"),
    ("What is the capital of Catalonia?", ["Seville", "Bilbao", "Barcelona", "Vigo"], "Barcelona"),
    ("What is the capital of Ontario?", ["Winnipeg", "Toronto", "Regina", "Halifax"], "Toronto"),
    ("What is the capital of Queensland?", ["Perth", "Hobart", "Darwin", "Brisbane"], "Brisbane"),
]
with_examples = torch.stack(
    llm.score_choices(lm, llm.lettered_prompts(asked, options, examples), letters)
)
on_letters = with_examples.exp().sum(dim=-1)
expect("mean probability of all four letters together", on_letters.mean(), 0.86, within=0.08)

# %% [markdown]
# The form is learned: most of the probability is now on the letters. The knowledge? We ask half of
# the calibration questions in two more forms, since a claim about a *model* should not hang on one
# prompt.

# %%
some = calibration[::2].tolist()
some_asked, some_options = [asked[i] for i in some], [options[i] for i in some]
other_forms = {
    "'Q: ... A: ...'": llm.lettered_prompts(
        some_asked, some_options, examples, template="Q: {question}\nA: {answer}"
    ),
    "digits for letters": llm.lettered_prompts(some_asked, some_options, examples, letters="1234"),
}
by_letter = {"no examples": no_examples[some], "four examples": with_examples[some]}
for name, form in other_forms.items():
    names = "1234" if name.startswith("digits") else "ABCD"
    by_letter[name] = torch.stack(
        llm.score_choices(lm, form, [[f" {letter}" for letter in names]] * len(form))
    )

# %%
shares = {
    name: dict(zip("ABCD", scores.argmax(dim=-1).bincount(minlength=4).tolist(), strict=True))
    for name, scores in by_letter.items()
}
plots.show(
    plots.stacked_shares(
        shares, "share of the answers (the right ones are spread evenly)", "Which place was chosen"
    )
)

# %% [markdown]
# Each prompt has a favourite place, and each another one. A model that read the options would choose
# each place about equally often, since the right answers do.


# %%
def mean(values):
    return values.double().mean().item()


def accuracy_confidence(scores, labels):
    """Accuracy and mean confidence of scores (N, C), each with its interval."""
    confidence, correct = cal.top_label(llm.choice_probs(scores), labels)
    return cal.bootstrap_interval(mean, correct), cal.bootstrap_interval(mean, confidence)


def compare(methods, labels, title):
    """Draw accuracy and confidence of several methods on the same questions."""
    pairs = {name: accuracy_confidence(scores, labels) for name, scores in methods.items()}
    accuracy, confidence = ({name: pair[i] for name, pair in pairs.items()} for i in (0, 1))
    plots.show(plots.accuracy_and_confidence(accuracy, confidence, title, of="questions"))
    return pairs


# %%
pairs = compare(
    by_letter,
    labels[some],
    "Letters, four forms of the prompt",
)
expect(
    "highest accuracy of the four", max(pair[0].estimate for pair in pairs.values()), at_most=0.45
)
expect(
    "lowest confidence of the four", min(pair[1].estimate for pair in pairs.values()), at_least=0.3
)

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
    "At least one of the three repairs brings the accuracy by letter above one half.",
    my_probability,
)

# %% [markdown]
# *Contextual*: ask about nothing, in all four orders, so that no empty word favours a place.

# %%

orders = llm.cyclic_orders(4)  # orders[k, place] is the option at that place
nothing = ["N/A", "[MASK]", "...", "-"]
empty_prompts = llm.lettered_prompts(
    [f"What is the capital of {word}?" for word in nothing for _ in orders],
    [[nothing[i] for i in order] for _ in nothing for order in orders],
    examples,
)
content_free = torch.stack(llm.score_choices(lm, empty_prompts, letters[: len(empty_prompts)]))

prior = llm.choice_probs(content_free).mean(dim=0)  # (4,)
corrected = llm.choice_probs(with_examples) / prior
contextual = (corrected / corrected.sum(dim=-1, keepdim=True)).log()

# %% [markdown]
# *Batch*: the same division, by the mean over the calibration questions. The package has both, as
# functions of log-probabilities; where we divide, it subtracts.

# %%

packaged = llm.choice_probs(llm.contextual_calibration(with_examples, content_free))
expect("largest difference from ours", (packaged - contextual.exp()).abs().max(), 0, within=1e-5)
batch = llm.batch_calibration(with_examples, with_examples[calibration])

# %% [markdown]
# *Orders*: list the options of the test questions in four orders; then bring every option's
# log-probability back from the place where it stood, and average.

# %%
test_asked, test_options = [asked[i] for i in test], [options[i] for i in test]
by_place = [with_examples[test]]
for order in orders[1:].tolist():
    turned = [[listed[i] for i in order] for listed in test_options]
    turned_prompts = llm.lettered_prompts(test_asked, turned, examples)
    by_place.append(torch.stack(llm.score_choices(lm, turned_prompts, letters[: len(test)])))

over_orders = llm.average_over_orders(by_place, orders)

# %%
pairs = compare(
    {
        "letters, as they are": with_examples[test],
        "contextual calibration": contextual[test],
        "batch calibration": batch[test],
        "averaged over 4 orders": over_orders,
    },
    labels[test],
    "Letters, repaired (test half)",
)
guess.resolve(max(pair[0].estimate for pair in pairs.values()) > 0.5)

# %%
repaired = pairs["averaged over 4 orders"]
expect("confidence before", pairs["letters, as they are"][1].estimate, 0.45, within=0.05)
expect("confidence, averaged over orders", repaired[1].estimate, 0.275, within=0.04)
expect("accuracy, averaged over orders", repaired[0].estimate, 0.25, within=0.12)

# %% [markdown]
# The preference is gone, and so is the confidence. What is left says "one in four" and is right one
# time in four: *calibrated, and useless*. No correction can divide out a bias and find knowledge that
# did not reach the letters. (Some large models do connect letters with options,
# Robinson et al. 2023; at 135 million parameters this one does not.)

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
solved = [(question, answer) for question, _, answer in examples]
prompts = llm.few_shot_prompts(asked, solved)
print(prompts[1][-130:])

# %%
my_probability = ...
guess = predict(
    "text-half-right",
    "Asked for the text of the answer, the model gets more than half of the questions right.",
    my_probability,
)

# %%
text = torch.stack(llm.score_choices(lm, prompts, answers))
confidence, correct = cal.top_label(llm.choice_probs(text), labels)
guess.resolve(correct.float().mean().item() > 0.5)

expect("accuracy, by the text of the answer", correct.float().mean(), 0.84, within=0.04)
expect("mean confidence", confidence.mean(), 0.93, within=0.03)

# %% [markdown]
# The knowledge was there all along. Is the difference beyond chance? Both methods answered the *same*
# questions, so we resample questions and look at the difference within each resample: the **paired
# bootstrap**.


# %%
def difference(a, b):
    return mean(a) - mean(b)


by_text, by_letters = (scores.argmax(dim=-1) == labels for scores in (text, with_examples))
gain = cal.bootstrap_interval(difference, by_text, by_letters)
expect("accuracy of text minus letters", gain.estimate, 0.57, within=0.1)
expect("low end of its 95 % interval", gain.low, at_least=0.3)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 4: the probability of a whole answer


# %%
def my_answer_probs(tokens):
    """Return the probabilities of the answers (C,); tokens is a list of C tensors."""
    ...


exercises.answer_probs.check(my_answer_probs)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Was it the letters, or the list?
#
# We changed two things at once: no letters, and no list of options. Take them apart: show the list,
# but let the examples answer with the name, and score the names. Surely it helps to see the options?

# %%
my_probability = ...
guess = predict(
    "list-helps",
    "With the options listed in the prompt, the model chooses among the names at least as well as "
    "without the list.",
    my_probability,
)

# %%
listed_prompts = llm.lettered_prompts(test_asked, test_options, examples, answer_with="text")
test_answers = [answers[i] for i in test]
text_with_list = torch.stack(llm.score_choices(lm, listed_prompts, test_answers))
pairs = compare(
    {
        "letters": with_examples[test],
        "names, with the list": text_with_list,
        "names, without the list": text[test],
    },
    labels[test],
    "What the list does (test half)",
)
guess.resolve(
    pairs["names, with the list"][0].estimate >= pairs["names, without the list"][0].estimate
)

# %%
listed_right = text_with_list.argmax(dim=-1) == labels[test]
loss = cal.bootstrap_interval(difference, listed_right, by_text[test])
expect("accuracy with the list minus without", loss.estimate, -0.57, within=0.12)
expect("high end of its 95 % interval", loss.high, at_most=-0.3)
expect("confidence with the list", pairs["names, with the list"][1].estimate, 0.73, within=0.06)

on_names = {
    "without": text[test].exp().sum(dim=-1).mean(),
    "with": text_with_list.exp().sum(dim=-1).mean(),
}
last_two = mean(text_with_list.argmax(dim=-1) >= 2)
expect("probability of the four names, without the list", on_names["without"], 0.25, within=0.08)
expect("probability of the four names, with the list", on_names["with"], 0.67, within=0.1)
expect("share of answers from the last two places", last_two, 0.86, within=0.12)

# %% [markdown]
# Is that one unlucky template? Two more, on 24 calibration questions, with and without the list:

# %%
shown = calibration[::2][:24].tolist()
shown_asked, shown_options = [asked[i] for i in shown], [options[i] for i in shown]
for template in ("Q: {question}\nA: {answer}", "{question}\nThe answer is {answer}"):
    forms = [
        llm.lettered_prompts(
            shown_asked, shown_options, examples, answer_with="text", template=template
        ),
        llm.few_shot_prompts(shown_asked, solved, template),
    ]
    scores = [llm.score_choices(lm, form, [answers[i] for i in shown]) for form in forms]
    right = [torch.stack(rows).argmax(dim=-1) == labels[shown] for rows in scores]
    loss = cal.bootstrap_interval(difference, *right)
    expect("accuracy with the list minus without", loss.estimate, -0.4, within=0.2)
    expect("high end of its 95 % interval", loss.high, at_most=0)

# %% [markdown]
# The list alone is enough to spoil it. With four names in front of it the model copies: the names now
# get two thirds of all probability instead of a quarter, and mostly those that stand nearest. Copying
# drowns recall: confidence about 0.7, accuracy near chance. Advice that holds for a large model may be
# poison for a small one; measure.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Long names, short names
#
# A product of many probabilities is small, so long names start with a handicap. A common remedy is to
# divide the score by its **length**: in tokens, which depend on the tokenizer, or in bytes, which do
# not. The answers hardly change. Watch the confidence.

# %%

n_tokens = torch.stack(llm.answer_lengths(lm, prompts, answers, unit="tokens"))
n_bytes = torch.stack(llm.answer_lengths(lm, prompts, answers, unit="bytes"))
per_token, per_byte = llm.length_normalised(text, n_tokens), llm.length_normalised(text, n_bytes)
pairs = compare(
    {"sum over the tokens": text, "mean per token": per_token, "mean per byte": per_byte},
    labels,
    "One score, three units of length",
)

# %%
expect("confidence of the sum", pairs["sum over the tokens"][1].estimate, 0.93, within=0.03)
expect("confidence per token", pairs["mean per token"][1].estimate, 0.83, within=0.04)
expect("confidence per byte", pairs["mean per byte"][1].estimate, 0.53, within=0.06)
token_right = per_token.argmax(dim=-1) == labels
change = cal.bootstrap_interval(difference, token_right, by_text)
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
# the model says now is its **prior**: names that it would say to any such question.

# %%

neutral = llm.few_shot_prompts(["What is the capital of this country?"], solved)
names = sorted({option for listed in options for option in listed})
[prior_score] = llm.score_choices(lm, neutral, [[f" {name}" for name in names]])
by_prior = prior_score.argsort(descending=True).tolist()
shown = by_prior[:7] + by_prior[-5:]
plots.show(
    figures.prior_bars(
        [names[i] for i in shown], prior_score[shown].exp(), "Before any country was named"
    )
)

# %%
prior_of = dict(zip(names, prior_score.tolist(), strict=True))
prior = torch.tensor([[prior_of[option] for option in listed] for listed in options])
decades = (prior_score.max() - prior_score.min()) / torch.tensor(10.0).log()
expect("powers of ten between the likeliest and the least likely", decades, at_least=10)

# %% [markdown]
# Between the first name and the last lie many powers of ten before a question is even asked. So
# divide by the prior: how much does *this question* raise *this answer*?
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
pmi = llm.pmi_scores(text, prior)
by_pmi = pmi.argmax(dim=-1) == labels
gain = cal.bootstrap_interval(difference, by_pmi, by_text)
guess.resolve(gain.low > 0)

expect("accuracy, divided by the prior", mean(by_pmi), 0.885, within=0.04)
expect("difference of accuracy to text", gain.estimate, 0.04, within=0.035)
expect("its interval contains 0", 0.0 in gain, True)

# %% [markdown]
# More are right, but 161 questions cannot tell that from chance. Accuracy counts each question as 0 or
# 1; the negative log-likelihood (NLL) also sees *how sure* the model was, and so sees more. And we
# should not hang on one template. Three templates, each with its own prior; a country is drawn
# together with its three answers.

# %%
templates = ["Q: {question}\nA: {answer}", "{question} {answer}"]
in_template = [(text, pmi)]
for template in templates:
    scores = llm.score_choices(lm, llm.few_shot_prompts(asked, solved, template), answers)
    neutral = llm.few_shot_prompts(["What is the capital of this country?"], solved, template)
    priors = llm.score_choices(lm, neutral * len(asked), answers)
    in_template.append((torch.stack(scores), llm.pmi_scores(scores, priors)))


# %%
def nll(scores, labels):
    """Negative log-likelihood of every question (N,), in nats."""
    return -llm.choice_probs(scores).log().gather(-1, labels.unsqueeze(-1)).squeeze(-1)


# %%
country = torch.arange(len(questions)).repeat(3)
right = [torch.cat([scores[i].argmax(dim=-1) == labels for scores in in_template]) for i in (0, 1)]
loss = [torch.cat([nll(scores[i], labels) for scores in in_template]) for i in (0, 1)]
accuracy_gain = cal.bootstrap_interval(difference, right[1], right[0], groups=country)
nll_gain = cal.bootstrap_interval(difference, loss[1], loss[0], groups=country)

lowest = min(mean(scores.argmax(dim=-1) == labels) for scores, _ in in_template)
expect("lowest accuracy by text of the three templates", lowest, at_least=0.78)
expect("three templates: difference of accuracy", accuracy_gain.estimate, 0.04, within=0.03)
expect("three templates: difference of NLL, nats", nll_gain.estimate, -0.4, within=0.15)
expect("high end of its 95 % interval", nll_gain.high, at_most=0.0)

# %% [markdown]
# So the honest sentence is: *dividing by the prior lowers the NLL, beyond chance; whether it answers
# more questions right, these data cannot say.*
#
# And the prior must fit the question. Take it from "The capital is" instead, a text of another form:

# %%
other_prior = llm.score_choices(lm, ["The capital is"] * len(asked), answers)
other = llm.pmi_scores(text, other_prior)
worse = cal.bootstrap_interval(difference, other.argmax(dim=-1) == labels, by_pmi)
expect("accuracy with the other prior, minus the first", worse.estimate, -0.12, within=0.05)
expect("high end of its 95 % interval", worse.high, at_most=-0.02)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 5: divide by the prior


# %%
def my_divided_by_prior(scores, prior):
    """Return probabilities (N, C) from log-probabilities, both (N, C)."""
    ...


exercises.divided_by_prior.check(my_divided_by_prior)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Which text is "the answer"?
#
# " Paris", " paris" and "Paris" all name the same city: *surface forms* that compete for the same
# probability. Different texts exclude each other, so their probabilities add up. But " Paris." must
# not be added to " Paris": every text that begins with the first begins with the second.
# `score_spellings` adds the former and leaves out the latter.

# %%

few = test[:24].tolist()
spelled = [[[name, name + ".", name.lower(), name.strip()] for name in answers[i]] for i in few]
summed = torch.stack(llm.score_spellings(lm, [prompts[i] for i in few], spelled))
gained = summed - text[few]
of_right = gained.gather(-1, labels[few, None])
same = mean(summed.argmax(dim=-1) == text[few].argmax(dim=-1))
expect("what other spellings add to the right answer, nats (median)", of_right.median(), 0, 0.01)
expect("share of questions with the same choice", same, at_least=0.95)

# %% [markdown]
# Nothing worth having: four examples have taught the model how answers are spelled. Where the prompt
# leaves the form open, this can be another story. (Try it: remove the examples.)
#
# What about *where an answer ends*? " New" is contained in " New York", so asked to choose between the
# two, the first can never lose:

# %%
[prompt] = llm.few_shot_prompts(["What is the largest city of the United States?"], solved)
[begins] = llm.score_choices(lm, [prompt], [[" New", " New York"]])
[ends] = llm.score_choices(lm, [prompt], [[" New\n", " New York\n"]])
expect("' New' is at least as probable as ' New York'", bool(begins[0] >= begins[1]), True)
expect("with the end of the line, ' New York' wins", bool(ends[1] > ends[0]), True)
try:
    llm.score_spellings(lm, [prompt], [[[" New"], [" New York"]]])
except ValueError as error:
    print(error)

# %% [markdown]
# Read as "the answer begins with", options can contain each other, and their probabilities do not
# belong into one softmax. Read as "the answer is exactly", with the end of the line, they exclude each
# other. Our capitals are safe either way; check yours.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## One number to repair them all?
#
# Scored by text, the model is right 84 times in 100 and sure at 93. Notebook 10 has the tool: a
# temperature, fitted on the calibration half, judged on the test half. (The diagrams have five bins:
# 81 answers do not fill more.)

# %%


def after_temperature(scores, fit, judge):
    """Probabilities of the questions `judge` at the temperature that suits the questions `fit`."""
    scaling = cal.TemperatureScaling().fit(scores[fit], labels[fit])
    return scaling.predict_proba(scores[judge]), scaling.temperature_


scaled, temperature = after_temperature(text, calibration, test)
before = cal.top_label(llm.choice_probs(text)[test], labels[test])
after = cal.top_label(scaled, labels[test])
expect("temperature fitted on the calibration half", temperature, 2.7, within=0.4)

# %%

left, right_axes = plots.new_axes(13.5, 6.2, ncols=2)
plots.reliability_diagram(*before, n_bins=5, title="By text, T = 1", ax=left)
plots.reliability_diagram(*after, n_bins=5, title=f"By text, T = {temperature:.1f}", ax=right_axes)
plots.show(left)

# %%
gap = {
    name: mean(sure) - mean(right) for name, (sure, right) in (("before", before), ("after", after))
}
print(f"confidence minus accuracy: {gap['before']:+.2f} before, {gap['after']:+.2f} after")
expect("gap before", gap["before"], 0.05, within=0.03)
expect("gap after", gap["after"], -0.08, within=0.04)
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
    scaled, T = after_temperature(text, fit, judge)
    both["T = 1"].append(
        cal.expected_calibration_error(*cal.top_label(llm.choice_probs(text)[judge], labels[judge]))
    )
    both["T fitted"].append(cal.expected_calibration_error(*cal.top_label(scaled, labels[judge])))
    improved.append((nll(scaled.log(), labels[judge]) - nll(text[judge], labels[judge])).mean())
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
# ### Exercise 6: where to fit

# %%
exercises.where_to_fit.ask()
exercises.where_to_fit.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Everything in one table
#
# Twelve ways of asking one model the same 81 test questions. Whatever was fitted or averaged over a
# batch saw the calibration half only. Each number has a 95 % interval, and each ECE a gray mark: what a
# calibrated model with these confidences stays below 95 times in 100.

# %%
methods = {
    "letters, no examples": llm.choice_probs(no_examples[test]),
    "letters": llm.choice_probs(with_examples[test]),
    "letters, contextual calibration": llm.choice_probs(contextual[test]),
    "letters, batch calibration": llm.choice_probs(batch[test]),
    "letters, averaged over orders": llm.choice_probs(over_orders),
    "names, with the list": llm.choice_probs(text_with_list),
    "names": llm.choice_probs(text[test]),
    "names, per token": llm.choice_probs(per_token[test]),
    "names, per byte": llm.choice_probs(per_byte[test]),
    "names / prior (PMI)": llm.choice_probs(pmi[test]),
    "names, temperature": after_temperature(text, calibration, test)[0],
    "names / prior, temperature": after_temperature(pmi, calibration, test)[0],
}

# %%

accuracy, confidences, calibration_error, ranking, loss, chance = {}, {}, {}, {}, {}, {}
for name, probs in methods.items():
    sure, right = cal.top_label(probs, labels[test])
    accuracy[name] = cal.bootstrap_interval(mean, right)
    confidences[name] = cal.bootstrap_interval(mean, sure)
    calibration_error[name] = cal.bootstrap_interval(
        cal.expected_calibration_error, sure, right, n_resamples=400
    )
    ranking[name] = cal.bootstrap_interval(cal.auroc, sure, right, n_resamples=400)
    loss[name] = cal.bootstrap_interval(mean, nll(probs.log(), labels[test]))
    chance[name] = cal.ece_null_distribution(sure).quantile(0.95).item()

# %%
panels = {
    "fraction of questions": {"accuracy": accuracy, "mean confidence": confidences},
    "ECE": {"ECE": calibration_error},
    "AUROC of confidence": {"AUROC": ranking},
    "NLL (nats a question)": {"NLL": loss},
}
guessing = {
    "fraction of questions": 0.25,
    "AUROC of confidence": 0.5,
    "NLL (nats a question)": torch.tensor(4.0).log().item(),
}
title = "Twelve ways to ask: 81 test questions, 95 % intervals"
plots.show(plots.scores_by_method(panels, {"ECE": chance}, guessing, title))

# %% [markdown]
# The same in numbers. (Last digits may differ on your machine, so this one cell is not compared.)

# %% tags=["nbval-ignore-output"]
from IPython.display import Markdown

head = ["asked", "accuracy", "confidence", "ECE", "if calibrated, below", "AUROC", "NLL (nats)"]
rows = [head, ["---"] * len(head)]
for name in methods:
    scores = [accuracy, confidences, calibration_error, chance, ranking, loss]
    rows.append([name, *(f"{score[name]:.2f}" for score in scores)])
Markdown("\n".join(f"| {' | '.join(row)} |" for row in rows))

# %%
by_letters = [name for name in methods if name.startswith("letters")]
expect(
    "highest accuracy by letter", max(accuracy[name].estimate for name in by_letters), at_most=0.4
)
expect("accuracy by name", accuracy["names"].estimate, 0.89, within=0.05)
expect("AUROC by letter, four examples", ranking["letters"].estimate, at_most=0.6)
expect("AUROC by name", ranking["names"].estimate, at_least=0.75)
within_chance = "letters, averaged over orders"
expect("ECE over orders", calibration_error[within_chance].estimate, at_most=0.15)
expect(
    "NLL of names / prior, temperature",
    loss["names / prior, temperature"].estimate,
    0.29,
    within=0.08,
)

# %% [markdown]
# Read it by column.
#
# - **Accuracy** has two levels, with nothing between: the model reads the list, or it does not have to.
# - **ECE** is small in useless and in useful rows alike. By itself it says nothing about knowledge.
# - **AUROC** tells whether confidence ranks right above wrong. With letters it does not (in one row it
#   even ranks backwards); with names it does, whatever the unit of length or the temperature.
# - **NLL** punishes both ignorance and false certainty. It is the column to choose by. A blind guess
#   costs $\ln 4 = 1.39$ nats; the first row costs nearly twice that, and no row of letters clearly less.
#
# Most *small* differences are not real: their intervals overlap widely, and where we resampled the
# difference itself, only the large ones held.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Negative control: countries that do not exist
#
# What is the capital of Quelzostan? There is none, so a model that knows what it knows has no
# favourite among four options. Same prompt, same options, and invented countries.

# %%
my_probability = ...
guess = predict(
    "invented-sure",
    "Asked about invented countries, the model's mean confidence among the four options is above 0.5.",
    my_probability,
)

# %%
from coursekit.data import invented_countries

invented = invented_countries(len(test))
invented_prompts = llm.few_shot_prompts(
    [f"What is the capital of {name}?" for name in invented], solved
)
invented_text = torch.stack(llm.score_choices(lm, invented_prompts, test_answers))
cool = after_temperature(pmi, calibration, test)[1]  # the temperature of names / prior
pairs = compare(
    {
        "real, names": text[test],
        "invented, names": invented_text,
        "invented, names / prior": invented_text - prior[test],
        "the same, temperature": (invented_text - prior[test]) / cool,
    },
    labels[test],
    "Real and invented countries, same options",
)
guess.resolve(pairs["invented, names"][1].estimate > 0.5)

# %%
expect("invented: accuracy", pairs["invented, names"][0].estimate, 0.27, within=0.12)
expect("invented: mean confidence", pairs["invented, names"][1].estimate, 0.77, within=0.06)
still = pairs["the same, temperature"][1].estimate
expect("the same, divided by prior, at the fitted temperature", still, 0.6, within=0.1)

# %% [markdown]
# Accuracy is at chance, as it must be: the measurement works. But the confidence is not. We *made* it
# so: the softmax over four options assumes that one of them is the answer. It compares, and something
# always wins; no prior and no temperature can turn that into "I do not know this country".
#
# The evidence is there, in what we divided out. How much probability do the four options have
# together, among all texts?

# %%
known = text[test].exp().sum(dim=-1).clamp(max=1)
unknown = invented_text.exp().sum(dim=-1).clamp(max=1)
exists = torch.cat([torch.ones(len(known)), torch.zeros(len(unknown))]).bool()
told_apart = cal.bootstrap_interval(cal.auroc, torch.cat([known, unknown]), exists, n_resamples=400)
expect("real countries: mean probability of all four options", known.mean(), 0.25, within=0.08)
expect("invented countries: the same", unknown.mean(), at_most=0.02)
expect("AUROC of that sum: is the country real?", told_apart.estimate, 0.88, within=0.06)
expect("low end of its 95 % interval", told_apart.low, at_least=0.75)

# %% [markdown]
# Hundreds of times less, and enough to tell most real countries from invented ones. *Renormalising over
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
# Choose what is scored, how many examples stand in front, the template, and how far the list is
# turned. Every change asks the model 24 test questions again, live, in a few seconds.

# %%

few_questions = [questions[i] for i in few]
plots.show(widget.asked_view(lm, few_questions, examples, way="letter", n_examples=4))

# %% tags=["nbval-ignore-output"]

widget.prompt_explorer(lm, few_questions, examples)

# %% [markdown] slideshow={"slide_type": "slide"}
# Some things to find out, with 24 questions (so trust only large differences):
#
# - How many examples does it take until the letters get most of the probability, and which place do
#   they then prefer?
# - Turn the list by one. Do the answers turn with it, or does the place stay?
# - With the text of the answer: what do zero examples cost?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you learned
#
# - The same model on the same questions is right 25 or 85 times in 100, and sure at 0.3 to 0.95,
#   depending on how it is asked. Confidence is a property of model *and* question.
# - By letter it chose a place, not an answer. Contextual calibration, batch calibration and averaging
#   over orders remove such a preference; they cannot add knowledge. What was left was calibrated and
#   useless.
# - Listing the options hurt even when names were scored: this model copies the end of the list.
# - The length of the answer acts like a temperature: three units, three confidences.
# - Dividing by a prior in the same form lowered the NLL; a prior of another form did harm.
# - A temperature fitted on 80 questions lowered the NLL in nearly all splits; its effect on the ECE of
#   81 others depends on the split.
# - Among options, confidence is relative. Invented countries got 0.77, and only the sum that the
#   softmax divides out could tell.
#
# ## Common misconceptions
#
# - *"The model said A with 85 %, so it believes A."* 85 % of the little that went to letters.
# - *"Calibration repairs a bad prompt."* It repairs the confidence. The knowledge is lost or kept when
#   you ask.
# - *"Low ECE, good model."* The lowest ECE of letters belongs to a blind guess that says 0.27.
# - *"Divide by the length, it is the standard."* It changes what the number is; then say the unit.
# - *"0.888 beats 0.845."* Not on 161 questions: the interval of the difference contains zero.
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

# %% [markdown] slideshow={"slide_type": "slide"}
# ## And you?
#
# Six predictions in this notebook. Were you surer than you were right?

# %% tags=["nbval-ignore-output"]

from coursekit.chapters import progress

plots.my_predictions()
progress()

# %% [markdown]
# **Next:** [13 Free-form answers](13_free_form_answers.ipynb): answers in the model's own words, and when to stay silent.
# Back to [11 Next-token calibration](11_next_token_calibration.ipynb).
