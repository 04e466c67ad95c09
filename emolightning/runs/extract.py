"""Clips to vectors by one recipe: decoded in worker processes, encoded together in this one, kept as they come."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from emolightning.config.building import build
from emolightning.data.checkup.unusable import NO_TRANSCRIPT, UNDECODABLE, Fault, Faults
from emolightning.data.media.faces import FacePolicy
from emolightning.data.stores.cache import Outcome, clip_stamp, compute_missing, load_array, text_stamp
from emolightning.data.stores.manifest import Kept, Level, Manifest
from emolightning.data.stores.vectors import VectorFolder, vector_path
from emolightning.errors import UserError
from emolightning.models.encoders.encoder import Encoder, FrameEncoder
from emolightning.models.encoders.recipes import Recipe
from emolightning.records.clips import Clip
from emolightning.runs.encoding import ABSENT, ITEM, ItemReader, encoded, kept, try_out
from emolightning.runs.transcripts import require_own_table, write_table

OF_THE_MACHINE = ("_target_", "weights", "device")
"""Parameters of an encoder that say where it runs: values do not depend on them."""

NOTED = ("emolightning", "numpy", "torch", "transformers")
"""Packages whose versions are noted in a manifest."""


class Extraction:
    """Vectors to be made of clips by one recipe.

    Args:
        recipe: which encoder with which parameters, weights included.
        root: gets the folder of vectors.
        folder: its name; None for that of the published vectors, else the recipe's.
        is_cache: each recipe, with its weights and settings, has a folder of its own.
        level: one vector a clip, or a sequence.
        dtype: type of the stored values.
        faces: who is seen, see `FacePolicy.parse`; None lets the detector look for them, where the recipe is one for
            faces.
        device: of the encoder: `cuda`, `cpu` or `auto`.
        batch_size: clips that are encoded together; no value depends on it.
        num_workers: processes that decode.

    Raises:
        UserError: `faces` is no policy, or what it needs is not there; or no batch, or fewer than no processes.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        root: Path,
        folder: str | None = None,
        is_cache: bool = False,
        level: Level = "utterance",
        dtype: Kept = "float32",
        faces: str | None = None,
        device: str = "auto",
        batch_size: int = 8,
        num_workers: int = 2,
    ):
        if batch_size < 1 or num_workers < 0:
            raise UserError(f"batch_size={batch_size}, num_workers={num_workers}: at least 1 and 0 are needed")
        self.recipe = recipe
        self.level, self.dtype = level, dtype
        self.faces = FacePolicy.parse(faces or ("detector" if recipe.encoder.get("sees") == "faces" else "none"))
        if recipe.takes == "frames":
            self.faces.require()
        self.folder = root / (folder or _folder_name(recipe, level))
        """The folder of the vectors; complete when `run` has begun."""
        self.transcripts = root / "transcripts.csv"
        """The table, where the recipe writes what is said."""
        self.is_cache = is_cache
        self.encoder: Any = None
        """Built when it is needed first."""
        self.device = device
        self.batch_size, self.num_workers = batch_size, num_workers

    def run(self, clips: Sequence[Clip]) -> Faults:
        """Make the vectors that are not there yet.

        Returns:
            Clip id -> why it has no vector, in the order of the clips.

        Raises:
            UserError: weights are not there, another recipe has made the folder, or the table was corrected by hand.
            CannotWrite: the disk is full; what is done is kept.
        """
        if self.recipe.gives_text:
            require_own_table(self.transcripts)  # Before hours of work.
        encoder = self._build()
        manifest = self.manifest(encoder)
        if self.is_cache or self.recipe.gives_text:
            self.folder = self.folder.with_name(f"{self.recipe.name}-{manifest.key()}")
        summary = compute_missing(
            clips,
            {ITEM: self.folder},
            self._reader(encoder),
            title=self.recipe.name,
            num_workers=self.num_workers,
            manifests={} if self.recipe.gives_text else {ITEM: manifest},
            encode=self._encode(encoder),
            batch_size=self.batch_size,
            stamp=text_stamp if encoder.takes == "text" else clip_stamp,
        )
        faults = {clip_id: Fault(UNDECODABLE, reason) for clip_id, reason in summary.problems.items()}
        kind = ABSENT[encoder.takes]
        faults |= {clip_id: Fault(kind, reason) for clip_id, reason in summary.absent[ITEM].items()}
        return {clip.id: [faults[clip.id]] for clip in clips if clip.id in faults}

    def fresh(self, stored: Manifest) -> Callable[[Clip], np.ndarray]:
        """What computes the vector of one clip, to be compared with a stored one.

        Args:
            stored: the manifest of the store.

        Raises:
            UserError: the recipe gives no vectors, or the store was made by another one, or from other weights.
        """
        self.recipe.require_vectors()
        encoder = self._build()
        if different := self.manifest(encoder).differences(stored):
            raise UserError(f"the stored vectors are of {stored}: {'; '.join(different)}")
        read = self._reader(encoder)

        def vector(clip: Clip) -> np.ndarray:
            outcome = read(clip, (ITEM,))
            if outcome.arrays or outcome.in_parts:
                (outcome,) = self._encode(encoder)([outcome])
            if not outcome.arrays:
                raise UserError(outcome.problem or outcome.absent[ITEM])
            return outcome.arrays[ITEM]

        return vector

    def _encode(self, encoder: Encoder) -> Callable[[Sequence[Outcome]], list[Outcome]]:
        if self.recipe.gives_text:
            return partial(encoded, encoder, np.asarray)
        return partial(encoded, encoder, partial(kept, level=self.level, dtype=self.dtype))

    def _build(self) -> Encoder:
        if self.encoder is None:
            built = build({**self.recipe.encoder, "device": device_of(self.device)}, "recipe.encoder")
            try_out(built, str(self.recipe.encoder["weights"]))
            self.encoder = built
        encoder: Encoder = self.encoder
        return encoder

    def _reader(self, encoder: Encoder) -> ItemReader:
        positions = encoder.positions if isinstance(encoder, FrameEncoder) else None
        return ItemReader(encoder.takes, positions, self.faces, getattr(encoder, "decoded_at", None))

    def write_transcripts(self, clips: Sequence[Clip]) -> dict[str, Fault]:
        """Write what is said in the clips as a table with `video_name` and `transcription`.

        Args:
            clips: those of which `run` has been called, by whichever process.

        Returns:
            Clip id -> that nothing was recognised in it; such clips are not in the table.

        Raises:
            UserError: the table was corrected by hand.
        """
        texts = VectorFolder.open(self.folder, None)
        # Not those of another part, or without text now, whatever the file of the clip was before.
        done = [clip.id for clip in clips if texts.is_done(clip.id, clip_stamp(clip))]
        said = {clip_id: load_array(vector_path(self.folder, clip_id)).tobytes().decode() for clip_id in done}
        write_table(self.transcripts, [(clip_id, text) for clip_id, text in said.items() if text])
        return {i: Fault(NO_TRANSCRIPT, "no speech was recognised in it") for i, text in said.items() if not text}

    def manifest(self, encoder: Encoder) -> Manifest:
        """What the folder of vectors says of itself."""
        return Manifest(
            recipe=self.recipe.name,
            encoder=str(self.recipe.encoder["_target_"]).rpartition(".")[2],
            weights=encoder.fingerprint,
            side_files=encoder.side_files,
            level=self.level,
            parameters={name: value for name, value in self.recipe.encoder.items() if name not in OF_THE_MACHINE},
            faces=str(self.faces) if encoder.takes == "frames" else "none",
            dtype=self.dtype,
            versions={name: version(name) for name in NOTED},
        )


def _folder_name(recipe: Recipe, level: Level) -> str:
    """That of the published vectors, where these have one."""
    if level == "frame":
        return f"{recipe.name}-FRA"
    return recipe.folder or f"{recipe.name}-UTT"


def rank_and_ranks() -> tuple[int, int]:
    """The number of this process and how many torchrun has started; (0, 1) without it."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def own_part(clips: Sequence[Clip], shard: str | None) -> tuple[list[Clip], str]:
    """The clips of this process, and which part that is: `2/4` has every fourth clip, from the second on.

    Args:
        clips: all of them.
        shard: `i/n`; None is all. Where torchrun has started several processes, they share it.

    Raises:
        UserError: it is not `i/n` with i from 1 to n.
    """
    number, slash, total = str("1/1" if shard is None else shard).partition("/")
    if not (slash and number.isdecimal() and total.isdecimal() and 1 <= int(number) <= int(total)):
        raise UserError(f"shard={shard} is not one of n parts; the first of four is shard=1/4")
    rank, num_ranks = rank_and_ranks()
    first, step = int(number) - 1 + rank * int(total), int(total) * num_ranks
    return list(clips[first::step]), f"{first + 1}/{step}"


def device_of(name: str) -> str:
    """`cuda`, on a rank's own GPU, or `cpu`; `auto` is the first that is there.

    Raises:
        UserError: no GPU is visible here, or another word.
    """
    import torch

    if name not in ("auto", "cpu", "cuda"):
        raise UserError(f"device={name} is not one of auto, cpu, cuda")
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return "cpu"
    if not torch.cuda.is_available():
        raise UserError(f"device={name}: no GPU is visible here; say device=cpu")
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
