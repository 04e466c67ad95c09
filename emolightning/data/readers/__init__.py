"""Tables and files to clips."""
