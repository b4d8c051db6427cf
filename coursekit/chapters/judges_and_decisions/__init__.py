"""Notebook 19 Judges and decisions: what it checks, draws and moves."""
