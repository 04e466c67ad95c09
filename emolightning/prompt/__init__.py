"""Pieces of a prompt and their encoding."""
