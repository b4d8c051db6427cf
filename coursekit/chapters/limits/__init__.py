"""Notebook 17 Limits: what it checks, draws and moves."""
