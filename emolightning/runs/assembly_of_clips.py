"""Configuration -> what works on clips of no run: vectors that are made of them, and answers about them."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from emolightning.config.building import build
from emolightning.config.check import check_config
from emolightning.config.command_settings import ExtractConfig
from emolightning.config.composing import composed
from emolightning.config.corpora import has_corpora
from emolightning.config.families import family_of
from emolightning.config.problems import not_one_of
from emolightning.config.sources import chosen
from emolightning.data.checkup.unusable import NO_MEDIA, Fault, Faults
from emolightning.data.loading.new_clips import ClipReader
from emolightning.data.loading.settings import Reading, split_settings
from emolightning.data.readers.media_folder import clips_of_folder
from emolightning.data.readers.source import ClipSource
from emolightning.data.stores.features import FeatureSource
from emolightning.errors import UserError, override
from emolightning.files.writing import require_writable
from emolightning.models.emotion_model import EmotionModel
from emolightning.models.encoders.recipes import Recipe, recipe_of
from emolightning.models.family import Family, Sees
from emolightning.models.parts.generation import Generation
from emolightning.models.parts.parameters import base_fingerprints, state_hash, trained_state
from emolightning.prompt.questions import QUOTED
from emolightning.records.clips import Clip
from emolightning.records.inputs import named
from emolightning.records.labels import vocabulary
from emolightning.runs.assembly_of_models import build_processor, inputs_of, kept, plain
from emolightning.runs.extract import Extraction, device_of
from emolightning.runs.feature_recipes import require_same_recipes
from emolightning.runs.live_features import LiveFeatures
from emolightning.runs.positions import context_of_language
from emolightning.runs.predicting import Asking, Predictor
from emolightning.runs.quiet import quiet_libraries
from emolightning.runs.threads import set_num_threads
from emolightning.runs.weights import check_inputs, find_weights, load_weights, require_same_model, trained_sees

ABOUT = ("features", "inputs", "modalities", "prompt", "evaluation", "data", "seed")
"""Settings that the answers of a predictor depend on, beside its weights."""


def extraction(cfg: DictConfig) -> tuple[Extraction, list[Clip], Faults]:
    """What makes vectors, the clips of which it makes them, and those of the clips that have no media.

    Args:
        cfg: of the command `extract`.
    """
    if cfg.num_threads is not None:
        set_num_threads(cfg.num_threads)
    made = Extraction(
        recipe_of(chosen("recipe"), plain(cfg.recipe), "recipe"),
        root=Path(cfg.out),
        folder=cfg.folder,
        level=cfg.level,
        dtype=cfg.dtype,
        faces=cfg.faces,
        device=cfg.device,
        batch_size=cfg.batch_size,
        num_workers=cfg.num_workers,
    )
    _refuse_unused(cfg, made.recipe)
    require_writable(Path(cfg.out), "out")
    if cfg.media is not None:
        if made.recipe.takes == "text":
            name = made.recipe.name
            raise UserError(f"features={name} takes what is said; say data=NAME, whose annotations have it, not media")
        return made, clips_of_folder(Path(cfg.media)), {}
    own = _of_one_dataset(cfg)
    if "ratios" in own:
        own["ratios"] = [1.0, 0.0, 0.0]  # Vectors are made of all clips, also of one alone, which cannot be split.
    source: ClipSource = build(own, "data", inputs=("transcript",) if made.recipe.takes == "text" else ())
    return made, source.read_clips(), {name: [Fault(NO_MEDIA, reason)] for name, reason in source.lost.items()}


def clips_of_dataset(cfg: DictConfig, *, transcripts: bool) -> list[Clip]:
    """The clips of a dataset of which only the files are looked at.

    Args:
        cfg: of a command that has the group `data`.
        transcripts: whether what is said is read.
    """
    return source_of_dataset(cfg, transcripts=transcripts).read_clips()


def source_of_dataset(cfg: DictConfig, *, transcripts: bool) -> ClipSource:
    """Where the clips of a dataset come from.

    Args:
        cfg: of a command that has the group `data`.
        transcripts: whether what is said is read.
    """
    source: ClipSource = build(_of_one_dataset(cfg), "data", inputs=("transcript",) if transcripts else ())
    return source


def _of_one_dataset(cfg: DictConfig) -> dict[str, Any]:
    """The settings of the clips.

    Raises:
        UserError: they are those of several corpora.
    """
    if has_corpora(cfg):
        raise UserError("data=several is trained and evaluated on; here say data=NAME, one corpus at a time")
    return split_settings(plain(cfg.data))[0]


def _refuse_unused(cfg: DictConfig, recipe: Recipe) -> None:
    """Settings of an extraction that this recipe would leave aside.

    Raises:
        UserError: names them.
    """
    unused = {"faces": cfg.faces} if recipe.takes != "frames" else {}
    if recipe.gives_text:
        unused |= {
            name: cfg[name] for name in ("folder", "level", "dtype") if cfg[name] != getattr(ExtractConfig, name)
        }
    given = " and ".join(f"{name}={value}" for name, value in unused.items() if value is not None)
    if given:
        makes = "writes what is said" if recipe.gives_text else f"takes {recipe.takes}"
        raise UserError(f"features={recipe.name} {makes}, so it has no use for {given}; leave it out")


def open_predictor(
    checkpoint: Path | str,
    *overrides: str,
    device: str = "auto",
    features: FeatureSource | None = None,
    batch_size: int = 8,
    num_workers: int = 0,
) -> Predictor:
    """The model of a run folder, a checkpoint file or an adapter folder.

    Args:
        checkpoint: the folder or file.
        *overrides: settings as on the command line, e.g. `data.missing=zero`, `model.llm=FOLDER`.
        device: `cuda`, `cpu`, or `auto`.
        features: where vectors come from; None for what the run's configuration says.
        batch_size: clips that are answered together.
        num_workers: processes that decode and describe clips; 0 starts none.

    Raises:
        UserError: one sentence says what is wrong.
    """
    own = {"checkpoint": checkpoint, "device": device, "batch_size": batch_size, "num_workers": num_workers}
    words = [*(override(name, value) for name, value in own.items()), *overrides]
    with composed("predict", [*words, "media=none", "out=none"]) as cfg:
        check_config(cfg)
        return predictor(cfg, features=features)


def predictor(cfg: DictConfig, *, features: FeatureSource | None = None) -> Predictor:
    """A trained model that is asked about new clips, loaded.

    Args:
        cfg: of the command `predict`.
        features: where vectors come from; None for what the configuration says.

    Raises:
        UserError: one sentence says what is wrong.
    """
    quiet_libraries()
    checkpoint, settings, family = Path(cfg.checkpoint), plain(cfg.model), family_of(cfg.model)
    weights = find_weights("checkpoint", checkpoint)
    require_same_model("checkpoint", checkpoint, settings, is_evaluated=True)
    family.require(settings)
    seen, inputs, device = plain(cfg.data), inputs_of(cfg), device_of(cfg.device)
    labels = vocabulary(seen["labels"])
    sees = trained_sees(weights, family, labels)
    check_inputs(sees, inputs, {}, weights)
    if features is None and named(inputs, "vectors"):
        node = plain(cfg.features) if cfg.features is not None else {}
        workers = {"num_workers": cfg.num_workers} if "num_workers" in node else {}
        features = build({**node, **workers}, "features")
        if isinstance(features, LiveFeatures):
            features.keeps_encoders = True
    generation = Generation(**plain(cfg.evaluation))
    reading = _reading_of(seen)
    reader = ClipReader(
        family.inputs,
        inputs,
        features,
        widths=sees.feature_widths,
        choice=reading.choice,
        frame_sizes=family.frame_sizes(settings),
        missing=reading.missing,
        num_workers=cfg.num_workers,
        require_recipes=partial(
            require_same_recipes, "checkpoint", checkpoint, accepts=reading.other_recipe == "accept"
        ),
    )
    processor = build_processor(cfg)
    model, base = _filled(family, settings, sees, weights)
    model.to(device).eval()
    asking = Asking(
        ask=partial(_first_question, family, plain(cfg.prompt), labels, tuple(seen.get("offered") or ())),
        generation=generation,
        labels=labels,
        seed=cfg.seed,
        batch_size=cfg.batch_size,
        explanation_tokens=cfg.explanation_tokens,
        positions=_positions(family, settings, processor),
    )
    return Predictor(model, processor, reader, asking, device=device, about=_about(cfg, model, base))


def _filled(family: Family, settings: dict[str, Any], sees: Sees, weights: Path) -> tuple[Any, dict[str, str]]:
    """The model with its weights, and the fingerprints of its bases."""
    model = family.build(settings, sees=sees)
    base = base_fingerprints(model)
    load_weights(model, weights, own=base)
    return model, base


def _positions(family: Family, settings: dict[str, Any], processor: Any) -> int | None:
    """The longest sequence of the language model, if there is one with a limit."""
    language = family.language(settings)
    return None if language is None else context_of_language(language, processor.tokenizer).positions


def _reading_of(data: dict[str, Any]) -> Reading:
    """How clips are seen; what a run of before a setting came does not say has its default."""
    names = ("frame", "missing", "other_recipe")
    return Reading(**{name: data[name] for name in names if name in data})


def _first_question(
    family: Family, prompt: dict[str, Any], labels: Sequence[str], offered: Sequence[str], task: str
) -> str:
    """What a task asks where nobody asks something else.

    Raises:
        UserError: there is no such task, or clips need texts for it that only a dataset has.
    """
    if task not in family.tasks:
        raise UserError(f"prompt.task: {not_one_of(task, family.tasks)}")
    if task in QUOTED:
        raise UserError(
            f"prompt.task={task}: clips have no descriptions to choose from here; say eval.py data=emoprefer"
        )
    own = {**prompt, "task": task, "tasks": {}}
    return family.questions(own, labels=labels, protocol=offered, seed=0).pools[task][0]


def _about(cfg: DictConfig, model: EmotionModel, base: dict[str, str]) -> dict[str, Any]:
    """Everything that answers depend on, and where the weights lie."""
    config = kept(cfg)
    settings = {name: config[name] for name in ABOUT}
    if settings["prompt"]["scale"] is None:  # So that answers saved without this setting are gone on from.
        del settings["prompt"]["scale"]
    weights = {"weights_sha256": state_hash(trained_state(model)), "base": base}
    return {"checkpoint": cfg.checkpoint, **weights, **settings}
