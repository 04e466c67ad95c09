"""Memory, time and cost, worked out before a run."""
