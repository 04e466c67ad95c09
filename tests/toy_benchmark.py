"""A benchmark that this project does not have, as somebody would add it: a folder of the package and a YAML file."""

import csv
from pathlib import Path

from media_factory import make_media

CARD = '''"""Toy: clips that are up or down."""

from emolightning.records.benchmark import Benchmark, Card, Protocol

CARD = Card(
    title="Toy",
    about="Clips that are happy or sad.",
    benchmarks=(
        Benchmark(
            name="toy",
            kind="classification",
            labels=("happy", "sad"),
            prompt_order=("sad", "happy"),
            headline="war",
            source="made up",
            sizes={"test": 4, "train+val": 8},
            supports={"test": {"happy": 2, "sad": 2}},
            read_by=("data=toy",),
            truth_columns=frozenset({"clip", "mood"}),
            truth_is_coded=True,
        ),
    ),
    protocols=(Protocol("toy", "challenge", "made up"),),
)
'''

READER = '''"""Toy: a table `clip,mood,part`, moods as numbers."""

from pathlib import Path
from typing import Any

from emolightning.benchmarks.official_data import OfficialData
from emolightning.data.readers.expected import Expected
from emolightning.data.readers.label_files import LabelRow
from emolightning.data.readers.tables import build_clips, read_table
from emolightning.data.readers.values import BadValue
from emolightning.records.clips import Clip

MOODS = {"1": "happy", "2": "sad"}


class ToyData(OfficialData):
    """`data=toy`.

    Args:
        root: the folder with `toy.csv` and the clips.
        **shared: arguments of OfficialData.
    """

    def __init__(self, *, root: str, **shared: Any):
        super().__init__(benchmark="toy", **shared)
        self.root = Path(root)
        self._table = Expected("labels", "data.root", (self.root / "toy.csv",))
        self._media = Expected("folder of the videos", "data.root", (self.root / "clips",), is_folder=True)

    def expected(self) -> list[Expected]:
        return [self._table, self._media]

    def media_folder(self) -> Path:
        return self.root / "clips"

    def read_clips(self) -> list[Clip]:
        problems: list[str] = []
        path, media = self._table.require(), self.find_media(self._media)
        rows = read_table(path, ["clip", "mood", "part"], problems)

        def clip(row: Any) -> Clip:
            name, mood, part = (row.values[column] for column in ("clip", "mood", "part"))
            return Clip(id=name, video=media.find(name, name), label=_label(mood), split=part)

        return build_clips(path, rows, clip, problems)


def read_truths(path: Path, problems: list[str], *, benchmark: str, split: str) -> list[LabelRow]:
    """Names and labels of one part."""
    rows = [row for row in read_table(path, ["clip", "mood", "part"], problems) if row.values["part"] == split]
    return [LabelRow(row.values["clip"], _label(row.values["mood"]), row.where) for row in rows]


def _label(mood: str) -> str:
    if mood not in MOODS:
        raise BadValue(f"mood {mood!r} is not 1 or 2")
    return MOODS[mood]
'''

PUBLISHED = """benchmark,model,modality,metric,value,scale,protocol,verified,source,remark
toy,Coin,AV,war,0.50,fraction,toy/challenge,true,made up,
"""

YAML = """# Toy: clips that are happy or sad.
defaults: [_shared, _self_]
_target_: emolightning.benchmarks.toy.reader.ToyData
name: toy
labels: [happy, sad]
root: ${paths.data}/toy
frame: middle
"""


def add_toy(project: Path) -> list[Path]:
    """All files that are touched, in a copy of the project."""
    folder = project / "emolightning" / "benchmarks" / "toy"
    files = {
        folder / "__init__.py": "",
        folder / "card.py": CARD,
        folder / "reader.py": READER,
        folder / "published.csv": PUBLISHED,
        project / "configs" / "data" / "toy.yaml": YAML,
    }
    for path, text in files.items():
        assert not path.exists()
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return list(files)


def make_clips(root: Path) -> Path:
    """The toy's own files."""
    (root / "clips").mkdir(parents=True)
    parts = ["train"] * 6 + ["val"] * 2 + ["test"] * 4
    with (root / "toy.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["clip", "mood", "part"])
        for number, part in enumerate(parts):
            make_media(root / "clips" / f"c{number}.mp4", seconds=0.4, loudness=(0.05 * number + 0.1,) * 2)
            writer.writerow([f"c{number}", number % 2 + 1, part])
    return root
