"""The data sets of MMEVerse: where each has its rows, labels and texts. Protocol constants of the released code.

Source: Emotion-LLaMA-v2, `minigpt4/datasets/datasets/`, commit 5f0a408: columns read, row filters, labels in prompts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class SetOfRows:
    """One data set, asked one kind of question."""

    folder: str
    """Below `data.root`; its upper-case name begins those of the files."""
    label: str
    """The column of the label, or of several."""
    vocabulary: str
    """Name of its labels."""
    text: str
    """The column of the transcript."""
    train: Sequence[str] = ("train",)
    """Values of `mode` of the rows that are trained on."""
    test: Sequence[str] = ("test",)
    """Those of the rows that are scored."""
    mode: str = "mode"
    task: str = "emotion"
    """What the label answers."""
    reasoning: str = "gpt-4o-mini_Emotion"
    """The column of the explanation, in the files of the second stage."""
    test_text: str = ""
    """The column of the transcript in evaluations, where it is another one."""
    test_mode: str = ""
    """The column of `test`, where it is another one."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Word of the file -> label, in evaluations."""
    tested: Sequence[str] = ()
    """Labels of the rows that are scored; empty for all."""

    @property
    def has_several(self) -> bool:
        """Whether a clip may have several labels."""
        return self.task == "multi-label"


def _meld(label: str, vocabulary: str, task: str) -> SetOfRows:
    return SetOfRows(
        "MELD", label, vocabulary, "text", test=("test", "dev"), task=task, reasoning=f"gpt-4o-mini_{label}"
    )


def _sentiment(folder: str, label: str, *, test: Sequence[str] = ("test",)) -> SetOfRows:
    reasoning = "gpt-4o-mini_Sentiment"
    return SetOfRows(folder, label, "sentiment3", "text", test=test, task="sentiment", reasoning=reasoning)


SETS: Mapping[str, SetOfRows] = {
    "mer2023": SetOfRows(
        "MER2024", "emotion_label", "mer6", "english", test=("test1",), mode="MER2023_mode", test_text="chinese"
    ),
    "mer2024_semi": SetOfRows(
        "MER2024", "emotion_label", "mer6", "english", test=("test_semi",), mode="MER2023_mode", test_text="chinese",
        test_mode="MER2024_mode",
    ),
    "caer": SetOfRows("CAER", "emotion_label", "caer7", "text_whisper"),
    "dfew": SetOfRows("DFEW", "label", "caer7", "sentence"),
    "mc_eiu_emotion": SetOfRows("MC-EIU", "emotion", "caer7", "Subtitle", reasoning="gpt-4o-mini_intent"),
    "mc_eiu_intent": SetOfRows(
        "MC-EIU", "intent", "intent8", "Subtitle", task="intent", reasoning="gpt-4o-mini_intent"
    ),
    "e3": SetOfRows("E3", "emotion", "e3", "conversation"),
    "iemocap": SetOfRows(
        "IEMOCAP", "official_label", "iemocap9", "text", train=("Session1", "Session2", "Session3", "Session4"),
        test=("Session5",), mode="session", aliases={"excited": "happiness"},
        tested=("anger", "neutral", "sadness", "happiness"),
    ),
    "mafw": SetOfRows("MAFW", "single_label", "mafw11", "text_whisper", reasoning="gpt-4o-mini_Single"),
    "mafw_multi": SetOfRows(
        "MAFW", "multi_label", "mafw11", "text_whisper", task="multi-label", reasoning="gpt-4o-mini_Multi"
    ),
    "bold": SetOfRows("BOLD", "Emotion_label", "bold26", "text_whisper", test=("val",), task="multi-label"),
    "ch_sims_v2s": _sentiment("CH-SIMS-v2", "annotation"),
    "cmu_mosi": _sentiment("CMU-MOSI", "sentiment_label"),
    "cmu_mosei": _sentiment("CMU-MOSEI", "sentiment_label"),
    "meld_emotion": _meld("Emotion", "meld7", "emotion"),
    "meld_sentiment": _meld("Sentiment", "sentiment3", "sentiment"),
}  # fmt: skip
"""Name of an option -> data set. `CH-SIMS-v2` is a folder of our own naming; upstream's is not known."""

FILES = {"stage1": "{name}_merged.csv", "stage2": "AU_gpt/{name}_AU_gpt.csv", "test": "{name}_label.csv"}
"""Part -> file below the folder of a data set."""

IMAGE = "response_Qwen25vl_72B"
"""The column of the answer about the image, in the first stage's files; `data.audio` names that about the sound."""

MOST_WORDS = {"stage1": 120, "stage2": 200}
"""Longer answers are not trained on."""
