"""MER-UniBench: nine sets, three definitions of a score, and the plain mean of the nine."""

from emolightning.benchmarks.published.shared_protocols import LIGHT_MER, WHEELS
from emolightning.records.benchmark import Benchmark, Card, Part, Protocol

WORDS = ("scoring=open_vocabulary",)
SENTIMENT = ("scoring=sentiment", "scoring.protocol=mer_unibench")
TEST_ALONE = ("data.train=false",)


def _hit(name: str, benchmark: str, *data: str) -> Part:
    return Part(name, benchmark, "hit", "hit_all", WORDS, data)


def _sentiment(name: str) -> Part:
    return Part(name, name, "f1_non0", "f1_has0", SENTIMENT, TEST_ALONE, tasks=("sentiment", "emotion"))


CARD = Card(
    title="MER-UniBench",
    about="Nine sets with emotions, sentiments or open words: a score for each, and the mean of the nine.",
    benchmarks=(
        Benchmark(
            name="mer_unibench",
            kind="several",
            headline="mean_of_nine",
            source="AffectGPT, arXiv:2501.16566; MERTools @ 89120b7",
            sizes={"test": 12799},
            read_by=("data=unibench",),
            parts=(
                _hit("mer2023", "mer2023_multi"),
                _hit("mer2024", "mer2024_semi"),
                _hit("meld", "meld", *TEST_ALONE),
                _hit("iemocap", "iemocap_session5", *TEST_ALONE),
                *map(_sentiment, ("cmu_mosi", "cmu_mosei", "ch_sims", "ch_sims_v2")),
                Part("ovmerd_plus", "ovmerd_plus", "ew_f1_level1", "ew_f1_level1_all", WORDS),
            ),
        ),
    ),
    protocols=(
        Protocol(
            "mer_unibench",
            "mean",
            "mean over the nine sets, whose scores have three definitions; of AffectGPT the best epoch on each test "
            "counts, worth 0.9 points and more",
            conditions=WHEELS,
        ),
        Protocol("mer_unibench", "light_mer", f"mean over the nine sets. {LIGHT_MER}", conditions=WHEELS),
    ),
)
