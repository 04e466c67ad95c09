"""The model under test: a golden folder's weights through the same import that published weights take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from parity.golden import CONFIG, GoldenFolder
from parity.samples import Sample, read_samples
from torch import Tensor

from emolightning.errors import UserError
from emolightning.models.emotion_llama.build import build_emotion_llama
from emolightning.models.emotion_llama.emotion_llama import EmotionLlama
from emolightning.models.emotion_llama.inputs import FEATURES, INPUTS, STREAMS
from emolightning.models.emotion_llama.processor import EmotionLlamaProcessor
from emolightning.models.emotion_llama.upstream.importing import ADAPTER_FOLDER, TOWER_FOLDER, import_weights
from emolightning.models.parts.adapter import load_adapter
from emolightning.models.parts.language import LanguageSettings
from emolightning.models.parts.lora import LoraSettings
from emolightning.models.parts.tokenizer import UPSTREAM_PAD, Tokenizer
from emolightning.models.parts.vision import VisionSettings
from emolightning.records.clips import Batch, Example


@dataclass(frozen=True)
class Subject:
    """Our model with a golden folder's weights, in eval mode, and the folder's samples."""

    model: EmotionLlama
    samples: list[Sample]

    @property
    def tokenizer(self) -> Tokenizer:
        """The language model's."""
        return self.model.tokenizer

    @property
    def pad_id(self) -> int:
        """The token whose embedding upstream puts into padding."""
        return self.tokenizer.hugging_face.convert_tokens_to_ids(UPSTREAM_PAD)

    def batch(self, positions: Sequence[int], *, layout: str = "train") -> Batch:
        """Some of the samples, by their numbers."""
        chosen = [self.samples[position] for position in positions]
        return self.batch_of([sample.example for sample in chosen], [s.answer for s in chosen], layout=layout)

    def batch_of(self, examples: Sequence[Example], answers: Sequence[str], *, layout: str) -> Batch:
        """Any examples with their answers."""
        processor = EmotionLlamaProcessor(self.tokenizer, image_tokens=self.model.image_tokens, layout=layout)
        return processor.batch(examples, answers)

    def embed_text(self, ids: Sequence[int]) -> Tensor:
        """Embeddings of tokens, (tokens, width)."""
        return self.model.language.get_input_embeddings()(torch.tensor(ids, dtype=torch.int64))

    def encode_images(self, batch: Batch) -> Tensor:
        """Upstream's `encode_img`: all streams behind their projections, (batch, tokens, width)."""
        return self.in_order(self.model.project(batch))

    def in_order(self, projected: Mapping[str, Tensor]) -> Tensor:
        """Projected streams behind each other as upstream has them, (batch, tokens, width)."""
        return torch.cat([projected[name] for name in STREAMS], dim=1)


def build_subject(golden: GoldenFolder) -> Subject:
    """Import the weights into a folder that is removed again, and build the model from it in float32.

    Raises:
        UserError: the folder's files do not fit each other; names file, value and what would fit.
    """
    samples = read_samples(golden)
    vision, lora = _settings(golden)
    llama, eva = golden.weights("model", "llama_model"), golden.weights("eva", "file")
    with TemporaryDirectory(prefix="emolightning-parity-") as name:
        out = Path(name)
        checkpoint = golden.weights("model", "ckpt")
        import_weights(llama=llama, eva=eva, checkpoint=checkpoint, out=out, vision=vision, lora=lora)
        model = build_emotion_llama(
            vision=replace(vision, path=str(out / TOWER_FOLDER)),
            language=LanguageSettings(path=str(llama)),
            # All values were recorded without dropout, those of the training loops included.
            lora=replace(lora, dropout=0.0),
            inputs=INPUTS,
            feature_widths=dict.fromkeys(FEATURES, samples[0].example.features[FEATURES[0]].shape[-1]),
        )
        load_adapter(model, out / ADAPTER_FOLDER)
    return Subject(model.eval(), samples)


def _settings(golden: GoldenFolder) -> tuple[VisionSettings, LoraSettings]:
    eva, lora = golden.config.get("eva", {}), golden.config.get("lora", {})
    try:
        vision: dict[str, Any] = {
            "image_size": int(eva["img_size"]),
            "patch_size": int(eva["patch_size"]),
            "width": int(eva["embed_dim"]),
            "num_layers": int(eva["depth"]),
            "num_heads": int(eva["num_heads"]),
            "mlp_width": int(eva["mlp_hidden"]),
        }
        adapters = LoraSettings(
            r=int(lora["r"]), alpha=int(lora["alpha"]), dropout=float(lora["dropout"]), targets=tuple(lora["targets"])
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{golden.folder / CONFIG}: eva and lora must name all sizes: {error!r}") from error
    settings = VisionSettings(**vision)
    try:
        assert settings.num_tokens
    except ValueError as error:
        raise UserError(f"{golden.folder / CONFIG}: {error}") from error
    return settings, adapters
