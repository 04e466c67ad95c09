"""MELD: dialogues of a series."""
