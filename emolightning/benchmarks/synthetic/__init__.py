"""The built-in benchmark: rendered faces, voices and words with known ceilings."""
