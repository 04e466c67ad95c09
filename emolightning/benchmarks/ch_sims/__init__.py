"""CH-SIMS and CH-SIMS v2: sentiment in Chinese films and talks."""
