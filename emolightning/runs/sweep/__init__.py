"""Sweeps of W&B files without a network."""
