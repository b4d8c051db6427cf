"""Notebook 10 Calibration methods: what it checks and draws."""
