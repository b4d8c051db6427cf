"""Notebook 06 Generation: what it checks, draws and moves."""
