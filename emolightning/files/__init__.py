"""Files: written whole or not at all, read as plain data, named in one form."""
