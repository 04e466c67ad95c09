"""The Emotion-LLaMA family."""
