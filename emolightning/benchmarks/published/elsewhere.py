"""Protocols of published figures on benchmarks that this project does not evaluate; they are in `elsewhere.csv`."""

from emolightning.benchmarks.published.shared_protocols import (
    BEST_EPOCH,
    GPT4V,
    HIT,
    NOT_STATED,
    UNIBENCH,
    WHEELS,
)
from emolightning.records.benchmark import Protocol

FAMILIES = {"ch_sims_v2": "ch_sims", "cmu_mosi": "cmu", "cmu_mosei": "cmu", "ovmerd_plus": "ovmerd"}
"""Benchmark -> the word that means it and its siblings."""

_SENTIMENT = f"{UNIBENCH}; weighted F1 of the sign, zeros left out"

PROTOCOLS = (
    Protocol("mafw", "partition_not_stated", "one partition into training and test clips", never=NOT_STATED),
    Protocol("mafw", "five_folds", f"trained on each fold: mean over five test sets; {BEST_EPOCH}"),
    Protocol("ravdess", "r1_omni", "not trained on RAVDESS"),
    *(Protocol(name, "gpt4v", GPT4V) for name in ("ravdess", "ferv39k", "enterface05")),
    Protocol("meld", "mer_unibench", HIT, num_clips=2610),
    Protocol("iemocap", "mer_unibench", f"session 5. {HIT}", num_clips=1241),
    Protocol("cmu_mosi", "mer_unibench", _SENTIMENT, num_clips=686),
    Protocol("cmu_mosei", "mer_unibench", _SENTIMENT, num_clips=4659),
    Protocol("ch_sims", "mer_unibench", _SENTIMENT, num_clips=457),
    Protocol("ch_sims_v2", "mer_unibench", _SENTIMENT, num_clips=1034),
    Protocol("ovmerd_plus", "mer_unibench", f"{UNIBENCH}; F at level 1", num_clips=532, conditions=WHEELS),
    Protocol("mer_unibench", "mean", "mean over the nine sets, whose scores have three definitions"),
    Protocol(
        "ovmerd",
        "ov_mer",
        "OV-MER, mean of two runs; words taken from free text by a language model; m_avg is the mean of m1_f1, m2_f1 "
        "and the F of five wheels at two levels; gpt_groups is the table's column GPT",
    ),
)
