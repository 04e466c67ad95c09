"""A dataset in its own files becomes a folder of clips with one table, or files of other training programs."""
