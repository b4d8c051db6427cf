"""Notebook 14 Applications: what it checks, draws and moves."""
