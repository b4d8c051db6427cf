"""Notebook 05 Maximum likelihood: what it checks, draws and moves."""
