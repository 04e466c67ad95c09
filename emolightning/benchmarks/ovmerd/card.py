"""OV-MERD+: any number of emotion words for each of 532 clips, one of the nine sets of MER-UniBench."""

from emolightning.benchmarks.published.shared_protocols import LIGHT_MER, UNIBENCH, WHEELS
from emolightning.records.benchmark import Benchmark, Card, Protocol
from emolightning.records.clip_digests import Digests

CARD = Card(
    title="OV-MERD+",
    about="Chinese films and series: any number of emotion words a clip, merged from English and Chinese by people.",
    benchmarks=(
        Benchmark(
            name="ovmerd_plus",
            kind="open_vocabulary",
            headline="ew_f1_level1",
            source="MERTools MER2024/ov_store; AffectGPT, arXiv:2501.16566",
            sizes={"test": 532},
            digests={"test": Digests("003299a6193d5a17")},
            read_by=("data=ovmerd_plus",),
        ),
    ),
    protocols=(
        Protocol("ovmerd_plus", "mer_unibench", f"{UNIBENCH}; F at level 1", conditions=WHEELS),
        Protocol("ovmerd_plus", "light_mer", LIGHT_MER, conditions=WHEELS),
    ),
)
