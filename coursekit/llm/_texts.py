"""From prompts to tokens: what is a text, what stands before it, and what ends an answer.

Many tokenizers put a mark before a text (BOS), some one after it (EOS). A model expects the first
and would read the second as the end of what it is to continue; so here every text begins with what
its tokenizer puts before it, once, also if somebody wrote it already, and nothing follows it. A
conversation begins with what its chat template writes, and is cut off within the model's reply.
`marks_around` is the one place that decides both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jinja2 import TemplateError

from coursekit.llm._shared_work import Ids, Item
from coursekit.llm.pretrained import LanguageModel
from coursekit.llm.prompts import Chat, Prompt


@dataclass(frozen=True)
class Marks:
    """The special tokens around a text: those put before it, and those of which each ends it."""

    before: Ids
    ends: frozenset[int]


def marks_around(lm: LanguageModel, *, is_chat: bool = False) -> Marks:
    """Return the special tokens that a text begins with, and those that may end it.

    Before raw text stands what the tokenizer puts there. Before a conversation stands nothing: its
    template has written all of it. Both end with an end-of-text token, and a reply also with the
    token that the template writes after one.
    """
    ends = _end_tokens(lm)
    if not is_chat:
        return Marks(_marks_before(lm), frozenset(ends))
    # Where the template writes nothing special after a reply, the ends of texts must do.
    closed = _from_template(lm, [{"role": "user", "content": "a"}, _SAID], closed=True)
    after = _tokens(
        lm, [closed[closed.rindex(_SAID["content"]) + len(_SAID["content"]) :].lstrip()]
    )
    special = [token for token in after[0][:1] if token in _special_tokens(lm)]
    return Marks((), frozenset(ends | set(special)))


def encode(
    lm: LanguageModel, prompts: Sequence[Prompt], following: Sequence[str] | None = None
) -> list[Ids]:
    """Return the tokens of each prompt, from its first mark on.

    Args:
        lm: The model whose tokenizer reads them.
        prompts: Texts and conversations.
        following: For each a text that goes on after it, read in one piece with it.
    """
    if not prompts:  # which the tokenizer would refuse
        return []
    # Each conversation is written once, however many answers to it are scored.
    written: dict[Prompt, str] = {
        prompt: written_chat(lm, prompt) if isinstance(prompt, Chat) else prompt
        for prompt in dict.fromkeys(prompts)
    }
    texts = [written[prompt] for prompt in prompts]
    if following is not None:
        texts = [text + more for text, more in zip(texts, following, strict=True)]
    heads = {kind: marks_around(lm, is_chat=kind).before for kind in set(map(is_chat, prompts))}
    found = []
    for prompt, ids in zip(prompts, _tokens(lm, texts), strict=True):
        head = heads[is_chat(prompt)]
        found.append(ids if ids[: len(head)] == head else (*head, *ids))
    return found


def is_chat(prompt: Prompt) -> bool:
    """Whether a prompt is a conversation, not raw text."""
    return isinstance(prompt, Chat)


def _tokens(lm: LanguageModel, texts: Sequence[str]) -> list[Ids]:
    # `verbose=False`: the tokenizer would warn that a text is longer than the model's limit.
    found = lm.tokenizer(list(texts), add_special_tokens=False, verbose=False)
    return [tuple(ids) for ids in found.input_ids]


def _marks_before(lm: LanguageModel) -> Ids:
    """Return the tokens that the tokenizer puts before every text, such as BOS; mostly none."""
    plain = lm.tokenizer("a", add_special_tokens=False).input_ids
    whole = lm.tokenizer("a").input_ids
    for start in range(len(whole) - len(plain) + 1):
        if whole[start : start + len(plain)] == plain:
            return tuple(whole[:start])
    raise ValueError(
        f"the tokenizer of {lm.name!r} must keep a text's own tokens between those it adds, found "
        f"{whole} for {plain}."
    )


def _end_tokens(lm: LanguageModel) -> set[int]:
    """Return every token that ends a text: of the tokenizer, and of how the model generates."""
    found = {lm.tokenizer.eos_token_id}
    generates = getattr(lm.model, "generation_config", None)
    for config in (generates, lm.model.config.get_text_config()):
        ends = getattr(config, "eos_token_id", None)
        found |= set(ends) if isinstance(ends, Iterable) else {ends}
    return {int(token) for token in found if token is not None}


# --- Conversations

_SAID = {"role": "assistant", "content": "said"}


def written_chat(lm: LanguageModel, chat: Chat) -> str:
    """Return a conversation as the model's chat template writes it, up to where it goes on.

    Raises:
        ValueError: If the model has no template, the template refuses the conversation or leaves a
            text of it out, or a text holds a special token.
    """
    messages = chat.messages
    _refuse_special_tokens(lm, messages)
    text = _from_template(lm, messages)
    # Templates may cut space away, but must not lose or change a text.
    place = 0
    for message in messages:
        place = text.find(message["content"].strip(), place)
        if place < 0:
            raise ValueError(
                f"the chat template of {lm.name!r} leaves out or changes the message of the "
                f"{message['role']} {message['content']!r}. {_SAY_IT_OTHERWISE}"
            )
        place += len(message["content"].strip())
    return text


_SAY_IT_OTHERWISE = (
    "If it is the system message, leave it out (system=None) and say it in the user's; else ask in "
    "raw text, with few_shot_prompts."
)


def _from_template(
    lm: LanguageModel, messages: list[dict[str, str]], *, closed: bool = False
) -> str:
    """Write messages, up to where the model goes on with its reply; or `closed`, to their end."""
    if not lm.tokenizer.chat_template:
        raise ValueError(
            f"the tokenizer of {lm.name!r} must have a chat template to write a conversation, "
            "found none: a base model has none. Ask it in raw text, with few_shot_prompts, or load "
            "an instruct model."
        )
    begun = messages[-1]["role"] == "assistant"
    try:
        text = lm.tokenizer.apply_chat_template(
            messages,
            tokenize=False,
            add_generation_prompt=not begun,
            continue_final_message=begun and not closed,
        )
        return str(text)
    except (TemplateError, ValueError, TypeError) as error:
        raise ValueError(
            f"the chat template of {lm.name!r} refuses this conversation: {error}. "
            f"{_SAY_IT_OTHERWISE}"
        ) from error


def _special_tokens(lm: LanguageModel) -> dict[int, str]:
    """Return the special tokens of a tokenizer, by their numbers."""
    added = lm.tokenizer.added_tokens_decoder
    return {number: token.content for number, token in added.items() if token.special}


def _refuse_special_tokens(lm: LanguageModel, messages: list[dict[str, str]]) -> None:
    special = _special_tokens(lm).values()
    for message in messages:
        if found := next((token for token in special if token in message["content"]), None):
            raise ValueError(
                f"the message of the {message['role']} must hold no special token of "
                f"{lm.name!r}, found {found!r} in {message['content']!r}: the model would read it "
                "as a mark of the conversation, not as a text. Take it out."
            )


# --- Checks


def as_texts(texts: Iterable[str], name: str) -> list[str]:
    """Return a list, an array, a column of a table or a generator of texts as a list of them.

    Raises:
        TypeError: If it is a single string or no iterable, or holds something else than strings.
        ValueError: If a text is empty, or holds half a character (a lone surrogate).
    """
    listed = _as_list(texts, name)
    for i, text in enumerate(listed):
        _check_text(text, f"{name}[{i}]")
    return listed


def as_prompts(prompts: Iterable[Prompt], name: str) -> list[Prompt]:
    """Return texts and conversations as a list of them, checked as `as_texts` does."""
    listed = _as_list(prompts, name)
    for i, prompt in enumerate(listed):
        if isinstance(prompt, Chat):
            for message in prompt.messages:
                if message["content"]:
                    _check_text(message["content"], f"the {message['role']}'s text of {name}[{i}]")
        else:
            _check_text(prompt, f"{name}[{i}]")
    return listed


def _as_list(texts: Iterable[Item], name: str) -> list[Item]:
    if isinstance(texts, str):
        raise TypeError(f"{name} must be a list of strings, found one string: write [{texts!r}].")
    try:
        return list(texts)
    except TypeError as error:
        raise TypeError(
            f"{name} must be a list of strings, found {type(texts).__name__}."
        ) from error


def _check_text(text: object, name: str) -> None:
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a string, found {type(text).__name__}.")
    if text == "":
        raise ValueError(f"{name} must have at least one character, found an empty text.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{name} must be text that UTF-8 can write, found a lone surrogate in {text!r}."
        ) from error
