"""05 Maximum likelihood."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from coursekit.exercises.engine import ChoiceExercise, FunctionExercise, Mistake, ValueExercise

# Three questions about what came before.

what_a_newborn_loses = ChoiceExercise(
    name="what_a_newborn_loses",
    question="A GPT with small random weights knows 49 words. It has never been trained. What is "
    "its mean loss on a text, about?",
    options={
        "a": "ln 49 = 3.9 nats a word, that of an even guess.",
        "b": "0: it has made no mistake yet.",
        "c": "49 nats a word: one for each word that it does not know.",
    },
    correct="a",
    explanations={
        "a": "Small random weights give nearly equal logits, so each word gets about 1/49.",
        "b": "A loss of 0 means probability 1 for every word that came. Who knows nothing cannot "
        "say that.",
        "c": "The loss is the logarithm of the number of equal choices, not the number.",
    },
)

what_a_position_predicts = ChoiceExercise(
    name="what_a_position_predicts",
    question="A causal GPT reads eight tokens and gives eight rows of logits. Which token is the "
    "third row about?",
    options={
        "a": "The third, which it has just read.",
        "b": "The fourth, from the first three.",
        "c": "Any of the eight, since every token takes part in attention.",
    },
    correct="b",
    explanations={
        "a": "Guessing what one has just read is no work. Whoever forgets this trains a copier.",
        "b": "Each row speaks of the next token. The eighth row speaks of one that is not there "
        "yet.",
        "c": "The mask hides what comes later: row three has seen three tokens.",
    },
)

what_rotary_knows = ChoiceExercise(
    name="what_rotary_knows",
    question="With rotary positions, on what does the score between a query and a key depend, "
    "besides their content?",
    options={
        "a": "On how far apart they are.",
        "b": "On both positions, counted from the beginning of the text.",
        "c": "On nothing: rotations keep lengths, so scores stay as they were.",
    },
    correct="a",
    explanations={
        "a": "Both are turned by their position; in their product only the difference is left.",
        "b": "Shift the whole text by ten places, and every score stays the same.",
        "c": "Lengths stay, but the angle between two vectors that turn differently does not.",
    },
)

# What the notebook teaches.


def _logits_and_ids(rng):
    """Logits of 3 sequences of 6 words over 5, and their words; the model likes what came."""
    ids = torch.tensor(rng.integers(5, size=(3, 6)))
    logits = torch.tensor(rng.normal(scale=1.5, size=(3, 6, 5)))
    return logits, ids


def _nll(logits, ids):
    """Return the reference, by an explicit walk over all words."""
    nats = [
        float(logits[b, t].logsumexp(0) - logits[b, t, ids[b, t + 1]])
        for b in range(len(ids))
        for t in range(ids.shape[1] - 1)
    ]
    return sum(nats) / len(nats)


def _of_next(logits, ids):
    return logits.log_softmax(-1)[:, :-1].gather(-1, ids[:, 1:, None])


loss_of_a_text = FunctionExercise(
    name="loss_of_a_text",
    title="The loss of a text, from a model's logits",
    reference=_nll,
    inputs=_logits_and_ids,
    edges=[
        (torch.tensor([[[2.0, 0.0, -1.0], [0.0, 0.0, 0.0]]]), torch.tensor([[1, 2]])),
        (
            torch.arange(28, dtype=torch.float64).square().sin().view(2, 2, 7),
            torch.tensor([[6, 0], [3, 3]]),
        ),
    ],
    mistakes=[
        Mistake(
            name="no shift",
            wrong=lambda logits, ids: -logits.log_softmax(-1).gather(-1, ids[..., None]).mean(),
            message="You asked position t about word t, which it has already read. It speaks of "
            "word t + 1: compare logits[:, :-1] with ids[:, 1:].",
        ),
        Mistake(
            name="sum",
            wrong=lambda logits, ids: -_of_next(logits, ids).sum(),
            message="That is the sum over all words, so twice the text would be twice as bad. "
            "Divide by the number of predicted words.",
        ),
        Mistake(
            name="logarithm of the mean",
            wrong=lambda logits, ids: -_of_next(logits, ids).exp().mean().log(),
            message="You averaged the probabilities and took the logarithm last. The likelihood is "
            "a product, so take the logarithm of each word's probability and average those.",
        ),
        Mistake(
            name="mean of probabilities",
            wrong=lambda logits, ids: _of_next(logits, ids).exp().mean(),
            message="That is the mean probability of the words that came. It forgives a word "
            "called impossible; the likelihood is a product, and does not.",
        ),
        Mistake(
            name="words out of all positions",
            wrong=lambda logits, ids: -_of_next(logits, ids).sum() / ids.numel(),
            message="You divided by all words. The first word of each sequence is read, not "
            "predicted: there are T - 1 predictions in each.",
        ),
    ],
    hints=[
        "Drop the last row of logits, and the first word of each sequence: now they are aligned.",
        "`log_softmax(dim=-1)`, then `.gather(-1, targets.unsqueeze(-1))`, then minus the mean.",
    ],
    stub="""
        def my_loss(logits, ids):
            \"\"\"Return the mean loss in nats of logits (B, T, V) on the words ids (B, T).\"\"\"
            ...
    """,
    solution="""
        def my_loss(logits, ids):
            log_probs = logits[:, :-1].log_softmax(dim=-1)
            return -log_probs.gather(-1, ids[:, 1:].unsqueeze(-1)).mean()
    """,
    insight="This one number is all that training ever sees.",
)


def _words(rng):
    """Sixty words over 4, each of which occurs with something after it."""
    return torch.tensor([*range(4), *rng.integers(4, size=56), 0]), 4


def _bigram(words, vocab_size):
    table = torch.zeros(vocab_size, vocab_size, dtype=torch.float64)
    for before, after in zip(words[:-1].tolist(), words[1:].tolist(), strict=True):
        table[before, after] += 1
    return table / table.sum(dim=1, keepdim=True)


def _joint(words, vocab_size):
    pairs = words[:-1] * vocab_size + words[1:]
    table = torch.bincount(pairs, minlength=vocab_size**2).view(vocab_size, vocab_size)
    return table.double()


bigram_by_counting = FunctionExercise(
    name="bigram_by_counting",
    title="The most likely bigram model: counts, divided by the right total",
    reference=_bigram,
    inputs=_words,
    edges=[
        (torch.tensor([0, 1, 0, 0]), 2),
        (torch.tensor([5, 4, 3, 2, 1, 0, 0, 5, 3, 1, 1]), 6),
    ],
    mistakes=[
        Mistake(
            name="columns",
            wrong=lambda words, v: _joint(words, v) / _joint(words, v).sum(0, keepdim=True),
            message="Your columns sum to one: the law of the word *before*, given the word after. "
            "Each row must: divide by the total of the row.",
        ),
        Mistake(
            name="pairs",
            wrong=lambda words, v: _joint(words, v) / (len(words) - 1),
            message="You divided by the number of all pairs: how often the pair (a, b) occurs. "
            "Wanted is how often b follows, of the times that a occurs.",
        ),
        Mistake(
            name="one added",
            wrong=lambda words, v: (_joint(words, v) + 1) / (_joint(words, v) + 1).sum(1)[:, None],
            message="You added one to each count. That is smoothing, often wise with few data, but "
            "it is not the maximum of the likelihood.",
        ),
        Mistake(
            name="counts",
            wrong=_joint,
            message="Those are the counts. Make each row a law: it must sum to one.",
        ),
    ],
    hints=[
        "Number the pairs: `words[:-1] * vocab_size + words[1:]` is one number for each.",
        "`torch.bincount(pairs, minlength=vocab_size**2).view(vocab_size, vocab_size)`, then "
        "divide each row by its sum.",
    ],
    stub="""
        def my_bigram(words, vocab_size):
            \"\"\"Return P(next | word), (V, V), that makes the text words (N,) most likely.\"\"\"
            ...
    """,
    solution="""
        def my_bigram(words, vocab_size):
            pairs = words[:-1] * vocab_size + words[1:]
            counts = torch.bincount(pairs, minlength=vocab_size**2).double()
            counts = counts.view(vocab_size, vocab_size)
            return counts / counts.sum(dim=1, keepdim=True)
    """,
)


def _two_laws(rng):
    p, q = (torch.tensor(rng.dirichlet([0.8] * 4, size=3)) for _ in range(2))
    return p, q


def _logits_and_words(rng):
    """Logits of 6 places over 4 words, and the words that came."""
    return torch.tensor(rng.normal(scale=1.5, size=(6, 4))), torch.tensor(rng.integers(4, size=6))


def _came(logits, words):
    return F.one_hot(words, logits.shape[-1]).to(logits)


def _stated_minus_came(logits, words):
    return logits.softmax(-1) - _came(logits, words)


def _squared_error_slope(logits, words):
    p, residual = logits.softmax(-1), _stated_minus_came(logits, words)
    return 2 * p * (residual - (p * residual).sum(-1, keepdim=True)) / len(words)


gradient_of_the_loss = FunctionExercise(
    name="gradient_of_the_loss",
    title="The gradient of the mean loss: stated minus what came",
    reference=lambda logits, words: _stated_minus_came(logits, words) / len(words),
    inputs=_logits_and_words,
    edges=[
        (torch.zeros(1, 3), torch.tensor([2])),  # an even guess
        (torch.tensor([[9.0, -9.0], [-9.0, 9.0]]), torch.tensor([0, 0])),  # sure: right, then wrong
        (torch.tensor([[0.5, 0.0, -1.0], [2.0, 1.0, 0.0]]), torch.tensor([1, 1])),
    ],
    mistakes=[
        Mistake(
            name="not divided",
            wrong=_stated_minus_came,
            message="That is the slope of the sum of the losses. The loss is their mean: divide by "
            "the number of places.",
        ),
        Mistake(
            name="uphill",
            wrong=lambda logits, words: -_stated_minus_came(logits, words) / len(words),
            message="The sign is turned: you have what came minus what was stated. That way the "
            "likelihood grows, but the loss falls; asked for is the slope of the loss.",
        ),
        Mistake(
            name="word that came alone",
            wrong=lambda logits, words: (
                _came(logits, words) * _stated_minus_came(logits, words) / len(words)
            ),
            message="You moved the word that came alone. The others are in the sum under the "
            "softmax, so each has a slope too: its stated probability.",
        ),
        Mistake(
            name="slope in the probability",
            wrong=lambda logits, words: -_came(logits, words) / logits.softmax(-1) / len(words),
            message="That is the slope in the probability, -1/p. Asked for is the slope in the "
            "logit, so the softmax must be differentiated too.",
        ),
        Mistake(
            name="squared error",
            wrong=_squared_error_slope,
            message="That is the slope of the Brier score. The logarithm cancels the factor p in "
            "it, and only stated minus what came is left.",
        ),
    ],
    hints=[
        "softmax(-1) is what was stated. F.one_hot(words, V) is 1 at the word that came, else 0.",
        "Subtract them, and divide by N, since the loss is a mean over N places.",
    ],
    stub="""
        def my_gradient(logits, words):
            \"\"\"Return the slope of the mean loss in each logit (N, V); words (N,) came.\"\"\"
            ...
    """,
    solution="""
        import torch.nn.functional as F

        def my_gradient(logits, words):
            came = F.one_hot(words, logits.shape[-1])
            return (logits.softmax(dim=-1) - came) / len(words)
    """,
    insight="Each row sums to 0: what one word gains, others lose.",
)


kl_from_the_truth = FunctionExercise(
    name="kl_from_the_truth",
    title="The divergence of a model from the truth, in nats",
    reference=lambda p, q: torch.nn.functional.kl_div(q.log(), p, reduction="batchmean"),
    inputs=_two_laws,
    edges=[
        (torch.tensor([[0.5, 0.5]]), torch.tensor([[0.52, 0.48]])),
        (
            torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.3, 0.3, 0.4], [0.6, 0.3, 0.1]]),
            torch.tensor([[0.7, 0.2, 0.1], [0.2, 0.2, 0.6], [0.1, 0.8, 0.1], [0.6, 0.2, 0.2]]),
        ),
    ],
    mistakes=[
        Mistake(
            name="other direction",
            wrong=lambda p, q: (q * (q / p).log()).sum(-1).mean(),
            message="That is D(q || p): you let the *model* choose the words to be averaged over. "
            "Words come from the truth, so the weights are p.",
        ),
        Mistake(
            name="bits",
            wrong=lambda p, q: (p * (p / q).log2()).sum(-1).mean(),
            message="You took the logarithm to base 2, so these are bits. All losses here are in "
            "nats: `log`, not `log2`.",
        ),
        Mistake(
            name="cross-entropy",
            wrong=lambda p, q: -(p * q.log()).sum(-1).mean(),
            message="That is the cross-entropy. Subtract what even the truth pays, its entropy.",
        ),
        Mistake(
            name="mean over words",
            wrong=lambda p, q: (p * (p / q).log()).mean(),
            message="You averaged over the words, too. Each word already has its weight p: sum "
            "over the words, then average over the rows.",
        ),
        Mistake(
            name="sign",
            wrong=lambda p, q: (p * (q / p).log()).sum(-1).mean(),
            message="The sign is turned round: a divergence is never below zero. ln(p / q), with "
            "the truth on top.",
        ),
    ],
    hints=[
        "For one row: the sum over the words of p (ln p - ln q).",
        "Then the mean over the rows.",
    ],
    stub="""
        def my_kl(p, q):
            \"\"\"Return the mean D(p || q) in nats; rows of truth p and model q (N, V).\"\"\"
            ...
    """,
    solution="""
        def my_kl(p, q):
            return (p * (p.log() - q.log())).sum(dim=-1).mean()
    """,
    insight="Zero only where the model agrees with the truth, word for word.",
)


def _belief_and_rules(rng):
    belief = torch.tensor(rng.dirichlet([1.0] * 3))
    return (
        belief,
        torch.tensor(rng.dirichlet([1.0] * 3, 3)),
        torch.tensor(rng.dirichlet([1.0] * 4, 3)),
        int(rng.integers(4)),
    )


def _updated(belief, move, speak, word):
    joint = torch.einsum("s,st,t->t", belief, move, speak[:, word])
    return joint / joint.sum()


belief_update = FunctionExercise(
    name="belief_update",
    title="One day of forward filtering",
    reference=_updated,
    inputs=_belief_and_rules,
    edges=[
        (  # sure of the state, and a word that one state never says
            torch.tensor([1.0, 0.0]),
            torch.tensor([[0.9, 0.1], [0.4, 0.6]]),
            torch.tensor([[0.995, 0.0, 0.005], [0.2, 0.3, 0.5]]),
            2,
        ),
        (
            torch.tensor([0.3, 0.7]),
            torch.tensor([[0.5, 0.5], [0.0, 1.0]]),
            torch.tensor([[1.0, 0.0], [0.6, 0.4]]),
            1,
        ),
    ],
    mistakes=[
        Mistake(
            name="not normalised",
            wrong=lambda belief, move, speak, word: belief @ move * speak[:, word],
            message="Right, up to a factor: these are joint probabilities of state and word. "
            "Divide by their sum, and it is a belief again.",
        ),
        Mistake(
            name="backwards in time",
            wrong=lambda belief, move, speak, word: (
                (move @ belief * speak[:, word]) / (move @ belief * speak[:, word]).sum()
            ),
            message="Rows of `move` are where one comes from, columns where one goes. "
            "`move @ belief` runs the year backwards; `belief @ move` runs it forwards.",
        ),
        Mistake(
            name="nobody moved",
            wrong=lambda belief, move, speak, word: (
                belief * speak[:, word] / (belief * speak[:, word]).sum()
            ),
            message="You used the word but forgot that a day has passed: first move, then weigh.",
        ),
        Mistake(
            name="the word is not used",
            wrong=lambda belief, move, speak, word: belief @ move,
            message="That is the belief before the word. Weigh each state by how likely it is to "
            "say this word.",
        ),
        Mistake(
            name="weighed before moving",
            wrong=lambda belief, move, speak, word: (
                (belief * speak[:, word] / (belief * speak[:, word]).sum()) @ move
            ),
            message="You weighed first and moved then. The word is said by today's state, so "
            "yesterday's belief must move first.",
        ),
    ],
    hints=[
        "Three steps: a day passes, the word weighs the states, and the sum becomes one again.",
        "`belief @ move` is the belief of today before anything is read; `speak[:, word]` says how "
        "likely each state is to say the word.",
    ],
    stub="""
        def my_update(belief, move, speak, word):
            \"\"\"Return today's belief (S,) from yesterday's (S,), move (S, S), speak (S, V).\"\"\"
            ...
    """,
    solution="""
        def my_update(belief, move, speak, word):
            joint = (belief @ move) * speak[:, word]
            return joint / joint.sum()
    """,
)

words_to_choose_from = ValueExercise(
    name="words_to_choose_from",
    title="The perplexity of a language whose entropy rate is 0.97 nats",
    answer=math.exp(0.97),
    tolerance=0.05,
    mistakes=[
        Mistake(
            name="base two",
            wrong=2**0.97,
            message="You raised 2 to a number of nats. Nats belong to e, bits to 2.",
        ),
        Mistake(
            name="bits",
            wrong=0.97 / math.log(2),
            message="That is the entropy rate in bits. Perplexity is a number of words: e to the "
            "power of the nats.",
        ),
        Mistake(
            name="inverse",
            wrong=math.exp(-0.97),
            message="That is the typical probability of the word that comes (its geometric mean). "
            "Perplexity is one over it.",
        ),
        Mistake(
            name="the whole vocabulary",
            wrong=49.0,
            message="49 words would be the perplexity if all were equally likely at every place.",
        ),
    ],
    hints=["How many equally likely words have an entropy of 0.97 nats? ln n = 0.97."],
    solution="my_words_to_choose_from = math.exp(0.97)",
    insight="Even the truth is as unsure as among 2.6 equal words. No training changes that.",
)

which_loss_to_report = ChoiceExercise(
    name="which_loss_to_report",
    question="You train for 400 steps, keep the checkpoint with the lowest loss on the held-out "
    "documents, and want to say in a report how good it is. Which loss do you report?",
    options={
        "a": "The training loss of that step: it has the most data.",
        "b": "The held-out loss that chose the checkpoint.",
        "c": "The loss on a third set of documents, which nothing was fitted to or chosen by.",
    },
    correct="c",
    explanations={
        "a": "The model was made to do well on exactly those words. At the end of our run this "
        "loss was about 1 nat, on other documents above 5.",
        "b": "Much better, but a little too good: of many noisy numbers you took the smallest. "
        "With a few checkpoints the harm is small, with hundreds of settings it is not.",
        "c": "Training fits to one set, choosing fits (a little) to the second; only the third is "
        "fresh.",
    },
)
