"""Which inputs of the clips that are answered are made worse or left without content, and what is refused."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from emolightning.errors import UserError
from emolightning.prompt.questions import Questions
from emolightning.records.clips import Clip
from emolightning.records.corruptions import Corruption
from emolightning.records.inputs import Inputs, Kind

WITH_MEAN: tuple[Kind, ...] = ("vectors", "frames")
"""Kinds of inputs that have a mean."""

SPOKEN = {"both": "audio and video"}
"""What a corruption is about -> how it is said."""


@dataclass(frozen=True)
class Perturbing:
    """What is done to the inputs of clips."""

    zeroed: tuple[str, ...] = ()
    """Inputs that are shown without content: vectors of zeros, black frames, silence, an empty transcript."""
    mean: tuple[str, ...] = ()
    """Inputs of which every clip has the mean over the clips of `mean_of`."""
    mean_of: str = "train"
    """The split of these clips."""
    corruption: Corruption | None = None
    """What is made worse."""
    worse: tuple[str, ...] = ()
    """The inputs that it is done to."""
    split: str = "test"
    """The clips that are answered."""

    def __bool__(self) -> bool:
        """Whether anything is done."""
        return bool(self.zeroed or self.mean or self.corruption)

    @property
    def reads_media(self) -> bool:
        """Whether media are read otherwise."""
        return self.corruption is not None and self.corruption.about.reads_media

    @property
    def misheard(self) -> Corruption | None:
        """What is done to transcripts."""
        return self.corruption if self.corruption is not None and self.corruption.kind == "words" else None

    def of_clip(self, name: str, clip: Clip) -> Clip:
        """A clip as the media of one of its inputs are to be read."""
        if not self.reads_media or name not in self.worse or self.corruption is None:
            return clip
        return replace(clip, corruption=self.corruption.of_clip(clip.id))

    def folder(self, name: str) -> str | None:
        """Folder for what is computed of the media of an input that are read otherwise; None where they are not."""
        if self.corruption is None or name not in self.worse or self.corruption.kind == "vectors":
            return None
        return f"{self.corruption.kind}-{hashlib.sha256(repr(self.description()).encode()).hexdigest()[:12]}"

    def description(self) -> dict[str, Any]:
        """What an answer depends on, without paths; empty where nothing is done."""
        found: dict[str, Any] = {name: list(value) for name in ("zeroed", "mean") if (value := getattr(self, name))}
        if self.mean:
            found["mean_of"] = self.mean_of
        if self.corruption is not None:
            about = self.corruption
            found |= {"corruption": about.kind, "severity": about.severity, "seed": about.seed, "inputs": [*self.worse]}
            if about.noise:
                found["noise"] = _digest(about.noise)
        return found

    def asked(self, questions: Questions) -> Questions:
        """The questions in other words, where that is what is done.

        Raises:
            UserError: the family has no such sentence.
        """
        if self.corruption is None or self.corruption.kind != "wording":
            return questions
        task, number = questions.task, int(self.corruption.severity)
        pool = questions.pools[task]
        if number >= len(pool):
            has = f"one sentence for task {task} alone" if len(pool) == 1 else f"sentences 0 to {len(pool) - 1}"
            raise UserError(
                f"perturb.severity={number}: this model has {has}; say another number, or leave wording out"
            )
        return replace(questions, pools={**questions.pools, task: (*pool[number:], *pool[:number])})


def worse_inputs(corruption: Corruption, inputs: Inputs) -> tuple[str, ...]:
    """The inputs that a corruption is about, of those that a run has."""
    modality = corruption.about.modality
    if modality == "vectors":
        return tuple(name for name, about in inputs.items() if about.kind == "vectors")
    modalities = ("audio", "video") if modality == "both" else (modality,)
    return tuple(name for name, about in inputs.items() if about.modality in modalities)


def _digest(files: Sequence[str]) -> str:
    """Names and sizes of files: what tells two folders of noise apart wherever they lie."""
    listed = [(Path(name).name, Path(name).stat().st_size) for name in files]
    return hashlib.sha256(repr(listed).encode()).hexdigest()[:16]


def perturbing_of(
    inputs: Inputs,
    *,
    reads_media: bool,
    cut_out: Path | None = None,
    split: str,
    zeroed: Sequence[str] = (),
    mean: Sequence[str] = (),
    mean_of: str = "train",
    corruption: Corruption | None = None,
    only: Sequence[str] = (),
) -> Perturbing:
    """What is done to the inputs of a run; what cannot be done is refused before anything is read.

    Args:
        inputs: of the run.
        reads_media: whether vectors are computed from the clips in this run.
        cut_out: folder of faces that are looked at instead of the clips' pictures.
        split: the clips that are answered.
        zeroed: see `Perturbing`.
        mean: see `Perturbing`.
        mean_of: the split of the clips that a mean is of.
        corruption: what is made worse.
        only: the inputs that are made worse; empty means all that the corruption is about.

    Raises:
        UserError: names the input, and what to type instead.
    """
    for key, names in (("zeroed", zeroed), ("mean", mean)):
        for name in names:
            _require_content(key, name, inputs)
    if both := [name for name in zeroed if name in mean]:
        raise UserError(f"perturb.zeroed, perturb.mean: {', '.join(both)} cannot be both; leave it out of one")
    if mean and split in ("all", mean_of):
        other = "val" if mean_of == "train" else "train"
        raise UserError(
            f"perturb.mean_of={mean_of}: clips of split={split} are answered, and a mean is never one over clips that "
            f"are answered; say perturb.mean_of={other}"
        )
    if corruption is None:
        return Perturbing(tuple(zeroed), tuple(mean), mean_of, split=split)
    if mean:
        raise UserError("perturb.mean, perturb.corruption: say one of both; a mean is of clips as they are")
    worse = _require_worse(corruption, inputs, only, reads_media=reads_media)
    if cut_out is not None and corruption.about.modality in ("video", "both"):
        _require_own_pictures(corruption.kind, worse, inputs, cut_out)
    return Perturbing(tuple(zeroed), corruption=corruption, worse=worse, split=split)


def _require_content(key: str, name: str, inputs: Inputs) -> None:
    """An input that can be shown without content, or has a mean."""
    kind = inputs[name].kind
    if kind == "file":
        raise UserError(
            f"perturb.{key}: {name} is a file that is sent as it is; send its parts with inputs.{name}=false "
            f"inputs.stills=true inputs.sound=true, or leave it out with inputs.{name}=false"
        )
    if key == "mean" and kind not in WITH_MEAN:
        what = "a text" if kind == "text" else f"of kind {kind}"
        raise UserError(f"perturb.mean: {name} has no mean, for it is {what}; say perturb.zeroed=[{name}]")


def _require_own_pictures(kind: str, worse: Sequence[str], inputs: Inputs, cut_out: Path) -> None:
    """Refuse to blur clips whose faces lie in a folder: what is looked at would stay as it is."""
    clean = [name for name in worse if inputs[name].kind == "vectors" and inputs[name].modality == "video"]
    if clean:
        raise UserError(
            f"perturb.corruption={kind}: {', '.join(clean)} looks at faces that were cut out before (features.faces="
            f"folder:{cut_out}), which stay as they are; say features.faces=detector to have them found in the clips"
            f"{_others(worse, clean)}"
        )


def _others(worse: Sequence[str], without: Sequence[str]) -> str:
    """What else to type, where other inputs are left."""
    left = [name for name in worse if name not in without]
    return f", or perturb.inputs=[{','.join(left)}]" if left else ""


def _require_worse(
    corruption: Corruption, inputs: Inputs, only: Sequence[str], *, reads_media: bool
) -> tuple[str, ...]:
    """The inputs that are made worse, each of which can be."""
    about, kind = corruption.about, corruption.kind
    if about.modality == "question":
        return ()
    possible = worse_inputs(corruption, inputs)
    if not possible:
        raise UserError(
            f"perturb.corruption={kind}: is about {SPOKEN.get(about.modality, about.modality)}, and this run has no "
            f"such input; it has {', '.join(inputs)}"
        )
    if other := [name for name in only if name not in possible]:
        raise UserError(
            f"perturb.inputs: {kind} does nothing to {', '.join(other)}; of this run it is about {', '.join(possible)}"
        )
    worse = tuple(name for name in possible if not only or name in only)
    stored = [name for name in worse if inputs[name].kind == "vectors" and not reads_media]
    if stored and kind != "vectors":
        raw = [name for name in worse if name not in stored]
        fewer = f"perturb.inputs=[{','.join(raw)}], or " if raw else ""
        raise UserError(
            f"perturb.corruption={kind}: vectors of {', '.join(stored)} are read from a store, and no clip with them; "
            f"say {fewer}features=live to compute them from the clips, or perturb.corruption=vectors for noise in the "
            "vectors"
        )
    for name in worse:
        if inputs[name].kind == "file":
            raise UserError(
                f"perturb.corruption={kind}: {name} is a file that is sent as it is; say inputs.{name}=false "
                "inputs.stills=true inputs.sound=true"
            )
    return worse
