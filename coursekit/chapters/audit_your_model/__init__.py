"""Notebook 20 Audit your model: what it checks and moves."""
