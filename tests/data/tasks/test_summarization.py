"""Summaries: what is asked, that nothing leaks, and that the source says so."""

from __future__ import annotations

import importlib
import inspect
from collections import Counter

import pytest

from coursekit.data import docstrings, split_questions
from coursekit.data.questions import normalise
from coursekit.data.tasks import summary_questions
from coursekit.data.tasks.summarization import LIBRARIES, STANDARD_LIBRARY, _prose


@pytest.fixture(scope="module")
def questions():
    """All of them: made in a test, for they take seconds, which every worker would wait for."""
    return summary_questions()


def test_questions_are_well_formed(questions):
    assert Counter(q.group for q in questions) == dict.fromkeys(LIBRARIES, 30)
    for what in ("key", "question", "answer"):
        assert len({normalise(getattr(q, what)) for q in questions}) == len(questions)
    for q in questions:
        assert len(set(q.options)) == 4 and q.options[q.correct] == q.answer
        assert 100 <= len(q.question) <= 300
        assert normalise(q.answer) not in normalise(q.question)
        assert q.group in q.source and q.split_by[0].name in q.source
        for text in (q.question, *q.options):
            assert not any(mark in text for mark in ("`", ":class:", ">>>", "\n", "::")), text


def test_only_one_option_is_about_the_file(questions):
    file_of = {q.answer: q.split_by[0].name for q in summary_questions(n_per_library=36)}
    for q in questions:
        files = [file_of[option] for option in q.options if option in file_of]
        assert files.count(q.split_by[0].name) == 1


@pytest.mark.parametrize("place", range(0, 30, 6))
def test_the_imported_library_says_the_same(place, questions):
    question = [q for q in questions if q.group == "SciPy"][place]
    path, name = question.key.rsplit(".", 1)
    documented = inspect.getdoc(getattr(importlib.import_module(path.replace("/", ".")), name))
    line, _, body = documented.partition("\n\n")
    assert normalise(line) == normalise(question.answer)
    assert normalise(_prose(body)).startswith(normalise(question.question))


def test_the_standard_library_is_that_of_the_corpus(questions):
    lines = {each.name: each.summary for each in docstrings()}
    asked = [q for q in questions if q.group == STANDARD_LIBRARY]
    assert all(normalise(lines[q.key]) == normalise(q.answer) for q in asked)


@pytest.mark.parametrize("seed", range(3))
def test_no_file_is_on_both_sides(seed):
    sides = split_questions(summary_questions(seed=seed), seed=seed)
    files = [{entity.name for q in side for entity in q.split_by} for side in sides]
    assert not files[0] & files[1]
    assert all(len(side) >= 25 for side in sides)


def test_parts_of_a_docstring_that_are_no_prose_are_cut_off():
    body = (
        "The `~a.b.Vector` is *fast*, see :class:`Matrix`. It holds numbers.\n"
        "Read more in the :ref:`User Guide <v>`.\n\n"
        "Parameters\n----------\nx : int\n"
    )
    assert _prose(body) == "The a.b.Vector is *fast*, see Matrix. It holds numbers."
    assert _prose("It is right.\n\n>>> f(3)\n") == "It is right."
    assert _prose("It is right. The formula :math:`x^2` says it.") == "It is right."


def test_a_cut_falls_between_words():
    full = {q.key: q.question for q in summary_questions(max_characters=10_000)}
    for q in summary_questions(max_characters=120):
        assert 100 <= len(q.question) <= 120
        assert f"{full[q.key]} ".startswith(f"{q.question} ")


def test_fewer_are_the_first_of_more():
    few, many = (summary_questions(n_per_library=n) for n in (10, 20))
    assert [q for q in many if q in few] == few
    assert len(few) == 30


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_per_library": 1}, "n_per_library must .*found 1"),
        ({"n_per_library": 37}, "n_per_library must .*found 37"),
        ({"max_characters": 99}, "max_characters must .*found 99"),
        ({"n_options": 7}, "n_options must .*found 7"),
        ({"split": "train"}, "split must .*found 'train'"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        summary_questions(**arguments)
