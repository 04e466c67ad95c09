"""What an evaluation does otherwise than the training of its weights, though nobody may have asked for it.

A dataset that is chosen anew brings its own labels and its own choice of frames. `data=custom` has none of its own and
takes those of the run; a benchmark keeps its official ones, and the difference is said.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from emolightning.data.loading.corpus import Corpus
from emolightning.errors import quoted_override
from emolightning.records.labels import vocabulary


def training_differences(trained: Mapping[str, Any], corpus: Corpus) -> list[str]:
    """One sentence for each difference, with what to type.

    Args:
        trained: labels, offered labels and frame of the run, as far as they are known.
        corpus: what is evaluated.
    """
    return list(_differences(trained, corpus))


def _differences(trained: Mapping[str, Any], corpus: Corpus) -> Iterator[str]:
    own, asked, seen = corpus.source.labels, corpus.questions.offered, str(corpus.reading.frame)
    labels = vocabulary(trained["labels"]) if trained.get("labels") else own
    offered = trained.get("offered") or asked
    if set(labels) != set(own):
        yield (
            f"labels: {', '.join(own)} here, {', '.join(labels)} in training; "
            f"{quoted_override('data.labels', list(labels))} takes those of the training"
        )
    elif list(offered) != list(asked):
        yield (
            f"the question offers {', '.join(asked)}, and in training offered {', '.join(offered)}; "
            f"{quoted_override('prompt.labels', list(offered))} asks as in training"
        )
    frame = str(trained.get("frame") or seen)
    if corpus.num_frames and frame != seen:
        word = quoted_override("data.frame", frame)
        yield f"frames: {seen} here, {frame} in training; {word} takes those of the training"
