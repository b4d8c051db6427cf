from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, strategies as st

from coursekit.data.facts import arithmetic_questions
from coursekit.data.facts.arithmetic import carries, steps
from coursekit.data.questions import as_number, matches, split_questions

OPERATIONS = ("+", "-", "*")


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("digits", [1, 2, 3, 6])
@pytest.mark.parametrize("n_options", [2, 4, 6])
def test_questions_are_well_formed(operation, digits, n_options):
    questions = arithmetic_questions(30, digits, operation, n_options, seed=1)
    assert len({q.key for q in questions}) == len({q.question for q in questions}) == 30
    for q in questions:
        a, sign, b = q.key.split()
        assert len(a) == len(b) == digits and sign == operation
        assert q.answer == str(eval(q.key)) and int(q.answer) > 0
        assert q.options[q.correct] == q.answer
        assert len(set(q.options)) == len(q.options) == n_options
        assert all(int(option) > 0 for option in q.options)
        assert sum(matches(option, q) for option in q.options) == 1
        assert q.question == f"What is {q.key}?" and q.stem == f"{q.key} ="


def test_every_question_there_is_can_be_had_and_no_more():
    assert len({q.key for q in arithmetic_questions(81, 1, "+")}) == 81
    assert len({q.key for q in arithmetic_questions(36, 1, "-")}) == 36
    with pytest.raises(ValueError, match="n must be at most 36, found 37"):
        arithmetic_questions(37, 1, "-")


def test_the_first_questions_stay_and_seeds_differ():
    assert arithmetic_questions(50)[:10] == arithmetic_questions(10)
    assert arithmetic_questions(10, seed=1) != arithmetic_questions(10, seed=2)
    # Three digits: 810,000 sums. Two seeds share one of 200 with probability 0.05.
    keys = [{q.key for q in arithmetic_questions(200, 3, seed=seed)} for seed in range(2)]
    assert len(keys[0] & keys[1]) <= 2


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_carries_by_the_sum_of_digits(a, b):
    # Each carry replaces ten by one: it takes nine from the sum of the digits (Legendre's formula).
    def digit_sum(number):
        return sum(map(int, str(number)))

    assert 9 * carries(a, b, "+") == digit_sum(a) + digit_sum(b) - digit_sum(a + b)
    a, b = max(a, b), min(a, b)
    assert carries(a, b, "-") == carries(a - b, b, "+")


def test_difficulty_counts_the_steps_taught_at_school():
    assert [steps(*q) for q in [(34, 25, "+"), (34, 58, "+"), (99, 99, "+")]] == [2, 3, 4]
    assert [steps(*q) for q in [(75, 24, "-"), (74, 58, "-"), (34, 12, "*")]] == [2, 3, 4]
    for q in arithmetic_questions(20, 2):
        a, _, b = q.key.split()
        assert q.difficulty == steps(int(a), int(b), "+")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_options_alone_do_not_tell_the_answer(operation):
    # Who looks at the options only can pick by rank, or the number that the others surround.
    ranks, surrounded, n = Counter(), 0.0, 0
    for seed in range(4):
        for q in arithmetic_questions(250, 2, operation, seed=seed):
            numbers = [int(option) for option in q.options]
            ranks[sorted(numbers).index(int(q.answer))] += 1
            cost = [sum(abs(x - y) for y in numbers) for x in numbers]
            surrounded += (cost[q.correct] == min(cost)) / cost.count(min(cost))
            assert len({len(option) for option in q.options}) == 1, "length tells nothing"
            n += 1
    # 1,000 questions: one standard deviation is 0.014.
    assert all(abs(ranks[rank] / n - 0.25) < 0.055 for rank in range(4))
    assert abs(surrounded / n - 0.25) < 0.055


@given(st.integers(0, 10**9), st.sampled_from(["{}", " {}.\n", "{:,}", "+{}", "{}.0", "{:,}."]))
def test_numbers_are_read_in_every_customary_form(number, form):
    assert as_number(form.format(number)) == number


@given(st.text(alphabet="0123456789,. -+x", max_size=8))
def test_what_is_read_is_the_number_that_is_written(text):
    number = as_number(text)
    plain = text.strip().replace(",", "").replace(" ", "")
    if number is not None:
        assert float(plain) == number
    elif text.strip().isdigit():
        raise AssertionError("digits alone are a number")


@pytest.mark.parametrize(
    "answer, right",
    [
        ("1234", True),
        ("1,234", True),
        ("1 234", True),
        ("1234.", True),
        ("1,234.00", True),
        ("600 + 634 = 1234", True),
        ("600 + 634 = 1,234.", True),
        ("12345", False),
        ("12,34", False),
        ("1.234", False),
        ("-1234", False),
        ("1234.5", False),
        ("1234 or 1235", False),
        ("about 1234", False),
        ("1234 apples", False),
        ("600 + 634", False),
        ("", False),
    ],
)
def test_free_answers(answer, right):
    question = next(q for q in arithmetic_questions(1, 3) if q)
    question = type(question)(
        **{
            **vars(question),
            "answer": "1234",
            "stem": "600 + 634 =",
            "subject": "600 + 634",
        }
    )
    assert matches(answer, question) == right


def test_a_sum_and_its_mirror_are_one_entity():
    questions = arithmetic_questions(81, 1, "+")
    calibration, test = (
        {frozenset(q.key.split(" + ")) for q in part} for part in split_questions(questions)
    )
    assert not calibration & test
    assert len(calibration) + len(test) == 45
    a_minus_b = split_questions(arithmetic_questions(36, 1, "-"))
    assert [len(part) for part in a_minus_b] == [18, 18]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"n": 0}, "n must be at least 1, found 0"),
        ({"n": 5, "operation": "/"}, r"operation must be one of \['\*', '\+', '-'\], found '/'"),
        ({"n": 5, "digits": 0}, "digits must be at least 1, found 0"),
        ({"n": 5, "digits": 7}, "digits must be at most 6, found 7"),
        ({"n": 5, "n_options": 1}, "n_options must be 2 to 6, .*found 1"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        arithmetic_questions(**arguments)
