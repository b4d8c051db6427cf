"""The words that site, slides and assignments add to a notebook, in each language of the course."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nbformat import NotebookNode


@dataclass(frozen=True)
class Words:
    """What the builders say in a language, and how its notebooks write what every one of them has.

    Fields that end in `_mark` begin a paragraph of a notebook; those that end in `_pattern` are
    regular expressions with one group.
    """

    code: str  # of the language, as in the names of folders
    html: str  # as pages say it, `<html lang="...">`
    sphinx: str  # as Sphinx says it
    name: str  # of the language, in itself

    # What notebooks write
    aims_mark: str
    time_mark: str
    map_mark: str
    predict_mark: str
    stuck_mark: str
    part_pattern: str
    minutes_pattern: str
    question_pattern: str
    numerals: dict[str, str]  # from the notebook's number of a part to the Roman one

    # Site
    title: str
    summary: str
    authors: str
    licence: str
    parts: dict[str, str]
    more: str
    package: str
    widget: str
    slides: str
    read: str
    run: str
    source: str
    install: str

    # Slides
    decks: str
    decks_are: str
    vote: str
    how_probable: str
    collect: str
    move: str
    minute: str
    ask: str
    see: str


ENGLISH = Words(
    code="en",
    html="en",
    sphinx="en",
    name="English",
    aims_mark="**You will be able to**",
    time_mark="**Time",
    map_mark="**On the map",
    predict_mark="**Predict",
    stuck_mark="Stuck?",
    part_pattern=r"\bPart (I+)\b",
    minutes_pattern=r"\*\*Time:?\*\*:? about (\d+) minutes",
    question_pattern=r"(?:(?<=[.!?:] )|^)([A-Z][^.!?|]*\?)",
    numerals={"I": "I", "II": "II", "III": "III"},
    title="Large language model calibration",
    summary="From a string of text to a probability you can trust: notebooks that run on your "
    "laptop.",
    authors="the contributors",
    licence="; text and figures CC BY 4.0, code MIT",
    parts={
        "": "Start",
        "I": "Part I: a language model from scratch",
        "II": "Part II: calibration",
        "III": "Part III: a real language model",
    },
    more="For teachers and readers",
    package="The package",
    widget="The widget of this cell moves when you run the notebook.",
    slides="slides",
    read="*Read it here, see its {slides}, or run it on your own machine.*",
    run="*Run this notebook: {links}. {install} See its {slides}.*",
    source="source",
    install="In Colab, first run `{command}` in a cell of its own.",
    decks="Slides",
    decks_are="A lecture for each notebook. Space goes on, Esc shows all slides, S opens the "
    "speaker's view.",
    vote="Let everybody vote before you run the check; ask one voter of each option why.",
    how_probable="Before you see it: how probable is this?",
    collect="Collect probabilities from 0 to 1: “{statement}” Who is above one half, and why?",
    move="Run this cell in JupyterLab.",
    minute="Minute {now} of {all}.",
    ask="Ask: {text}",
    see="To see: {text}",
)

CHINESE = Words(
    code="zh",
    html="zh-CN",
    sphinx="zh_CN",
    name="简体中文",
    aims_mark="**学完之后，你能够**",
    time_mark="**时间",
    map_mark="**课程位置",
    predict_mark="**先预测",
    stuck_mark="卡住了？",
    part_pattern=r"第([一二三])部分",
    minutes_pattern=r"\*\*时间\*\*：约 (\d+) 分钟",
    question_pattern=r"(?:(?<=[。！？：])|^)\s*([^。！？：|]+？)",
    numerals={"一": "I", "二": "II", "三": "III"},
    title="大语言模型校准",
    summary="从一串文本，到可以信任的概率：在你的笔记本电脑上运行的课程。",
    authors="本课程的贡献者",
    licence="；文字与图采用 CC BY 4.0，代码采用 MIT 许可",
    parts={
        "": "开始",
        "I": "第一部分：从零搭一个模型",
        "II": "第二部分：校准",
        "III": "第三部分：真实的语言模型",
    },
    more="教师与读者",
    package="软件包",
    widget="运行笔记本时，这个单元格里的控件可以操作。",
    slides="幻灯片",
    read="可以在这里阅读，看{slides}，或在自己的机器上运行。",
    run="运行这一课：{links}。{install}也可以看{slides}。",
    source="源文件",
    install="在 Colab 里，先单独用一个单元格运行 `{command}`。",
    decks="幻灯片",
    decks_are="每一课都是一次讲座。按空格键前进，按 Esc 看全部幻灯片，按 S 打开演讲者视图。",
    vote="运行检查之前，先让每个人投票；每个选项各请一位投票的人说说理由。",
    how_probable="看结果之前：这句话有多大可能为真？",
    collect="收集 0 到 1 之间的概率：“{statement}”谁给的概率高于二分之一，为什么？",
    move="在 JupyterLab 里运行这个单元格。",
    minute="第 {now} 分钟，共 {all} 分钟。",
    ask="提问：{text}",
    see="看图：{text}",
)

LANGUAGES = {words.code: words for words in (ENGLISH, CHINESE)}


def words_of(notebook: NotebookNode) -> Words:
    """The words of the language in which a notebook is written, told by its first cell."""
    first = notebook.cells[0].source
    return CHINESE if CHINESE.map_mark in first else ENGLISH


def marks(name: str) -> tuple[str, ...]:
    """A mark in all languages, for `startswith`."""
    return tuple(getattr(words, f"{name}_mark") for words in LANGUAGES.values())


def minutes(text: str) -> int | None:
    """The time that a notebook says it takes, in minutes, or None if the text does not say it."""
    for words in LANGUAGES.values():
        if found := re.search(words.minutes_pattern, text):
            return int(found[1])
    return None


def switch(words: Words, elsewhere: str) -> str:
    """The link to the same page in the other language."""
    other = ENGLISH if words is CHINESE else CHINESE
    return (
        f'<a class="language-switch" href="{elsewhere}" hreflang="{other.html}" '
        f'lang="{other.html}">{other.name}</a>'
    )
