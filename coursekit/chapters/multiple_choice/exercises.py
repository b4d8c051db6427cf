"""12 Multiple choice."""

from __future__ import annotations

import torch

from coursekit.exercises.engine import ChoiceExercise, FunctionExercise, Mistake

# Three questions about what came before.

what_a_small_ece_says = ChoiceExercise(
    name="what_a_small_ece_says",
    question="On 81 questions a model has an ECE of 0.09. Of perfectly calibrated models with the "
    "same confidences, 95 in 100 stay below 0.11. What may you say?",
    options={
        "a": "The model is off by nine points.",
        "b": "The model is calibrated.",
        "c": "No miscalibration was detected; 81 questions could not have shown a small one.",
    },
    correct="c",
    explanations={
        "a": "An ECE adds up distances, chance included: a perfect model would show as much.",
        "b": "That it could not be told from a calibrated one is not a proof that it is one.",
        "c": "The comparison with chance is what gives an ECE its meaning.",
    },
)

which_repair_for_few = ChoiceExercise(
    name="which_repair_for_few",
    question="You have 80 labelled questions to repair a model's confidence with. Which of these "
    "methods is the least likely to learn noise?",
    options={
        "a": "Histogram binning with 15 bins.",
        "b": "Temperature scaling.",
        "c": "Matrix scaling.",
    },
    correct="b",
    explanations={
        "a": "It estimates an accuracy in each bin, from about five questions each.",
        "b": "It has one number to learn, and it keeps the order of the answers.",
        "c": "For C classes it learns C² + C numbers, which needs far more labels.",
    },
)

why_the_space = ChoiceExercise(
    name="why_the_space",
    question='A prompt ends in "Answer:". Which text should be scored as the candidate, and why?',
    options={
        "a": '" Paris" with its space, since the space is part of the token that follows.',
        "b": '"Paris", since the space belongs to the prompt.',
        "c": "Either: the tokenizer drops spaces.",
    },
    correct="a",
    explanations={
        "a": "Words in running text are tokens that begin with a space; without it the model "
        "scores a text it hardly ever saw.",
        "b": 'With the space in the prompt the model must go on after a lone space, and "Paris" is '
        "another token than the one it learned.",
        "c": "Byte-pair tokens keep every byte, spaces included.",
    },
)

# What the notebook teaches.


def _letters_case(rng):
    """Log-probabilities of a vocabulary of 12, and which four of its tokens are the letters."""
    log_probs = torch.tensor(rng.normal(scale=2.0, size=12)).log_softmax(dim=0)
    return log_probs, torch.tensor(rng.permutation(12)[:4])


letter_probs = FunctionExercise(
    name="letter_probs",
    title="The probabilities of the letters, given that the answer is one of them",
    reference=lambda log_probs, ids: log_probs[ids].exp() / log_probs[ids].exp().sum(),
    inputs=_letters_case,
    edges=[
        (torch.tensor([-0.5, -9.0, -3.0, -2.0, -4.0, -2.5, -6.0]), torch.tensor([3, 1, 6, 2, 5])),
        (torch.tensor([-1.0, -2.0, -3.0]), torch.tensor([2, 0])),
    ],
    mistakes=[
        Mistake(
            name="not renormalised",
            wrong=lambda log_probs, ids: log_probs[ids].exp(),
            message="These do not sum to one: the model also gives probability to everything that "
            "is no letter. Divide by what the letters have together.",
        ),
        Mistake(
            name="softmax of probabilities",
            wrong=lambda log_probs, ids: log_probs[ids].exp().softmax(dim=0),
            message="You took the softmax of probabilities, which exponentiates them once more and "
            "makes them nearly equal. The softmax belongs on the log-probabilities.",
        ),
        Mistake(
            name="softmax before choosing",
            wrong=lambda log_probs, ids: (
                log_probs.softmax(dim=0)[ids] / log_probs.softmax(dim=0).max()
            ),
            message="You divided by the most likely token of the vocabulary, which may be no "
            "letter at all. Divide by the sum over the letters.",
        ),
    ],
    hints=[
        "`log_probs[ids]` picks the letters' log-probabilities.",
        "The softmax of these four numbers exponentiates and divides by their sum.",
    ],
    stub="""
        def my_letter_probs(log_probs, ids):
            \"\"\"Return P(letter | one of the letters) (C,) from log_probs (V,) and ids (C,).\"\"\"
            ...
    """,
    solution="""
        def my_letter_probs(log_probs, ids):
            return log_probs[ids].softmax(dim=0)
    """,
)


def _token_log_probs(rng):
    """Log-probabilities of the tokens of four answers, of one to four tokens each."""
    lengths = rng.permutation([1, 2, 3, 4])
    return ([torch.tensor(-rng.gamma(1.5, 0.8, size=n)) for n in lengths],)


answer_probs = FunctionExercise(
    name="answer_probs",
    title="The probabilities of whole answers, from the log-probabilities of their tokens",
    reference=lambda tokens: (
        torch.stack([part.exp().prod() for part in tokens])
        / sum(part.exp().prod() for part in tokens)
    ),
    inputs=_token_log_probs,
    edges=[
        ([torch.tensor([-0.1] * 6), torch.tensor([-1.0]), *torch.tensor([[-0.4, -0.9]] * 3)],),
        ([torch.tensor([-2.0, 0.0])],),
    ],
    mistakes=[
        Mistake(
            name="softmax of means",
            wrong=lambda tokens: torch.stack([part.mean() for part in tokens]).softmax(dim=0),
            message="You averaged over the tokens. The probability of an answer is the product of "
            "its tokens' probabilities, so its logarithm is their sum.",
        ),
        Mistake(
            name="first token only",
            wrong=lambda tokens: torch.stack([part[0] for part in tokens]).softmax(dim=0),
            message="You read the first token of each answer only: answers that begin alike would "
            "tie, and the rest of the word would cost nothing.",
        ),
        Mistake(
            name="not renormalised",
            wrong=lambda tokens: torch.stack([part.exp().prod() for part in tokens]),
            message="Those are the products, among all texts that the model may write. Here the "
            "answer is one of these, so divide by their sum: the probabilities must sum to one.",
        ),
        Mistake(
            name="sum of probabilities",
            wrong=lambda tokens: (
                torch.stack([part.exp().sum() for part in tokens])
                / sum(part.exp().sum() for part in tokens)
            ),
            message="You added the tokens' probabilities, so a longer answer would be the more "
            "probable one. They multiply: add the logarithms.",
        ),
    ],
    hints=[
        "One number an answer: the sum of its tokens' log-probabilities.",
        "`torch.stack` makes one tensor of the four sums; then a softmax.",
    ],
    stub="""
        def my_answer_probs(tokens):
            \"\"\"Return the probabilities of the answers (C,); tokens is a list of C tensors.\"\"\"
            ...
    """,
    solution="""
        def my_answer_probs(tokens):
            return torch.stack([log_probs.sum() for log_probs in tokens]).softmax(dim=0)
    """,
)


def _probs_and_content_free(rng):
    """Probabilities of three questions, and of as many empty ones as there are options."""
    probs = torch.tensor(rng.dirichlet([1.0] * 4, size=3))
    return probs, torch.tensor(rng.dirichlet([0.7] * 4, size=4))


def _normalised(probs):
    return probs / probs.sum(dim=-1, keepdim=True)


contextual = FunctionExercise(
    name="contextual",
    title="Contextual calibration: divide by what the options get from empty questions",
    reference=lambda probs, content_free: _normalised(
        probs / torch.stack(list(content_free)).sum(dim=0) * len(content_free)
    ),
    inputs=_probs_and_content_free,
    edges=[
        (torch.tensor([[0.7, 0.2, 0.1]]), torch.tensor([[0.5, 0.2, 0.3]])),  # one empty question
        (torch.tensor([[0.6, 0.4], [0.0, 1.0]]), torch.tensor([[0.1, 0.9]])),
    ],
    mistakes=[
        Mistake(
            name="mean over the options",
            wrong=lambda probs, content_free: _normalised(probs / content_free.mean(dim=1)),
            message="You averaged over the options (dim=1), which gives 1/C in every row. The "
            "prior of each option is its mean over the empty questions: dim=0.",
        ),
        Mistake(
            name="not renormalised",
            wrong=lambda probs, content_free: probs / content_free.mean(dim=0),
            message="The quotients do not sum to one. Divide each row by its sum.",
        ),
        Mistake(
            name="subtracted",
            wrong=lambda probs, content_free: _normalised(
                (probs - content_free.mean(dim=0)).clamp(min=1e-6)
            ),
            message="You subtracted the prior from the probability. A bias multiplies "
            "probabilities (it adds to logarithms), so it is divided out.",
        ),
        Mistake(
            name="multiplied",
            wrong=lambda probs, content_free: _normalised(probs * content_free.mean(dim=0)),
            message="You multiplied by the prior: the favoured letter gains once more. Divide.",
        ),
    ],
    hints=[
        "The prior has one number for each option: the mean of content_free over its rows.",
        "Divide, then make every row sum to one: `q / q.sum(dim=-1, keepdim=True)`.",
    ],
    stub="""
        def my_contextual(probs, content_free):
            \"\"\"Return probabilities (N, C) from probs (N, C) and content_free (M, C).\"\"\"
            ...
    """,
    solution="""
        def my_contextual(probs, content_free):
            q = probs / content_free.mean(dim=0)
            return q / q.sum(dim=-1, keepdim=True)
    """,
)


def _scores_by_place(rng):
    """Log-probabilities by place in three orders of four options; no order is its own inverse."""
    base = torch.tensor(rng.permutation(4))
    turns = rng.permutation([0, 1, 2, 3])[:3]
    orders = torch.stack([base.roll(int(turn)) for turn in turns])
    if (orders == orders.argsort(dim=-1)).all(dim=-1).any():
        return _scores_by_place(rng)
    return torch.tensor(rng.normal(scale=2.0, size=(3, 4))).log_softmax(dim=-1), orders


def _by_option(log_probs, orders):
    total = torch.zeros_like(log_probs[0])
    for row, order in zip(log_probs, orders, strict=True):
        total[order] += row
    return total / len(orders)


over_orders = FunctionExercise(
    name="over_orders",
    title="Mean log-probability of every option, over several orders of the list",
    reference=_by_option,
    inputs=_scores_by_place,
    edges=[
        (
            torch.tensor([[-0.2, -2.0, -4.0], [-3.0, -0.5, -1.2]]),
            torch.tensor([[1, 2, 0], [2, 0, 1]]),
        ),
        (torch.tensor([[-0.7, -1.5, -2.5, -3.0]]), torch.tensor([[1, 2, 3, 0]])),
    ],
    mistakes=[
        Mistake(
            name="not mapped back",
            wrong=lambda log_probs, orders: log_probs.mean(dim=0),
            message="You averaged by place: the mean for place A mixes different answers, and what "
            "is left is the bias, not the knowledge. Bring each option back to its own column "
            "first.",
        ),
        Mistake(
            name="mapped the wrong way",
            wrong=lambda log_probs, orders: log_probs.gather(1, orders).mean(dim=0),
            message="You used the order itself as an index, but orders[k, place] is the option at "
            "a place, and you need the place of an option: the inverse, `orders.argsort(dim=-1)`.",
        ),
        Mistake(
            name="sum",
            wrong=lambda log_probs, orders: _by_option(log_probs, orders) * len(orders),
            message="You added the orders up instead of averaging: with every order that is asked, "
            "the model would look surer.",
        ),
    ],
    hints=[
        "orders[k, place] is the option at that place. Where did option 2 stand?",
        "`orders.argsort(dim=-1)` inverts each order; `log_probs.gather(1, ...)` applies it.",
    ],
    stub="""
        def my_over_orders(log_probs, orders):
            \"\"\"Return the mean by option (C,); log_probs by place and orders are (K, C).\"\"\"
            ...
    """,
    solution="""
        def my_over_orders(log_probs, orders):
            return log_probs.gather(1, orders.argsort(dim=-1)).mean(dim=0)
    """,
)


def _right_by_prompt(rng):
    """Right or wrong, and a little more, for 3 to 5 prompts and 6 to 9 questions."""
    n_prompts, n_questions = int(rng.integers(3, 6)), int(rng.integers(6, 10))
    prompts = rng.normal(size=(n_prompts, 1))
    questions = rng.normal(size=n_questions)
    return (torch.tensor(prompts + questions + 0.5 * rng.normal(size=(n_prompts, n_questions))),)


def _components(table):
    n_prompts, n_questions = table.shape
    of_prompts, of_questions = table.mean(dim=1), table.mean(dim=0)
    rest = table - of_prompts[:, None] - of_questions + table.mean()
    left = rest.square().sum() / ((n_prompts - 1) * (n_questions - 1))
    return torch.stack(
        [of_prompts.var() - left / n_questions, of_questions.var() - left / n_prompts, left]
    )


def _rest_over_entries(table):
    rest = table - table.mean(dim=1, keepdim=True) - table.mean(dim=0) + table.mean()
    left = rest.square().mean()
    n_prompts, n_questions = table.shape
    return torch.stack(
        [
            table.mean(dim=1).var() - left / n_questions,
            table.mean(dim=0).var() - left / n_prompts,
            left,
        ]
    )


variance_parts = FunctionExercise(
    name="variance_parts",
    title="How much prompts vary, how much questions vary, and the rest",
    reference=_components,
    inputs=_right_by_prompt,
    edges=[
        (torch.tensor([[1.0, 0, 1, 0], [1, 0, 1, 0], [0, 1, 1, 0]], dtype=torch.float64),),
        (torch.tensor([[3.0, 1, 2], [3, 1, 2], [3, 1, 2]], dtype=torch.float64),),
    ],
    mistakes=[
        Mistake(
            name="rest not taken off",
            wrong=lambda table: torch.stack(
                [table.mean(dim=1).var(), table.mean(dim=0).var(), _components(table)[2]]
            ),
            message="You took the variance of the means as it is. A mean of Q entries also "
            "trembles by the rest: take off rest / Q for the prompts and rest / P for the "
            "questions.",
        ),
        Mistake(
            name="rows and columns swapped",
            wrong=lambda table: _components(table)[torch.tensor([1, 0, 2])],
            message="You have prompts and questions the wrong way round: a row of the table is a "
            "prompt, so the prompts' means are over dim=1.",
        ),
        Mistake(
            name="divisors swapped",
            wrong=lambda table: torch.stack(
                [
                    table.mean(dim=1).var() - _components(table)[2] / table.shape[0],
                    table.mean(dim=0).var() - _components(table)[2] / table.shape[1],
                    _components(table)[2],
                ]
            ),
            message="You divided the rest by the number of means instead of the number of entries "
            "in each: a prompt's mean is over its Q questions.",
        ),
        Mistake(
            name="rest over all entries",
            wrong=_rest_over_entries,
            message="You averaged the squared rests over P Q entries. Their row and column means "
            "were taken off first, so only (P - 1)(Q - 1) of them are free.",
        ),
    ],
    hints=[
        "The rest of an entry: what its row's mean and its column's mean do not explain, "
        "`table - of_prompts[:, None] - of_questions + table.mean()`.",
        "`of_prompts.var()` is the prompts' variance plus the rest's over Q: take that off.",
    ],
    stub="""
        def my_variance_parts(table):
            \"\"\"Return the variances of prompts, questions and rest (3,) from table (P, Q).\"\"\"
            ...
    """,
    solution="""
        def my_variance_parts(table):
            P, Q = table.shape
            of_prompts, of_questions = table.mean(dim=1), table.mean(dim=0)
            rest = table - of_prompts[:, None] - of_questions + table.mean()
            left = rest.square().sum() / ((P - 1) * (Q - 1))
            return torch.stack(
                [of_prompts.var() - left / Q, of_questions.var() - left / P, left]
            )
    """,
)

divided_by_prior = FunctionExercise(
    name="divided_by_prior",
    title="The probabilities of the options after dividing by their prior (PMI)",
    reference=lambda scores, prior: _normalised((scores - prior).exp()),
    inputs=lambda rng: (
        torch.tensor(rng.normal(-4.0, 1.5, size=(3, 4))),
        torch.tensor(rng.normal(-7.0, 1.5, size=(3, 4))),
    ),
    edges=[
        (torch.tensor([[-40.0, -42.0]]), torch.tensor([[-60.0, -59.0]])),
        (torch.zeros(2, 5), torch.tensor([[-1.0, -2.0, -3.0, -4.0, -5.0], [-2.0] * 5])),
    ],
    mistakes=[
        Mistake(
            name="subtracted probabilities",
            wrong=lambda scores, prior: (scores.exp() - prior.exp()).softmax(dim=-1),
            message="You subtracted probabilities. To divide by the prior, subtract logarithms.",
        ),
        Mistake(
            name="divided logarithms",
            wrong=lambda scores, prior: (scores / prior).softmax(dim=-1),
            message="You divided one logarithm by the other. The logarithm of a quotient is a "
            "difference.",
        ),
        Mistake(
            name="prior not by answer",
            wrong=lambda scores, prior: (scores - prior.mean(dim=-1, keepdim=True)).softmax(dim=-1),
            message="You subtracted the same number from all options of a question, which the "
            "softmax does not notice. Each answer has a prior of its own.",
        ),
    ],
    hints=[
        "Both are log-probabilities, and log(a / b) = log a - log b.",
        "Then a softmax over the options, dim=-1.",
    ],
    stub="""
        def my_divided_by_prior(scores, prior):
            \"\"\"Return probabilities (N, C) from log-probabilities, both (N, C).\"\"\"
            ...
    """,
    solution="""
        def my_divided_by_prior(scores, prior):
            return (scores - prior).softmax(dim=-1)
    """,
)

where_to_fit = ChoiceExercise(
    name="where_to_fit",
    question="A colleague fits the temperature on all 161 questions and reports the ECE on the "
    "same 161. What is wrong with that?",
    options={
        "a": "Nothing: a temperature is one number, and one number cannot overfit.",
        "b": "The temperature was chosen to make these very questions look good, so the report is "
        "too friendly; how much, only questions it has not seen can tell.",
        "c": "The accuracy is too high, because the temperature changed the answers.",
    },
    correct="b",
    explanations={
        "a": "With thousands of questions the harm is small. With eighty, the temperature moves by "
        "about 0.3 from split to split: it does follow the noise.",
        "b": "Fit on the calibration questions, report on the others, and split by country.",
        "c": "A temperature never changes which option is the most probable.",
    },
)
