"""Answers of several systems: read, put together, and made into labels."""
