"""OV-MERD+: any number of emotion words for each clip."""
