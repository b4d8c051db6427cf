"""Notebook 01 Tokenization: what it checks, draws and moves."""
