"""DFEW: five official folds."""
