from __future__ import annotations

import ast
import sys
import sysconfig
from pathlib import Path
from pydoc_data.topics import topics

import pytest
from sklearn.datasets import load_iris, load_wine

from coursekit.data import corpora
from coursekit.data.corpora import (
    SOURCE_MODULES,
    STABLE_TOPICS,
    Document,
    dataset_descriptions,
    docstrings,
    reference_documents,
    source_documents,
    split_documents,
)


def test_reference_documents_share_no_paragraph_worth_mentioning():
    documents = reference_documents()
    assert [document.name for document in documents] == sorted(d.name for d in documents)
    seen: dict[str, str] = {}
    repeated = 0
    for document in documents:
        for paragraph in document.text.split("\n\n"):
            words = " ".join(paragraph.split())
            if len(words) >= 80 and seen.setdefault(words, document.name) != document.name:
                repeated += len(words)
    assert repeated < 0.002 * sum(len(document.text) for document in documents)


def test_topics_left_out_are_found_in_a_longer_document_and_the_longest_stay():
    documents = {document.name: document.text for document in reference_documents()}
    assert {"compound", "specialnames", "types", "typesseq", "execmodel"} <= set(documents)
    for name, container in {
        "if": "compound",
        "customization": "specialnames",
        "naming": "execmodel",
    }.items():
        assert name not in documents
        last = [part for part in topics[name].strip().split("\n\n") if len(part) > 120][-1]
        assert last in documents[container]
    assert 60 <= 100 * len(documents) / len(topics) <= 80


# Where the lists of stable documents were made they hold to the character; other releases of
# Python may reword a sentence or drop a topic.
COMPARED = sys.version_info[:3] in {(3, 11, 2), (3, 11, 7), (3, 12, 1), (3, 13, 0)}


def about(n_characters):
    return n_characters if COMPARED else pytest.approx(n_characters, rel=0.1)


def test_stable_documents_are_the_listed_part_of_all():
    stable = reference_documents(stable=True)
    assert {document.name for document in stable} <= set(STABLE_TOPICS)
    assert len(stable) >= (24 if COMPARED else 20)
    assert set(stable) < set(reference_documents())
    assert sum(len(document.text) for document in stable) == about(50_108)


def test_source_is_the_librarys_own_and_is_python():
    documents = source_documents()
    assert (
        tuple(document.name for document in documents)
        == SOURCE_MODULES
        == tuple(sorted(SOURCE_MODULES))
    )
    library = Path(sysconfig.get_path("stdlib"))
    for document in documents:
        raw = (library / f"{document.name}.py").read_bytes().decode("utf-8")
        assert document.text == raw.replace("\r\n", "\n")
        assert len(ast.parse(document.text).body) > 1
    assert sum(len(d.text) for d in documents) == about(370_206)


def test_missing_source_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(corpora.sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"found no 'asyncio/protocols'.*python\.org"):
        source_documents()


def test_docstrings_have_a_one_line_summary_that_is_not_in_the_body():
    found = {docstring.name: docstring for docstring in docstrings()}
    assert len(found) > 50
    for docstring in found.values():
        assert docstring.summary and "\n" not in docstring.summary
        assert len(docstring.body) >= 60 and not docstring.body.startswith(docstring.summary)
    import heapq

    summary, _, body = heapq.merge.__doc__.partition("\n\n")
    assert found["heapq.merge"].summary == summary
    assert found["heapq.merge"].body.split() == body.split()


DOCUMENTS = [Document(f"document {i}", "text " * i) for i in range(10)]


@pytest.mark.parametrize("fraction, n_train", [(0.8, 8), (0.5, 5), (0.01, 1), (0.99, 9)])
def test_split_is_by_whole_documents_disjoint_and_complete(fraction, n_train):
    train, test = split_documents(DOCUMENTS, fraction, seed=1)
    assert len(train) == n_train
    assert sorted([*train, *test], key=DOCUMENTS.index) == DOCUMENTS
    assert not set(train) & set(test)
    assert train == sorted(train, key=DOCUMENTS.index)


def test_split_depends_on_the_seed_and_not_on_the_order():
    train, _ = split_documents(DOCUMENTS, seed=1)
    assert set(split_documents(DOCUMENTS[::-1], seed=1)[0]) == set(train)
    sides = [split_documents(DOCUMENTS, 0.5, seed=seed)[0] for seed in range(200)]
    for document in DOCUMENTS:  # each in training half of the time: 100, standard deviation 7
        assert 70 < sum(document in side for side in sides) < 130


@pytest.mark.parametrize(
    "documents, fraction, message",
    [
        (DOCUMENTS[:1], 0.5, "documents must be at least 2 to split, found 1"),
        ([DOCUMENTS[0], DOCUMENTS[0]], 0.5, r"found more than once \['document 0'\]"),
        (DOCUMENTS, 0.0, "fraction must .*found 0.0"),
        (DOCUMENTS, 1.0, "fraction must .*found 1.0"),
        (DOCUMENTS, float("nan"), "fraction must .*found nan"),
    ],
)
def test_split_refuses(documents, fraction, message):
    with pytest.raises(ValueError, match=message):
        split_documents(documents, fraction)


def test_dataset_descriptions_are_those_that_scikit_learn_shows():
    documents = {document.name: document.text for document in dataset_descriptions()}
    assert len(documents) == 14
    assert list(documents) == sorted(documents)
    assert documents["iris"] == load_iris().DESCR
    assert documents["wine_data"] == load_wine().DESCR
