"""MER2024: the two tracks with one label a clip, SEMI and NOISE."""
