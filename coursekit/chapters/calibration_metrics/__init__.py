"""Notebook 08 Calibration metrics: what it checks, draws and moves."""
