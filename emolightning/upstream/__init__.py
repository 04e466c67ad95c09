"""Upstream's file formats: Emotion-LLaMA's checkpoints and EVA-CLIP-g in, and out again."""
