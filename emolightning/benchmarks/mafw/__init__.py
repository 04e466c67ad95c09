"""MAFW: films in eleven classes, five official folds."""
