"""Published weights -> a vision tower's folder and an adapter folder, with every tensor accounted for.

Nothing is written before all files are known to fit, and then one shard at a time: 7B weights are never in memory.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emolightning.errors import InputErrors, UserError
from emolightning.model.lora import LoraSettings
from emolightning.model.vision import VisionSettings
from emolightning.upstream.matching import Sources, match, open_sources
from emolightning.upstream.reading import sha256
from emolightning.upstream.report import MatchReport
from emolightning.upstream.writing import write_adapter, write_json, write_tower

REPORT = "import.json"
TOWER_FOLDER, ADAPTER_FOLDER = "eva_clip_g", "adapter"


def import_weights(
    *,
    llama: Path,
    eva: Path,
    checkpoint: Path,
    out: Path,
    vision: VisionSettings,
    lora: LoraSettings,
    description: Mapping[str, Any] | None = None,
    allow_partial: bool = False,
    dry_run: bool = False,
) -> MatchReport:
    """Convert EVA-CLIP-g and an Emotion-LLaMA checkpoint; check the language model that they belong to.

    Args:
        llama: Hugging Face folder of the language model; read in place, not copied.
        eva: `eva_vit_g.pth`.
        checkpoint: upstream's `.pth`: LoRA and projections.
        out: gets `eva_clip_g/`, `adapter/` and `import.json`.
        vision: sizes of the tower; its position grid is interpolated when the tower is loaded.
        lora: rank, alpha and targets that the checkpoint was trained with.
        description: more entries for the adapter's `emolightning.json`.
        allow_partial: write although parameters are missing; they stay fresh.
        dry_run: only say what would be done.

    Returns:
        The match report; also written as `import.json`.

    Raises:
        UserError: a file of the wrong kind, or one that is damaged.
        InputErrors: something does not fit; all of it, with the settings that would.
    """
    sources = open_sources(llama=llama, eva=eva, checkpoint=checkpoint)
    report = match(sources, vision=vision, lora=lora, llama=llama)
    if report.problems or (report.missing and not allow_partial):
        raise InputErrors("import-weights", [*report.problems, *_missing_problems(report)])
    if dry_run:
        return report
    _require_free(out, sources)
    report.files = {
        str(path): _fingerprint(path) for path in [*sorted(set(sources.llama.places.values())), eva, checkpoint]
    }
    write_tower(sources.eva, vision, out / TOWER_FOLDER)
    write_adapter(sources.checkpoint, llama, vision, lora, out / ADAPTER_FOLDER, description or {})
    write_json(out / REPORT, report.as_json())
    return report


def _missing_problems(report: MatchReport) -> list[str]:
    shown = [f"no tensor for {name}" for name in report.missing[:10]]
    left = len(report.missing) - len(shown)
    end = [f"and {left} more parameters without a tensor"] if left > 0 else []
    return shown + end + (["allow_partial=true leaves them fresh"] if shown else [])


def _require_free(out: Path, sources: Sources) -> None:
    """Refuse to mix two imports in one folder."""
    report = out / REPORT
    if report.is_file():
        known = json.loads(report.read_text(encoding="utf-8")).get("files", {})
        paths = [sources.eva.path, sources.checkpoint.path]
        if sorted(known[path]["sha256"] for path in known if not path.endswith(".safetensors")) == sorted(
            map(sha256, paths)
        ):
            return
        raise UserError(f"out={out}: holds another import ({REPORT}); give another folder or remove that one")
    taken = [name for name in (TOWER_FOLDER, ADAPTER_FOLDER) if (out / name).exists()]
    if taken:
        raise UserError(f"out={out}: has {' and '.join(taken)} that no import wrote; give another folder")


def _fingerprint(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": sha256(path)}
