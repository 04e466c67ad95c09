"""Weights of the released code, in and out."""
