"""The run that a student learns from: found, checked, and loaded as it was trained."""

from pathlib import Path
from typing import Any

from emolightning.errors import UserError
from emolightning.files.documents import read_json_object
from emolightning.models.affectgpt.inputs import INPUTS, OF_TEACHER
from emolightning.models.affectgpt.settings import FusionSettings

DESCRIPTION, ADAPTER = "emolightning.json", "adapter"


def _folder(teacher: str) -> Path:
    """The adapter folder that a run folder or an adapter folder means."""
    place = Path(teacher).expanduser()
    for folder in (place, place / ADAPTER):
        if (folder / DESCRIPTION).is_file():
            return folder
    raise UserError(
        f"model.teacher={teacher}: no adapter folder and no run with one; train the teacher first, or give the folder "
        "that import-weights has written"
    )


def load_teacher(teacher: str, tokenizer: Any, fusion: FusionSettings) -> Any:
    """The teacher with its weights, frozen.

    Args:
        teacher: its run folder or adapter folder.
        tokenizer: the student's, which has to be the teacher's as well.
        fusion: the student's, whose streams have to be as long.

    Raises:
        UserError: it is of another family, or reads other tokens than the student.
    """
    from emolightning.config.building import build
    from emolightning.models.parts.adapter import load_adapter

    folder = _folder(teacher)
    about = read_json_object(folder / DESCRIPTION)
    settings, inputs, widths = (about.get(name) for name in ("model", "inputs", "feature_widths"))
    own = __name__.rpartition(".")[0]
    if not isinstance(settings, dict) or not str(settings.get("_target_")).startswith(f"{own}."):
        raise UserError(f"model.teacher={teacher}: is of another family; a student of AffectGPT learns from AffectGPT")
    if not isinstance(inputs, list) or not isinstance(widths, dict):
        raise UserError(f"{folder / DESCRIPTION}: does not say what the teacher sees: no inputs or feature_widths")
    seen = [name for name in INPUTS if name in inputs and not name.startswith(OF_TEACHER)]
    model = build({**settings, "teacher": None}, "model", inputs=seen, feature_widths=widths)
    load_adapter(model, folder)
    _require_same_tokens(teacher, model, tokenizer, fusion)
    return model


def _require_same_tokens(teacher: str, model: Any, tokenizer: Any, fusion: FusionSettings) -> None:
    """Both read the same ids, so that each position of one is that of the other."""
    if model.tokenizer.hugging_face.get_vocab() != tokenizer.hugging_face.get_vocab():
        raise UserError(f"model.teacher={teacher}: has another tokenizer than the student; take models of one kind")
    own, other = (
        (each.video_tokens, each.audio_tokens, each.multi_tokens, each.picture_tokens)
        for each in (fusion, model.projections.settings)
    )
    if own != other:
        raise UserError(
            f"model.teacher={teacher}: its streams have {other} tokens, the student's {own}; set model.fusion.*_tokens"
        )
