"""Notebook 09 Bias and variance: what it checks, draws and moves."""
