"""Notebook 15 Safety and limits: what it checks, draws and moves."""
