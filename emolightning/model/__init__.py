"""Emotion-LLaMA: vision tower, projections, language model with LoRA."""
