"""What a served model is asked, and how: each task in the best way that the server allows.

*Choices* are scored as those of a model whose weights are here, if the server scores given texts:
the same questions, prompts and numbers, so that the two can be compared. If it only names likely
tokens, the options stand under letters and the letters are read. If it names none, the letter is
sampled. *Answers* are sampled; their agreement is the confidence. *Stated* confidence is a number
that the model writes about its own answer.

References:
    Wang et al. (2023), "Self-consistency improves chain of thought reasoning in language models",
    ICLR (agreement among samples).
    Tian et al. (2023), "Just ask for calibration", EMNLP (stated confidence).
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Any

from coursekit.audit.asking import (
    ANSWERS,
    CHOICES,
    HOW_SURE,
    HOW_SURE_IN_TEXT,
    IN_CHAT,
    LONGEST_ANSWER,
    LONGEST_NUMBER,
    N_SAMPLES,
    STATED,
    ChoiceTask,
    Questions,
    Stated,
    counts_of_stated,
    record_of_samples,
    record_of_stated,
)
from coursekit.audit.items import Item, Record
from coursekit.audit.served.client import ServerError
from coursekit.audit.served.server import Scores, Server, log_prob_of
from coursekit.audit.served.wire import Completion
from coursekit.data import Question
from coursekit.llm.prompts import lettered

#: How the thoughts of models that think aloud begin.
THINKING = re.compile(r"<\|?(think|thought|thinking|reasoning|channel)\b", re.IGNORECASE)
#: Scores of one question may differ by so many nats, and such a share, from request to request:
#: several tokens are added up, in arithmetic that depends on what else is asked.
TREMBLE, TREMBLE_SHARE = 0.5, 0.1
MOST_UNREAD = 0.5  #: of the samples; with more, a task says nothing about the model


@dataclass(frozen=True)
class Letters(ChoiceTask):
    r"""Options under letters, of which one is to be named.

    Example:
        >>> from coursekit.data import capital_questions
        >>> task = Letters("letters", "Choices by letter", capital_questions())
        >>> "\nA. " in task.items(None, limit=1, seed=0)[0].content["prompt"]
        True
    """

    event: str = "the option with the most probable letter is the right one"

    def put(self, question: Question) -> tuple[str, str]:
        """Return a question with its options under letters, and the letter of the right one."""
        return lettered(question.question, question.options), ascii_uppercase[question.correct]


@dataclass(frozen=True)
class Asking:
    """One task in the way in which this server can be asked.

    Attributes:
        task: What is asked, and what follows from a record.
        how: In words, for the report.
        read: Asks one item.
        cost: Requests, letters that the server reads, and tokens that it writes for one item.
        count: What the report says about all records, such as how many could not be read.
        is_certain: Whether an item that is asked again has the same scores, but for rounding.
    """

    task: Any  # Questions, of which the part that reads weights is not needed
    how: str
    read: Callable[[Server, Item, int], Record]
    cost: Callable[[Item], tuple[int, int, int]]
    count: Callable[[Sequence[Record]], dict[str, Any]] = field(default=lambda records: {})
    is_certain: bool = False


#: What is asked by default, by name.
BY_NAME: dict[str, Questions] = {"choices": CHOICES, "answers": ANSWERS, "stated": STATED}


def asking_of(server: Server, task: Questions) -> Asking:
    """Return how a task can be put to a server."""
    if isinstance(task, ChoiceTask):
        return _choices(server, task)
    return _stated(server, task) if isinstance(task, Stated) else _answers(server, task)


def by_letter(task: ChoiceTask) -> Letters:
    """Return the task that asks the same questions with letters before their options.

    Example:
        >>> by_letter(CHOICES).title
        'Choices, by letter'
    """
    return Letters(
        f"{task.name}-letters",
        f"{task.title}, by letter",
        task.questions,
        default_limit=task.default_limit,
    )


# --- choices --------------------------------------------------------------------------------------


def _choices(server: Server, task: ChoiceTask) -> Asking:
    can = server.can
    if can.scoring in ("echo", "prompt_logprobs"):
        return Asking(
            task,
            f"the text of every option is scored, by {can.scoring}",
            _by_text,
            lambda item: (len(_options(item)), _letters_of_options(item), len(_options(item))),
            is_certain=True,
        )
    if can.scoring == "steps":
        return Asking(
            task,
            "the text of every option is scored token by token, among the "
            f"{can.deeper[-1]:,} most likely ones at each place",
            _by_text,
            # One request for the first tokens of all options, and about two more for each.
            lambda item: (
                1 + 3 * len(_options(item)),
                2 * _letters_of_options(item),
                1 + 2 * len(_options(item)),
            ),
            _bounded,
            is_certain=True,
        )
    if can.alternatives or can.chat_alternatives:
        where = "continued" if can.alternatives else "answered in a chat"
        named = can.alternatives or can.chat_alternatives
        return Asking(
            by_letter(task),
            f"the options stand under letters, and the letter is read among the {named} most "
            f"likely tokens of the text {where}",
            _by_letter,
            lambda item: (1, len(item.content["prompt"]), 1),
            _bounded,
            is_certain=True,
        )
    return Asking(
        by_letter(task),
        f"the options stand under letters, and the letter is sampled {N_SAMPLES} times: the server "
        "gives no log-probabilities",
        _by_sampled_letter,
        lambda item: (N_SAMPLES, N_SAMPLES * len(item.content["prompt"]), N_SAMPLES * 4),
        _unread_letters,
    )


def _options(item: Item) -> tuple[str, ...]:
    return item.content["question"].options


def _letters_of_options(item: Item) -> int:
    return sum(len(item.content["prompt"]) + 1 + len(option) for option in _options(item))


def _by_text(server: Server, item: Item, seed: int) -> Record:
    return _record(
        server.scores(item.content["prompt"], [f" {option}" for option in _options(item)])
    )


def _by_letter(server: Server, item: Item, seed: int) -> Record:
    prompt = item.content["prompt"]
    if server.can.alternatives:
        found = server.write(prompt, 1, alternatives=server.can.alternatives)
    else:
        found = server.reply(_asked(prompt), 1, alternatives=server.can.chat_alternatives)
    read = [log_prob_of(found, _is_letter(letter)) for letter in _letters(item)]
    bounded = tuple(place for place, (_, is_bound) in enumerate(read) if is_bound)
    if len(bounded) == len(read):
        # No letter is among the likely tokens: nothing tells the options apart.
        return {"scores": [0.0] * len(read), "bounded": list(bounded)}
    return _record(Scores(tuple(value for value, _ in read), bounded))


def _is_letter(letter: str) -> Callable[[Any], bool]:
    return lambda token: token.text.strip() == letter


def _letters(item: Item) -> str:
    return ascii_uppercase[: len(_options(item))]


def _record(scores: Scores) -> Record:
    return {"scores": list(scores.values)} | (
        {"bounded": list(scores.bounded)} if scores.bounded else {}
    )


def _by_sampled_letter(server: Server, item: Item, seed: int) -> Record:
    said = [text.strip().rstrip(".):") for text in _samples(server, item, seed, 4)]
    counts = [said.count(letter) for letter in _letters(item)]
    # H. Jeffreys' rule, as for free answers: a few samples prove no 0 and no 1.
    total = sum(counts) + 0.5 * len(counts)
    return {
        "scores": [math.log((count + 0.5) / total) for count in counts],
        "unread": len(said) - sum(counts),
    }


def _bounded(records: Sequence[Record]) -> dict[str, Any]:
    """How many options were not among the likely tokens, and how much that leaves open."""
    n_options = sum(len(record.get("bounded", ())) for record in records)
    found = {"items": len(records), "options_outside": n_options}
    return found | {"confidence_open_by": max(map(_open_by, records))}


def require_same_scores(item: Item, first: Record, again: Record) -> None:
    """Check that an item has the scores that it had.

    Raises:
        ServerError: If not.
    """
    for one, other in zip(first["scores"], again["scores"], strict=True):
        if abs(one - other) > TREMBLE + TREMBLE_SHARE * max(abs(one), abs(other)):
            said = [", ".join(f"{score:.2f}" for score in r["scores"]) for r in (first, again)]
            raise ServerError(
                f"the options of {item.name!r} must have the same log-probabilities when they are "
                f"asked for again at the end, found {said[0]} and {said[1]}. The server has become "
                "another one on the way, so nothing is reported. Begin anew, in another folder"
            )


def _open_by(record: Record) -> float:
    """Return by how much the confidence may be too low, as options count with their bound."""
    bounded = set(record.get("bounded", ()))
    weights = [math.exp(score - max(record["scores"])) for score in record["scores"]]
    known = [weight for place, weight in enumerate(weights) if place not in bounded]
    if not bounded or not known:
        return 1.0 - 1.0 / len(weights) if bounded else 0.0
    return max(known) / sum(known) - max(weights) / sum(weights)


def _unread_letters(records: Sequence[Record]) -> dict[str, Any]:
    unread = sum(record["unread"] for record in records)
    _require_read(unread, N_SAMPLES * len(records), "letters")
    return {"samples": N_SAMPLES * len(records), "samples_without_a_letter": unread}


def _require_read(unread: int, total: int, what: str) -> None:
    if unread > MOST_UNREAD * total:
        raise ServerError(
            f"most samples must hold {what}, found {total - unread} of {total} that do. This says "
            "nothing about calibration: a model that thinks aloud first, or was not tuned to "
            "follow instructions, cannot be asked in this way. Leave the task out (--tasks)"
        )


# --- answers --------------------------------------------------------------------------------------


def _answers(server: Server, task: Questions) -> Asking:
    where = "continued" if server.can.completions else "answered in a chat"
    return Asking(
        task,
        f"{N_SAMPLES} samples at temperature 1 of the text {where}"
        + (
            ""
            if server.can.uncut
            else "; the server may cut off unlikely tokens, as it takes no top_k and min_p"
        ),
        _by_samples,
        lambda item: (
            N_SAMPLES,
            N_SAMPLES * len(item.content["prompt"]),
            N_SAMPLES * LONGEST_ANSWER,
        ),
        _empty,
    )


def _by_samples(server: Server, item: Item, seed: int) -> Record:
    texts = _samples(server, item, seed, LONGEST_ANSWER)
    empty = sum(not text for text in texts)
    return record_of_samples(texts, item.content["question"]) | {"empty": empty}


def _empty(records: Sequence[Record]) -> dict[str, Any]:
    empty = sum(record["empty"] for record in records)
    _require_read(empty, N_SAMPLES * len(records), "an answer")
    return {"samples": N_SAMPLES * len(records), "empty_samples": empty}


def _samples(server: Server, item: Item, seed: int, n_tokens: int) -> list[str]:
    """Return the first lines of several samples, without the space around them."""
    return [
        _written(server, item.content["prompt"], n_tokens, 1.0, _seed_of(item, seed, number))
        for number in range(N_SAMPLES)
    ]


def _written(server: Server, prompt: str, n_tokens: int, temperature: float, seed: int) -> str:
    settings: dict[str, Any] = {"temperature": temperature, "seed": seed, "stop": "\n"}
    if server.can.completions:
        text = server.write(prompt, n_tokens, **settings).text
    else:
        text = server.reply(_asked(prompt), n_tokens, **settings).text
    return _first_line(text)


def _first_line(text: str) -> str:
    """Return what was said; a model that begins to think aloud has not said anything yet."""
    line = text.split("\n")[0].strip()
    return "" if THINKING.match(line) else line.removeprefix("Answer:").strip()


def _asked(prompt: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": IN_CHAT.format(prompt=prompt)}]


def _seed_of(item: Item, seed: int, number: int) -> int:
    """Return a seed that belongs to one sample of one item, of 31 bits as all servers take."""
    digest = hashlib.sha256(f"{seed} {item.name} {number}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


# --- stated confidence ----------------------------------------------------------------------------


def _stated(server: Server, task: Stated) -> Asking:
    where = "in a chat" if server.can.chat else "in a text that it continues"
    return Asking(
        task,
        f"the model answers at temperature 0, and is then asked how sure that is, {where}",
        _by_words,
        lambda item: (
            2,
            2 * len(item.content["prompt"]) + len(HOW_SURE),
            LONGEST_ANSWER + LONGEST_NUMBER,
        ),
        _unparsed,
    )


def _by_words(server: Server, item: Item, seed: int) -> Record:
    prompt, question = item.content["prompt"], item.content["question"]
    number = _seed_of(item, seed, 0)
    settings: dict[str, Any] = {"temperature": 0.0, "seed": number, "stop": "\n"}
    if server.can.chat:
        asked = _asked(prompt)
        named = server.can.chat_alternatives or None
        answer = server.reply(asked, LONGEST_ANSWER, **settings, alternatives=named)
        talk = [*asked, {"role": "assistant", "content": answer.text or "(nothing)"}]
        talk += [{"role": "user", "content": HOW_SURE}]
        stated = server.reply(talk, LONGEST_NUMBER, **settings).text
    else:
        named = server.can.alternatives or None
        answer = server.write(prompt, LONGEST_ANSWER, **settings, alternatives=named)
        first = answer.text.split("\n")[0].strip()
        again = HOW_SURE_IN_TEXT.format(prompt=prompt, said=first)
        stated = server.write(again, LONGEST_NUMBER, **settings).text
    return record_of_stated(
        _first_line(answer.text), question, _first_line(stated), log_prob_of_answer(answer)
    )


def log_prob_of_answer(found: Completion) -> float | None:
    r"""Return the log-probability of the first line that was written, without what ended it.

    None where the server names no probabilities, or nothing was written; and where tokens and text
    do not belong together.

    Example:
        >>> from coursekit.audit.served.wire import Token
        >>> tokens = (Token(" Li", -1.0), Token("ma", -0.5), Token("\n", -0.1))
        >>> log_prob_of_answer(Completion(" Lima", tokens, None))
        -1.5
    """
    line = found.text.split("\n")[0].strip()
    if not found.tokens or not line:
        return None
    total, spelt = 0.0, ""
    for token in found.tokens:
        if token.log_prob is None:
            return None
        total += token.log_prob
        spelt += token.text
        if spelt.strip() == line:
            return total
    return None


def _unparsed(records: Sequence[Record]) -> dict[str, Any]:
    found = counts_of_stated(records)
    _require_read(found["unread"], len(records), "a number from 0 to 100")
    return found
