"""Questions to language models on OpenAI-compatible servers."""
