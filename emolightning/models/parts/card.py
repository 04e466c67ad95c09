"""The model card of an adapter folder: what it is, what it needs, and whether it can be of use."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RANDOM_BASE = "random base weights: a demonstration, not a usable model"
"""Said of every run whose language model was drawn instead of loaded."""


def has_random_base(model: Mapping[str, Any]) -> bool:
    """Whether settings of a model name no folder for its language model."""
    language = model.get("language")
    return isinstance(language, Mapping) and language.get("path") is None


def model_card(description: Mapping[str, Any], scores: Mapping[str, Any] | None = None) -> str:
    """Markdown from what `emolightning.json` says; parts about what it does not say are left out.

    Args:
        description: settings of the model, inputs, labels ...
        scores: the content of `metrics.json`, where these weights were evaluated.
    """
    parts = [
        _head(description),
        _needs(description),
        _data(description.get("data") or {}),
        _scores(scores or {}, description.get("val_scores") or {}),
        _use(description),
        LICENCE if _has_base(description) else LICENCE.replace(OF_BASE, "Data"),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


LICENCE = """## Licence

The base model comes under a licence of its own, which holds for these weights as well (Llama 2: Meta's community
licence). Data that are for research only, as those of MER2023, MER2024, DFEW and MERR, allow no other use of what was
trained on them. The code of EmoLightning is under the MIT licence."""


OF_BASE = LICENCE[LICENCE.index("The base") : LICENCE.index(" that are for research")]
"""What only a model with a base needs, and the word that follows."""


def _has_base(description: Mapping[str, Any]) -> bool:
    """Whether the model is built around one that these weights are not."""
    return not (model := description.get("model")) or "language" in model


def _base(description: Mapping[str, Any]) -> str | None:
    model = description.get("model") or {}
    language = model.get("language") or {}
    return None if has_random_base(model) or not language else Path(str(language.get("path"))).name


def _head(description: Mapping[str, Any]) -> str:
    base = _base(description)
    about = [
        *(["library_name: peft"] if _has_base(description) else []),
        *([f"base_model: {json.dumps(base)}"] if base else []),
        "tags: [emotion-recognition]",
    ]
    lines = ["---", *about, "---", "", "# Adapter of EmoLightning", ""]
    if has_random_base(description.get("model") or {}):
        lines.append(f"**{RANDOM_BASE[0].upper()}{RANDOM_BASE[1:]}.** Its answers say nothing about real emotion.")
    elif base:
        lines.append(f"Base: `{base}`. The weights here are of no use without it.")
    return "\n".join(lines).rstrip()


def _needs(description: Mapping[str, Any]) -> str:
    """What is to be there for a clip, and what can be answered."""
    widths, recipes = description.get("feature_widths") or {}, description.get("feature_recipes") or {}
    lines = []
    for name in description.get("inputs") or ():
        recipe = (recipes.get(name) or {}).get("recipe")
        about = ", ".join(
            [
                *([f"vectors of {widths[name]} values"] if name in widths else []),
                *([f"by `{recipe}`"] if recipe else []),
            ]
        )
        lines.append(f"- {name}{f': {about}' if about else ''}")
    if lines:
        frame = f"\n\nFrames: {description['frame']}." if description.get("frame") else ""
        lines = ["## What it sees", "", *lines]
        lines[-1] += frame
    for title, key in (("Labels", "labels"), ("The question offers", "offered")):
        if description.get(key):
            lines += ["", f"{title}: {', '.join(description[key])}"]
    return "\n".join(lines).strip()


def _data(data: Mapping[str, Any]) -> str:
    if not data:
        return ""
    lines = ["## Data", "", f"`{data.get('name')}`, clips: "]
    lines[-1] += ", ".join(f"{split} {number}" for split, number in (data.get("clips") or {}).items())
    hashes = (("annotations", "annotations_sha256"), ("features", "features_sha256"))
    lines += [f"- sha256 of its {title}: `{data[key]}`" for title, key in hashes if data.get(key)]
    return "\n".join([*lines[:3], "", *lines[3:]]).rstrip()


def _scores(report: Mapping[str, Any], validation: Mapping[str, Any]) -> str:
    """A table: of an evaluation with intervals, or else of the validation that picked the weights."""
    rows = []
    for name, each in (report.get("metrics") or {}).items():
        if isinstance(each.get("value"), int | float):
            low, high = each.get("ci95") or (None, None)
            interval = f"{low:.4f} to {high:.4f}" if low is not None and high is not None else ""
            rows.append(f"| {name} | {each['value']:.4f} | {interval} |")
    if rows:
        where = f"{report.get('benchmark')}, {report.get('split')}, {report.get('num_clips')} clips"
    else:
        where = "the validation that picked these weights; not a test"
        rows = [f"| {name} | {value:.4f} | |" for name, value in validation.items() if isinstance(value, int | float)]
    if not rows:
        return ""
    warnings = [f"- {text}" for text in report.get("warnings") or ()]
    table = ["## Scores", "", f"Of {where}.", "", "| score | value | 95 % interval |", "|---|---|---|", *rows]
    return "\n".join([*table, *(["", *warnings] if warnings else [])])


OF_PEFT = " `PeftModel.from_pretrained(base, FOLDER)` of PEFT loads the adapter of the language model alone."


def _use(description: Mapping[str, Any]) -> str:
    labels = ", ".join(description.get("labels") or ())
    return "\n".join(
        [
            "## How to load it",
            "",
            "```python",
            "import emolightning as el",
            'model = el.load("FOLDER")',
            f'model.predict("clip.mp4", transcript="...").label{f"  # {labels}" if labels else ""}',
            "```",
            "",
            "Evaluate with `python eval.py checkpoint=FOLDER data=...`; `emolightning.json` has all settings."
            + (OF_PEFT if _has_base(description) else ""),
        ]
    )
