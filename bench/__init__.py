"""Measurements: each file is a command of its own, and README.md says how to read them."""
