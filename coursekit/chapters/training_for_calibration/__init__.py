"""Notebook 18 Training for calibration: what it checks, draws and trains."""
