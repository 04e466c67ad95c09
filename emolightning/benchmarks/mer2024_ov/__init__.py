"""MER2024-OV: any number of emotion words for each clip."""
