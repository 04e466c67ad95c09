"""Aff-Wild2: films of the web, an expression, valence and arousal of each frame."""
