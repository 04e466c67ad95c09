"""Published weights -> a vision tower's folder and an adapter folder, with every tensor accounted for.

Nothing is written before all files are known to fit, and then one tensor at a time: 7B weights are never in memory.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emolightning.errors import InputErrors, UserError
from emolightning.files.digests import sha256_of
from emolightning.files.staging import staged
from emolightning.models.emotion_llama.upstream.base import open_base
from emolightning.models.emotion_llama.upstream.format import FORMAT, Format
from emolightning.models.emotion_llama.upstream.matching import Sources, expect, match, open_sources
from emolightning.models.emotion_llama.upstream.report import MatchReport
from emolightning.models.emotion_llama.upstream.values import not_finite, tower_fingerprints
from emolightning.models.emotion_llama.upstream.writing import write_adapter, write_json, write_tower
from emolightning.models.parts.language import LanguageSettings
from emolightning.models.parts.lora import LoraSettings
from emolightning.models.parts.parameters import PLAIN
from emolightning.models.parts.vision import VisionSettings

REPORT = "import.json"
TOWER_FOLDER, ADAPTER_FOLDER = "eva_clip_g", "adapter"
DRAWN = "no tensor in the files: zeros, ones or drawn (allow_partial)"


def import_weights(
    *,
    llama: Path,
    eva: Path,
    checkpoint: Path,
    out: Path,
    vision: VisionSettings,
    lora: LoraSettings,
    format: Format = FORMAT,
    description: Mapping[str, Any] | None = None,
    allow_partial: bool = False,
    dry_run: bool = False,
) -> MatchReport:
    """Convert EVA-CLIP-g and a family's checkpoint; check the language model that they belong to.

    Args:
        llama: Hugging Face folder of the language model; read in place, not copied.
        eva: `eva_vit_g.pth`.
        checkpoint: upstream's `.pth`: LoRA, projections and what else has no base.
        out: gets `eva_clip_g/`, `adapter/` and, when both are whole, `import.json`.
        vision: sizes of the tower; its position grid is interpolated when the tower is loaded.
        lora: rank, alpha and targets that the checkpoint was trained with.
        format: the family's, of the checkpoint.
        description: more entries for the adapter's `emolightning.json`.
        allow_partial: write although parameters have no tensor, or tensors no place; those parameters are fresh.
        dry_run: only say what would be done.

    Returns:
        The match report; also written as `import.json`.

    Raises:
        UserError: a file of the wrong kind, or one that is damaged; `out` holds something else.
        InputErrors: something does not fit; all of it, with the settings that would.
    """
    sources = open_sources(llama=llama, eva=eva, checkpoint=checkpoint, format=format)
    report = match(sources, vision=vision, lora=lora)
    if not report.problems:
        _require_finite(sources, report)
    refusals = report.refusals(allow_partial=allow_partial)
    if refusals:
        raise InputErrors("import-weights", refusals)
    report.fresh |= dict.fromkeys(report.missing, DRAWN)
    if dry_run:
        return report
    paths = [*sources.llama.files, eva, checkpoint]
    report.files = {str(path): {"bytes": path.stat().st_size, "sha256": sha256_of(path)} for path in paths}
    _require_free(out, report.files)
    more = dict(description or {}) | (
        {"epoch": sources.checkpoint.epoch} if sources.checkpoint.epoch is not None else {}
    )
    more["base_fingerprints"] = {"language": open_base(LanguageSettings(path=str(llama))).fingerprints(sorted(PLAIN))}
    with staged(out, last=REPORT, label=f"out={out}") as stage:
        write_tower(sources.eva, vision, stage / TOWER_FOLDER)
        more["base_fingerprints"]["vision"] = tower_fingerprints(stage / TOWER_FOLDER)
        expected = expect(sources, vision, lora)
        write_adapter(sources, expected, lora, stage / ADAPTER_FOLDER, more)
        write_json(stage / REPORT, report.as_json())
    return report


def _require_finite(sources: Sources, report: MatchReport) -> None:
    """A problem of the report for each tensor that is used and holds NaN or infinity."""
    for file in (sources.eva, sources.checkpoint):
        report.problems += not_finite(file.path, file.stream(report.used.get(str(file.path), {})))
    llama = sources.llama
    names = report.used.get(str(llama.folder), {})
    report.problems += not_finite(llama.folder, ((name, llama.load([name])[name]) for name in names))


def _require_free(out: Path, files: Mapping[str, Any]) -> None:
    """Refuse to replace anything but an import of the same files.

    Raises:
        UserError: says what is there.
    """
    taken = [name for name in (TOWER_FOLDER, ADAPTER_FOLDER) if (out / name).exists()]
    try:
        earlier = json.loads((out / REPORT).read_text(encoding="utf-8"))["files"]
        hashes = sorted(entry["sha256"] for entry in earlier.values())
    except FileNotFoundError:
        if taken:
            raise UserError(
                f"out={out}: has {' and '.join(taken)} without the {REPORT} of a whole import; give another folder, or "
                "remove them"
            ) from None
        return
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        hashes = []
    if hashes != sorted(entry["sha256"] for entry in files.values()):
        raise UserError(f"out={out}: holds another import ({REPORT}); give another folder, or remove that one")
