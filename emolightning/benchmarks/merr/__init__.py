"""MERR: upstream's coarse and fine captions for training."""
