"""The Emotion-LLaMA-v2 family."""
