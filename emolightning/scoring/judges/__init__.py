"""Judges that grade a description."""
