"""Recorded values of the released code against this model: a golden folder recomputed, quantity by quantity."""
