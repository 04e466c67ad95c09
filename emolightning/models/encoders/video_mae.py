"""VideoMAE of transformers: 16 frames at a time, one vector for each tube of two."""

from pathlib import Path
from typing import TYPE_CHECKING

from emolightning.models.encoders.frames import ChunkedFrames, Sees
from emolightning.models.encoders.pixels import of_folder

if TYPE_CHECKING:
    from torch import Tensor


class VideoMaeEncoder(ChunkedFrames):
    """The mean over the patches of each tube, of one window of frames or of several one after the other.

    Args:
        weights: a Hugging Face folder of a VideoMAE, its `preprocessor_config.json` included.
        frames: the rule for positions; it gives the frames of one window or of several.
        sees: whole frames, or faces.
        device: where to compute.

    Raises:
        UserError: the folder does not hold a VideoMAE, or the rule gives no whole windows.
        InputErrors: tensors are missing or of other shapes.
    """

    def __init__(self, *, weights: Path | str, frames: str = "uniform:16", sees: Sees = "faces", device: str = "cpu"):
        from transformers import VideoMAEModel

        from emolightning.models.encoders.weights import load_encoder, weights_files

        folder = Path(weights)
        self._model = load_encoder(VideoMAEModel, folder).to(device)
        super().__init__(
            files=weights_files(folder),
            folder=folder,
            frames=frames,
            pixels=of_folder(folder),
            device=device,
            chunk=self._model.config.num_frames,
            is_film=True,
            sees=sees,
        )

    def see(self, pixels: "Tensor") -> "Tensor":
        """(frames, 3, height, width) of a window -> (tubes, width)."""
        tokens = self._model(pixel_values=pixels[None]).last_hidden_state[0]
        return tokens.unflatten(0, (self.chunk // self._model.config.tubelet_size, -1)).mean(dim=1)
