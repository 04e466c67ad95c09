"""Whole runs, assembled and carried through: train, evaluate, score, sweep."""
