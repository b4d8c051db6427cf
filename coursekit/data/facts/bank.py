"""A bank of 100 questions with two answers each, in ten rounds of ten.

Six of each ten come from tables (area, population, mass, capitals), four from general knowledge:
facts that every encyclopaedia has, from what most people know to what few do. Rounds are alike in
kind and in difficulty, so that answers from several of them may be put together.
"""

from __future__ import annotations

from coursekit.data.facts.pairs import quiz
from coursekit.data.ordering import hash_order
from coursekit.data.questions import Question

N_ROUNDS, ROUND = 10, 10

# Difficulty as we judge it, question, right answer, wrong answer.
GENERAL = (
    (0, "Which planet is closer to the Sun, Venus or Mars?", "Venus", "Mars"),
    (0, "Which planet is larger, Jupiter or Saturn?", "Jupiter", "Saturn"),
    (2, "Which planet has the larger diameter, Uranus or Neptune?", "Uranus", "Neptune"),
    (2, "Which moon is larger, Titan or Ganymede?", "Ganymede", "Titan"),
    (1, "Which ocean is larger, the Atlantic or the Indian Ocean?", "Atlantic", "Indian Ocean"),
    (1, "Which river is longer, the Danube or the Rhine?", "Danube", "Rhine"),
    (0, "Which mountain is higher, Kilimanjaro or Mont Blanc?", "Kilimanjaro", "Mont Blanc"),
    (2, "Which mountain is higher, K2 or Kangchenjunga?", "K2", "Kangchenjunga"),
    (1, "Which poem is older, the Iliad or the Aeneid?", "Iliad", "Aeneid"),
    (1, "Who was born first, Mozart or Beethoven?", "Mozart", "Beethoven"),
    (2, "Who was born first, Bach or Haydn?", "Bach", "Haydn"),
    (0, "Who was born first, Darwin or Newton?", "Newton", "Darwin"),
    (1, "Who was born first, Gauss or Euler?", "Euler", "Gauss"),
    (2, "Who was born first, Galileo or Kepler?", "Galileo", "Kepler"),
    (1, "Who was the teacher of the other, Plato or Aristotle?", "Plato", "Aristotle"),
    (
        1,
        "Which came first, the French Revolution or the American Declaration of Independence?",
        "the American Declaration of Independence",
        "the French Revolution",
    ),
    (
        2,
        "Which came first, the Bible of Gutenberg or the first voyage of Columbus?",
        "the Bible of Gutenberg",
        "the first voyage of Columbus",
    ),
    (0, "Which was invented first, the telephone or the telegraph?", "telegraph", "telephone"),
    (1, "Which boils at a lower temperature, water or ethanol?", "ethanol", "water"),
    (0, "Which metal melts at a lower temperature, lead or iron?", "lead", "iron"),
    (2, "Which metal melts at a lower temperature, gold or copper?", "gold", "copper"),
    (0, "Which travels faster, light or sound?", "light", "sound"),
    (1, "Where does sound travel faster, in water or in air?", "in water", "in air"),
    (1, "Which of the two is a prime number, 91 or 97?", "97", "91"),
    (2, "Which fraction is larger, 3/7 or 4/9?", "4/9", "3/7"),
    (1, "How many sides has a dodecagon, 10 or 12?", "12", "10"),
    (0, "What is a spider, an insect or an arachnid?", "an arachnid", "an insect"),
    (0, "Which of the two is a mammal, the dolphin or the shark?", "dolphin", "shark"),
    (1, "How many bones has an adult, about 206 or about 306?", "about 206", "about 306"),
    (0, "What is there more of in the air, nitrogen or oxygen?", "nitrogen", "oxygen"),
    (2, "Which city lies farther north, Rome or New York?", "Rome", "New York"),
    (1, "Which city lies farther north, London or Berlin?", "Berlin", "London"),
    (2, "Which city lies farther east, Lima or New York?", "New York", "Lima"),
    (2, "Which city lies farther south, Buenos Aires or Cape Town?", "Buenos Aires", "Cape Town"),
    (1, "Which language is closer to Finnish, Estonian or Swedish?", "Estonian", "Swedish"),
    (1, "Which solid has more faces, the cube or the octahedron?", "octahedron", "cube"),
    (0, "Which has more strings, a violin or a usual guitar?", "guitar", "violin"),
    (2, "Who wrote Don Quixote, Cervantes or Lope de Vega?", "Cervantes", "Lope de Vega"),
    (2, "Who painted The Night Watch, Rembrandt or Vermeer?", "Rembrandt", "Vermeer"),
    (
        2,
        "Which empire ended first, the Western Roman or the Byzantine?",
        "Western Roman",
        "Byzantine",
    ),
)


def question_bank() -> list[Question]:
    """Return 100 questions, two answers each; every ten of them are a round of even difficulty.

    Example:
        >>> bank = question_bank()
        >>> len(bank), len({question.question for question in bank})
        (100, 100)
    """
    tables = sorted(quiz(0, 60), key=lambda q: (q.kind, q.difficulty or 0))
    general = sorted((_general(*row) for row in GENERAL), key=lambda q: q.difficulty or 0)
    bank = []
    for number in range(N_ROUNDS):  # every tenth of what is sorted by difficulty
        dealt = [*tables[number::N_ROUNDS], *general[number::N_ROUNDS]]
        bank += hash_order(dealt, "round", number, name=lambda question: question.question)
    return bank


def _general(difficulty: int, question: str, right: str, wrong: str) -> Question:
    options = hash_order([right, wrong], "options", 0, name=lambda option: question + option)
    return Question(
        kind="general",
        key=question,
        subject=question,
        question=question,
        answer=right,
        options=tuple(options),
        correct=options.index(right),
        group="general",
        source="general knowledge",
        difficulty=float(difficulty),
    )
