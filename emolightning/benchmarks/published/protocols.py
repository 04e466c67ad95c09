"""How the figures of `scores.csv` were measured, and what a run must have in common with them to be compared.

Two figures stand in one column only if they share a protocol.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from emolightning.benchmarks.official import BENCHMARKS


@dataclass(frozen=True)
class Protocol:
    """One way of measuring on one set of clips."""

    benchmark: str
    way: str
    """Name of the protocol within the benchmark."""
    about: str
    """Training, test set, reading of answers: what a reader must know."""
    num_clips: int | None = None
    """Clips that were scored, where it is not the official number, or where this project does not have the set."""
    never: str | None = None
    """Why no run can be compared."""
    conditions: Mapping[str, object] = field(default_factory=dict)
    """What a run must have: name of a fact of `MeasuredRun.facts` -> its value."""

    @property
    def name(self) -> str:
        """`benchmark/way`, as in `scores.csv`."""
        return f"{self.benchmark}/{self.way}"

    @property
    def expected_clips(self) -> int | None:
        """How many clips a run should have."""
        return self.num_clips or official_clips(self.benchmark)


def official_clips(benchmark: str) -> int | None:
    """Number of clips that are scored on a benchmark: of its test split, or of all folds; None if unknown."""
    sizes = BENCHMARKS[benchmark].sizes if benchmark in BENCHMARKS else {}
    return sizes.get("test", sizes.get("all"))


GROUPS_OF_THE_EXAMPLE = "892f588d5e0ccd53907bccc926f8b75b38242954ee0392ae3d634c359f2d32a0"
"""sha256 of the content of MERTools' MER2024/ov_store/openset-synonym.zip."""

_UNIBENCH = (
    "MER-UniBench, zero-shot: words taken from free text by Qwen2.5-7B-Instruct, emotion wheels of 2025; the "
    "checkpoint of AffectGPT is the best on the test set"
)
_HIT = f"{_UNIBENCH}; HIT at level 1, where further labels cost nothing, over clips whose label is in the wheel"
_SENTIMENT = f"{_UNIBENCH}; weighted F1 of the sign, zeros left out"
_WHEELS = {"wheels": "2025", "answers": "lists"}
_PAGE = "figures of upstream's documentation page alone"
_NOT_STATED = "which of the folds was tested is not stated"
_GPT4V = "GPT-4V, zero-shot: a ranked list of labels, of which the first counts, words as they are"
_FIRST_LABEL = {"aliases": "none", "answer_list": "first"}
_ZERO_SHOT = "zero-shot: Emotion-LLaMA's weights that never saw DFEW, on the test set of fold 1"
_RECIPE = f"{_ZERO_SHOT}; upstream's documented recipe, labels in official order, no transcript"
_BEST_EPOCH = "the best epoch on the test set counts"

_OFFICIAL_ORDER = BENCHMARKS["dfew_fold1"].prompt_order


def _recipe(frame: str) -> Protocol:
    conditions = {"frame": frame, "transcript": False, "offered": _OFFICIAL_ORDER}
    return Protocol("dfew_fold1", f"zero_shot_{frame}", f"{_RECIPE}, {frame} frame", conditions=conditions)


_ALL = (
    Protocol(
        "mer2023_semi",
        "challenge",
        "test3, 834 clips picked by confidence; trained on Train&Val, Emotion-LLaMA on MERR as well; its answers are "
        "read by their last word, else as neutral",
    ),
    Protocol("mer2023_semi", "documentation_page", _PAGE),
    Protocol(
        "mer2023_multi", "challenge", "test1, 411 clips; combined = weighted F1 - 0.25 x squared error of valence"
    ),
    Protocol("mer2023_multi", "gpt4v", _GPT4V, conditions=_FIRST_LABEL),
    Protocol("mer2023_multi", "mer_unibench", f"called MER2023 there: test1. {_HIT}", conditions=_WHEELS),
    Protocol("mer2023_noise", "challenge", "test2, 412 clips with added noise; combined as on MULTI"),
    Protocol(
        "mer2024_semi", "mer_unibench", f"called MER2024 there: the scored SEMI clips. {_HIT}", conditions=_WHEELS
    ),
    Protocol("mer2024_noise", "challenge", "the 1170 scored clips of the challenge's NOISE track"),
    Protocol("mer2024_noise", "documentation_page", _PAGE),
    Protocol(
        "mer2024_ov",
        "challenge",
        "332 clips; words grouped by gpt-3.5-turbo-16k-0613, groups of the organisers' example answers",
        conditions={"synonym_groups": GROUPS_OF_THE_EXAMPLE},
    ),
    Protocol("mer2024_ov", "documentation_page", _PAGE),
    Protocol(
        "emer_v1",
        "gpt35_judge",
        "100 clips without neutral; graded from 1 to 10 by gpt-3.5-turbo-16k-0613 in Chinese, a label in three steps",
        never="gpt-3.5-turbo-16k-0613 gave these grades and is no longer served; another judge has a scale of its own",
    ),
    Protocol(
        "dfew",
        "five_folds",
        f"trained on each fold: arithmetic mean of the scores of five test sets, 11697 clips; {_BEST_EPOCH}",
        conditions={"num_folds": 5},
    ),
    Protocol("dfew", "partition_not_stated", "one partition into training and test clips", never=_NOT_STATED),
    Protocol("dfew_fold1", "zero_shot", f"{_ZERO_SHOT}; frame, features and transcript are not stated"),
    _recipe("middle"),
    _recipe("first"),
    _recipe("peak"),
    Protocol(
        "dfew_fold1",
        "zero_shot_settings",
        f"{_ZERO_SHOT}; upstream's recipe with one setting changed: the order of labels with the first frame, "
        "transcripts with the peak frame and other face features",
        never="what else was set is not stated for each",
    ),
    Protocol("dfew_fold1", "gpt4v", _GPT4V, num_clips=2337, conditions=_FIRST_LABEL),
    *(
        Protocol(f"dfew_fold{fold}", "fine_tuned", f"trained on fold {fold}, tested on its test set; {_BEST_EPOCH}")
        for fold in range(1, 6)
    ),
    Protocol("dfew_fold1", "documentation_page", _PAGE),
    Protocol("mafw", "partition_not_stated", "one partition into training and test clips", never=_NOT_STATED),
    Protocol("mafw", "five_folds", f"trained on each fold: mean over five test sets; {_BEST_EPOCH}"),
    Protocol("ravdess", "r1_omni", "not trained on RAVDESS"),
    *(Protocol(name, "gpt4v", _GPT4V) for name in ("ravdess", "ferv39k", "enterface05")),
    Protocol("meld", "mer_unibench", _HIT, num_clips=2610),
    Protocol("iemocap", "mer_unibench", f"session 5. {_HIT}", num_clips=1241),
    Protocol("cmu_mosi", "mer_unibench", _SENTIMENT, num_clips=686),
    Protocol("cmu_mosei", "mer_unibench", _SENTIMENT, num_clips=4659),
    Protocol("ch_sims", "mer_unibench", _SENTIMENT, num_clips=457),
    Protocol("ch_sims_v2", "mer_unibench", _SENTIMENT, num_clips=1034),
    Protocol("ovmerd_plus", "mer_unibench", f"{_UNIBENCH}; F at level 1", num_clips=532, conditions=_WHEELS),
    Protocol("mer_unibench", "mean", "mean over the nine sets, whose scores have three definitions"),
    Protocol(
        "ovmerd",
        "ov_mer",
        "OV-MER, mean of two runs; words taken from free text by a language model; m_avg is the mean of m1_f1, m2_f1 "
        "and the F of five wheels at two levels; gpt_groups is the table's column GPT",
    ),
)

PROTOCOLS: dict[str, Protocol] = {protocol.name: protocol for protocol in _ALL}
"""Name -> protocol."""
