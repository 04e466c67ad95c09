"""Scores with definitions: pure functions, and the torchmetrics objects that collect for them."""
