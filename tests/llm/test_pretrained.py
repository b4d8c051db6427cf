from __future__ import annotations

import json
import shutil
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
import torch
from huggingface_hub.utils import filter_repo_objects
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

from coursekit.llm import LanguageModel, _border, load, pretrained
from coursekit.llm.embedded import NAME, ModelUnavailableError


def save(model: torch.nn.Module, folder: Path) -> Path:
    """Save a model with a tokenizer of two words."""
    words = Tokenizer(models.WordLevel({"sun": 0, "rain": 1}, unk_token="sun"))
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=words).save_pretrained(folder)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=2, n_positions=8, n_embd=8, n_layer=1, n_head=2)
    return save(GPT2LMHeadModel(config), tmp_path / "model")


# --- The embedded model


def test_the_embedded_model_is_ready_to_be_asked(smollm2: LanguageModel):
    assert smollm2.name == NAME
    assert not smollm2.model.training
    assert not any(weight.requires_grad for weight in smollm2.model.parameters())
    assert {weight.dtype for weight in smollm2.model.parameters()} == {torch.float32}
    assert smollm2.device == smollm2.model.device == torch.device("cpu")
    # 134,515,008: embedding 49152 x 576 (tied), 30 layers, last norm; see Allal et al. (2025).
    layer = 2 * 576 * 576 + 2 * 576 * 192 + 3 * 576 * 1536 + 2 * 576
    expected = 49152 * 576 + 30 * layer + 576
    assert sum(weight.numel() for weight in smollm2.model.parameters()) == expected


def test_a_warm_load_prints_nothing(smollm2: LanguageModel, capfd, recwarn):
    load(device="cpu")
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list


def test_the_result_is_frozen_and_prints_in_one_line(smollm2: LanguageModel):
    with pytest.raises(FrozenInstanceError):
        smollm2.name = "another"
    assert repr(smollm2) == f"LanguageModel(name='{NAME}', device=device(type='cpu'))"


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_the_best_device_is_taken(monkeypatch, cuda, mps, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert pretrained.default_device() == torch.device(expected)


# --- A folder


def test_a_saved_folder_is_loaded_with_its_own_weights(folder):
    lm = load(str(folder), device="cpu")
    assert lm.tokenizer.convert_tokens_to_ids("rain") == 1
    saved = load_file(folder / "model.safetensors")
    weights = lm.model.state_dict()
    assert saved.keys() <= weights.keys()
    assert all(torch.equal(weights[key], saved[key]) for key in saved)


def test_loading_a_folder_prints_nothing(folder, capfd, recwarn):
    edit(folder / "config.json", pad_token_id=0)  # a token that the check for causality reads
    capfd.readouterr()
    load(str(folder), device="cpu")
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list


def test_dtype_is_that_of_the_weights(folder):
    assert load(str(folder), device="cpu", dtype=torch.float64).model.dtype == torch.float64
    save(GPT2LMHeadModel.from_pretrained(folder).half(), folder)
    assert load(str(folder), device="cpu").model.dtype == torch.float32


def test_pickled_weights_are_refused(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"pytorch_model.bin is a pickle, which can run any code"):
        load(str(folder))


def test_pickled_weights_beside_other_safetensors_are_not_opened(folder):
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").rename(folder / "other.safetensors")
    with pytest.raises(ValueError, match=r"cannot be read .*no file named model.safetensors"):
        load(str(folder))


def test_code_that_comes_with_a_model_is_not_run(folder, tmp_path):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Config"}}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n", encoding="utf-8")
    with pytest.raises(ValueError, match="code of its own, which this course never runs"):
        load(str(folder))
    assert not (tmp_path / "ran").exists()


def test_missing_weights_are_refused_not_made_up(folder):
    weights = load_file(folder / "model.safetensors")
    del weights["transformer.ln_f.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"no weights for transformer.ln_f.weight"):
        load(str(folder))


def test_a_model_without_a_head_for_words_is_refused(tmp_path):
    config = BertConfig(
        vocab_size=2, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8
    )
    with pytest.raises(ValueError, match="not a whole causal language model"):
        load(str(save(BertModel(config), tmp_path / "bert")))


def test_a_model_that_is_not_causal_is_refused(tmp_path):
    config = T5Config(vocab_size=2, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
    with pytest.raises(ValueError, match="cannot be read as a causal language model"):
        load(str(save(T5ForConditionalGeneration(config), tmp_path / "t5")))


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("config.json", "it has no config.json. Save it with model.save_pretrained"),
        ("model.safetensors", "has no weights in the safetensors format. Save it with"),
        ("tokenizer.json", "its tokenizer is missing or incomplete. Save it with tokenizer.save"),
    ],
)
def test_a_folder_that_lacks_a_part_is_refused(folder, part, said):
    (folder / part).unlink()
    with pytest.raises(ValueError, match=said):
        load(str(folder))


def test_a_model_saved_without_any_tokenizer_is_refused(folder):
    for file in folder.glob("tokenizer*"):
        file.unlink()
    with pytest.raises(ValueError, match=r"has no tokenizer: save it there with tokenizer.save_"):
        load(str(folder))


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ((), "is an empty folder"),
        (("README.md",), "has no config.json. Save it with"),
        (("model.Q4_1.GGUF",), "Give the path of a GGUF file in it: model.Q4_1.GGUF"),
        (("checkpoint-500/config.json", "training_args.bin"), "folders in it: checkpoint-500"),
        (("checkpoint.safetensors", "tokenizer.json"), r"load_gpt\(folder\).to_transformers\(\)"),
        (("pytorch_model.bin",), "pytorch_model.bin is a pickle"),
        (("adapter_config.json",), r"holds an adapter .*merge_and_unload"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, tuple) else "",
)
def test_a_folder_of_another_kind_names_what_to_give(tmp_path, inside, said):
    folder = tmp_path / "given"
    folder.mkdir()
    for name in inside:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    with pytest.raises(ValueError, match=said):
        load(str(folder))


def test_a_model_beside_an_adapter_is_refused_not_loaded_without_it(folder):
    (folder / "adapter_model.safetensors").touch()
    with pytest.raises(ValueError, match="holds an adapter"):
        load(str(folder))


def test_truncated_weights_are_refused(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(ValueError, match=r"cannot be read .*SafetensorError"):
        load(str(folder))


# --- Weights and configuration that do not fit each other


def edit(path: Path, **changes) -> None:
    path.write_text(
        json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8"
    )


def test_weights_of_another_shape_are_named_with_both_shapes(folder):
    edit(folder / "config.json", vocab_size=4)
    with pytest.raises(
        ValueError, match=r"wte.weight has the shape \(2, 8\), .* asks for \(4, 8\)"
    ):
        load(str(folder))


@pytest.mark.parametrize(
    "key", ["transformer.h.1.ln_1.weight", "transformer.h.0.mlp.c_fc.lora_A.weight"]
)
def test_weights_of_the_layers_that_would_go_unused_are_refused(folder, key):
    weights = load_file(folder / "model.safetensors") | {key: torch.zeros(8)}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=f"has no use for: {key}"):
        load(str(folder))


def test_a_second_head_does_not_hinder(folder):
    weights = load_file(folder / "model.safetensors") | {"v_head.weight": torch.zeros(8)}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert load(str(folder), device="cpu").context_limit == 8


@pytest.mark.parametrize("inside", [{}, {"text_config": {}}], ids=["itself", "its text model"])
@pytest.mark.parametrize("method", ["bitsandbytes", "gptq", "awq", "compressed-tensors"])
def test_a_quantised_folder_is_refused_by_its_method(folder, method, inside):
    settings = {"quantization_config": {"quant_method": method}}
    edit(folder / "config.json", **(inside and {"text_config": settings}) or settings)
    with pytest.raises(ValueError, match=rf"is quantised \({method}\).* give the model in full"):
        load(str(folder))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "has a config.json that is no JSON"),
        ("[]", "has a config.json that is no JSON object"),
        ('{"a":' * 100_000, "has a config.json that is no JSON"),
        (" " * (2**24 + 1), "has a config.json of 16,777,217 bytes"),
        ('{"model_type": "gpt2", "n_layer": 1000000}', "says n_layer = 1,000,000; no model has"),
        ('{"model_type": "gpt2", "n_embd": 1048572}', r"describes a model of [0-9,]{16,} numbers"),
        ('{"model_type": "gpt2", "n_embd": "wide"}', "cannot be read as a causal language model"),
        ('{"model_type": "gpt2", "n_head": 0}', "cannot be read as a causal language model"),
        ('{"model_type": "none"}', "cannot be read as a causal language model"),
    ],
    ids=lambda value: value[:45],
)
def test_a_configuration_out_of_bounds_is_refused(folder, content, said):
    (folder / "config.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        load(str(folder), device="cpu")


@pytest.mark.parametrize("key", ["_attn_implementation", "attn_implementation"])
def test_no_attention_of_the_hub_is_taken_from_a_configuration(folder, key):
    edit(folder / "config.json", **{key: "someone/kernel"})
    assert load(str(folder), device="cpu").model.config._attn_implementation == "sdpa"


# --- Tokenizers


def test_the_tokenizer_is_the_one_of_tokenizer_json_whatever_class_is_declared(folder):
    words = Tokenizer(models.BPE({"s": 0, "u": 1}, []))
    words.pre_tokenizer = pre_tokenizers.Split("u", "removed")
    words.save(str(folder / "tokenizer.json"))
    edit(folder / "tokenizer_config.json", tokenizer_class="GPT2Tokenizer")
    assert load(str(folder), device="cpu").tokenizer("sus").input_ids == [0, 0]


@pytest.mark.parametrize(
    "content",
    ["{}", "[]", '{"model": {"type": "WordLevel"}}', '{"added_tokens": 3}', "\x00"],
)
def test_a_damaged_tokenizer_is_refused(folder, content):
    (folder / "tokenizer.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match="cannot be read as a causal language model"):
        load(str(folder), device="cpu")


def test_a_panic_of_a_library_in_rust_is_told_in_one_sentence():
    class PanicException(BaseException):
        pass

    said = r"^'m' cannot be read as a causal language model: PanicException: index 3 is out$"
    with pytest.raises(ValueError, match=said), _border.told("m"):
        raise PanicException("index 3 is out\nstack")
    with pytest.raises(KeyboardInterrupt), _border.told("m"):
        raise KeyboardInterrupt


# --- A model in memory


def weather(model: torch.nn.Module | None = None, **settings) -> tuple:
    """A fresh GPT-2 of two words, or the model given, and the tokenizer of these words."""
    words = Tokenizer(models.WordLevel({"sun": 0, "rain": 1}, unk_token="sun"))
    shape = {"vocab_size": 2, "n_positions": 8, "n_embd": 8, "n_layer": 1, "n_head": 2}
    model = model or GPT2LMHeadModel(GPT2Config(**shape | settings))
    return model, PreTrainedTokenizerFast(tokenizer_object=words)


def test_a_model_in_memory_stays_as_it_is():
    model, tokenizer = weather()
    model.train()
    model.transformer.h[0].eval()
    modes = [part.training for part in model.modules()]
    lm = LanguageModel.from_model(model, tokenizer, name="mine")
    assert (lm.name, lm.model, lm.tokenizer, lm.device) == ("mine", model, tokenizer, model.device)
    assert [part.training for part in model.modules()] == modes
    assert all(weight.requires_grad for weight in model.parameters())
    assert lm.context_limit == 8


def test_a_model_in_memory_is_named_by_where_it_came_from_or_by_its_class(folder):
    assert LanguageModel.from_model(*weather()).name == "GPT2LMHeadModel"
    model, tokenizer = weather(GPT2LMHeadModel.from_pretrained(folder))
    assert LanguageModel.from_model(model, tokenizer).name == str(folder)


def test_dropout_of_a_model_in_training_is_not_taken_for_looking_ahead():
    model, tokenizer = weather(resid_pdrop=0.5, embd_pdrop=0.5)
    assert LanguageModel.from_model(model.train(), tokenizer).model.training


@pytest.mark.parametrize("what", ["model", "tokenizer"])
def test_what_is_not_of_transformers_is_refused(what):
    model, tokenizer = weather()
    wrong = {"model": model, "tokenizer": tokenizer} | {what: torch.nn.Linear(2, 2)}
    with pytest.raises(TypeError, match=f"{what} must be a {what} of transformers, found Linear"):
        LanguageModel.from_model(**wrong)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_weights_that_are_not_finite_are_refused(folder, value, dtype):
    model, tokenizer = weather()
    model.transformer.ln_f.weight.data[3] = value
    model.to(dtype)
    with pytest.raises(ValueError, match=r"transformer.ln_f.weight holds 1 times NaN or inf"):
        LanguageModel.from_model(model, tokenizer)
    save(model, folder)
    with pytest.raises(ValueError, match=r"transformer.ln_f.weight holds 1 times NaN or inf"):
        load(str(folder), device="cpu")


def test_large_weights_are_finite_though_their_sum_is_not():
    model, tokenizer = weather()
    model.transformer.wpe.weight.data[-2:] = 3e38  # no position that is tried
    assert LanguageModel.from_model(model, tokenizer).model is model


def test_logits_that_overflow_are_refused_with_a_precision_to_take():
    model, tokenizer = weather(tie_word_embeddings=False)
    model.half().lm_head.weight.data.fill_(6e4)
    model.transformer.ln_f.bias.data.fill_(6e4)
    with pytest.raises(ValueError, match=r"NaN or infinity in torch.float16: load it in torch.fl"):
        LanguageModel.from_model(model, tokenizer)


def test_a_tokenizer_of_another_model_is_refused():
    model, _ = weather()
    words = models.WordLevel({"sun": 0, "rain": 1, "snow": 2}, unk_token="sun")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(words))
    with pytest.raises(ValueError, match=r"ids up to 2, the model knows 2 tokens \(0 to 1\)"):
        LanguageModel.from_model(model, tokenizer)


def test_an_end_of_text_that_the_model_does_not_know_is_refused():
    model, tokenizer = weather()
    tokenizer.add_special_tokens({"eos_token": "<end>"})
    with pytest.raises(ValueError, match="ids up to 2, the model knows 2 tokens"):
        LanguageModel.from_model(model, tokenizer)


def test_an_added_token_that_is_never_asked_for_may_go_beyond_the_vocabulary():
    model, tokenizer = weather()
    tokenizer.add_tokens(["<image>"])
    assert LanguageModel.from_model(model, tokenizer).tokenizer is tokenizer


def test_a_model_that_cannot_read_a_text_says_why():
    model, tokenizer = weather(
        T5ForConditionalGeneration(
            T5Config(vocab_size=2, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
        )
    )
    with pytest.raises(ValueError, match=r"cannot read a text of 5 tokens: ValueError: "):
        LanguageModel.from_model(model, tokenizer)


# --- The hub


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty local cache of the hub, and an address that refuses every connection."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    return tmp_path / "hub"


def test_a_hub_model_without_network_names_the_embedded_one(hub, capfd):
    with pytest.raises(ModelUnavailableError, match="cannot be reached") as caught:
        load("gpt2")
    for part in ("'gpt2'", f"load('{NAME}')", "once where there is network"):
        assert part in str(caught.value)
    assert "Retrying" not in "".join(capfd.readouterr())


def test_a_hub_model_that_was_fetched_before_needs_no_network(hub, folder):
    repository = hub / "models--someone--model"
    shutil.copytree(folder, repository / "snapshots" / ("0" * 40))
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40, encoding="utf-8")
    assert load("someone/model", device="cpu").model.config.n_embd == 8


def test_what_the_hub_answers_is_passed_on(hub, monkeypatch):
    def refuse(name, **_):
        raise OSError("someone/model is not a valid model identifier")

    monkeypatch.setattr(pretrained, "_snapshot", refuse)
    monkeypatch.setattr(pretrained, "_require_hub", lambda name: None)
    with pytest.raises(ModelUnavailableError, match="not a valid model identifier") as caught:
        load("someone/model")
    assert NAME in str(caught.value)


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "a shard"])
def test_a_hub_model_that_was_fetched_in_part_is_fetched_again(hub, folder, monkeypatch, missing):
    if missing == "a shard":
        (folder / "model.safetensors").unlink()
        index = {"weight_map": {"a": "model-1.safetensors"}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    else:
        (folder / missing).unlink()
    monkeypatch.setattr(pretrained, "_snapshot", lambda name, **_: folder)
    with pytest.raises(ModelUnavailableError, match="the Hugging Face hub cannot be reached"):
        load("someone/model")


def test_only_what_a_model_needs_is_fetched_from_the_hub(monkeypatch):
    asked = {}

    def download(name, **options):
        asked.update(options)
        return "folder"

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    pretrained._snapshot("someone/model")
    files = {
        "model.safetensors": True,
        "model-00001-of-00002.safetensors": True,
        "tokenizer.json": True,
        "merges.txt": True,
        "modeling_own.py": False,
        "pytorch_model.bin": False,
        "consolidated.safetensors": False,
        "onnx/model.safetensors": False,
    }
    wanted = filter_repo_objects(
        files, allow_patterns=asked["allow_patterns"], ignore_patterns=asked["ignore_patterns"]
    )
    assert set(wanted) == {file for file, needed in files.items() if needed}


# --- Wrong arguments


@pytest.mark.parametrize("name", [None, 3, Path("model")])
def test_a_name_that_is_no_string_is_refused(name):
    with pytest.raises(TypeError, match=f"name must be a string such as '{NAME}'"):
        load(name)


@pytest.mark.parametrize("name", ["", " \n"])
def test_an_empty_name_is_refused(name):
    with pytest.raises(ValueError, match=r"name must be .* found"):
        load(name)


@pytest.mark.parametrize("name", ["./no/such/folder", "two words", "a/b/c"])
def test_neither_folder_nor_possible_hub_name_is_refused(name):
    with pytest.raises(ValueError, match="not a folder on this machine"):
        load(name)


@pytest.mark.parametrize("device", ["nonsense", "cuda:99"])
def test_a_device_that_is_not_there_is_refused(device):
    with pytest.raises(ValueError, match=f"device='{device}' cannot be used here"):
        load(device=device)


@pytest.mark.parametrize("dtype", ["float32", torch.int64])
def test_a_dtype_that_is_not_floating_point_is_refused(dtype):
    with pytest.raises(TypeError, match="dtype must be a floating-point type"):
        load(dtype=dtype)


# --- A GGUF file, several devices, too little memory, a model that looks ahead


def test_a_gguf_file_is_expanded(folder, tmp_path, monkeypatch):
    file = tmp_path / "model.gguf"
    file.touch()
    read = []

    def expand(path):
        read.append(path)
        lm = load(str(folder), device="cpu")
        return lm.model, lm.tokenizer

    monkeypatch.setattr(pretrained, "read_gguf", expand)
    lm = load(str(file), device="cpu", dtype=torch.bfloat16)
    assert read == [file]
    assert (lm.name, lm.model.dtype) == (str(file), torch.bfloat16)
    with pytest.raises(ValueError, match="save the model with save_pretrained"):
        load(str(file), device="auto")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bad.gguf", "is no GGUF file, or a damaged one: its version is 0, not 2 or 3"),
        ("missing.gguf", "there is no such file"),
        ("words.txt", "is a file, but not a GGUF file"),
    ],
)
def test_other_files_are_refused(tmp_path, name, said):
    (tmp_path / "bad.gguf").write_bytes(b"GGUF" + bytes(8))
    (tmp_path / "words.txt").write_text("words", encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        load(str(tmp_path / name))


def test_a_model_may_be_spread_over_all_devices(folder):
    lm = load(str(folder), device="auto")
    plain = load(str(folder), device="cpu")
    ids = torch.tensor([[0, 1, 1, 0]])
    assert lm.device == next(lm.model.parameters()).device
    logits = lm.model(ids.to(lm.device)).logits.cpu()
    assert torch.allclose(logits, plain.model(ids).logits, atol=1e-5)


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError(), RuntimeError("other")]
)
def test_too_little_memory_says_what_to_try(folder, monkeypatch, error):
    def full(*_, **__):
        raise error

    monkeypatch.setattr(pretrained, "_read_other", full)
    if "other" in str(error):
        with pytest.raises(RuntimeError, match="other"):
            load(str(folder), device="cpu")
    else:
        with pytest.raises(ModelUnavailableError, match=r"dtype=torch.bfloat16.*device=\"auto\""):
            load(str(folder), device="cpu")


@pytest.mark.parametrize("spread", [0.5, 0.02], ids=["trained", "fresh"])
def test_a_masked_model_is_refused(tmp_path, spread):
    config = BertConfig(
        vocab_size=2,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        initializer_range=spread,
    )
    torch.manual_seed(0)
    with pytest.raises(ValueError, match="reads the tokens that it should predict"):
        load(str(save(BertForMaskedLM(config), tmp_path / "bert")), device="cpu")
