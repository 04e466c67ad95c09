"""What is computed once per clip and kept: features, cached arrays, what the frozen tower saw."""
