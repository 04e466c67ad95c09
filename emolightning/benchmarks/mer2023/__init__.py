"""MER2023: three evaluation sets of one challenge, SEMI, MULTI and NOISE."""
