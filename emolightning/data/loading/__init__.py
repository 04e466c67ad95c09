"""Clips to batches: examples, samplers, the data module."""
