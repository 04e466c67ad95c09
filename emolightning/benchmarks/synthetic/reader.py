"""`data=synthetic`: the rendered benchmark, made on first use."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emolightning.benchmarks.synthetic.mixed import SEPARATOR
from emolightning.benchmarks.synthetic.render import render_benchmark
from emolightning.data.readers.annotations import read_custom
from emolightning.data.readers.source import ClipSource
from emolightning.records.clips import Clip
from emolightning.records.score_names import number_scale


class SyntheticData(ClipSource):
    """Labelled clips of six emotions, spread over face, voice and words so that no single modality suffices.

    Args:
        folder: where the clips are rendered, and reused when they are there.
        render_seed: of the clips; kept apart from the run's seed so that all runs share one benchmark.
        num_train: clips in the training split; likewise `num_val`, `num_test`.
        error_rate: chance that a modality shows another class than the label's; it sets the best achievable accuracy.
        mixed: clips with any number of labels, valence and arousal, rendered beside the others, in `<folder>-mixed`.
        scale: lowest and highest of their valence and arousal.
        render_workers: processes that render.
        **shared: arguments of ClipSource.
    """

    def __init__(
        self,
        *,
        folder: str,
        render_seed: int = 0,
        num_train: int = 960,
        num_val: int = 120,
        num_test: int = 180,
        error_rate: float = 0.015,
        mixed: bool = False,
        scale: Sequence[float] | None = None,
        render_workers: int = 2,
        **shared: Any,
    ):
        super().__init__(**shared)
        self.folder = Path(f"{folder}-mixed" if mixed else folder)
        self.scale = number_scale(scale, "data.scale")
        self.render_settings: dict[str, Any] = {
            "seed": render_seed,
            "num_train": num_train,
            "num_val": num_val,
            "num_test": num_test,
            "error_rate": error_rate,
            "mixed": mixed,
            "num_workers": render_workers,
        }

    def read_clips(self) -> list[Clip]:
        """Render what is missing, then read it like any custom dataset; the splits are in its file."""
        annotations = render_benchmark(self.folder, **self.render_settings)
        separator = SEPARATOR if self.render_settings["mixed"] else None
        about: dict[str, Any] = {"separator": separator, "scale": self.scale, "lost": self.lost}
        return read_custom(annotations, self.media_folder(), self.labels, **about)

    def media_folder(self) -> Path:
        """The folder of the rendered clips."""
        return self.folder / "media"
