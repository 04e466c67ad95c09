"""Configuration -> the data of a run: clips, their inputs, what is done to them. It is not Lightning's."""

from collections.abc import Callable
from dataclasses import replace

from omegaconf import DictConfig, OmegaConf

from emolightning.config.building import build
from emolightning.config.corpora import SETTING, alone, corpora_of, has_corpora, renamed
from emolightning.config.families import family_of
from emolightning.data.loading.corpus import Corpus, opens_media
from emolightning.data.loading.settings import Loading, split_settings
from emolightning.data.loading.several import Corpora
from emolightning.data.media.audio import usable_noise
from emolightning.data.perturbing.augmenting import Augmentation
from emolightning.data.perturbing.perturbing import Perturbing, perturbing_of
from emolightning.data.readers.several import SeveralData
from emolightning.data.readers.source import ClipSource
from emolightning.data.stores.features import FeatureSource
from emolightning.errors import InputErrors, UserError
from emolightning.records.corruptions import Corruption
from emolightning.records.inputs import Inputs
from emolightning.runs.assembly_of_models import inputs_of, keep_questions, plain


def read_corpus(cfg: DictConfig, *, trains: bool = False, check: Callable[[Corpus], object] | None = None) -> Corpus:
    """The data of a run, read and checked: everything wrong with it is raised here, before any weights are touched.

    Args:
        cfg: the run.
        trains: needs answers to learn.
        check: refuses what the rows alone show, before media are opened.
    """
    family_of(cfg.model).require(plain(cfg.model))
    corpus = make_corpus(cfg)
    corpus.read(trains=trains, check=check)
    return corpus


def make_corpus(cfg: DictConfig, *, takes_stock: bool = False) -> Corpus:
    """The data of a run, with nothing read yet.

    Args:
        cfg: the run.
        takes_stock: media that are missing are noted and do not end the reading.
    """
    keep_questions(cfg)
    if has_corpora(cfg):
        return _corpora(cfg, takes_stock=takes_stock)
    family, inputs = family_of(cfg.model), inputs_of(cfg)
    own, reading, loading = split_settings(plain(cfg.data))
    features = build(cfg.features, "features")
    perturbing = _perturbing(cfg, inputs, features)
    lenient = takes_stock or not opens_media(inputs, features)
    source: ClipSource = build(own, "data", inputs=_read(inputs, features), takes_stock=lenient)
    protocol = source.official.prompt_order if source.official else ()
    return Corpus(
        source,
        inputs=inputs,
        features=features,
        questions=family.questions(plain(cfg.prompt), labels=source.labels, protocol=protocol, seed=source.seed),
        frame_sizes=family.frame_sizes(plain(cfg.model)),
        reading=reading,
        num_workers=loading.num_workers,
        perturbing=perturbing,
    )


def _corpora(cfg: DictConfig, *, takes_stock: bool) -> Corpora:
    """Read the corpora of `data=several`, each as a run on it alone does.

    Raises:
        InputErrors: what is wrong with the settings of any of them.
        UserError: something is to be done to their inputs, which is done to one corpus at a time.
    """
    own, reading, loading = split_settings(plain(cfg.data))
    if _perturbing(cfg, inputs_of(cfg), None):
        raise UserError("perturb: is done to one corpus at a time; say data=NAME, with the settings of that corpus")
    parts, problems = dict[str, Corpus](), list[str]()
    for name in own["corpora"]:
        own["corpora"][name].pop("_target_")
        try:
            parts[name] = make_corpus(alone(cfg, name), takes_stock=takes_stock)
        except UserError as error:
            problems.append(renamed(str(error), f"{SETTING}.{name}", own["corpora"][name]))
    if problems:
        raise InputErrors(f"data={own['name']}", problems)
    of_parts = list(parts.values())
    lenient = any(part.source.takes_stock for part in of_parts)
    sources = {name: part.source for name, part in parts.items()}
    source: SeveralData = build(own, "data", inputs=of_parts[0].source.inputs, takes_stock=lenient, parts=sources)
    asked = {name: part.questions for name, part in parts.items()}
    tasks = {task: weight for part in of_parts for task, weight in part.questions.tasks.items()}
    offered = tuple(dict.fromkeys(label for questions in asked.values() for label in questions.offered))
    prompt = {**plain(cfg.prompt), "tasks": tasks}
    together = family_of(cfg.model).questions(prompt, labels=source.labels, protocol=(), seed=source.seed)
    return Corpora(
        source,
        parts=parts,
        inputs=inputs_of(cfg),
        questions=replace(together, offered=offered, of_corpora=asked),
        frame_sizes=of_parts[0].frame_sizes,
        reading=reading,
        num_workers=loading.num_workers,
    )


def taught_of(cfg: DictConfig) -> list[tuple[str | None, list[str]]]:
    """Return what training learns, for each corpus: `data.targets` and the tasks.

    The first is None where there is no such setting.
    """
    runs = [alone(cfg, name) for name in corpora_of(cfg)] or [cfg]
    found = []
    for run in runs:
        tasks = [task for task, weight in (plain(run.prompt)["tasks"] or {}).items() if weight]
        found.append((OmegaConf.select(run, "data.targets"), tasks))
    return found


def _perturbing(cfg: DictConfig, inputs: Inputs, features: FeatureSource | None) -> Perturbing:
    """What is done to the inputs of the clips that are answered; a training and a check of data do nothing."""
    if (asked := OmegaConf.select(cfg, "perturb")) is None:
        return Perturbing()
    corruption = None
    if asked.corruption is not None:
        corruption = Corruption(asked.corruption, asked.severity, asked.seed, usable_noise(asked.noise))
    return perturbing_of(
        inputs,
        reads_media=features is not None and features.reads_media,
        cut_out=getattr(features, "cut_out", None),
        split=cfg.split,
        zeroed=tuple(asked.zeroed),
        mean=tuple(asked.mean),
        mean_of=asked.mean_of,
        corruption=corruption,
        only=tuple(asked.inputs),
    )


def _read(inputs: Inputs, features: FeatureSource) -> tuple[str, ...]:
    """What is read of annotations: the active inputs, and the transcript where vectors are computed of it."""
    computed = features is not None and features.reads_media
    says = any(about.kind == "vectors" and about.modality == "text" for about in inputs.values())
    return (*inputs, *(["transcript"] if computed and says and "transcript" not in inputs else []))


def loading_of(cfg: DictConfig) -> Loading:
    """Sizes of batches, and the processes that make them."""
    return split_settings(plain(cfg.data))[2]


def augmentation_of(cfg: DictConfig) -> Augmentation:
    """What is done to training clips; what this run cannot do is refused."""
    given = plain(cfg.augmentation)
    noise = usable_noise(given.pop("noise"), "augmentation.noise")
    return Augmentation(inputs_of(cfg), cfg.data.seed, noise=noise, **given)
