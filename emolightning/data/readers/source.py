"""Where the clips of a dataset come from: what all datasets share. A benchmark's own file says how clips are read."""

from collections.abc import Sequence
from pathlib import Path

from emolightning.data.readers.expected import Expected
from emolightning.data.readers.values import PREFERRED, MediaFolder
from emolightning.errors import UserError
from emolightning.records.benchmark import Benchmark
from emolightning.records.clips import Clip
from emolightning.records.labels import vocabulary
from emolightning.records.votes import Votes

SPLITS = ("train", "val", "test")


class ClipSource:
    """The clips of one dataset. Subclasses say where they come from: `read_clips` and `media_folder`.

    The first block of arguments is set in `configs/data/`, the second is passed by the program.

    Args:
        name: of the dataset, for tables and folders.
        labels: name of a vocabulary, or a list.
        seed: of splits, shuffling and instructions.
        private: whether transcripts, reasons and free answers stay out of every logger (`logger.wandb.private=true`
            lets them in).
        official: the published benchmark that this is; None for data that are none.
        inputs: active inputs; `transcript` needs what is said.
        takes_stock: a folder or file of media that is missing is noted and does not end the reading, for `doctor`.
    """

    def __init__(
        self,
        *,
        name: str,
        labels: str | list[str],
        seed: int = 42,
        private: bool = False,
        official: Benchmark | None = None,
        inputs: Sequence[str] = (),
        takes_stock: bool = False,
    ):
        if not name or Path(name).name != name:  # Files are called so.
            raise UserError(f"data.name={name!r}: must be a word without a slash: it is part of names of files")
        self.name: str = name
        self.labels = vocabulary(labels)
        self.seed = seed
        self.private = private
        self.official = official
        self.inputs = tuple(inputs)
        self.takes_stock = takes_stock
        self.remarks: list[str] = []
        self.votes: Votes | None = None
        """Who gave which label, where several people judged the clips; filled by `read_clips`."""
        self.lost: dict[str, str] = {}
        """Clip id -> why it has no media; filled by `read_clips`."""

    def read_clips(self) -> list[Clip]:
        """All clips with their splits assigned.

        Raises:
            UserError: everything that is wrong with the annotations, at once.
        """
        raise NotImplementedError(f"{type(self).__name__} must say how its clips are read")

    def media_folder(self) -> Path:
        """Where the clips lie; the cache is kept apart for each such folder."""
        raise NotImplementedError(f"{type(self).__name__} must name its media folder")

    def media_folders(self) -> dict[str, Path]:
        """What trackers are told of where the clips lie: name -> folder."""
        return {"clips": self.media_folder()}

    def expected(self) -> list[Expected]:
        """Files and folders that `read_clips` needs, for `doctor`."""
        return []

    @property
    def benchmark(self) -> str:
        """What results are filed under: the official name, or that of the dataset."""
        return self.official.name if self.official else self.name

    def official_differences(self, clips: Sequence[Clip], *, offered: Sequence[str]) -> list[str]:
        """What differs from the published benchmark; said by the sources that are one.

        Args:
            clips: those that were read.
            offered: the labels that the question offers.
        """
        return []

    def remark_empty(self, number: int, total: int, meaning: str) -> None:
        """Note how many transcripts are empty: they are not in the files, but part of what the model is told."""
        if number:
            stands = (
                "the word `nan` is used instead, as in upstream" if meaning == "upstream" else "the sentence is empty"
            )
            self.remarks.append(f"{number} of {total} clips have an empty transcript: {stands}")

    def find_media(self, folder: Expected) -> MediaFolder:
        """Finds videos by name; those that are not there are noted in `lost`. In `doctor` the folder may be missing."""
        place = folder.found or folder.candidates[0] if self.takes_stock else folder.require()
        return MediaFolder(place, preferred=PREFERRED, lost=self.lost)
