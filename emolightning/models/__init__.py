"""Model families, their parts, and their sizes."""
