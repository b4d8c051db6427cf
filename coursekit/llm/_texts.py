"""From texts to tokens: what is a text, what a tokenizer puts before it, and what ends an answer.

Many tokenizers put a mark before a text (BOS), some one after it (EOS). A model expects the first
and would read the second as the end of what it is to continue; so here every text begins with what
its tokenizer puts before it, once, also if somebody wrote it already, and nothing follows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from coursekit.llm._shared_work import Ids
from coursekit.llm.pretrained import LanguageModel


def encode(lm: LanguageModel, texts: Sequence[str]) -> list[Ids]:
    """Return the tokens of each text, after those that the tokenizer puts before a text."""
    if not texts:  # which the tokenizer would refuse
        return []
    head = marks_before(lm)
    # `verbose=False`: the tokenizer would warn that a text is longer than the model's limit.
    bodies = lm.tokenizer(list(texts), add_special_tokens=False, verbose=False).input_ids
    written = [tuple(ids[: len(head)]) == head for ids in bodies]
    return [
        tuple(ids) if has_head else (*head, *ids)
        for ids, has_head in zip(bodies, written, strict=True)
    ]


def marks_before(lm: LanguageModel) -> Ids:
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


def end_tokens(lm: LanguageModel) -> set[int]:
    """Return every token that ends a text: of the tokenizer, and of how the model generates."""
    found = {lm.tokenizer.eos_token_id}
    for config in (lm.model.generation_config, lm.model.config.get_text_config()):
        ends = getattr(config, "eos_token_id", None)
        found |= set(ends) if isinstance(ends, Iterable) else {ends}
    return {int(token) for token in found if token is not None}


def as_texts(texts: Iterable[str], name: str) -> list[str]:
    """Return a list, an array, a column of a table or a generator of texts as a list of them.

    Raises:
        TypeError: If it is a single string or no iterable, or holds something else than strings.
        ValueError: If a text is empty, or holds half a character (a lone surrogate).
    """
    if isinstance(texts, str):
        raise TypeError(f"{name} must be a list of strings, found one string: write [{texts!r}].")
    try:
        texts = list(texts)
    except TypeError as error:
        raise TypeError(
            f"{name} must be a list of strings, found {type(texts).__name__}."
        ) from error
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"{name}[{i}] must be a string, found {type(text).__name__}.")
        if text == "":
            raise ValueError(f"{name}[{i}] must have at least one character, found an empty text.")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(
                f"{name}[{i}] must be text that UTF-8 can write, found a lone surrogate in "
                f"{text!r}."
            ) from error
    return texts
