"""Where numbers go: CSV, W&B, TensorBoard."""
