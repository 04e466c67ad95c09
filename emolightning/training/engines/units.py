"""Units of DeepSpeed settings."""

NUMBERS_OF_MB = 250_000
"""`trainer.strategy.bucket_mb` counts megabytes of float32, DeepSpeed numbers."""
