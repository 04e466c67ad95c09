"""Checkpoints, written whole."""
