"""W&B sweep files run on this machine without a server: search, trials as fresh processes, early stops, a page."""
