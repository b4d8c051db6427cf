"""06 Generation."""

from __future__ import annotations

import torch

from coursekit._chance import throw_darts
from coursekit.exercises.engine import ChoiceExercise, FunctionExercise, Mistake

# Three questions about what came before.

what_floor_the_loss_has = ChoiceExercise(
    name="what_floor_the_loss_has",
    question="A model trained on a language whose truth is known reaches a loss of 1.39 nats a "
    "word, and the language's entropy rate is 1.38. What is the hundredth between them?",
    options={
        "a": "The mean KL divergence from the truth to the model.",
        "b": "Overfitting: a perfect model would reach a loss of 0.",
        "c": "The share of words that the model gets wrong.",
    },
    correct="a",
    explanations={
        "a": "Cross-entropy is entropy plus KL: the entropy belongs to the language, and only the "
        "KL to the model.",
        "b": "A loss of 0 would mean that every word is certain. The language itself is not, and "
        "no model can know more than the truth does.",
        "c": "Loss is not a share of errors: even the true law gets most words wrong, where many "
        "can come.",
    },
)

what_the_cache_keeps = ChoiceExercise(
    name="what_the_cache_keeps",
    question="In causal attention, why may a model keep the keys and values of the tokens it has "
    "read, instead of computing them again for every new token?",
    options={
        "a": "Because they hardly change, and a small error does no harm.",
        "b": "Because no token looks at later ones, so a new token changes nothing before it.",
        "c": "Because the queries of old tokens are kept, too.",
    },
    correct="b",
    explanations={
        "a": "They do not change at all: with and without the cache the result is the same.",
        "b": "What was computed for the tokens so far stays right, whatever comes after them.",
        "c": "Old queries are never needed again: only the newest token still asks.",
    },
)

what_a_calibrated_guess_is = ChoiceExercise(
    name="what_a_calibrated_guess_is",
    question="A model gives its best guess the probability 0.3, again and again, and is "
    "calibrated. How often is that guess wrong?",
    options={
        "a": "Seven times in ten.",
        "b": "Rarely: calibrated means reliable.",
        "c": "That cannot be known without seeing the texts.",
    },
    correct="a",
    explanations={
        "a": "Calibrated means that it is right as often as it says: three times in ten.",
        "b": "Calibrated is not the same as right. It says 0.3, and 0.3 is what it gets.",
        "c": "Being calibrated is just that promise, over the texts it was measured on.",
    },
)

# What the notebook teaches.

why_five_failed = ChoiceExercise(
    name="why_five_failed",
    question="Which call gives five texts that were drawn independently from the model?",
    options={
        "a": "generate(ids, num_return_sequences=5, num_beams=5)",
        "b": "generate(ids, num_return_sequences=5, do_sample=True, top_k=0)",
        "c": "five times generate(ids), in a loop",
    },
    correct="b",
    explanations={
        "a": "It runs, and its five texts differ. But they are the five best ends of one search, "
        "and mostly begin with the same words: nothing was drawn.",
        "b": "Each text has its own random numbers, and top_k=0 keeps all tokens.",
        "c": "That is greedy decoding five times: five copies of one text.",
    },
)


def _most_new_tokens(prompts, max_length):
    return max_length - max(map(len, prompts))


most_new_tokens = FunctionExercise(
    name="most_new_tokens",
    title="How many tokens max_length leaves for new text, in a padded batch",
    reference=_most_new_tokens,
    inputs=lambda rng: (
        [rng.integers(100, size=n).tolist() for n in rng.permutation([3, 5, 9])],
        int(rng.integers(30, 60)),
    ),
    edges=[
        ([[0, 0, 5, 0], [7, 8]], 10),  # 0 is a token
        ([[9], [1, 2, 3, 1, 2, 3]], 6),  # no room left
        ([[9, 1, 1], [1, 1, 1, 1, 1], [2]], 12),
        ([[4, 4, 4]], 20),
    ],
    mistakes=[
        Mistake(
            name="prompt not counted",
            wrong=lambda prompts, max_length: max_length,
            message="That is max_new_tokens. max_length is the length of the whole text, and the "
            "prompt is part of it.",
        ),
        Mistake(
            name="padding not counted",
            wrong=lambda prompts, max_length: max_length - min(map(len, prompts)),
            message="You took the shortest prompt. In a batch all prompts are padded to the "
            "longest, and the padding counts as well.",
        ),
        Mistake(
            name="all prompts together",
            wrong=lambda prompts, max_length: max_length - sum(map(len, prompts)),
            message="You took off all prompts together. Each text has a row of its own, and "
            "max_length is the length of a row.",
        ),
    ],
    hints=[
        "A batch is a rectangle: how many columns do the prompts fill, after padding?",
        "max_length counts columns. Take off those that are filled.",
    ],
    stub="""
        def my_most_new_tokens(prompts, max_length):
            \"\"\"Return how many tokens each text of a padded batch of lists of ids can get.\"\"\"
            ...
    """,
    solution="""
        def my_most_new_tokens(prompts, max_length):
            longest = max(len(prompt) for prompt in prompts)
            return max_length - longest
    """,
    insight="With max_new_tokens nobody has to count.",
)

tempered_probs = FunctionExercise(
    name="tempered_probs",
    title="The probabilities that a temperature samples with",
    reference=lambda logits, temperature: (
        torch.distributions.Categorical(logits=logits / temperature).probs
    ),
    inputs=lambda rng: (
        torch.tensor(rng.normal(scale=1.5, size=(3, 5))),
        float(rng.choice([0.5, 0.7, 1.6])),
    ),
    edges=[
        (torch.tensor([[0.3, -0.2]]), 0.1),
        (torch.tensor([[1.0, -2.0, 0.0, 3.0], [0.0, 0.0, 0.0, 0.0]]), 1.0),
    ],
    mistakes=[
        Mistake(
            name="multiplied",
            wrong=lambda logits, temperature: (logits * temperature).softmax(dim=-1),
            message="You multiplied. The temperature divides the logits: a low temperature makes "
            "them larger, and the law sharper. Probabilities to the power T: the same slip.",
        ),
        Mistake(
            name="probabilities divided",
            wrong=lambda logits, temperature: logits.softmax(dim=-1) / temperature,
            message="You divided the probabilities, so they no longer sum to 1; and if you "
            "normalised them, you would be where you began. Divide the logits, then softmax.",
        ),
        Mistake(
            name="softmax over rows",
            wrong=lambda logits, temperature: (logits / temperature).softmax(dim=0),
            message="You took the softmax over the rows (dim=0). Each row is a law of its own, "
            "over the words: dim=-1.",
        ),
    ],
    hints=[
        "Which of the two comes first: the temperature or the softmax?",
        "A temperature near 0 should leave only the largest logit: what must it do to the others?",
    ],
    stub="""
        def my_tempered_probs(logits, temperature):
            \"\"\"Return the probabilities (N, V) that logits (N, V) give at this temperature.\"\"\"
            ...
    """,
    solution="""
        def my_tempered_probs(logits, temperature):
            return (logits / temperature).softmax(dim=-1)
    """,
    insight="p to the power 1/T, normalised: the same law, written without logits.",
)


def _nucleus(probs, p, crossing=True, normalised=True):
    """Probabilities `(V,)` of the nucleus; what the mistakes get wrong can be switched off."""
    order = sorted(range(len(probs)), key=lambda i: -probs[i])
    total, kept = 0.0, []
    for i in order:
        if total + (0 if crossing else probs[i]) >= p:
            break
        kept.append(i)
        total += float(probs[i])
    law = torch.zeros_like(probs)
    law[kept] = probs[kept]
    return law / law.sum() if normalised else law


def _probs_and_p(rng):
    """Return a law of 6 words with probabilities well apart, shuffled, and a p between its sums."""
    probs = torch.tensor([0.36, 0.25, 0.17, 0.11, 0.07, 0.04], dtype=torch.float64)
    probs = probs[torch.tensor(rng.permutation(6))]
    return probs, float(rng.choice([0.5, 0.7, 0.85]))


top_p_probs = FunctionExercise(
    name="top_p_probs",
    title="Top-p: the probabilities that the nucleus is sampled with",
    reference=_nucleus,
    inputs=_probs_and_p,
    edges=[
        (torch.tensor([0.125, 0.5, 0.125, 0.25]), 0.75),  # reached exactly
        (torch.tensor([0.125, 0.5, 0.125, 0.25]), 0.3),
        (torch.tensor([0.04, 0.9, 0.06]), 1.0),
    ],
    mistakes=[
        Mistake(
            name="crossing word dropped",
            wrong=lambda probs, p: _nucleus(probs, p, crossing=False),
            message="Your nucleus stays below p: the word that crosses the threshold is missing. "
            "The kept words must have at least p together, or p = 0.3 could keep none at all.",
        ),
        Mistake(
            name="not normalised",
            wrong=lambda probs, p: _nucleus(probs, p, normalised=False),
            message="The right words, but their probabilities no longer sum to 1: what was cut off "
            "must be shared out. Divide by their sum (on logits, -inf before the softmax does it).",
        ),
        Mistake(
            name="threshold for each word",
            wrong=lambda probs, p: probs * (probs >= 1 - p) / (probs * (probs >= 1 - p)).sum(),
            message="You compared each word by itself with 1 - p. It is the sum from the most "
            "probable word down that decides where the nucleus ends.",
        ),
    ],
    hints=[
        "`probs.sort(descending=True)` gives values and ids; `cumsum` gives what they have so far.",
        "Keep a word if those *before* it have less than p together: "
        "`values.cumsum(0) - values < p`.",
        "Put 0 where the rest was, at `ids[~keep]`, then divide by the sum.",
    ],
    stub="""
        def my_top_p_probs(probs, p):
            \"\"\"Return the law (V,) that top-p samples from, given the model's law (V,).\"\"\"
            ...
    """,
    solution="""
        def my_top_p_probs(probs, p):
            values, ids = probs.sort(descending=True)
            keep = values.cumsum(0) - values < p
            law = probs.clone()
            law[ids[~keep]] = 0
            return law / law.sum()
    """,
)


def _relative(probs, p):
    keep = probs >= p * probs.max()
    return torch.where(keep, probs, torch.zeros_like(probs)) / probs[keep].sum()


min_p_probs = FunctionExercise(
    name="min_p_probs",
    title="Min-p: the probabilities that are sampled",
    reference=_relative,
    inputs=lambda rng: (_probs_and_p(rng)[0], float(rng.choice([0.15, 0.4, 0.55]))),
    edges=[
        (torch.tensor([0.125, 0.5, 0.125, 0.25]), 0.5),  # just as probable as that is kept
        (torch.tensor([0.3, 0.3, 0.4]), 1.0),
        (torch.tensor([0.02, 0.03, 0.95]), 0.1),  # the best word alone
        (torch.tensor([0.05] * 20), 0.2),  # all alike: all are kept
    ],
    mistakes=[
        Mistake(
            name="threshold for all laws alike",
            wrong=lambda probs, p: (
                torch.where(probs >= p, probs, torch.zeros_like(probs))
                / probs[probs >= p].sum().clamp(min=1e-12)
            ),
            message="You compared each probability with p itself. The threshold is p times the "
            "largest probability, so that it falls where the model is undecided.",
        ),
        Mistake(
            name="not normalised",
            wrong=lambda probs, p: torch.where(
                probs >= p * probs.max(), probs, torch.zeros_like(probs)
            ),
            message="The right words, but their probabilities no longer sum to 1: divide by what "
            "is left.",
        ),
        Mistake(
            name="top-p",
            wrong=lambda probs, p: _nucleus(probs, p),
            message="That is top-p: it adds up from the most probable word down. Min-p compares "
            "each word with the most probable one, and adds nothing up.",
        ),
    ],
    hints=[
        "What is the largest probability, and what is p times that?",
        "Put 0 where a probability is below it, then divide by the sum.",
    ],
    stub="""
        def my_min_p_probs(probs, p):
            \"\"\"Return the law (V,) that min-p samples from, given the model's law (V,).\"\"\"
            ...
    """,
    solution="""
        def my_min_p_probs(probs, p):
            law = probs.clone()
            law[probs < p * probs.max()] = 0
            return law / law.sum()
    """,
    insight="On logits it is one comparison: keep what is at least the largest plus log p.",
)


def _weaker(logits, ids, penalty):
    found = logits.clone()
    for i in set(ids):
        found[i] = min(logits[i] / penalty, logits[i] * penalty)
    return found


penalised = FunctionExercise(
    name="penalised",
    title="Logits after a repetition penalty",
    reference=_weaker,
    inputs=lambda rng: (
        torch.tensor(rng.permutation([2.5, 1.2, 0.7, -0.4, -1.5, -3.0])),
        rng.permutation([0, 1, 2, 3, 4]).tolist() + rng.integers(0, 5, 3).tolist(),
        float(rng.choice([1.2, 1.5, 2.0])),
    ),
    edges=[
        (torch.tensor([1.0, -1.0, 0.5, -2.0]), [0, 1, 1], 2.0),
        (torch.tensor([-1.0, -2.0, -4.0]), [2], 1.3),  # all are negative, as log-probabilities are
        (torch.tensor([3.0, 2.0, -1.0]), [0, 2], 1.0),  # no penalty
        (torch.tensor([0.0, 1.0]), [0], 5.0),
        (torch.tensor([0.1, -0.1, 0.02, -0.02]), [0, 1, 2, 3], 2.0),  # close to where signs change
    ],
    mistakes=[
        Mistake(
            name="divided whatever the sign",
            wrong=lambda logits, ids, penalty: torch.stack(
                [z / penalty if i in ids else z for i, z in enumerate(logits)]
            ),
            message="You divided negative logits, too: -2 became -1, so a repeated word got more "
            "probable. Multiply where the logit is negative.",
        ),
        Mistake(
            name="multiplied whatever the sign",
            wrong=lambda logits, ids, penalty: torch.stack(
                [z * penalty if i in ids else z for i, z in enumerate(logits)]
            ),
            message="You multiplied positive logits, too, and made repeated words more probable. "
            "Divide where the logit is positive.",
        ),
        Mistake(
            name="once for each occurrence",
            wrong=lambda logits, ids, penalty: torch.stack(
                [
                    z / penalty ** ids.count(i) if z > 0 else z * penalty ** ids.count(i)
                    for i, z in enumerate(logits)
                ]
            ),
            message="You penalised a word once for each time it occurred. The rule asks only "
            "whether it occurred.",
        ),
        Mistake(
            name="all words",
            wrong=lambda logits, ids, penalty: torch.where(
                logits > 0, logits / penalty, logits * penalty
            ),
            message="You penalised every word. Only those that the text has already are meant.",
        ),
    ],
    hints=[
        "Dividing moves a number towards zero: down if it is positive, and if it is negative?",
        "For each word that has occurred: `z / penalty if z > 0 else z * penalty`.",
    ],
    stub="""
        def my_penalised(logits, ids, penalty):
            \"\"\"Return logits (V,), those of the words in the list ids made smaller.\"\"\"
            ...
    """,
    solution="""
        def my_penalised(logits, ids, penalty):
            found = logits.clone()
            for i in set(ids):
                found[i] = logits[i] / penalty if logits[i] > 0 else logits[i] * penalty
            return found
    """,
    insight="The paper that introduced it has the division alone; libraries look at the sign.",
)


def _beam_step(totals, log_probs):
    rows, words = log_probs.shape
    pairs = [(r, w) for r in range(rows) for w in range(words)]
    best = sorted(pairs, key=lambda rw: -float(totals[rw[0]] + log_probs[rw]))[:rows]
    return [list(pair) for pair in best]


def _totals_and_log_probs(rng):
    """Three texts over five words: the first is far ahead, the last has one good child."""
    totals = torch.tensor(rng.normal([-0.5, -1.2, -3.0], scale=0.02))
    probs = [
        [0.5, 0.4, 0.05, 0.03, 0.02],
        [0.3, 0.25, 0.2, 0.15, 0.1],
        [0.9, 0.04, 0.03, 0.02, 0.01],
    ]
    return totals, torch.tensor(rng.permuted(probs, axis=1)).log()


beam_step = FunctionExercise(
    name="beam_step",
    title="One step of beam search",
    reference=_beam_step,
    inputs=_totals_and_log_probs,
    edges=[
        (
            torch.tensor([-0.5, -2.0]),
            torch.tensor([[0.22, 0.4, 0.18, 0.2], [0.15, 0.05, 0.3, 0.5]]).log(),
        ),
        (
            torch.tensor([-1.0, -1.2]),
            torch.tensor([[0.5, 0.4, 0.1], [0.7, 0.2, 0.1]]).log(),
        ),
        (torch.tensor([-3.0]), torch.tensor([[0.2, 0.7, 0.1]]).log()),
    ],
    mistakes=[
        Mistake(
            name="greedy in each text",
            wrong=lambda totals, log_probs: [
                [row, word] for row, word in enumerate(log_probs.argmax(dim=-1).tolist())
            ],
            message="You took the best word of each text: that is greedy decoding, several times. "
            "All children of all texts compete, so one parent may have two, and another none.",
        ),
        Mistake(
            name="without the past",
            wrong=lambda totals, log_probs: _beam_step(torch.zeros_like(totals), log_probs),
            message="You compared the last words only. A likely word after an unlikely beginning "
            "is an unlikely text: add the totals.",
        ),
        Mistake(
            name="probabilities added",
            wrong=lambda totals, log_probs: _beam_step(totals.exp(), log_probs.exp()),
            message="You added probabilities. Those of a chain are multiplied, so it is their "
            "logarithms that are added.",
        ),
    ],
    hints=[
        "`totals[:, None] + log_probs` has one number for each child of each text.",
        "`.flatten().topk(K)` ranks them all at once; `divmod(index, V)` gives row and word.",
    ],
    stub="""
        def my_beam_step(totals, log_probs):
            \"\"\"Return the K best children [[row of the parent, word], ...], the best first.

            K texts have log-probabilities totals (K,); log_probs (K, V) are of their next words.
            \"\"\"
            ...
    """,
    solution="""
        def my_beam_step(totals, log_probs):
            children = totals[:, None] + log_probs
            best = children.flatten().topk(len(totals)).indices.tolist()
            return [list(divmod(index, log_probs.shape[1])) for index in best]
    """,
)

expected_surprise = FunctionExercise(
    name="expected_surprise",
    title="How surprising a rule's next word is to the truth, on average",
    reference=lambda bent, truth: float(-torch.einsum("nv,nv->", bent, truth.log()) / len(bent)),
    inputs=lambda rng: (
        torch.tensor(rng.dirichlet([1.0] * 4, size=3)).clamp_min(0.01),
        torch.tensor(rng.dirichlet([1.0] * 4, size=3)).clamp_min(0.01),
    ),
    edges=[
        (torch.tensor([[1.0, 0.0]]), torch.tensor([[0.2, 0.8]])),  # drawn greedily
        (
            torch.tensor([[0.5, 0.3, 0.1, 0.1, 0.0], [0.2, 0.2, 0.2, 0.2, 0.2]]),
            torch.tensor([[0.4, 0.3, 0.1, 0.1, 0.1], [0.6, 0.1, 0.1, 0.1, 0.1]]),
        ),
    ],
    mistakes=[
        Mistake(
            name="the wrong law draws",
            wrong=lambda bent, truth: float(-(truth * bent.log()).sum(dim=-1).mean()),
            message="You let the truth draw the word and the rule be surprised: that is the loss "
            "of the rule on true text. Here the rule draws the word, and the truth judges.",
        ),
        Mistake(
            name="entropy of the rule",
            wrong=lambda bent, truth: float(-(bent * bent.log()).sum(dim=-1).mean()),
            message="That is the rule's own entropy: how surprised it is by itself. Ask how "
            "surprised the truth is.",
        ),
        Mistake(
            name="all words alike",
            wrong=lambda bent, truth: float(-truth.log().mean()),
            message="You averaged over the vocabulary, every word alike. But words are drawn with "
            "the probabilities of the rule: weight by them.",
        ),
        Mistake(
            name="summed over positions",
            wrong=lambda bent, truth: float(-(bent * truth.log()).sum()),
            message="You summed over the positions: sum over the words, but take the mean over the "
            "positions.",
        ),
    ],
    hints=[
        "An expectation is a sum over words: probability of drawing the word, times its surprise.",
        "Who draws? The rule. Who is surprised, by minus the logarithm of its probability? The "
        "truth.",
    ],
    stub="""
        def my_expected_surprise(bent, truth):
            \"\"\"Return the mean surprise of truth (N, V) at words drawn by bent (N, V).\"\"\"
            ...
    """,
    solution="""
        def my_expected_surprise(bent, truth):
            return -(bent * truth.log()).sum(dim=-1).mean()
    """,
    insight="It is infinite as soon as the rule may draw a word that the truth forbids. That is "
    "why forbidden words are counted apart.",
)

which_temperature = ChoiceExercise(
    name="which_temperature",
    question="On held-out text the best temperature of a model is 1.6. You want short texts with "
    "few slips, and beside each word the probability that it comes next in text of that kind. "
    "Which temperatures?",
    options={
        "a": "1.6 for both: a model has one right temperature.",
        "b": "Sample at whatever gives the texts you like; report probabilities at 1.6.",
        "c": "Sample at 0.7 for few slips, and report the probabilities at 0.7: they are those "
        "that were used.",
    },
    correct="b",
    explanations={
        "a": "1.6 makes samples that are distributed as the text it was fitted on. That is one "
        "wish among others, and few slips is another.",
        "b": "How to speak is a choice, how sure to be is a measurement. Whether a whole answer "
        "is right is another question again: Part III.",
        "c": "They say how often this decoder says these words, not how often they come: on real "
        "text they are overconfident.",
    },
)


def _thrown(weights, dart):
    laws, darts = (torch.tensor(x, dtype=torch.float64) for x in (weights, [dart]))
    return int(throw_darts(laws, darts))


def _missed(p, q):
    return [max(0.0, a - b) for a, b in zip(p, q, strict=True)]


def _checked(p, q, word, u, dart, missed=_missed):
    return word if u * q[word] < p[word] else _thrown(missed(p, q), dart)


def _laws_and_numbers(rng):
    p, q = rng.dirichlet([0.7] * 5), rng.dirichlet([0.7] * 5) + 0.02
    q = q / q.sum()
    # Drafted words come from the draft, half of them such that the model likes less than the draft.
    disliked = [word for word in range(5) if p[word] < q[word]]
    word = int(rng.choice(disliked if rng.random() < 0.7 else 5))
    return p.tolist(), q.tolist(), word, float(rng.random()), float(rng.random())


checked = FunctionExercise(
    name="checked",
    title="A drafted word, kept or replaced",
    reference=_checked,
    inputs=_laws_and_numbers,
    edges=[
        ([0.05, 0.1, 0.45, 0.4], [0.5, 0.4, 0.05, 0.05], 1, 0.9, 0.4),  # two surplus, two missed
        ([0.5, 0.5], [1.0, 0.0], 0, 0.4, 0.9),  # kept
        ([0.5, 0.5], [1.0, 0.0], 0, 0.6, 0.1),  # replaced, by the only word that is missed
        ([0.6, 0.2, 0.2], [0.2, 0.6, 0.2], 0, 0.99, 0.5),  # the model likes it more: always kept
        ([0.0, 0.4, 0.6], [0.6, 0.2, 0.2], 0, 0.0, 0.2),  # impossible for the model, u = 0
        ([0.1, 0.3, 0.2, 0.4], [0.7, 0.1, 0.1, 0.1], 0, 0.9, 0.35),
        # Other words have too much as well, and what is missed is no share of what was drafted.
        ([0.3, 0.1, 0.2, 0.4], [0.35, 0.45, 0.15, 0.05], 1, 0.9, 0.31),
        ([0.3, 0.1, 0.2, 0.4], [0.35, 0.45, 0.15, 0.05], 1, 0.9, 0.048),
        ([0.1, 0.3, 0.2, 0.4], [0.7, 0.1, 0.1, 0.1], 0, 0.9, 0.45),
    ],
    mistakes=[
        Mistake(
            name="replaced from the model's law",
            wrong=lambda p, q, word, u, dart: _checked(p, q, word, u, dart, lambda p, q: p),
            message="You replaced by a word of the whole law p. Then words that the draft proposes "
            "often get two chances. What is missed is max(0, p - q).",
        ),
        Mistake(
            name="kept if the model likes it enough",
            wrong=lambda p, q, word, u, dart: word if u < p[word] else _thrown(_missed(p, q), dart),
            message="You kept the word with probability p. It was already drafted with probability "
            "q, so it would come out with p times q: divide, and keep with p / q.",
        ),
        Mistake(
            name="the draft's surplus",
            wrong=lambda p, q, word, u, dart: _checked(
                p, q, word, u, dart, lambda p, q: _missed(q, p)
            ),
            message="You took max(0, q - p): words that the draft has too much of. The text lacks "
            "those of which it has too little.",
        ),
        Mistake(
            name="not made to sum to one",
            wrong=lambda p, q, word, u, dart: min(
                _checked(
                    p, q, word, u, dart, lambda p, q: [*_missed(p, q), 1 - sum(_missed(p, q))]
                ),
                len(p) - 1,
            ),
            message="What is missed sums to less than one. Stretch the dart by its sum, or divide "
            "by it.",
        ),
    ],
    hints=[
        "Kept with probability min(1, p[word] / q[word]): compare u with that.",
        "The missed law: max(0, p - q) for each word, divided by its sum; then walk along it until "
        "you have passed the dart.",
    ],
    stub="""
        def my_checked(p, q, word, u, dart):
            \"\"\"Return the word that comes out; p and q are lists, word an index.\"\"\"
            ...
    """,
    solution="""
        def my_checked(p, q, word, u, dart):
            if u < p[word] / q[word]:
                return word
            missed = [max(0, a - b) for a, b in zip(p, q)]
            reached = 0
            for instead, weight in enumerate(missed):
                reached += weight / sum(missed)
                if dart < reached:
                    return instead
    """,
    insight="Nothing in the rule asks whether the draft is good, only that its law is known.",
)
