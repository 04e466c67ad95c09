"""Values of published weights, streamed: none may be NaN or infinite, and those of the bases are fingerprinted."""

from collections.abc import Iterable
from pathlib import Path

from torch import Tensor

from emolightning.models.parts.parameters import PLAIN, fingerprints
from emolightning.models.parts.safetensors_files import SINGLE, read_safetensor, safetensors_infos
from emolightning.models.parts.tensor_info import count_not_finite
from emolightning.models.parts.vision import POSITIONS


def not_finite(file: Path, tensors: Iterable[tuple[str, Tensor]]) -> list[str]:
    """One line for each tensor with a value that is NaN or infinite: a model with one of them answers noise."""
    counts = {name: (count_not_finite(tensor), tensor.numel()) for name, tensor in tensors}
    return [
        f"{file}: {name}: {count} of {total} values are NaN or infinite; the file is damaged, or was saved from a "
        "training that diverged: get another copy or an earlier checkpoint"
        for name, (count, total) in counts.items()
        if count
    ]


def tower_fingerprints(folder: Path) -> dict[str, str]:
    """Type -> fingerprint of a tower's folder loaded in it, without the positions, which follow the image size."""
    path = folder / SINGLE
    names = sorted(name for name in safetensors_infos(path) if name != POSITIONS)
    # By their names in `VisionTower`.
    return fingerprints(((f"tower.{name}", read_safetensor(path, name)) for name in names), sorted(PLAIN))
