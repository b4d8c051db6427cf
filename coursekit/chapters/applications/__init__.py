"""Notebook 15 Applications: what it checks, draws and moves."""
