"""Which parameters learn, by which rule, how fast."""
