"""The words: sentences of three families. The emotion word itself never occurs."""

import numpy as np

TEMPLATES = {
    "plain": (
        "I will meet {name} at the {place} {time}.",
        "{name} said the {place} opens {time}, so we go there.",
        "We are going to the {place} with {name} {time}.",
        "You can find {name} at the {place} {time}.",
        "Tell {name} that I am at the {place} {time}.",
        "The keys for the {place} are with {name} {time}.",
        "{name} works at the {place} {time}, as always.",
        "Please bring the papers to {name} at the {place} {time}.",
        "It is the usual way to the {place}, {name} knows it.",
        "{name} and I have a seat at the {place} {time}.",
    ),
    "loss": (
        "{name} is gone, and the {place} is empty {time}.",
        "We had to say goodbye to {name} at the {place} {time}.",
        "I miss {name} so much, even at the {place}.",
        "They are closing the {place} for good, {name} is leaving {time}.",
        "{name} did not make it, they told me at the {place} {time}.",
        "Nothing is left of the {place}, and {name} will not come back.",
        "I lost the ring of {name} at the {place} {time}.",
        "Without {name} I cannot go to the {place} anymore.",
        "The last time I saw {name} was at the {place} {time}.",
        "{name} died, and I was not at the {place} {time}.",
    ),
    "unexpected": (
        "I never thought {name} would be at the {place} {time}!",
        "Wait, what is {name} doing at the {place} {time}?",
        "Suddenly {name} stood in front of me at the {place} {time}!",
        "What, {name} bought the whole {place} {time}?",
        "Who could have known that {name} owns the {place}?",
        "How did {name} get into the {place} {time}?",
        "All at once the lights in the {place} went out, {name}!",
        "Is that really {name} over there at the {place}?",
        "Nobody told me that {name} comes to the {place} {time}!",
        "Out of nowhere {name} called me from the {place} {time}!",
    ),
}
NAMES = ("Anna", "Ben", "Clara", "David", "Emma", "Felix", "Grace", "Henry", "Ivy", "Jack", "Lena", "Max")
PLACES = ("station", "school", "hospital", "market", "library", "theatre", "harbour", "office")
TIMES = ("today", "tonight", "this morning", "at noon", "after work", "on Sunday", "next week", "at seven")


def write_transcript(words: str, rng: np.random.Generator) -> str:
    """One sentence of the family `words` (`plain`, `loss` or `unexpected`), slots filled at random."""
    template = str(rng.choice(TEMPLATES[words]))
    return template.format(name=rng.choice(NAMES), place=rng.choice(PLACES), time=rng.choice(TIMES))
