"""EmoLightning: train and evaluate Emotion-LLaMA. Importing this package imports nothing heavy."""

__version__ = "0.1.0"
