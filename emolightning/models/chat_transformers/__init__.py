"""A chat model from a Hugging Face folder: it answers as it is, and learns by adapters."""
