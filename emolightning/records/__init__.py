"""What the rooms hand each other: clips, examples, batches, answers, scores, labels."""
