"""Any image model of transformers, a vector or several for each frame: CLIP, SigLIP, DINOv2, data2vec, MAE, ResNet."""

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from emolightning.errors import UserError
from emolightning.files.documents import read_json_object
from emolightning.models.encoders.frames import CHUNK, Channels, ChunkedFrames, Sees
from emolightning.models.encoders.pixels import Resize, of_folder, opencv_resized, pil_bicubic

if TYPE_CHECKING:
    from torch import Tensor

CONFIG = "config.json"
Output = Literal["projected", "pooled", "last", "before_norm"]
Pool = Literal["none", "first", "sum", "mean"]
Squeeze = Literal["opencv_bilinear", "pil_bicubic"]
FIRST: dict[str, Resize] = {"opencv_bilinear": opencv_resized, "pil_bicubic": pil_bicubic}


class ImageEncoder(ChunkedFrames):
    """An image model of transformers on every chosen frame.

    Args:
        weights: a Hugging Face folder, its `preprocessor_config.json` included.
        output: `projected`: the image vector of CLIP, not normalised. `pooled`: the pooler's. `last`: the last hidden
            states. `before_norm`: those that the final LayerNorm is given, `hidden_states[-1]` of transformers 4.
        pool: what becomes of the tokens of `last` and `before_norm`: all of them, the first, their sum or mean.
        frames: the rule for positions.
        sees: whole frames, or faces.
        decoded_at: pixels, both ways, at which the decoder gives frames; None for any size.
        channels: the order of colours that the published weights were given.
        squeeze_to: pixels, both ways, of the frames before the folder's own processing; None leaves them as they are.
        squeeze_with: how: OpenCV's `resize`, or PIL's.
        device: where to compute.

    Raises:
        UserError: the folder does not hold such a model.
        InputErrors: tensors are missing or of other shapes.
    """

    def __init__(
        self,
        *,
        weights: Path | str,
        output: Output,
        pool: Pool = "none",
        frames: str = "every",
        sees: Sees = "frames",
        decoded_at: int | None = None,
        channels: Channels = "rgb",
        squeeze_to: int | None = None,
        squeeze_with: Squeeze = "opencv_bilinear",
        device: str = "cpu",
    ):
        from emolightning.models.encoders.weights import weights_files

        _require(output, pool, squeeze_with)
        folder = Path(weights)
        self._output, self._pool = output, pool
        self._model = _load(folder, output).to(device)
        first, pixels = FIRST[squeeze_with], of_folder(folder)
        super().__init__(
            files=weights_files(folder),
            folder=folder,
            frames=frames,
            pixels=pixels if squeeze_to is None else lambda frame: pixels(first(frame, squeeze_to)),
            device=device,
            chunk=CHUNK,
            sees=sees,
            decoded_at=decoded_at,
            channels=channels,
        )
        self._require_output(folder)

    def see(self, pixels: "Tensor") -> "Tensor":
        """(frames, 3, height, width) -> (frames, width), or (frames * tokens, width) where none are pooled."""
        if self._output in ("projected", "pooled"):
            found = self._outputs(pixels)["image_embeds" if self._output == "projected" else "pooler_output"]
            return found.flatten(1)
        tokens = self._before_norm(pixels) if self._output == "before_norm" else self._last(pixels)
        if self._pool == "first":
            return tokens[:, 0]
        if self._pool == "none":
            return tokens.flatten(0, 1)
        return tokens.sum(dim=1) if self._pool == "sum" else tokens.mean(dim=1)

    def _outputs(self, pixels: "Tensor") -> Any:
        """What the model returns; MAE looks at all patches, in their own order."""
        if self._model.config.model_type != "vit_mae":
            return self._model(pixel_values=pixels)
        import torch

        count = self._model.embeddings.patch_embeddings.num_patches
        noise = torch.arange(count, dtype=torch.float32, device=pixels.device).expand(len(pixels), -1)
        return self._model(pixel_values=pixels, noise=noise)

    def _last(self, pixels: "Tensor") -> "Tensor":
        """(frames, tokens, width); of a convolutional model the places of its last map are the tokens."""
        found = self._outputs(pixels)["last_hidden_state"]
        return found.flatten(2).transpose(1, 2) if found.ndim == 4 else found

    def _before_norm(self, pixels: "Tensor") -> "Tensor":
        found: list[Tensor] = []
        handle = self._model.layernorm.register_forward_pre_hook(lambda _, inputs: found.append(inputs[0]))
        try:
            self._outputs(pixels)
        finally:
            handle.remove()
        return found[0]

    def _require_output(self, folder: Path) -> None:
        """Look at a grey picture, so that a recipe that does not fit the model fails before the first clip."""
        from emolightning.models.parts.pretrained import first_line

        side = self.decoded_at or 32
        grey = np.full((side, side, 3), 128, dtype=np.uint8)
        try:
            self.encode([[grey]])
        except Exception as error:  # Whatever a model makes of pixels of another size, or of an output it lacks.
            raise UserError(
                f"{folder}: a {type(self._model).__name__} with this {CONFIG} and preprocessor_config.json gives no "
                f"output={self._output} ({first_line(error)}); say another output, or get the model's own files"
            ) from error


def _require(output: str, pool: str, squeeze_with: str) -> None:
    choices = (("output", output, Output), ("pool", pool, Pool), ("squeeze_with", squeeze_with, Squeeze))
    for name, value, allowed in choices:
        if value not in get_args(allowed):
            raise UserError(f"{name}={value!r} is none of {', '.join(get_args(allowed))}")
    if output in ("projected", "pooled") and pool != "none":
        raise UserError(f"output={output} is one vector, so pool={pool} has nothing to pool; leave pool out")


def _load(folder: Path, output: str) -> Any:
    """The model, without the parts that look at no image.

    Raises:
        UserError: its kind looks at no images, or has no such output.
    """
    from emolightning.models.encoders.weights import load_encoder

    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give the Hugging Face folder of the encoder")
    model_type = str(read_json_object(folder / CONFIG).get("model_type"))
    kind = _kind(folder, model_type, output)
    options: dict[str, Any] = {}
    if model_type in ("clip", "siglip") and output != "projected":
        options["part"] = "vision_model"
    if output != "pooled" and "add_pooling_layer" in inspect.signature(kind.__init__).parameters:
        options["add_pooling_layer"] = False
    changes = {"mask_ratio": 0.0} if model_type == "vit_mae" else {}
    return load_encoder(kind, folder, model_types={model_type}, changes=changes, **options)


def _kind(folder: Path, model_type: str, output: str) -> Any:
    import transformers
    from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

    if model_type == "clip":
        return transformers.CLIPVisionModelWithProjection if output == "projected" else transformers.CLIPVisionModel
    if output == "projected":
        raise UserError(f"{folder}: output=projected is of CLIP, and {CONFIG} says model_type {ascii(model_type)[:80]}")
    if model_type == "siglip":
        return transformers.SiglipVisionModel
    name = MODEL_MAPPING_NAMES.get(model_type)
    kind = getattr(transformers, name, None) if isinstance(name, str) else None
    if getattr(kind, "main_input_name", None) != "pixel_values":
        said = ascii(model_type)[:80]
        raise UserError(f"{folder}: {CONFIG} says model_type {said}, which is no image model of transformers")
    return kind
