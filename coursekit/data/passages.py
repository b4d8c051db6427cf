"""Passages that everybody quotes, and others that differ from them in one thing.

`FAMOUS` are twelve passages in the public domain that stand on a great many pages. Under the same
names, and of about the same length, are three controls: `SAME_AUTHOR`, a passage that is seldom
quoted, mostly out of the same book; `IMITATED`, written for this course in the same register, of
ordinary things; and `REWORDED`, what the famous passage says, in other words.

`ODD` and `PLAIN` are pairs of sentences, all written for this course: the odd ones tell of strange
things, and each has a plain twin that is built alike. Nobody quotes either; what they differ in is
oddness alone.
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
    "Jefferson, Declaration of Independence": "When in the Course of human events, it becomes "
    "necessary for one people to dissolve the political bands which have connected them with "
    "another, and to assume among the powers of the earth, the separate and equal station",
    "Constitution of the United States": "We the People of the United States, in Order to form a "
    "more perfect Union, establish Justice, insure domestic Tranquility, provide for the common "
    "defence, promote the general Welfare, and secure the Blessings of Liberty",
    "Lincoln at Gettysburg": "Four score and seven years ago our fathers brought forth on this "
    "continent, a new nation, conceived in Liberty, and dedicated to the proposition that all men "
    "are created equal.",
    "Melville, Moby-Dick": "Call me Ishmael. Some years ago, never mind how long precisely, having "
    "little or no money in my purse, and nothing particular to interest me on shore, I thought I "
    "would sail about a little and see the watery part of the world.",
    "Carroll, Alice in Wonderland": "Alice was beginning to get very tired of sitting by her "
    "sister on the bank, and of having nothing to do: once or twice she had peeped into the book "
    "her sister was reading, but it had no pictures or conversations in it",
    "Doyle, Sherlock Holmes": "To Sherlock Holmes she is always the woman. I have seldom heard him "
    "mention her under any other name. In his eyes she eclipses and predominates the whole of her "
    "sex.",
    "Dickens, A Christmas Carol": "Marley was dead: to begin with. There is no doubt whatever "
    "about that. The register of his burial was signed by the clergyman, the clerk, the "
    "undertaker, and the chief mourner.",
    "Thoreau, Walden": "I went to the woods because I wished to live deliberately, to front only "
    "the essential facts of life, and see if I could not learn what it had to teach, and not, when "
    "I came to die, discover that I had not lived.",
}

SAME_AUTHOR = {
    "Genesis, King James Version": "And the servant took ten camels of the camels of his master, "
    "and departed; for all the goods of his master were in his hand: and he arose, and went to "
    "Mesopotamia, unto the city of Nahor.",
    "Shakespeare, Hamlet": "Give him this money and these notes, Reynaldo. You shall do marvellous "
    "wisely, good Reynaldo, before you visit him, to make inquire of his behaviour.",
    "Austen, Pride and Prejudice": "The dinner was exceedingly handsome, and there were all the "
    "servants and all the articles of plate which Mr. Collins had promised",
    "Dickens, A Tale of Two Cities": "The wine-shop was a corner shop, better than most others in "
    "its appearance and degree, and the master of the wine-shop had stood outside it, in a yellow "
    "waistcoat and green breeches, looking on at the struggle for the lost wine.",
    "Jefferson, Declaration of Independence": "My father's education had been quite neglected; but "
    "being of a strong mind, sound judgment, and eager after information, he read much and "
    "improved himself",
    "Constitution of the United States": "No vessel of war shall be kept up in time of peace by "
    "any State, except such number only, as shall be deemed necessary by the United States in "
    "Congress assembled, for the defence of such State, or its trade",
    "Lincoln at Gettysburg": "Since your last annual assembling another year of health and "
    "bountiful harvests has passed, and while it has not pleased the Almighty to bless us with a "
    "return of peace, we can but press on",
    "Melville, Moby-Dick": "It was a cloudy, sultry afternoon; the seamen were lazily lounging "
    "about the decks, or vacantly gazing over into the lead-coloured waters. Queequeg and I were "
    "mildly employed weaving what is called a sword-mat, for an additional lashing to our boat.",
    "Carroll, Alice in Wonderland": "She ate a little bit, and said anxiously to herself, Which "
    "way? Which way?, holding her hand on the top of her head to feel which way it was growing, "
    "and she was quite surprised to find that she remained the same size",
    "Doyle, Sherlock Holmes": "One morning, at a little before seven o'clock, I was awakened by "
    "the maid tapping at the door to announce that two men had come from Paddington and were "
    "waiting in the consulting-room.",
    "Dickens, A Christmas Carol": "The noise in this room was perfectly tumultuous, for there were "
    "more children there, than Scrooge in his agitated state of mind could count",
    "Thoreau, Walden": "Before I finished my house, wishing to earn ten or twelve dollars by some "
    "honest and agreeable method, in order to meet my unusual expenses, I planted about two acres "
    "and a half of light and sandy soil near it chiefly with beans",
}

IMITATED = {
    "Genesis, King James Version": "And the men of the valley gathered the stones of the field, "
    "and built a fold for the flocks; and the walls thereof were low, and the gate was toward the "
    "river. And the eldest of them kept the gate by night.",
    "Shakespeare, Hamlet": "Good cousin, bear this letter to the duke, and say I keep my chamber "
    "with a fever; and if he ask what physic I have taken, tell him the surgeon hath ridden to the "
    "coast",
    "Austen, Pride and Prejudice": "It was the opinion of all the neighbourhood, that a young lady "
    "with so little conversation, and so many brothers, would be fortunate to settle near home.",
    "Dickens, A Tale of Two Cities": "The coach was late that evening, the horses were weary from "
    "the hill, the road was deep in mud, the lamps were hardly burning, the passengers were "
    "silent, the guard was out of humour",
    "Jefferson, Declaration of Independence": "Whenever in the management of a parish it is found "
    "needful for the householders to repair the roads which have fallen into decay, and to levy "
    "upon the owners of the several farms, a moderate and equal charge",
    "Constitution of the United States": "The Trustees shall meet on the first Monday of March in "
    "every Year, and shall choose from among their Number a Clerk, who shall keep the Books, "
    "receive the Rents, and publish an Account of the Expences of the School",
    "Lincoln at Gettysburg": "Some thirty winters past the settlers of our county raised upon this "
    "hill, a plain meeting house, built of timber, and given over to the purpose that every family "
    "should have a seat.",
    "Melville, Moby-Dick": "Our mate was a Nantucket man. For two winters he had kept a small shop "
    "upon the wharf, selling rope and tallow to the coasting trade, and growing each month more "
    "weary of the counter and of the dry land.",
    "Carroll, Alice in Wonderland": "Margaret had been sent to fetch the kettle from the kitchen, "
    "but the cat was asleep upon the stairs: she thought it would be rude to step over him, and "
    "she did not quite like to wake him",
    "Doyle, Sherlock Holmes": "My colleague made no remark upon the telegram until we had left the "
    "station. I had rarely known him so silent upon a journey. He sat with his hat across his "
    "knees and studied the carriage window.",
    "Dickens, A Christmas Carol": "The shop was shut, it being Saturday. Nobody in the street "
    "remarked upon it. The shutters had been put up by the apprentice, the porter, the carrier's "
    "boy, and a neighbour.",
    "Thoreau, Walden": "I walked to the mill in the second week of October, since the path was dry "
    "and the leaves were not yet down, and stayed until the miller had finished his grinding, and "
    "carried home a sack of meal upon my shoulder.",
}

REWORDED = {
    "Genesis, King James Version": "At the start God made the sky and the land. The land had no "
    "shape and was empty; it was dark over the surface of the sea. And God's Spirit passed over "
    "the top of the water.",
    "Shakespeare, Hamlet": "To live or not to live, that is what I must ask: Is it finer for the "
    "soul to bear the stones and darts of a cruel fate, or to arm oneself against an ocean of woes",
    "Austen, Pride and Prejudice": "Everybody in the world agrees on one fact, that an unmarried "
    "man who has a large income must surely be looking for somebody to marry.",
    "Dickens, A Tale of Two Cities": "Those were the finest days, those were the poorest days, "
    "that was the era of good sense, that was the era of folly, that was the period of faith, that "
    "was the period of doubt",
    "Jefferson, Declaration of Independence": "If at some time in history one nation finds that it "
    "must break the legal ties that have joined it to a different nation, and must take its own "
    "and equal place among the states of the world",
    "Constitution of the United States": "We, the Citizens of the American States, so that we may "
    "build a better Union, set up Courts, keep the Peace at Home, pay for our shared Protection, "
    "further the Good of all, and hold fast the Gifts of Freedom",
    "Lincoln at Gettysburg": "Eighty-seven years in the past our ancestors founded in this land, a "
    "country that had not been before, born in Freedom, and pledged to the idea that every man is "
    "made the equal of every other.",
    "Melville, Moby-Dick": "My name is Ishmael. A few years back, no matter just how many, with "
    "hardly any cash in my pocket, and no great reason to stay on land, I decided to go to sea for "
    "a time and look at the part of the earth that is wet.",
    "Carroll, Alice in Wonderland": "Alice had started to feel bored with resting next to her "
    "sister by the river, and with being idle: she had looked now and then into the book that her "
    "sister had, but there were no images or dialogues in it",
    "Doyle, Sherlock Holmes": "For Sherlock Holmes there is only one woman. He has hardly ever "
    "called her anything else in my hearing. As he sees it she outshines and overshadows every "
    "other lady.",
    "Dickens, A Christmas Carol": "To start with, Marley had died. One cannot question that at "
    "all. The entry of his funeral bore the names of the priest, the secretary, the man who dug "
    "the grave, and the first of those who grieved.",
    "Thoreau, Walden": "I moved to the forest since I wanted to live with purpose, to face just "
    "the bare truths of existence, and find out whether I might grasp its lessons, rather than "
    "learn, at the hour of my death, that I had never been alive.",
}

ODD = (
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
    "The postman's umbrella only opened when it was asked in Latin, so the letters of the lower "
    "town arrived wet and the dictionary of the priest was borrowed every morning.",
    "At noon the three geese of the notary walk to the bridge in single file, and the baker sets "
    "his oven by them, except on days when the eldest is reading.",
)

PLAIN = (
    "Where the meadow ends, a row of tall poplars keeps the wind away from the houses, and the old "
    "farmer leaves his tools in the shade of the last of them.",
    "My aunt's neighbour learned the timetable of the night buses by heart, and on Sundays he "
    "would explain, in a friendly voice, which of them had been cancelled for the day.",
    "Nobody had told the apprentice that the kitchen clock ran slow, so for a whole week he came "
    "home an hour after dinner and complained about the cold soup.",
    "Between two rehearsals the violinist teaches beginners, who are sent to her from all over the "
    "city because she never asks how much they have practised.",
    "Our survey counted every household of the town that owns a car nobody drives, and found more "
    "of them near the station than anybody had expected.",
    "If the second pan boils before the first, the cook adds a spoonful of salt to the water and "
    "turns the heat down until both of them are ready.",
    "The postman's umbrella only opened when it was shaken twice, so the letters of the lower town "
    "arrived wet and the hallway of the office was mopped every morning.",
    "At noon the three clerks of the notary walk to the bridge for their lunch, and the baker "
    "keeps a table free for them, except on days when the weather is bad.",
)
