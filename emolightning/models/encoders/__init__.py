"""Encoders: sound, frames or text of a clip to vectors, as the published features were made."""
