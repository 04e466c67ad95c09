"""The recorded samples: upstream's instruction texts taken apart into what our prompt is made of."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parity.golden import INPUTS, SAMPLES, GoldenFolder
from torch import Tensor

from emolightning.errors import InputErrors, UserError
from emolightning.models.emotion_llama.inputs import FEATURES
from emolightning.records.clips import Clip, Example

_TEXT = re.compile(
    r"<video><VideoHere></video> <feature><FeatureHere></feature> The person in video says: (?P<transcript>.*)\.  "
    r"\[(?P<task>\w+)\] (?P<question>.*) ",
    flags=re.DOTALL,
)


@dataclass(frozen=True)
class Sample:
    """One recorded sample."""

    example: Example
    instruction_input: str
    """Upstream's text, markers included."""
    answer: str


def read_samples(golden: GoldenFolder) -> list[Sample]:
    """All samples with their images and feature vectors.

    Raises:
        UserError: the files do not belong together.
        InputErrors: samples that are not in upstream's form, all at once.
    """
    recorded, inputs = golden.json(SAMPLES), golden.tensors(INPUTS)
    if not isinstance(recorded, list) or not recorded:
        raise UserError(f"{golden.folder / SAMPLES}: is not a list of samples")
    images, features = inputs.get("image"), inputs.get("video_features")
    if images is None or features is None or images.ndim != 4 or features.ndim != 3:
        raise UserError(
            f"{golden.folder / INPUTS}: needs image (samples, 3, size, size) and video_features (samples, 3, width)"
        )
    if not len(recorded) == len(images) == len(features) or features.shape[1] != len(FEATURES):
        raise UserError(
            f"{golden.folder}: {len(recorded)} samples in {SAMPLES}, but in {INPUTS} image {tuple(images.shape)} and "
            f"video_features {tuple(features.shape)}"
        )
    problems = [f"sample {number}: {problem}" for number, row in enumerate(recorded) if (problem := _problem(row))]
    if problems:
        raise InputErrors(str(golden.folder / SAMPLES), problems)
    return [_sample(row, number, images[number], features[number]) for number, row in enumerate(recorded)]


def parse(text: str) -> tuple[str, str, str] | None:
    """Transcript, task and question of an upstream instruction text; None for any other text.

    >>> parse("<video><VideoHere></video> <feature><FeatureHere></feature> "
    ...       "The person in video says: Hi.  [emotion] Which? ")
    ('Hi', 'emotion', 'Which?')
    """
    found = _TEXT.fullmatch(text)
    return (found["transcript"], found["task"], found["question"]) if found else None


def text_of(example: Example) -> str:
    """Upstream's instruction text of an example."""
    return (
        "<video><VideoHere></video> <feature><FeatureHere></feature> "
        f"The person in video says: {example.clip.transcript}.  [{example.task}] {example.instruction} "
    )


def _problem(row: Any) -> str | None:
    if not isinstance(row, Mapping):
        return f"{row!r} is not an object"
    wrong = [name for name in ("instruction_input", "answer", "image_id") if not isinstance(row.get(name), str)]
    if wrong:
        return f"has no text {', '.join(wrong)}"
    if parse(row["instruction_input"]) is None:
        return f"{row['image_id']}: instruction_input {row['instruction_input']!r} is not in upstream's form"
    return None


def _sample(row: Mapping[str, Any], index: int, image: Tensor, features: Tensor) -> Sample:
    parsed = parse(row["instruction_input"])
    assert parsed is not None
    transcript, task, question = parsed
    example = Example(
        clip=Clip(id=row["image_id"], video=Path(f"{row['image_id']}.mp4"), transcript=transcript),
        index=index,
        instruction=question,
        task=task,
        images={"image": image[None]},
        features={name: features[number : number + 1] for number, name in enumerate(FEATURES)},
    )
    return Sample(example, row["instruction_input"], row["answer"])
