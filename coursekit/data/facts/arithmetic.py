"""Sums: fresh, unlimited, in no training text by name, and graded in difficulty.

The difficulty is the number of elementary steps of the method taught at school:
addition and subtraction = digits + carries, multiplication = digits of a x digits of b.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count, islice
from math import comb

from coursekit._checks import as_count
from coursekit.data.facts.options import check_n_options, mixed_options, near_numbers
from coursekit.data.ordering import hash_place
from coursekit.data.questions import Entity, Question

_OPERATIONS: dict[str, tuple[str, Callable[[int, int], int]]] = {
    "+": ("addition", lambda a, b: a + b),
    "-": ("subtraction", lambda a, b: a - b),
    "*": ("multiplication", lambda a, b: a * b),
}
_MOST_OPTIONS = 6


def carries(a: int, b: int, operation: str) -> int:
    """Return how often one is carried in a + b, or borrowed in a - b, digit by digit.

    Example:
        >>> carries(34, 58, "+"), carries(34, 18, "-")
        (1, 1)
    """
    total = carry = 0
    while a or b:
        digit = a % 10 + b % 10 + carry if operation == "+" else a % 10 - b % 10 - carry
        carry = int(digit > 9 or digit < 0)
        total += carry
        a, b = a // 10, b // 10
    return total


def steps(a: int, b: int, operation: str) -> int:
    """Return the elementary steps of the method taught at school: the difficulty.

    Example:
        >>> steps(34, 58, "+"), steps(34, 58, "*")
        (3, 4)
    """
    digits = len(str(a))
    return digits * len(str(b)) if operation == "*" else digits + carries(a, b, operation)


def _slips(a: int, b: int, digits: int, operation: str) -> set[int]:
    """Give by how much people and models err: a unit, a carry, a factor off by one."""
    carried = {1, 2, 3} if digits == 1 else {1, 2, 10} if digits == 2 else {1, 2, 10, 100}
    return carried | {a, b} if operation == "*" else carried


def arithmetic_questions(
    n: int, digits: int = 2, operation: str = "+", n_options: int = 4, seed: int = 0
) -> list[Question]:
    """Return n different sums: "What is 34 + 58?".

    Both numbers have the given number of digits and none begins with 0; results of subtraction are
    positive. Wrong options are slips, one or two of them at once: a unit, a carry, a factor off by
    one (92, 91, 82, 81), with the right answer anywhere among them. 34 + 58 and 58 + 34 are two
    questions about one entity, which splits keep together. Numbers are matched as numbers: "1,234."
    is 1234.

    Args:
        n: Number of questions, at most the different ones that exist (81 sums of one digit).
        digits: 1 to 6, digits of each number.
        operation: "+", "-" or "*".
        n_options: 2 to 6.
        seed: Chooses the numbers, the options and their order. Another seed gives other sums, of
            which few-digit ones may repeat: take calibration and test from one list.

    Raises:
        TypeError: A number is not whole.
        ValueError: A number out of range or an unknown operation.

    Example:
        >>> question = arithmetic_questions(1)[0]
        >>> question.question, question.answer
        ('What is 50 + 72?', '122')
    """
    if operation not in _OPERATIONS:
        raise ValueError(f"operation must be one of {sorted(_OPERATIONS)}, found {operation!r}")
    digits = as_count(digits, "digits", most=6)
    check_n_options(n_options, _MOST_OPTIONS, "as many as there are plausible slips")
    numbers = 9 * 10 ** (digits - 1)
    most = comb(numbers, 2) if operation == "-" else numbers**2
    n = as_count(n, "n", most=most)  # the different questions that exist
    return [
        _question(a, b, digits, operation, n_options, seed)
        for a, b in islice(_pairs(digits, operation, seed), n)
    ]


def _pairs(digits: int, operation: str, seed: int) -> Iterator[tuple[int, int]]:
    """Draw different pairs of numbers without end, the same first ones however many are asked."""
    least, numbers = 10 ** (digits - 1), 9 * 10 ** (digits - 1)
    seen = set[tuple[int, int]]()
    for draw in count():
        place, _ = hash_place(draw, "sums", digits, operation, seed)
        first, second = divmod(int(place, 16) % numbers**2, numbers)
        pair = (least + first, least + second)
        if pair not in seen and (operation != "-" or first > second):
            seen.add(pair)
            yield pair


def _question(a: int, b: int, digits: int, operation: str, n_options: int, seed: int) -> Question:
    name, compute = _OPERATIONS[operation]
    task, answer = f"{a} {operation} {b}", str(compute(a, b))
    slips = _slips(a, b, digits, operation)
    wrong = near_numbers(compute(a, b), slips, n_options, (seed, task))
    options, correct = mixed_options(name, answer, wrong, seed, task)
    return Question(
        kind=name,
        key=task,
        subject=task,
        question=f"What is {task}?",
        answer=answer,
        options=options,
        correct=correct,
        group=f"{name} of {digits} digit{'s' if digits > 1 else ''}",
        source="computed",
        difficulty=float(steps(a, b, operation)),
        stem=f"{task} =",
        entities=(_entity(a, b, operation),),
    )


def _entity(a: int, b: int, operation: str) -> Entity:
    """Give the sum as an entity: the same for 3 + 4 and 4 + 3."""
    numbers = (a, b) if operation == "-" else sorted((a, b))
    return Entity(operation.join(map(str, numbers)))
