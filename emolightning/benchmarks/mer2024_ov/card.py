"""MER2024-OV: any number of emotion words for each of 332 clips."""

from emolightning.benchmarks.mer_labels import LABEL_COLUMNS
from emolightning.benchmarks.published.shared_protocols import DOCUMENTATION_PAGE
from emolightning.records.benchmark import Benchmark, Card, Protocol
from emolightning.records.clip_digests import Digests

GROUPS_OF_THE_EXAMPLE = "892f588d5e0ccd53907bccc926f8b75b38242954ee0392ae3d634c359f2d32a0"
"""sha256 of the content of MERTools' MER2024/ov_store/openset-synonym.zip."""

CARD = Card(
    title="MER2024-OV",
    about="Chinese films and series: any number of emotion words a clip, checked by people.",
    family="mer2024",
    benchmarks=(
        Benchmark(
            name="mer2024_ov",
            kind="open_vocabulary",
            headline="average",
            source="MER2024 rules and MERTools MER2024/main-ov.py",
            sizes={"test": 332},
            digests={"test": Digests("71a789ba139028f5")},  # The second EMER has the same clips.
            read_by=("data=mer2024_ov",),
            truth_columns=LABEL_COLUMNS,  # A table of MER's single labels is recognised, and refused by what it is.
        ),
    ),
    protocols=(
        Protocol(
            "mer2024_ov",
            "challenge",
            "332 clips; words grouped by gpt-3.5-turbo-16k-0613, groups of the organisers' example answers",
            conditions={"synonym_groups": GROUPS_OF_THE_EXAMPLE},
        ),
        Protocol("mer2024_ov", "documentation_page", DOCUMENTATION_PAGE),
    ),
)
