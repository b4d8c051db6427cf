from __future__ import annotations

import json
import re
import warnings
from argparse import Namespace
from pathlib import Path

import pytest

from coursekit import __main__
from coursekit.audit import (
    AnswerTask,
    ChoiceTask,
    Repair,
    Report,
    asking,
    audit,
    gate,
    items,
    load_calibrator,
    page,
    questions,
)
from coursekit.audit.questions import read_questions, require_names, task_of, tasks_of
from coursekit.data import benchmarks, capital_questions


def written(tmp_path, content, name="exam.jsonl"):
    """A file of these rows, or of this text or these bytes."""
    path = tmp_path / name
    if isinstance(content, list):
        content = "\n".join(json.dumps(row) for row in content)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def row(number=0, answer="B", choices=("one", "two", "six"), **more):
    return {"question": f"What is {number}?", "answer": answer, "choices": choices} | more


def answers(path):
    return [question.answer for question in read_questions(path)]


# --- The forms of a file --------------------------------------------------------------------------

CHOICES = {
    "list": ["one", "two", "six"],
    "json": '["one", "two", "six"]',
    "bars": "one | two | six",
    "lettered": {"A": "one", "B": "two", "C": "six"},
    "labelled": {"text": ["one", "two", "six"], "label": ["A", "B", "C"]},
}


@pytest.mark.parametrize("choices", CHOICES.values(), ids=CHOICES)
def test_choices_in_every_form(tmp_path, choices):
    [question] = read_questions(written(tmp_path, [row(choices=choices)]))
    assert question.options == ("one", "two", "six")
    assert (question.answer, question.correct) == ("two", 1)
    assert question.source == "exam.jsonl"


def test_a_table_with_columns_of_choices(tmp_path):
    header = "\ufeffQuestion;Answer;A;B;C;Topic"
    rows = [header, '"Is it; or not?";b;yes;no;;logic', "", "Which?;C;x;y;z;", ""]
    first, second = read_questions(written(tmp_path, "\r\n".join(rows), "exam.CSV"))
    assert (first.question, first.options, first.answer) == ("Is it; or not?", ("yes", "no"), "no")
    assert (first.group, first.grouped_by) == ("logic", "group")
    assert (second.options, second.answer, second.group) == (("x", "y", "z"), "z", "")


def test_answers_in_free_words_with_other_names(tmp_path):
    rows = [{"prompt": "Capital of Bolivia?", "target": "Sucre", "accepted": ["La Paz"]}]
    [question] = read_questions(written(tmp_path, [*rows]))
    assert (question.options, question.answer, question.aliases) == ((), "Sucre", ("La Paz",))
    table = "question,answer,aliases\nCapital of Bolivia?,Sucre,La Paz|Chuquisaca\n"
    [question] = read_questions(written(tmp_path, table, "exam.csv"))
    assert question.aliases == ("La Paz", "Chuquisaca")


def test_clusters_and_equal_texts_share_an_entity(tmp_path):
    rows = [
        row(1, cluster="passage 1"),
        row(2, cluster="passage 1"),
        {"question": "Why?", "answer": "A", "choices": ["a", "b"]},
        {"question": "Why?", "answer": "A", "choices": ["c", "d"]},
        row(3),
    ]
    one, two, three, four, five = read_questions(written(tmp_path, rows))
    assert one.entities == two.entities and three.entities == four.entities
    assert len({question.entities for question in (one, three, five)}) == 3
    assert one.entities[0].name == "passage 1"


def test_names_come_from_what_is_asked_not_from_the_line(tmp_path):
    rows = [row(1), row(2), row(3, id="third")]
    keys = [question.key for question in read_questions(written(tmp_path, rows))]
    backwards = [question.key for question in read_questions(written(tmp_path, rows[::-1]))]
    assert keys == backwards[::-1]
    assert keys[2] == "third"


def test_other_columns_are_named_in_a_warning(tmp_path):
    with pytest.warns(UserWarning, match="these columns are not used: 'why', 'year'"):
        read_questions(written(tmp_path, [row(why="so"), row(1, year=3)]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_questions(written(tmp_path, [row(group="a")]))


# --- What an answer means -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["two", "SIX"], ["two", "six"]),
        (["b", "(C)"], ["two", "six"]),
        (["B.", "C)"], ["two", "six"]),
        ([0, 2], ["one", "six"]),
        (["0", "1"], ["one", "two"]),
        ([3, 1], ["six", "one"]),
        ([3.0, 2], ["six", "two"]),
    ],
)
def test_one_reading_for_the_whole_file(tmp_path, given, expected):
    rows = [row(number, answer) for number, answer in enumerate(given)]
    assert answers(written(tmp_path, rows)) == expected


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [row(0, 1), row(1, 2)],
            "line 1: answer '1' could mean 'two' (answers are numbers from 0) or 'one' (numbers "
            "from 1), and so on every line. Write letters",
        ),
        (
            [row(0, "1", ["1", "2", "3"]), row(1, "2", ["1", "2", "3"])],
            "line 1: answer '1' could mean '1' (answers are texts of choices) or '2' (numbers",
        ),
        (
            [row(0, "A", ["b", "a"])],
            "answer 'A' could mean 'a' (answers are texts of choices) or 'b' (letters)",
        ),
        (
            [row(0, "two"), row(1, "six"), row(2, "B")],
            "line 3: answer 'B' is none of the choices ['one', 'two', 'six'] (most answers of the "
            "file are texts of choices)",
        ),
        ([row(0, 0), row(1, 3)], "line 2: answer '3' is none of the choices"),
        ([row(0, "D")], "line 1: answer 'D' is none of the choices"),
    ],
)
def test_what_could_mean_two_things_is_refused(tmp_path, rows, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        read_questions(written(tmp_path, rows))


def test_where_readings_agree_there_is_no_doubt(tmp_path):
    rows = [row(0, "1", ["1", "2"]), row(1, "2", ["1", "2"])]  # as text, and counted from 1
    assert answers(written(tmp_path, rows)) == ["1", "2"]
    letters = [row(0, "B", ["A", "B"])]
    assert answers(written(tmp_path, letters)) == ["B"]


# --- What is wrong with a file --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        ([], "exam.jsonl", "must hold at least one question, found none"),
        ("question,answer\n", "exam.csv", "must hold at least one question, found none"),
        ("", "exam.csv", "must hold at least one question, found none"),
        ("x", "exam.txt", "questions must be a file .jsonl, .ndjson, .csv, .tsv, found"),
        (b"question,answer\nok,ok\nna\xefve,ok\n", "exam.csv", "found another byte on line 3"),
        ("{}\n\n{", "exam.jsonl", "line 3: must be JSON, found Expecting"),
        ("[1]", "exam.jsonl", 'line 1: must be an object, {"question": ...}, found [1]'),
        ([{"question": "Why?"}], "exam.jsonl", "must have a column 'answer' or 'correct_answer'"),
        ([row(prompt="?")], "exam.jsonl", "one column for the question, found 'question' and"),
        ([row() | {"choises": []}], "exam.jsonl", "'choises', which is nearly 'choices'"),
        ("question,answer\na,b,c\n", "exam.csv", "line 2: must have 2 cells as the header, found"),
        ('question,answer\n"a\nb",c\nd\n', "exam.csv", "line 4: must have 2 cells"),
        ('question,answer\n"a"b,c\n', "exam.csv", "line 2: "),
        ([row(), row(1, answer=" ")], "exam.jsonl", "line 2: answer must say something"),
        ([row() | {"question": None}], "exam.jsonl", "line 1: question must be a text, found None"),
        ([row(answer=True)], "exam.jsonl", "line 1: answer must be a text, found True"),
        ([row() | {"question": float("nan")}], "exam.jsonl", "question must be a text, found nan"),
        ([row(id="a", question="\ud800")], "exam.jsonl", "question must be text that UTF-8"),
        ([row(choices=["one"])], "exam.jsonl", "line 1: choices must be 2 to 26, found 1"),
        ([row(choices=["one", "One "])], "exam.jsonl", "choices must differ, found one twice"),
        ([row(choices=["one", ""])], "exam.jsonl", "line 1: choices must say something"),
        ([row(choices='["one"')], "exam.jsonl", "choices must be a list as JSON"),
        ([row(choices=7)], "exam.jsonl", "choices must be a list, found 7"),
        ([row(A="one")], "exam.jsonl", "in one column or in columns A, B, ..., found both"),
        ("question,answer,A,C\nWhy?,A,x,y\n", "exam.csv", "must be A, B, C, ..., found A, C"),
        ("question,answer,A,B,C\nWhy?,A,x,,y\n", "exam.csv", "line 2: B must say something"),
        ([row(aliases=["a"])], "exam.jsonl", "aliases must be left out where there are choices"),
        ([row(group="a\x1b[2J")], "exam.jsonl", "group must be one line of letters"),
        ([row(), row(1), row()], "exam.jsonl", "line 3: question must be asked once, found on 1"),
        ([row(id="a"), row(1, id="a")], "exam.jsonl", "line 2: id must be asked once"),
        ([row(), {"question": "Why?", "answer": "so"}], "exam.jsonl", "line 1 with and line 2 "),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(tmp_path, content, name, said):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match=re.escape(said)):
            read_questions(written(tmp_path, content, name))


def test_the_first_five_problems_are_shown_and_the_others_counted(tmp_path):
    path = written(tmp_path, [row(number, answer="") for number in range(7)])
    with pytest.raises(ValueError, match=r"line 5: .*\n\(and 2 more\)$") as caught:
        read_questions(path)
    assert "line 6" not in str(caught.value)


# --- As tasks -------------------------------------------------------------------------------------


def options(**given):
    return Namespace(
        **{"tasks": None, "questions": None, "accept_licence": False, "seed": 0} | given
    )


def test_the_names_are_those_of_the_audit_and_of_the_public_sets():
    require_names([*questions.TASKS, *benchmarks.names()])
    with pytest.raises(ValueError, match=r"prose, .* or public sets \(sciq, .*\), found 'poetry'"):
        require_names(["prose", "poetry"])
    with pytest.raises(ValueError, match="'mmlu', which the wheel holds only as Arrow"):
        require_names(["mmlu"])
    assert set(questions.TASKS).isdisjoint(benchmarks.names())
    assert questions.FEWEST == asking.N_EXAMPLES + items.SMALLEST_LIMIT


def test_nothing_named_is_everything():
    assert tasks_of(options()) is None
    assert tasks_of(options(tasks=["code", "code"])) == ["code"]


def test_a_public_set_by_name(monkeypatch):
    asked = []

    def load(name, **how):
        asked.append((name, how))
        return capital_questions()

    monkeypatch.setattr(benchmarks, "load", load)
    prose, task = tasks_of(options(tasks=["prose", "arc_easy"], accept_licence=True, seed=4))
    assert prose == "prose"
    assert (task.name, task.title) == ("arc_easy", "ARC, easy questions")
    assert asked == [("arc_easy", {"seed": 4, "accept_licence": True})]


def test_a_licence_is_asked_for():
    with pytest.raises(ValueError, match=r"accept_licence must be True for 'sciq'.*--accept-lic"):
        tasks_of(options(tasks=["sciq"]))


def test_a_file_alone_or_beside_others(tmp_path):
    path = written(tmp_path, [row(number) for number in range(12)])
    [task] = tasks_of(options(questions=str(path)))
    assert (task.name, type(task)) == ("questions-exam", ChoiceTask)
    assert task.title == "Your questions (exam)"
    assert len(tasks_of(options(questions=str(path), tasks=["prose"]))) == 2
    few = written(tmp_path, [row(number) for number in range(11)], "few.jsonl")
    with pytest.raises(ValueError, match=r"at least 12 questions, 4 to show .* found 11"):
        tasks_of(options(questions=str(few)))


@pytest.mark.parametrize("name", ["exam", "Spring 2026", "-", "試験", "a.b", "x" * 200, "é"])
def test_a_file_gives_its_task_a_name_that_a_task_and_a_limit_may_have(name):
    found = questions.task_name(Path("folder", f"{name}.csv"))
    items.require_task(task_of(capital_questions(), found, "Title"))
    assert gate.Limit.parse(f"{found}.gap > 0.1").task == found
    assert found != questions.task_name(f"{name}2.csv")


def test_the_calibrator_of_one_exam_is_refused_for_another(byte_lm, tmp_path):
    rows = [row(number) for number in range(24)]
    first, second = (
        tasks_of(options(questions=str(written(tmp_path, rows, f"{name}.jsonl"))))[0]
        for name in ("spring", "autumn")
    )
    report = audit(byte_lm, [first], 20, progress=False)
    path = Repair.of(report, first.name).save(tmp_path / "repair.json", force=True)
    assert load_calibrator(path, model=byte_lm, task=first.name).temperature > 0
    with pytest.raises(ValueError, match=r"'questions-spring', for which .* found 'questions-aut"):
        load_calibrator(path, model=byte_lm, task=second.name)


def test_questions_without_options_are_answered_in_words(tmp_path):
    path = written(tmp_path, [{"question": "Why?", "answer": "so"}])
    assert type(task_of(read_questions(path), "why", "Why")) is AnswerTask


def test_the_command_asks_a_file_and_hostile_texts_stay_texts(
    byte_model, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(page, "_drawn", lambda _: page.Drawn("", "", ""))  # takes seconds
    hostile = "<script>alert(1)</script>"
    rows = [row(number, group=("plain", hostile)[number % 2]) for number in range(64)]
    path = written(tmp_path, rows)
    folder = tmp_path / "report"
    command = ["audit", str(byte_model), "--output", str(folder), "--questions", str(path)]
    assert __main__.main([*command, "--device=cpu"]) == 0
    report = Report.read(folder)
    assert report.tasks == ["questions-exam"]
    assert report.task("questions-exam")["items"] == 60
    assert set(report.task("questions-exam")["groups"]["group"]) == {"plain", hostile}
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert hostile not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "Your questions" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["x", "--questions", "nowhere.csv"], "nowhere.csv"),
        (["results.csv", "--questions", "q.csv"], "--questions is for a model, and the subject is"),
    ],
)
def test_bad_arguments_of_the_command(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert __main__.main(["audit", *arguments]) == 1
    assert said in capsys.readouterr().err


def test_the_page_names_every_column_and_all_it_may_be_called():
    page = (Path(__file__).parents[2] / "docs" / "audit_questions.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([a-z_, ]+) \|", page, re.MULTILINE)
    named = {name: tuple(others.split(", ")) for name, others in rows}
    expected = {name: aliases[1:] for name, aliases in questions.ALIASES.items()}
    assert named == expected | {"answer": tuple(a for a in expected["answer"] if a != "answerkey")}


def test_the_examples_of_the_page_can_be_read(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "audit_questions.md").read_text(encoding="utf-8")
    table, lines = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    lima, zinc = read_questions(written(tmp_path, table, "exam.csv"))
    assert (lima.answer, zinc.answer, zinc.options) == ("Lima", "zinc", ("zinc", "helium"))
    assert answers(written(tmp_path, lines)) == ["Lima"]
