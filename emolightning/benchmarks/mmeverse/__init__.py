"""MMEVerse."""
