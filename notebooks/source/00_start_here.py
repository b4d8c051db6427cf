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
# # 00 Start here: are you calibrated?
#
# A good weather forecaster says "70 % chance of rain" on many days, and it rains on 70 % of them.
# Then we know what the number is worth. Language models state such numbers too, for every word they
# write. Is *their* 70 % worth 70 %? In this course you build a language model, and answer that
# question for a real one. We start with somebody easier to ask: you.
#
# **You will be able to**
# - say in one sentence what *calibrated* means, and how it differs from *accurate*;
# - compute the Brier score, and say what 0, 0.25 and 1 stand for;
# - read a reliability diagram: your own, and a language model's;
# - say how much ten answers tell about a person or a machine (little);
# - find your way around this course and its tools.
#
# **Time:** about 40 minutes; all cells together run in less than a minute.
#
# **On the map:** the door. You need to have seen some Python; nothing else is assumed.

# %% [markdown]
# A notebook is a page of text with *cells* of code. Click on a cell and press **Shift + Enter** to
# run it. Go from top to bottom, and change what you like: nothing can break that *Kernel > Restart*
# does not mend. The first cell fetches our tools.

# %%
import numpy as np
import torch

from coursekit import calibration as cal, doctor, expect, llm, plots, predict
from coursekit.chapters import progress
from coursekit.chapters.start_here import exercises, rounds, widget
from coursekit.data import capital_questions, comparison_questions, question_bank

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A first bet
#
# Which country is larger in area, Japan or Chad?
#
# Do not look it up. Ask yourself instead how *sure* you are. Replace the `...` below by a number
# from 0 (surely false) to 1 (surely true), and run the cell. Or leave it: the course never waits
# for you.

# %%
my_probability = ...
guess = predict("chad", "Chad is larger in area than Japan.", my_probability)

# %% [markdown]
# Committed? Then see the answer.

# %%
question = comparison_questions("area", 1, seed=3)[0]
guess.resolve(question.answer == "Chad")
print(f"The larger one has {question.ratio:.1f} times the area of the other.")

# %% [markdown]
# Many people are sure of Japan: we have heard more about it. Such bets stand before the surprising
# results of every notebook. They are kept in a small file on your own machine, and go nowhere.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What calibration means
#
# Take all the moments at which you say "I am 70 % sure". If you are right in 70 % of them, you are
# **calibrated** at 70 %. If this holds for every number you say, you are calibrated:
#
# $$P(\text{right} \mid \text{confidence} = c) = c \quad \text{for every } c$$
#
# Read it as: *among the answers given with confidence $c$, the share of right ones is $c$*.
#
# | word | meaning |
# | --- | --- |
# | **confidence** | how sure you say you are, from 0 to 100 % |
# | **accuracy** | how often you are right |
# | **overconfident** | more sure than right |
# | **underconfident** | more right than sure |
#
# Calibrated does not mean right. It means: *you know how often you are right.*

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 1: calibrated or accurate?
#
# An exercise is a question, and a `check` that explains. Replace `...` by a letter in quotes, such
# as `"a"`. A wrong answer costs nothing.

# %%
exercises.calibrated_or_accurate.ask()
exercises.calibrated_or_accurate.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A score for honesty
#
# In 1950 Glenn Brier, of the US Weather Bureau, wanted a score that a forecaster cannot cheat. His
# idea: let $p$ be the stated confidence, and $y = 1$ if the answer was right, $y = 0$ if wrong. The
# score of one answer is the squared difference. The **Brier score** is the mean over all answers:
#
# $$\text{Brier score} = \text{mean of } (p - y)^2$$
#
# Lower is better. Here is what one answer costs:

# %%
print("you say   if right   if wrong")
for p in (0.5, 0.7, 0.9, 1.0):
    print(f"{p:7.0%}{(p - 1) ** 2:11.2f}{(p - 0) ** 2:11.2f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Say 50 %, and you pay 0.25 whatever happens: that is the price of knowing nothing. Say 90 %, and
# you pay almost nothing if you are right, and three times 0.25 if you are wrong. Certainty is cheap
# only for those who are right.
#
# In this course a number that the text relies on is stated with `expect`. It compares what *your*
# machine got with what we say, and complains if they differ. The tick means: they agree.

# %%
anything = [True, False, False, True, False]
expect("always saying 50 %", cal.binary_brier_score([0.5] * 5, anything), 0.25)
expect("90 % and wrong", cal.binary_brier_score([0.9], [False]), 0.81, within=0.001)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 2: write the Brier score
#
# Now one with code. `confidence` and `right` are NumPy arrays of the same length; `right` holds 1
# for a right answer and 0 for a wrong one. Replace the `...` in the function and run the cell.


# %%
def my_brier_score(confidence, right):
    """Return the mean of (confidence - right)², where right is 1 or 0."""
    ...


exercises.brier_score.check(my_brier_score)

# %% [markdown]
# Stuck? Every exercise has hints, from a nudge to nearly the answer. Run this cell again for the
# next one. In the end there is `exercises.brier_score.solution()`.

# %%
exercises.brier_score.hint()

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Ten questions
#
# Here is a quiz: two options each, some easy, some hard. They are the first of ten rounds, a hundred
# questions in all.

# %%
bank = question_bank()
questions = bank[:10]
for number, question in enumerate(questions, start=1):
    choice = "" if " or " in question.question else f" {' or '.join(question.options)}?"
    print(f"{number:2}. {question.question}{choice}")

# %% [markdown]
# Your turn comes in a moment. First somebody else takes it, so that you know what you will see.
#
# It is **Sim**, a *simulated person*: a few lines of code that do not even read the questions. Sim
# states a confidence from 50 to 100 %, and is right *less often than that*: of whatever Sim claims
# above 50 %, half is missing. When Sim says 90 %, Sim is right 70 % of the time.


# %%
def simulated_person(n, seed=0):
    """Return what the simulated person says n times, and whether that was right."""
    luck = np.random.default_rng(seed).random((n, 2))
    says = np.array([0.5, 0.6, 0.7, 0.8, 0.9, 1.0])[(6 * luck[:, 0]).astype(int)]
    truly = 0.5 + (says - 0.5) / 2
    return says, luck[:, 1] < truly


says, right = simulated_person(1000)
for number, (confidence, is_right) in enumerate(zip(says[:10], right[:10], strict=True), start=1):
    print(f"{number:2}. Sim: {confidence:4.0%} sure, {'right' if is_right else 'wrong'}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ### A reliability diagram
#
# Put Sim's answers into groups of similar confidence. Each group is one point: to the right, how
# sure; upward, how often right. The number at the bottom says how many answers it stands for. A
# calibrated person lies on the dashed line, up to luck.

# %%
plots.show(plots.answers_diagram(says[:10], right[:10], "Sim (simulated), 10 answers"))

# %% [markdown]
# The title says how sure Sim was on average, and how often right. The blue lines and the brackets
# in the title are **95 % intervals**: where the accuracy in the long run may lie, judged by so few
# answers. Of a hundred such intervals about 95 contain the truth. Here each line spans more than
# half of the figure. The Brier score has an interval too:

# %%
score = cal.brier_interval(says[:10], right[:10])
print(f"Brier score of Sim: {score.estimate:.2f}")
print(f"95 % interval: {score.low:.2f} to {score.high:.2f}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Your turn: are *you* calibrated?
#
# Run the next cell. Choose an answer to each question and slide how sure you are. If you have no
# idea, say 50 %. Then press the button. You may leave questions out, and press it again as often as
# you like. Your answers stay on this machine and are here when you come back. Then take another round,
# today or next week: all your answers are put together, until they decide something.
#
# Without a mouse: *Tab* goes on, the arrow keys choose and slide, *Space* presses the button.

# %% tags=["nbval-ignore-output"]

widget.QuestionRounds(bank)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Ten answers say little
#
# Is such a score *the person*, or luck? Let ten copies of Sim take the quiz. All have the same
# knowledge and the same habit.

# %%
for copy in range(10):
    copy_says, copy_right = simulated_person(10, seed=copy)
    score = cal.binary_brier_score(copy_says, copy_right)
    print(f"copy {copy}: {copy_right.sum():2} of 10 right, Brier score {score:.2f}")

# %% [markdown]
# One looks like an expert, another does worse than a coin. They are the same person. The remedy is
# more answers. How many?
#
# **Predict first:** Sim answers 1,000 questions instead of 10, a hundred times as many.

# %%
my_probability = ...
guess = predict(
    "hundred-times-narrower",
    "With 100 times as many answers, the interval of the Brier score is about 100 times narrower.",
    my_probability,
)

# %%
width = {}
for n in (10, 100, 1000):
    score = cal.brier_interval(says[:n], right[:n])
    width[n] = score.high - score.low
    print(f"{n:5,} answers: Brier score {score.estimate:.2f}, {score.low:.2f} to {score.high:.2f}")

narrower = width[10] / width[1000]
guess.resolve(narrower > 50)
expect("how many times narrower", narrower, 10, within=3)

# %% [markdown] slideshow={"slide_type": "slide"}
# A hundred times as many answers make the interval about *ten* times narrower (eight to ten, with
# other people than this Sim): it shrinks about as the square root of their number grows. The same
# happens in the diagram.

# %%
axes = plots.new_axes(15, 5.6, ncols=3, sharey=True)
for ax, n in zip(axes, (10, 100, 1000), strict=True):
    plots.answers_diagram(says[:n], right[:n], f"Sim (simulated), {n:,} answers", ax=ax)
    ax.label_outer()
plots.show(axes[0])

# %% [markdown]
# Only the last panel shows what we built into Sim: honest at 50 %, and the surer, the more is
# missing.

# %%
expect("how sure Sim is", says.mean(), 0.75, within=0.02)
expect("how often Sim is right", right.mean(), 0.625, within=0.03)
expect("Sim's Brier score", cal.binary_brier_score(says, right), 0.25, within=0.02)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### When is it decided?
#
# Somebody who looks after every round and stops as soon as the interval leaves out zero has ten chances
# to be fooled, not one. So below your rounds each interval is made wider: each look may be wrong only
# once in 200 times, so all ten together are wrong in at most 5 % of the cases. Let 200 people like Sim
# answer ten rounds, and 200 who are honest: of whom would we *ever* say "overconfident"?


# %%
def ever_decided(missing, looks, people=200):
    """Share of people whom one of ten looks calls overconfident; `missing` of their claim is not so."""
    random, caught = np.random.default_rng(0), 0
    for _ in range(people):
        says_100 = random.choice([0.5, 0.6, 0.7, 0.8, 0.9, 1.0], 100)
        right_100 = random.random(100) < 0.5 + (1 - missing) * (says_100 - 0.5)
        gaps = (
            rounds.overconfidence(says_100[:n], right_100[:n], looks=looks)
            for n in range(10, 101, 10)
        )
        caught += any(gap.low > 0 for gap in gaps)
    return caught / people


expect("honest people, each look at 95 %", ever_decided(0.0, looks=1), 0.09, within=0.06)
expect("honest people, made for ten looks", ever_decided(0.0, looks=10), at_most=0.05)
expect("people like Sim, made for ten looks", ever_decided(0.5, looks=10), 0.66, within=0.12)

# %% [markdown]
# Looked at ten times, intervals made for one look accuse nearly one honest person in ten; those made for
# ten looks hardly anyone. The price: of people like Sim, of whose claim half is missing, a third get
# through a hundred questions undecided. "Not decided" is no acquittal.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The price of overconfidence
#
# Look at the last number. Sim is right about 63 % of the time, so Sim knows something. Yet the
# score is that of a coin that says 50 % each time. *Overconfidence has eaten up what Sim knows.*
#
# ### Exercise 3: what would honesty gain?
#
# Take Sim's answers at 90 %, of which 70 % are right in the long run. Their average score is
# $0.7 \cdot 0.1^2 + 0.3 \cdot 0.9^2 = 0.25$. Suppose Sim gave the same answers, but said **70 %**.
# What would the average score be? Write a number or a formula.

# %%
my_honest_score = ...
exercises.honest_score.check(my_honest_score)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 4: what ten answers say

# %%
exercises.what_ten_answers_say.ask()
exercises.what_ten_answers_say.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Now a language model
#
# A **language model** is a program that takes the beginning of a text and gives a probability to
# everything that could come next. *SmolLM2* is a real one, small enough for a laptop: 135 million
# numbers learned from text. (The first time, `load` fetches 93 MB: the model SmolLM2-135M-Instruct,
# whose weights others rounded to four bits each, Q4_1. What we measure is this rounded model.)
#
# Our question is the beginning of a sentence, and the model gets four options.

# %%
lm = llm.load()
question = next(q for q in capital_questions() if q.subject == "Cabo Verde")
prompt = f"The capital of {question.subject} is"
options = [f" {option}" for option in question.options]

log_probs = llm.score_choices(lm, [prompt], [options])[0]
for option, log_prob in zip(options, log_probs, strict=True):
    print(f"{prompt}{option}: log-probability {log_prob:5.1f}")

# %% [markdown]
# `score_choices` gives the natural logarithm of the probability of each continuation. We turn them
# into confidences that sum to one over the four options. This is the **softmax**: take $e$ to the
# power of each, and divide by the sum. The model's answer is the option with the largest share, and
# that share is its confidence.

# %%
shares = log_probs.exp() / log_probs.exp().sum()
for option, share in zip(options, shares, strict=True):
    print(f"{option:12}{share:5.0%}")
expect("the same as PyTorch's softmax", (shares - log_probs.softmax(0)).abs().max(), 0, 1e-5)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Eighty capitals
#
# Now 80 countries. All four options are capitals of the same continent. Pure guessing is right in
# 25 % of the cases: this is the **chance level**, to compare with.
#
# **Predict first:** is SmolLM2 surer than it is right?

# %%
my_probability = ...
guess = predict(
    "smollm2-capitals",
    "On capitals, SmolLM2's mean confidence is more than 5 points above its accuracy.",
    my_probability,
)

# %%
asked = capital_questions(split="calibration")  # the other half stays unseen until later
scores = llm.score_choices(
    lm,
    [f"The capital of {q.subject} is" for q in asked],
    [[f" {option}" for option in q.options] for q in asked],
)
confidence, answer = torch.stack(scores).softmax(dim=-1).max(dim=-1)
correct = answer == torch.tensor([q.correct for q in asked])

gap = (confidence.mean() - correct.double().mean()).item()
guess.resolve(gap > 0.05)

# %%
plots.show(
    plots.answers_diagram(confidence, correct, "SmolLM2, capitals of 80 countries", chance=0.25)
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Is it right as often as it is sure?
#
# The gap between the two is one number from 80 answers. Its interval comes from the *bootstrap*:
# draw 80 of the 80 answers again, some twice and some not at all, compute the gap, repeat 1,000
# times, and keep the middle 95 %.


# %%
def overconfidence(confidence, correct):
    """Mean confidence minus accuracy."""
    return (confidence.mean() - correct.double().mean()).item()


interval = cal.bootstrap_interval(overconfidence, confidence, correct)
print(f"questions: {len(asked)}, chance level of the accuracy: 0.25")
expect("accuracy", correct.double().mean(), 0.80, within=0.03)
expect("mean confidence", confidence.mean(), 0.91, within=0.02)
expect("gap", interval.estimate, 0.11, within=0.03)
expect("lower end of its 95 % interval", interval.low, 0.04, within=0.03)
expect("upper end", interval.high, 0.19, within=0.03)

# %% [markdown]
# The model knows a lot: it is far above chance. But it is surer than it is right, and the interval
# leaves out zero: luck alone hardly explains it. Some errors come with great certainty:

# %%
for q, choice, sure, is_right in zip(asked, answer, confidence, correct, strict=True):
    if sure > 0.9 and not is_right:
        print(f"{q.subject:>14}: said {q.options[choice]}, {sure:.0%} sure; it is {q.answer}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ### You against SmolLM2
#
# Now SmolLM2 takes *your* quiz, all hundred questions, asked in two ways: as plain text (*raw*), and in
# the format of a chat that it was trained for. In each it says how probable the two answers are.
#
# **Predict first:**

# %%
my_probability = ...
guess = predict(
    "smollm2-bank",
    "In both formats SmolLM2 is right in fewer than 70 of the 100 questions.",
    my_probability,
)

# %%
asked_bank = [f"{q.question} ({' or '.join(q.options)})" for q in bank]
asking = {
    "raw": llm.few_shot_prompts(asked_bank),
    "chat": llm.chat_prompts(asked_bank, reply="The answer is"),
}
machine = {}
for way, prompts in asking.items():
    found = llm.score_choices(lm, prompts, llm.continuations(prompts, [q.options for q in bank]))
    sure, picked = torch.stack(found).softmax(dim=-1).max(dim=-1)
    machine[way] = sure, picked == torch.tensor([q.correct for q in bank])
guess.resolve(all(right.sum() < 70 for _, right in machine.values()))

# %% [markdown]
# Beside them you, as far as you have answered; until you have, Sim in your place.

# %% tags=["nbval-ignore-output"]
mine = widget.answered(bank)
who = f"You, {len(mine[1])} answers" if mine[1] else "Sim (simulated), 100 answers"
axes = plots.new_axes(15, 5.6, ncols=3, sharey=True)
plots.answers_diagram(*(mine if mine[1] else (says[:100], right[:100])), who, ax=axes[0])
for ax, (way, answers) in zip(axes[1:], machine.items(), strict=True):
    plots.answers_diagram(*answers, f"SmolLM2, {way}, 100 answers", ax=ax)
    ax.label_outer()
plots.show(axes[0])

# %%
for way, (sure, is_right) in machine.items():
    gap = rounds.overconfidence(sure.tolist(), is_right.tolist(), looks=1)
    expect(f"{way}: right of 100", int(is_right.sum()), 55, within=7)
    expect(f"{way}: surer than right by", gap.estimate, 0.255, within=0.05)
    expect(f"{way}: lower end of its 95 % interval", gap.low, at_least=0.08)

# %% [markdown]
# Asked either way, SmolLM2 is right hardly more often than a coin, and about 80 % sure. On the capitals it
# was right in 80 % and 91 % sure: here the accuracy is lower by some 25 points, the confidence by some 10.
# Are you closer to the dashed line? Then you know something that this model does not: how much you know.

# %% [markdown]
# What will we do about it? First build such a model, to see where its probabilities come from (Part
# I). Then learn to measure calibration well, and to repair it, at times with a single number (Part
# II). Then return to SmolLM2, and find that *how you ask* decides what its confidence means (Part
# III).

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Exercise 5: whom do you trust?
#
# Two forecasters of rain, in a town where it rains on 30 % of the days. **Ana** says 30 % every
# day. **Ben** says 90 % on one day in three, and it rains on 80 % of those; on the other days he
# says 10 %, and it rains on 5 % of those.

# %%
ana = 0.3 * (0.3 - 1) ** 2 + 0.7 * (0.3 - 0) ** 2
ben_wet = 0.80 * (0.9 - 1) ** 2 + 0.20 * (0.9 - 0) ** 2
ben_dry = 0.05 * (0.1 - 1) ** 2 + 0.95 * (0.1 - 0) ** 2
ben = ben_wet / 3 + ben_dry * 2 / 3
print(f"Brier score of Ana {ana:.2f}, of Ben {ben:.2f}")

# %%
exercises.whom_to_trust.ask()
exercises.whom_to_trust.check(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Is your machine ready?
#
# The *doctor* examines your set-up: Python, packages, memory, the model, Jupyter. For its whole
# report open a terminal (in JupyterLab: *File > New > Terminal*) and run
#
#     python -m coursekit doctor
#
# Each line says `ok`, `warning` (it works, with a limit) or `problem`, and how to mend it. Here we
# ask it for problems only:

# %% tags=["nbval-ignore-output"]
problems = [finding for finding in doctor.examine() if finding.level == "problem"]
for finding in problems:
    print(finding.text, finding.mend, sep="\n  ")
print(f"problems found: {len(problems)}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## How to use this course
#
# You have now used everything there is:
#
# | tool | what it does |
# | --- | --- |
# | `predict(...)`, then `.resolve(...)` | you bet before you see the result; scored by Brier |
# | `expect(...)` | states a number of the text and checks it on your machine |
# | `exercises.name.check(...)` | judges your answer and explains what went wrong |
# | `exercises.name.hint()`, `.solution()` | help, as much as you want |
# | `progress()` | what you have done so far |
#
# Go in order, or start with the part you came for. Every notebook runs on its own, from top to
# bottom, whether or not you answered anything.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The map
#
# | part | notebook | what you will do |
# | --- | --- | --- |
# | Start | 00 Start here | meet the question (you are here) |
# | **I  A model from scratch** | [01 Tokenization](01_tokenization.ipynb) | turn text into ids |
# | | [02 Positional encoding](02_positional_encoding.ipynb) | tell the model the order |
# | | [03 Self-attention](03_self_attention.ipynb) | let words look at each other |
# | | [04 The transformer](04_transformer.ipynb) | put it together: a whole GPT |
# | | [05 Maximum likelihood](05_maximum_likelihood.ipynb) | train it |
# | | [06 Generation](06_generation.ipynb) | let it write |
# | **II  Calibration** | [07 What is calibration?](07_what_is_calibration.ipynb) | define it |
# | | [08 Calibration metrics](08_calibration_metrics.ipynb) | measure it |
# | | [09 Bias and variance](09_bias_and_variance.ipynb) | understand where it is lost |
# | | [10 Calibration methods](10_calibration_methods.ipynb) | repair it |
# | **III  A real language model** | [11 Next tokens](11_next_token_calibration.ipynb) | SmolLM2 |
# | | [12 Multiple choice](12_multiple_choice.ipynb) | ask it to choose |
# | | [13 Free-form answers](13_free_form_answers.ipynb) | let it answer in its own words |
# | | [14 Knowing when to be silent](14_knowing_when_to_be_silent.ipynb) | promises, and their price |
# | | [15 Applications](15_applications.ipynb) | let it translate and sum up |
# | | [16 Safety](16_safety.ipynb) | leaks, groups, pronouns |
# | | [17 Limits](17_limits.ipynb) | size, data, falsehoods |
# | | [18 Training for calibration](18_training_for_calibration.ipynb) | what a reward teaches |
# | | [19 Judges and decisions](19_judges_and_decisions.ipynb) | who grades, who pays, who notices |
# | | [20 Audit your model](20_audit_your_model.ipynb) | a model of your choice |
#
# In a hurry, and at home with language models? Go to 11 at once.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What you learned
#
# - Calibrated means: right as often as sure. It is not the same as being right often.
# - The Brier score is the mean of $(p - y)^2$: 0 is perfect, 0.25 is what always saying 50 % gets.
# - Overconfidence can cost as much as not knowing anything.
# - Ten answers say little. A hundred times as many make an interval eight to ten times narrower.
# - Who looks again and again needs a wider interval, or is fooled more often than it says.
# - SmolLM2 knows most of the 80 capitals, and is surer of them than it should be.
#
# ## Common misconceptions
#
# - *"Calibrated means accurate."* A coin that says 50 % is calibrated and knows nothing.
# - *"A 90 % forecast that failed was a bad forecast."* One in ten of them should fail. Only many
#   forecasts together can be judged.
# - *"I got 6 of 10 at 80 % sure, so I am overconfident."* Perhaps. Ten answers cannot tell.
# - *"A model that is sure is right."* You have just seen it be sure of the wrong capital.
#
# ## Further reading
#
# - G. W. Brier, *Verification of forecasts expressed in terms of probability*, Monthly Weather
#   Review 78, 1950: three pages, and still readable.
# - S. Lichtenstein, B. Fischhoff, L. D. Phillips, *Calibration of probabilities: the state of the
#   art to 1980*, in D. Kahneman, P. Slovic, A. Tversky (eds.), *Judgment under Uncertainty:
#   Heuristics and Biases*, 1982: how people do on such a quiz.
# - C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, *On calibration of modern neural networks*, ICML
#   2017: the same question, asked of machines.

# %% tags=["nbval-ignore-output"]
progress()

# %% [markdown]
# **Next:** [01 Tokenization](01_tokenization.ipynb): what a language model sees instead of letters.
