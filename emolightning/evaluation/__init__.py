"""Answers to files, files to scores, scores to tables."""
