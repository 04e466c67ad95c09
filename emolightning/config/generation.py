"""How answers are generated: the one list of these settings."""

from dataclasses import dataclass


@dataclass
class EvaluationSettings:
    """How answers are generated."""

    max_new_tokens: int = 16
    """Longest answer, in tokens."""
    num_beams: int = 1
    """Beams of the search; 1 is greedy."""
    do_sample: bool = False
    """Draw tokens instead of taking the likeliest; each clip with a seed of its own."""
    temperature: float = 1.0
    """Temperature of sampling."""
    top_p: float = 1.0
    """Sampling draws from the smallest set of tokens with this probability."""
    repetition_penalty: float = 1.0
    """Above 1 lowers tokens that the answer has already."""
    length_penalty: float = 1.0
    """Beam search prefers longer answers where this is above 0."""
