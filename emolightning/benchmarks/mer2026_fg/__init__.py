"""MER2026-FG: any number of emotion words for each clip."""
