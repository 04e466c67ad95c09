"""The published benchmarks: one folder each, and the scores that papers report."""
