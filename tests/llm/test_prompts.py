"""Prompts: what the model reads, letter by letter, and what is refused."""

from __future__ import annotations

import pytest

from coursekit.llm.prompts import few_shot_prompts, lettered, lettered_prompts

EXAMPLES = [("Two and two?", "four"), ("Capital of Oz?", "Emerald City")]


def test_reads_as_a_document_that_the_answer_completes():
    assert few_shot_prompts(["Why?", "Who?"], EXAMPLES) == [
        "Question: Two and two?\nAnswer: four\n\n"
        "Question: Capital of Oz?\nAnswer: Emerald City\n\n"
        f"Question: {question}\nAnswer:"
        for question in ("Why?", "Who?")
    ]


def test_without_examples_only_the_question_is_left():
    assert few_shot_prompts(["Why?"]) == ["Question: Why?\nAnswer:"]
    assert few_shot_prompts([], EXAMPLES) == []


def test_an_answered_prompt_is_the_example_it_would_make():
    template, separator = "Q {question} (think) => {answer}.", "\n---\n"
    [alone] = few_shot_prompts(["Why?"], [], template, separator)
    [with_example] = few_shot_prompts(["Who?"], [("Why?", "so")], template, separator)
    assert with_example.startswith(f"{alone} so.{separator}")
    assert with_example.endswith(separator + "Q Who? (think) =>")


def test_braces_in_the_texts_are_left_alone():
    [prompt] = few_shot_prompts(["Is {answer} a word?"], [("{question}", "{0} and {x!r}")])
    assert prompt == (
        "Question: {question}\nAnswer: {0} and {x!r}\n\nQuestion: Is {answer} a word?\nAnswer:"
    )


def test_the_separator_may_be_empty():
    assert few_shot_prompts(["b"], [("a", "c")], "{question} {answer}\n", "") == ["a c\nb"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"questions": "Why?"}, TypeError, r"write \[question\]"),
        ({"questions": [3]}, TypeError, r"questions\[0\] must be a string, found int"),
        (
            {"questions": ["a", " \n"]},
            ValueError,
            r"questions\[1\] must say something, found ' \\n'",
        ),
        ({"examples": ["ab"]}, TypeError, r"examples\[0\] must be a pair"),
        ({"examples": [("a", "b", "c")]}, TypeError, r"examples\[0\] must be a pair"),
        ({"examples": [("a", "")]}, ValueError, r"the answer of examples\[0\]"),
        ({"examples": [("a", None)]}, TypeError, r"the answer of examples\[0\] must be a string"),
        (
            {"template": "Question: {question}"},
            ValueError,
            r"must have \{answer\} once, found it 0 times",
        ),
        (
            {"template": "{question} {answer} {answer}"},
            ValueError,
            r"must have \{answer\} once, found it 2 times",
        ),
        (
            {"template": "Answer: {answer}"},
            ValueError,
            r"must have \{question\} once, found it 0 times",
        ),
        (
            {"template": "{answer} to {question}"},
            ValueError,
            r"must have \{question\} before \{answer\}",
        ),
        ({"template": "{question}\n{answer}"}, ValueError, "exactly one space"),
        ({"template": "{question}  {answer}"}, ValueError, "exactly one space"),
        ({"separator": None}, TypeError, "separator must be a string"),
    ],
)
def test_bad_input_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        few_shot_prompts(**{"questions": ["Why?"]} | arguments)


def test_options_are_listed_below_their_question():
    assert lettered("Which?", ["Paris", "New York"]) == "Which?\nA. Paris\nB. New York"
    assert lettered("Which?", ["x", "y", "z"], "123456") == "Which?\n1. x\n2. y\n3. z"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"question": " "}, ValueError, "question must say something, found ' '"),
        ({"options": "ab"}, TypeError, "options must be a list"),
        ({"options": ["a"]}, ValueError, r"options must be at least 2 .* found 1"),
        ({"options": ["a", "b", "c"], "letters": "AB"}, ValueError, "at most the 2"),
        ({"options": ["a", "b", " "]}, ValueError, r"options\[2\]"),
        ({"options": ["a", 2]}, TypeError, r"options\[1\] must be a string"),
        (
            {"options": ["Paris", "Lyon", "Paris "]},
            ValueError,
            "options must have every entry once",
        ),
        ({"letters": "AAB"}, ValueError, "letters must have every entry once"),
    ],
)
def test_bad_lists_of_options_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        lettered(**{"question": "Which?", "options": ["a", "b"]} | arguments)


EXAMPLE = ("Two and two?", ["three", "four"], "four")


@pytest.mark.parametrize(("answer_with", "answer"), [("letter", "2"), ("text", "four")])
def test_examples_are_listed_as_the_question_is(answer_with, answer):
    assert lettered_prompts(
        ["Which?"],
        [["Paris", "Lyon"]],
        [EXAMPLE],
        answer_with=answer_with,
        letters="12",
        template="Q {question}\nA {answer}",
    ) == [f"Q Two and two?\n1. three\n2. four\nA {answer}\n\nQ Which?\n1. Paris\n2. Lyon\nA"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"options": []}, "one list for each of the 1 questions, found 0"),
        ({"examples": [("Why?", ["a", "b"], "c")]}, r"examples\[0\] must have one of .* found 'c'"),
        ({"examples": [("Why?", ["a", "b", "c"], "c")], "letters": "AB"}, "at most the 2"),
        ({"answer_with": "word"}, 'must be "letter" or "text", found \'word\''),
        ({"options": [["a", "a"]]}, "options must have every entry once"),
    ],
)
def test_bad_lettered_prompts_are_named(arguments, message):
    given = {"questions": ["Which?"], "options": [["a", "b"]], "examples": [EXAMPLE]}
    with pytest.raises(ValueError, match=message):
        lettered_prompts(**given | arguments)
