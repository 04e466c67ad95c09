"""Folders that DeepSpeed's own `save_checkpoint` writes under ZeRO, one piece a rank: found, and read as data only."""

import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from emolightning.errors import UserError
from emolightning.training.deepspeed_zero import import_deepspeed

LATEST = "latest"
"""The file that names the newest save, a folder beside it."""

STATE = "optimizer_state_dict"
OPTIMIZER_PIECE = re.compile(r"(?:bf16_|fp16_)?zero_pp_rank_(\d+)_mp_rank_00_optim_states\.pt")
FORCE, FORBID = "TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
"""Environment variables of torch.load; both at once it refuses."""


@dataclass(frozen=True)
class ZeroFolder:
    """The pieces of one save."""

    place: Path
    """The folder that `latest` names."""
    stage: int
    """1, 2 or 3."""
    num_ranks: int
    """That trained."""
    models: list[dict[str, Any]]
    """Content of the model files: of the first rank, under stage 3 of all; with what was saved beside the weights."""


def open_zero_folder(folder: Path) -> ZeroFolder:
    """Find and read the newest save; to be called inside `data_only`.

    Args:
        folder: holds `latest`.

    Raises:
        UserError: names the file that is missing, damaged, left over from another save, or holds Python objects.
    """
    place = _newest(folder)
    paths = _optimizer_pieces(place)
    pieces = {rank: _optimizer_state(path) for rank, path in paths.items()}
    first = min(pieces)
    stage, num_ranks = _shape_of_run(paths[first], pieces[first])
    _require_ranks(paths, num_ranks)
    _require_one_save({paths[rank]: _step(piece) for rank, piece in pieces.items()})
    names = ["mp_rank_00_model_states.pt"]
    if stage == 3:
        names = [f"zero_pp_rank_{rank}_mp_rank_00_model_states.pt" for rank in range(num_ranks)]
    models = {place / name: read_piece(place / name) for name in names}
    _require_one_save({path: _number(model.get("global_steps")) for path, model in models.items()})
    return ZeroFolder(place, stage, num_ranks, list(models.values()))


@contextmanager
def data_only() -> Iterator[None]:
    """Inside, torch.load maps tensors and plain values and runs nothing, whatever its caller asks for.

    DeepSpeed's reader asks for any object. The classes let through are those of DeepSpeed's own files: records without
    side effects.
    """
    import_deepspeed(on_gpu=False)
    from deepspeed.runtime.fp16.loss_scaler import DynamicLossScaler, LossScaler
    from deepspeed.runtime.zero.config import ZeroStageEnum
    from deepspeed.utils.tensor_fragment import fragment_address
    from torch.utils.serialization import config

    before = {name: os.environ.pop(name, None) for name in (FORCE, FORBID)}
    os.environ[FORCE] = "1"
    try:
        with (
            safe_globals(
                [DynamicLossScaler, LossScaler, ZeroStageEnum, fragment_address, (_zero_stage, "builtins.getattr")]
            ),
            config.patch({"load.mmap": True}),  # type: ignore[attr-defined]
        ):
            yield
    finally:
        del os.environ[FORCE]
        os.environ.update({name: value for name, value in before.items() if value is not None})


def _zero_stage(kind: Any, name: str) -> Any:
    """In place of `getattr`, by which Python 3.11.0 to 3.11.3 pickles the members of an enumeration; for this one only.

    Raises:
        ValueError: anything else is asked for.
    """
    from deepspeed.runtime.zero.config import ZeroStageEnum

    if kind is not ZeroStageEnum or name not in ZeroStageEnum.__members__:
        raise ValueError(f"getattr of {kind!r}")
    return ZeroStageEnum[name]


def _newest(folder: Path) -> Path:
    latest = folder / LATEST
    if not folder.is_dir():
        raise UserError(f"folder={folder}: {'is a file' if folder.exists() else 'no such folder'}")
    if not latest.is_file():
        above = folder.parent / LATEST
        hint = (
            f"give {folder.parent}, which has one" if above.is_file() else "DeepSpeed writes it last, when all is saved"
        )
        raise UserError(f"{latest}: no such file; {hint}")
    tag = latest.read_text(encoding="utf-8", errors="replace").strip()
    if tag in ("", ".", "..") or Path(tag).name != tag or "\0" in tag:
        raise UserError(f"{latest}: {ascii(tag[:100])} is not the name of a folder beside it")
    if not (folder / tag).is_dir():
        raise UserError(f"{folder / tag}: no such folder, but {latest} names it: the copy is not complete")
    return folder / tag


def _optimizer_pieces(place: Path) -> dict[int, Path]:
    """Rank -> file."""
    found = sorted(place.glob("*_optim_states.pt"))
    if not found:
        raise UserError(f"{place}: no file *_optim_states.pt: not saved under ZeRO, or not completely")
    pieces: dict[int, Path] = {}
    for path in found:
        match = OPTIMIZER_PIECE.fullmatch(path.name)
        if match is None:
            raise UserError(f"{path}: not a piece of plain ZeRO; models cut up in other ways, too, cannot be read")
        rank = int(match[1])
        if rank in pieces:
            raise UserError(f"{path}: {pieces[rank].name} is of the same rank: one of them is of another save")
        pieces[rank] = path
    return pieces


def read_piece(path: Path) -> dict[str, Any]:
    """Content of one file.

    Raises:
        UserError: it is missing, damaged, or would need code to be run.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file: a rank did not save it, or it was not copied")
    try:
        foreign = get_unsafe_globals_in_checkpoint(path)
        if not foreign:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # About details of pickles, in words that a file can choose.
                content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # Damaged bytes make the unpickler fail in any way.
        words = ascii(str(error).strip().partition("\n")[0][:200])[1:-1]
        raise UserError(f"{path}: cannot be read ({words}): it is cut short or damaged; copy it again") from None
    if foreign:
        named = ", ".join(ascii(name[:100])[1:-1] for name in sorted(foreign)[:5])
        raise UserError(
            f"{path}: refused: it wants {named}, which is not DeepSpeed's to save; nothing in it was run. Get it "
            "from somebody you trust, or save the folder without such objects"
        )
    if not isinstance(content, dict):
        raise UserError(f"{path}: not a file of DeepSpeed's: holds a {type(content).__name__}")
    return content


def _optimizer_state(path: Path) -> Mapping[str, Any]:
    state = read_piece(path).get(STATE)
    if not isinstance(state, Mapping):
        raise UserError(f"{path}: not a file of DeepSpeed's: no {STATE}")
    return state


def _shape_of_run(path: Path, state: Mapping[str, Any]) -> tuple[int, int]:
    """Stage and ranks, as a piece says."""
    try:
        stage, counts = int(state["zero_stage"]), state["partition_count"]
        num_ranks = int(max(counts) if isinstance(counts, list) else counts)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: does not say stage and number of ranks of ZeRO ({error!r})") from None
    if stage not in (1, 2, 3):
        raise UserError(f"{path}: stage {stage} of ZeRO is not 1, 2 or 3")
    return stage, num_ranks


def _require_ranks(paths: Mapping[int, Path], num_ranks: int) -> None:
    extra = [path for rank, path in sorted(paths.items()) if rank >= num_ranks]
    if extra:
        raise UserError(f"{extra[0]}: {num_ranks} rank(s) trained, so this file is of another save")
    if len(paths) < num_ranks:
        rank = next(rank for rank in range(num_ranks) if rank not in paths)
        some = paths[min(paths)]
        lost = some.with_name(re.sub(r"pp_rank_\d+", f"pp_rank_{rank}", some.name))
        missing = num_ranks - len(paths)
        raise UserError(f"{lost}: no such file; {num_ranks} ranks trained, files of {missing} of them are missing")


def _step(state: Mapping[str, Any]) -> float | None:
    """Steps that a piece's optimizer has made, where it counts them as torch's do."""
    try:
        entries = state.get("base_optimizer_state", state.get(STATE))["state"]
        return max(float(entry["step"]) for entry in entries.values())
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError):
        return None


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) else None


def _require_one_save(steps: Mapping[Path, float | None]) -> None:
    """A save that was interrupted leaves pieces of the one before."""
    known = {path: step for path, step in steps.items() if step is not None}
    if len(set(known.values())) > 1:
        listed = ", ".join(f"{path.name} at step {step:g}" for path, step in list(known.items())[:8])
        place = next(iter(known)).parent
        raise UserError(f"{place}: pieces of several saves: {listed}; a save was interrupted, use an earlier one")
