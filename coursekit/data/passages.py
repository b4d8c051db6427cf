"""Passages that a model trained on the web has read many times, and sentences it cannot have read.

The famous ones are openings, and one monologue, in the public domain, or a text made to be copied;
each is quoted on a great many pages. The fresh ones were written for this course. Neither tells
where a model's text came from; together they show whether it has read what everybody quotes.
"""

from __future__ import annotations

FAMOUS = {
    "Genesis, King James Version": "In the beginning God created the heaven and the earth. And the "
    "earth was without form, and void; and darkness was upon the face of the deep. And the Spirit "
    "of God moved upon the face of the waters.",
    "Shakespeare, Hamlet": "To be, or not to be, that is the question: Whether 'tis nobler in the "
    "mind to suffer the slings and arrows of outrageous fortune, or to take arms against a sea of "
    "troubles",
    "Austen, Pride and Prejudice": "It is a truth universally acknowledged, that a single man in "
    "possession of a good fortune, must be in want of a wife.",
    "Dickens, A Tale of Two Cities": "It was the best of times, it was the worst of times, it was "
    "the age of wisdom, it was the age of foolishness, it was the epoch of belief, it was the "
    "epoch of incredulity",
    "Declaration of Independence": "When in the Course of human events, it becomes necessary for "
    "one people to dissolve the political bands which have connected them with another, and to "
    "assume among the powers of the earth, the separate and equal station",
    "Constitution of the United States": "We the People of the United States, in Order to form a "
    "more perfect Union, establish Justice, insure domestic Tranquility, provide for the common "
    "defence, promote the general Welfare, and secure the Blessings of Liberty",
    "Lincoln at Gettysburg": "Four score and seven years ago our fathers brought forth on this "
    "continent, a new nation, conceived in Liberty, and dedicated to the proposition that all men "
    "are created equal.",
    "Lorem ipsum": "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor "
    "incididunt ut labore et dolore magna aliqua. Ut enim ad minim veniam, quis nostrud "
    "exercitation ullamco laboris",
}

FRESH = (
    "The learner slides a confidence for each question, and sees a diagram whose points would lie "
    "on the diagonal if every answer had been stated as honestly as it was given.",
    "Ten samples of one answer mostly begin alike, so a model that is sure of what it says costs "
    "little more for ten answers than it does for a single one.",
    "Where the meadow ends, a row of crooked poplars keeps the wind away from the beehives, and "
    "the old ferryman hangs his three blue lanterns on the last of them.",
    "My aunt's parrot learned the timetable of the night buses by heart, and on Sundays it would "
    "announce, in a solemn voice, departures that had been cancelled years before.",
    "Nobody had told the apprentice that the green clock ran backwards, so for a whole winter he "
    "came home an hour before he left and wondered about the cold soup.",
    "Between two rehearsals the bassoonist mends umbrellas, which are brought to her from all over "
    "the harbour because she never asks how they were broken.",
    "Our survey counted every staircase of the town that leads to a door nobody opens, and found "
    "more of them near the tannery than anybody had expected.",
    "If the second kettle whistles before the first, the cook adds a spoonful of barley to the pot "
    "and says the name of the lighthouse keeper's daughter twice.",
)
