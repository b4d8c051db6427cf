"""Notebook 11 Next-token calibration: what it checks and draws."""
