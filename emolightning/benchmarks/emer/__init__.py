"""EMER: descriptions of emotion, graded by a judge."""
