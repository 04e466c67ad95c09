"""Configuration -> the data of a run: clips, their inputs, what is done to them. It is not Lightning's."""

from collections.abc import Callable

from omegaconf import DictConfig, OmegaConf

from emolightning.config.building import build
from emolightning.config.families import family_of
from emolightning.data.loading.corpus import Corpus, opens_media
from emolightning.data.loading.settings import Loading, split_settings
from emolightning.data.media.audio import usable_noise
from emolightning.data.perturbing.augmenting import Augmentation
from emolightning.data.perturbing.perturbing import Perturbing, perturbing_of
from emolightning.data.readers.source import ClipSource
from emolightning.data.stores.features import FeatureSource
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
