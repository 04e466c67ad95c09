"""Which labels are trained, offered in the question, and evaluated: a difference decides scores before training does.

MERR's coarse part has no neutral clip, but the question offers neutral and the benchmarks contain it: a public
reproduction found 8 of 166 neutral clips (Emotion-LLaMA issue #66).
"""

from collections.abc import Collection, Mapping


def coverage_warnings(
    classes: Mapping[str, Mapping[str, int]], *, vocabulary: Collection[str], offered: Collection[str]
) -> list[str]:
    """One sentence for each kind of difference.

    Args:
        classes: split -> label -> number of clips.
        vocabulary: the labels that answers are read and scored with.
        offered: the labels named in the question.

    >>> coverage_warnings({"train": {"sad": 2}, "val": {"sad": 1, "neutral": 1}}, vocabulary=["sad", "neutral"],
    ...     offered=["sad", "neutral"])
    ['never in training but in val: neutral (1 clip); the model cannot learn to answer it']
    """
    trained = {label for label, count in classes.get("train", {}).items() if count}
    if not trained:
        return []
    warnings = []
    for split in ("val", "test"):
        counts = {label: n for label, n in classes.get(split, {}).items() if n and label not in trained}
        if counts:
            named = ", ".join(f"{label} ({n} clip{'s' if n > 1 else ''})" for label, n in counts.items())
            warnings.append(f"never in training but in {split}: {named}; the model cannot learn to answer it")
        missing = [label for label in vocabulary if label in trained and not classes.get(split, {}).get(label)]
        if missing and any(classes.get(split, {}).values()):
            warnings.append(
                f"in training but never in {split}: {', '.join(missing)}; scores of {split} say nothing about it"
            )
    unseen = [label for label in offered if label not in trained]
    if unseen:
        warnings.append(
            f"offered in the question but never in training: {', '.join(unseen)}; "
            "a model trained like this will hardly ever answer them"
        )
    hidden = [label for label in vocabulary if label in trained and label not in offered]
    if hidden:
        warnings.append(f"trained but not offered in the question: {', '.join(hidden)}; see prompt.labels")
    return warnings
