"""The AffectGPT family: pooled tokens of faces, frames and sound before a Qwen, and Light-MER."""
