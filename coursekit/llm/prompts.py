r"""Prompts: the text a model is given to continue, made from a question and answered examples.

A base model completes documents, so a question is put as a document that its answer completes: a
few questions with their answers, then the question itself, cut off where the answer would begin.

    prompt = example_1 + separator + ... + example_n + separator + "Question: ...\nAnswer:"

The cut falls before the space, since the space belongs to the token of the next word.

An instruct model was trained on conversations, written in a format of its own. A `Chat` is such a
conversation, cut off within the model's reply; whatever takes a text to continue takes a `Chat` as
well, and writes it as the tokenizer's own template does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Literal

QUESTION, ANSWER = "{question}", "{answer}"


@dataclass(frozen=True)
class Chat:
    """A conversation with an instruct model, cut off where the model is to go on with its reply.

    It holds the texts alone: the marks around them are those of the tokenizer's own chat template,
    put there when a model is asked. Each text stands for itself: one that holds a special token of
    the model, such as `<|im_end|>`, is refused then, since it would end its message early.

    Attributes:
        user: What the user asks.
        system: What the system message says; "" is an empty message. None leaves it out, and then
            some templates (SmolLM2's is one) write a system message of their own.
        examples: Pairs of what the user asked before and what the model replied, in full.
        reply: The beginning of the reply, if anything: the model goes on after it.

    Raises:
        TypeError: If a text is no string, or an example no pair of them.
        ValueError: If `user` or a text of an example says nothing, or the reply begins or ends in a
            space or a new line, which templates cut away.

    Example:
        >>> Chat("What is the capital of Peru?", reply="The capital of Peru is").messages[-1]
        {'role': 'assistant', 'content': 'The capital of Peru is'}
    """

    user: str
    system: str | None = None
    examples: tuple[tuple[str, str], ...] = ()
    reply: str = ""

    def __post_init__(self) -> None:
        """Refuse texts that say nothing, and a reply whose border a template would move."""
        _check_text(self.user, "user")
        if self.system is not None:
            _check_text(self.system, "system", may_be_empty=True)
        _check_examples(self.examples)
        # A list is taken as well; only a tuple can be looked up.
        object.__setattr__(self, "examples", tuple((asked, said) for asked, said in self.examples))
        _check_text(self.reply, "reply", may_be_empty=True)
        if self.reply != self.reply.strip():
            raise ValueError(
                f"reply must begin and end with a visible character, found {self.reply!r}: the "
                "space belongs to the text that follows. Drop it here and put it there."
            )

    @property
    def messages(self) -> list[dict[str, str]]:
        """The messages as chat templates take them; the last one is the reply, if it has begun."""
        said = [] if self.system is None else [("system", self.system)]
        for asked, replied in self.examples:
            said += [("user", asked), ("assistant", replied)]
        said += [("user", self.user)]
        if self.reply:
            said += [("assistant", self.reply)]
        return [{"role": role, "content": text} for role, text in said]


#: What a model can be given to continue.
Prompt = str | Chat


def chat_prompts(
    questions: Sequence[str],
    examples: Sequence[tuple[str, str]] = (),
    *,
    system: str | None = None,
    reply: str | Sequence[str] = "",
) -> list[Chat]:
    """Put each question to an instruct model in its own format, after the same answered examples.

    Args:
        questions: What the user asks, one conversation each.
        examples: Pairs of an earlier question and the whole reply to it, with its beginning.
        system: The system message, as in `Chat`.
        reply: How the model's reply begins: one beginning for all, or one for each question.

    Raises:
        TypeError, ValueError: As `Chat`; also if `questions` is a single string, or there is not
            one beginning for each question.

    Example:
        >>> [chat] = chat_prompts(["And of Chad?"], [("The capital of Peru?", "It is Lima")])
        >>> [message["role"] for message in chat.messages]
        ['user', 'assistant', 'user']
    """
    if isinstance(questions, str):
        raise TypeError("questions must be a list of strings, found one string: write [question].")
    replies = [reply] * len(questions) if isinstance(reply, str) else list(reply)
    if len(replies) != len(questions):
        raise ValueError(
            f"reply must be one text, or one for each of the {len(questions)} questions, found "
            f"{len(replies)}."
        )
    for i, question in enumerate(questions):
        _check_text(question, f"questions[{i}]")
    shots = tuple(examples)
    return [
        Chat(question, system, shots, begun)
        for question, begun in zip(questions, replies, strict=True)
    ]


def continuations(prompts: Iterable[Prompt], options: Iterable[Sequence[str]]) -> list[list[str]]:
    """Write each option as the text that goes on with its prompt: a space before it, or none.

    After a word the space belongs to the answer's first token. Where a model's reply is yet to
    begin, there is nothing to leave a space from.

    Args:
        prompts: What is to be continued.
        options: For each prompt the candidate answers.

    Raises:
        ValueError: If there is not one list of options for each prompt.

    Example:
        >>> continuations(["The capital of Peru is"], [["Lima", "Quito"]])
        [[' Lima', ' Quito']]
        >>> continuations([Chat("What is the capital of Peru?")], [["Lima", "Quito"]])
        [['Lima', 'Quito']]
    """
    prompts, options = list(prompts), list(options)
    if len(prompts) != len(options):
        raise ValueError(
            f"options must hold one list for each of the {len(prompts)} prompts, found "
            f"{len(options)}."
        )
    spaces = ["" if isinstance(prompt, Chat) and not prompt.reply else " " for prompt in prompts]
    return [
        [space + text for text in listed] for space, listed in zip(spaces, options, strict=True)
    ]


def few_shot_prompts(
    questions: Sequence[str],
    examples: Sequence[tuple[str, str]] = (),
    template: str = "Question: {question}\nAnswer: {answer}",
    separator: str = "\n\n",
) -> list[str]:
    """Put each question after the same answered examples, ready for its answer.

    Every prompt ends right before the space of `" {answer}"`: a candidate answer is `" " + text`.
    Braces in questions and answers mean nothing special.

    Args:
        questions: What to ask, one prompt each.
        examples: Pairs of a question and its answer, in the order in which the model reads them.
        template: How question and answer stand together; each placeholder once.
        separator: What stands between two examples, and before the question.

    Raises:
        TypeError: If a text is no string, `questions` is a single string, or an example no pair.
        ValueError: If a question or an answer has no text in it, or the template lacks a
            placeholder, has one twice or in the wrong order, or no space before `{answer}`.

    Reference:
        T. B. Brown et al., Language models are few-shot learners, NeurIPS 2020.

    Example:
        >>> [prompt] = few_shot_prompts(["What is 2 + 2?"], [("What is 1 + 1?", "2")])
        >>> print(prompt)
        Question: What is 1 + 1?
        Answer: 2
        <BLANKLINE>
        Question: What is 2 + 2?
        Answer:
    """
    before, between, after = _parts(template)
    _check_text(separator, "separator", may_be_empty=True)
    if isinstance(questions, str):
        raise TypeError("questions must be a list of strings, found one string: write [question].")
    for i, question in enumerate(questions):
        _check_text(question, f"questions[{i}]")
    _check_examples(examples)
    answered = "".join(
        f"{before}{question}{between} {answer}{after}{separator}" for question, answer in examples
    )
    return [f"{answered}{before}{question}{between}" for question in questions]


def lettered(question: str, options: Sequence[str], letters: str = ascii_uppercase) -> str:
    """Return the text of a question with its options listed below it, a letter before each.

    `lettered("Which is a capital?", ["Paris", "Lyon"])` gives three lines: the question, "A. Paris"
    and "B. Lyon".

    Args:
        question: What is asked.
        options: The answers to choose from, each another one.
        letters: A character for each option, in order; there may be more than are needed.

    Raises:
        TypeError: If a text is no string, or `options` is a single string.
        ValueError: If a text has nothing in it, there are fewer than two options or more than
            letters, or two options or two letters are the same.

    Example:
        >>> print(lettered("Which is a capital?", ["Paris", "Lyon"]))
        Which is a capital?
        A. Paris
        B. Lyon
    """
    _check_text(question, "question")
    _check_text(letters, "letters")
    if isinstance(options, str):
        raise TypeError("options must be a list of strings, found one string.")
    if not 2 <= len(options) <= len(letters):
        raise ValueError(
            f"options must be at least 2 and at most the {len(letters)} that letters names, found "
            f"{len(options)}."
        )
    for i, option in enumerate(options):
        _check_text(option, f"options[{i}]")
    for name, found in (("options", [text.strip() for text in options]), ("letters", letters)):
        if len(set(found)) < len(found):
            raise ValueError(
                f"{name} must have every entry once, found {list(found)}. A letter must name one "
                "answer, and an answer have one letter."
            )
    lines = [f"{letter}. {option}" for letter, option in zip(letters, options, strict=False)]
    return "\n".join([question, *lines])


def lettered_prompts(
    questions: Sequence[str],
    options: Sequence[Sequence[str]],
    examples: Sequence[tuple[str, Sequence[str], str]] = (),
    *,
    answer_with: Literal["letter", "text"] = "letter",
    letters: str = ascii_uppercase,
    template: str = "Question: {question}\nAnswer: {answer}",
) -> list[str]:
    """Put each question with its options listed, after examples of the same form.

    Args:
        questions: What to ask, one prompt each.
        options: For each question the answers to choose from, in the order in which to list them.
        examples: Triples of a question, its options and the right one of them.
        answer_with: What the examples answer with: "letter" as in "B", or "text" as in "Lyon".
        letters: As in `lettered`.
        template: As in `few_shot_prompts`.

    Raises:
        TypeError, ValueError: As `lettered` and `few_shot_prompts`; or if there is not one list of
            options for each question, an example's answer is none of its options, or `answer_with`
            is unknown.

    Example:
        >>> [prompt] = lettered_prompts(["Which is a capital?"], [["Paris", "Lyon"]])
        >>> print(prompt)
        Question: Which is a capital?
        A. Paris
        B. Lyon
        Answer:
    """
    if answer_with not in ("letter", "text"):
        raise ValueError(f'answer_with must be "letter" or "text", found {answer_with!r}.')
    if len(questions) != len(options):
        raise ValueError(
            f"options must hold one list for each of the {len(questions)} questions, found "
            f"{len(options)}."
        )
    shots = []
    for i, (question, listed, answer) in enumerate(examples):
        if answer not in listed:
            raise ValueError(
                f"examples[{i}] must have one of {list(listed)} as its answer, found {answer!r}."
            )
        text = lettered(question, listed, letters)
        letter = letters[list(listed).index(answer)]
        shots.append((text, letter if answer_with == "letter" else answer))
    asked = [lettered(q, listed, letters) for q, listed in zip(questions, options, strict=True)]
    return few_shot_prompts(asked, shots, template)


def _parts(template: str) -> tuple[str, str, str]:
    """Return what stands before the question, between it and the space of the answer, and after."""
    _check_text(template, "template")
    for placeholder in (QUESTION, ANSWER):
        if (n := template.count(placeholder)) != 1:
            raise ValueError(
                f"template must have {placeholder} once, found it {n} times in {template!r}. Write "
                '"Question: {question}\\nAnswer: {answer}", or the like.'
            )
    head, after = template.split(ANSWER)
    if QUESTION not in head:
        raise ValueError(
            f"template must have {QUESTION} before {ANSWER}, found {template!r}: the model reads "
            "from left to right."
        )
    if not head.endswith(" ") or head[:-1].endswith(" "):
        raise ValueError(
            f"template must have exactly one space right before {ANSWER}, found {template!r}: the "
            "space becomes part of the answer's first token."
        )
    before, between = head[:-1].split(QUESTION)
    return before, between, after


def _check_text(text: str, name: str, may_be_empty: bool = False) -> None:
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a string, found {type(text).__name__}.")
    if not may_be_empty and not text.strip():
        raise ValueError(f"{name} must say something, found {text!r}. Give at least one letter.")


def _check_examples(examples: Sequence[tuple[str, str]]) -> None:
    for i, example in enumerate(examples):
        if isinstance(example, str) or len(example) != 2:
            raise TypeError(
                f"examples[{i}] must be a pair (question, answer), found {example!r}: "
                'write [("What is ...?", "Paris")].'
            )
        for text, part in zip(example, ("question", "answer"), strict=True):
            _check_text(text, f"the {part} of examples[{i}]")
