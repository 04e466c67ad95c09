"""Signals that end a run in order."""
