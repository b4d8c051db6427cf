"""Notebook 02 Positional encoding: what it checks, draws and moves."""
