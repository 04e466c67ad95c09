"""From annotation files and clips to batches."""
