"""Notebook 16 Audit your model: what it checks and moves."""
