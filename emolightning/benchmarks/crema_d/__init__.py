"""CREMA-D: 91 actors say twelve sentences in six emotions."""
