"""Notebook 16 Safety: what it checks, draws and moves."""
