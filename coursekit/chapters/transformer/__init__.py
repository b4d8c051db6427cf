"""Notebook 04 Transformer: what it checks, draws and moves."""
