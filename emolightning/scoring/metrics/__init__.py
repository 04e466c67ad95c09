"""Metrics from counts and lists."""
