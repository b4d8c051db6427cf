"""Notebook 12 Multiple choice: what it checks, draws and moves."""
