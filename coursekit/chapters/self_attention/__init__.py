"""Notebook 03 Self-attention: what it checks, draws and moves."""
