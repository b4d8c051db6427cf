"""Lectures made of notebooks: `outline` cuts, `speaker` writes notes, `decks` writes pages."""
