"""What an evaluation does otherwise than the training of its weights, though nobody may have asked for it.

A dataset that is chosen anew brings its own labels and its own choice of frames. `data=custom` has none of its own and
takes those of the run; a benchmark keeps its official ones, and the difference is said.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from emolightning.data.loading.datamodule import ClipDataModule
from emolightning.errors import quoted_override
from emolightning.records.labels import vocabulary


def training_differences(trained: Mapping[str, Any], data: ClipDataModule) -> list[str]:
    """One sentence for each difference, with what to type.

    Args:
        trained: labels, offered labels and frame of the run, as far as they are known.
        data: that are evaluated.
    """
    return list(_differences(trained, data))


def _differences(trained: Mapping[str, Any], data: ClipDataModule) -> Iterator[str]:
    labels = vocabulary(trained["labels"]) if trained.get("labels") else data.labels
    offered = trained.get("offered") or data.offered
    if set(labels) != set(data.labels):
        yield (
            f"labels: {', '.join(data.labels)} here, {', '.join(labels)} in training; "
            f"{quoted_override('data.labels', list(labels))} takes those of the training"
        )
    elif list(offered) != list(data.offered):
        yield (
            f"the question offers {', '.join(data.offered)}, and in training offered {', '.join(offered)}; "
            f"{quoted_override('prompt.labels', list(offered))} asks as in training"
        )
    frame = str(trained.get("frame") or data.frame)
    if "image" in data.inputs and frame != data.frame:
        word = quoted_override("data.frame", frame)
        yield f"frames: {data.frame} here, {frame} in training; {word} takes those of the training"
