from __future__ import annotations

import hashlib
import os
import subprocess
import sys

from hypothesis import given, strategies as st

from coursekit.data.ordering import hash_order

NAMES = st.lists(st.text(max_size=5), unique=True, max_size=12)


def test_is_the_order_of_the_sha256_of_salt_and_name():
    expected = sorted("abcdef", key=lambda c: hashlib.sha256(f"why|7|{c}".encode()).digest())
    assert hash_order("abcdef", "why", 7) == expected


@given(NAMES, st.randoms())
def test_order_of_the_input_does_not_matter_and_nothing_is_lost(names, random):
    shuffled = random.sample(names, len(names))
    assert hash_order(shuffled, 0) == hash_order(names, 0)
    assert sorted(hash_order(names, 0)) == sorted(names)


@given(NAMES)
def test_adding_an_item_leaves_the_order_of_the_others(names):
    with_more = hash_order([*names, "a new one"], 0)
    assert [name for name in with_more if name != "a new one"] == hash_order(names, 0)


def test_another_seed_gives_another_order():
    assert len({tuple(hash_order(range(20), seed)) for seed in range(50)}) == 50


def test_data_do_not_depend_on_pythons_own_hash_seed():
    code = (
        "from coursekit.data import *; q = capital_questions(seed=3); "
        "print(q, split_questions(q), quiz(3), control_questions(5), "
        "currency_questions(seed=3), "
        "element_questions('symbol'), element_questions('atomic number'), "
        "arithmetic_questions(9), arithmetic_questions(9, 2, '*'), "
        "[d.name for part in split_documents(reference_documents()) for d in part])"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONUTF8": "1"},
            capture_output=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1] != b""
