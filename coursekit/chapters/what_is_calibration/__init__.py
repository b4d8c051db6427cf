"""Notebook 07 What is calibration: what it checks, draws and moves."""
