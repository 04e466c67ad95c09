"""Inputs made worse or left without content, to see how much an answer relies on them."""
