"""Notebook 14 Knowing when to be silent: what it checks, draws and moves."""
