"""Notebook 00 Start here: what it checks and moves."""
