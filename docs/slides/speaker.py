"""What the speaker reads: where the lecture should be by now, what to ask, what to see."""

from __future__ import annotations

import html

from wording import ENGLISH, Words, minutes

from slides.outline import Slide

DEFAULT_MINUTES = 60


def minutes_of(slides: list[Slide]) -> int:
    """The time that the notebook says it takes."""
    text = " ".join(note for slide in slides[:2] for note in slide.notes)
    return minutes(text) or DEFAULT_MINUTES


def notes_of(slides: list[Slide], words: Words = ENGLISH) -> list[str]:
    """The notes of each slide, as HTML. The clock shares the notebook's time out by weight."""
    total, weight = minutes_of(slides), sum(slide.minutes for slide in slides)
    before, pages = 0.0, []
    for slide in slides:
        minute = round(total * before / weight)
        clock = words.minute.format(now=minute, all=total)
        lines = [f"<p><strong>{clock}</strong></p>"]
        for piece in slide.pieces:
            lines += [f"<p>{html.escape(words.ask.format(text=text))}</p>" for text in piece.ask]
            lines += [f"<p>{html.escape(words.see.format(text=text))}</p>" for text in piece.see]
        lines += [f"<p>{html.escape(_plain(note))}</p>" for note in slide.notes]
        pages.append("".join(lines))
        before += slide.minutes
    return pages


def _plain(text: str) -> str:
    return " ".join(text.replace("**", "").split())
