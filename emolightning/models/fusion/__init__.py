"""Fusion networks on feature vectors: the classifiers of MER2023, MERBench and MER2024."""
