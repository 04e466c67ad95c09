"""A chat model on an OpenAI-compatible server: it answers, and is never trained here."""
