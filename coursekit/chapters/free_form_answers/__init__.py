"""Notebook 13 Free-form answers: what it checks, draws and moves."""
