"""AffectGPT as a folder of recorded values describes it: its sizes, clips and weights, found in the folder's files."""

import csv
import json
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from parity.frame_encoders import encoder_of
from parity.recorded_features import read_wav, sinc_resampled
from safetensors.torch import load_file
from torch import Tensor

from emolightning.data.media.openface import find_faces
from emolightning.models.affectgpt.affectgpt import AffectGPT
from emolightning.models.affectgpt.build import build_affectgpt
from emolightning.models.affectgpt.instructions import question
from emolightning.models.affectgpt.layouts import PLACEHOLDERS, layout_of
from emolightning.models.affectgpt.processor import AffectGPTProcessor
from emolightning.models.affectgpt.settings import FusionSettings
from emolightning.models.encoders.speech import piece_starts
from emolightning.models.parts.language import LanguageSettings
from emolightning.models.parts.lora import LoraSettings
from emolightning.prompt.processor import Loaded
from emolightning.prompt.questions import Question
from emolightning.records.clips import Clip, SequenceBatch

MARKERS = {"multi": "<MultiHere>", "speech": "<AudioHere>", "face": "<FaceHere>", "frame": "<FrameHere>",
           "picture": "<ImageHere>"}  # fmt: skip
"""Stream -> upstream's marker."""
THEIRS = {"speech": "audio", "face": "face", "frame": "frame", "picture": "image"}
"""Stream -> what the record calls it."""
ALPHA = 32
QUESTION = {"ovlabel": "ovlabel", "description": "reason"}
"""Upstream's task -> ours."""


class Recorded:
    """One folder.

    Args:
        folder: laid out as `golden_affectgpt`.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.config = self.json("model_config.json")
        self.encoders = self.tensors("encoders.safetensors")
        self.clips = [key.removesuffix(".hubert") for key in self.encoders if key.endswith(".hubert")]
        self.clips.remove("batch3")
        self.rows = self.json("train.json")["annotation"]

    def json(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text(encoding="utf-8"))

    def tensors(self, name: str) -> dict[str, Tensor]:
        return load_file(self.folder / name)

    def weights(self, name: str) -> dict[str, Tensor]:
        return torch.load(self.folder / name, weights_only=True)["model"]

    def fusion(self, kind: str = "attention") -> FusionSettings:
        bert = self.json("bert-base-uncased/config.json")
        tokens = {
            ours: self.config["model"][f"num_{theirs}_query_token"]
            for ours, theirs in (("video_tokens", "video"), ("audio_tokens", "audio"), ("multi_tokens", "multi"),
                                 ("picture_tokens", "image"))
        }  # fmt: skip
        return FusionSettings(
            video=kind, audio=kind, multi="qformer" if kind == "qformer" else "attention", **tokens,
            qformer_width=bert["hidden_size"], qformer_heads=bert["num_attention_heads"],
            qformer_mlp_width=bert["intermediate_size"], qformer_layers=bert["num_hidden_layers"],
        )  # fmt: skip

    def model(self, weights: Mapping[str, Tensor], *, language: str = "llm", kind: str = "attention") -> AffectGPT:
        """A model with these weights, every one of which has to have a place."""
        lora = next(tensor for name, tensor in weights.items() if "lora_A" in name).shape[0]
        multi = {name: tensor for name, tensor in weights.items() if name.startswith("multi_") and "embs.w" in name}
        video, audio = multi["multi_video_embs.weight"].shape[1], multi["multi_audio_embs.weight"].shape[1]
        model = build_affectgpt(
            language=LanguageSettings(path=str(self.folder / language), tokenizer=str(self.folder / "llm")),
            lora=LoraSettings(r=lora, alpha=ALPHA, dropout=0.05, targets="all-linear"),
            fusion=self.fusion(kind),
            inputs=["face", "frame", "speech", "picture", "transcript"],
            feature_widths={"face": video, "frame": video, "picture": video, "speech": audio},
        )
        load(model, weights)
        return model.eval()

    @cached_property
    def main(self) -> AffectGPT:
        return self.model(self.weights("checkpoint_tiny.pth"))

    def streams(self, clip: str) -> dict[str, Tensor]:
        """What the record's encoders made of a clip."""
        found = {"face": f"{clip}.face_clip", "frame": f"{clip}.frame_clip", "speech": f"{clip}.hubert"}
        return {name: self.encoders[key][0] for name, key in found.items()} | {
            "picture": self.encoders["picture.clip"][0]
        }

    def batch(
        self,
        model: AffectGPT,
        rows: Sequence[tuple[str, str]],
        layout: str,
        *,
        streams: Any = None,
        answers: bool = True,
    ) -> SequenceBatch:
        """Clips with the question of a task each, in one layout.

        Args:
            model: whose tokenizer it is for.
            rows: clip, and upstream's task.
            layout: one of ours.
            streams: clip -> its vectors; None takes those that are recorded for it alone.
            answers: whether they are in the sequence.
        """
        processor = AffectGPTProcessor(model.tokenizer, fusion=model.projections.settings, layout=layout)
        examples = []
        for index, (clip, task) in enumerate(rows):
            asked = Question(QUESTION[task], question(QUESTION[task], ()))
            found = streams[clip] if streams else self.streams(clip)
            shown = {name: stream for name, stream in found.items() if name in layout_of(layout)[0].needs}
            loaded = Loaded(transcript=self.row(clip)["subtitle"], streams=shown)
            examples.append(processor.example(Clip(id=clip, video=Path(clip)), loaded, asked, index=index))
        texts = [self.answer(clip, task) if answers else None for clip, task in rows]
        return processor.batch(examples, texts)

    def row(self, clip: str) -> Mapping[str, str]:
        return next(row for row in self.rows if row["name"] == clip)

    def answer(self, clip: str, task: str) -> str:
        if task == "ovlabel":
            return self.row(clip)["ovlabel"]
        with (self.folder / "media" / "track3_train_mercaptionplus.csv").open(encoding="utf-8", newline="") as file:
            return next(row["reason"] for row in csv.DictReader(file) if row["name"] == clip)

    def theirs(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Our ids as upstream has them: its markers, and padding with the token that ends an answer."""
        found = torch.where(mask == 1, ids, self.config["pad"])
        for name, place in PLACEHOLDERS.items():
            found[found == place] = self.config["special_token_ids"][MARKERS[name]]
        return found

    def together(self, clips: Sequence[str], suffix: str = "") -> Mapping[str, dict[str, Tensor]]:
        """Clip -> vectors of faces and voice as upstream makes them for a batch: its sounds normalised together.

        Args:
            clips: of the batch.
            suffix: of the folders of the encoders.
        """
        sounds = self._encoder("hubert_affectgpt", f"hubert{suffix}")
        pieces = [self._pieces(sounds, clip) for clip in clips]
        normalised = np.split(sounds._model.normalised(np.concatenate(pieces)), len(clips))
        heard = [torch.from_numpy(sounds._encode(each)) for each in normalised]
        return {
            clip: {"face": self._faces(clip, suffix), "speech": speech}
            for clip, speech in zip(clips, heard, strict=True)
        }

    def _pieces(self, encoder: Any, clip: str) -> np.ndarray:
        channels, rate = read_wav(self.folder / "media" / "audio" / f"{clip}.wav")
        sound = np.stack([sinc_resampled(channel, rate) for channel in channels]).mean(0)
        length = encoder._seconds * 16000
        sound = np.pad(sound, (0, max(0, length - len(sound))))
        starts = piece_starts(len(sound), encoder._num_pieces, encoder._seconds)
        found = np.stack([sound[start : start + length] for start in starts])
        return found - found.mean(1, keepdims=True)

    @cache  # noqa: B019  # As long as the tests of a folder.
    def _faces(self, clip: str, suffix: str) -> Tensor:
        encoder = self._encoder("clip_affectgpt_faces", f"clip{suffix}")
        shown = find_faces(self.folder / "media" / "openface_face", clip)
        chosen = np.stack(list(shown.each(encoder.positions(shown.num_frames))))
        return torch.from_numpy(encoder.encode([chosen])[0])

    @cache  # noqa: B019
    def _encoder(self, recipe: str, folder: str) -> Any:
        return encoder_of(recipe, self.folder / folder)


def own_name(theirs: str) -> str:
    """Upstream's name of a parameter -> ours."""
    if theirs.startswith("llama_model."):
        return theirs.replace("llama_model.", "language.", 1)
    if theirs.startswith("ot_hidden_proj."):
        return theirs.replace("ot_hidden_proj.", "distillation.", 1)
    return f"projections.{theirs}"


@torch.no_grad()
def load(model: AffectGPT, weights: Mapping[str, Tensor], *, all_of_them: bool = True) -> None:
    """Put upstream's weights in; the copy of tied embeddings that a file carries must be the base's.

    Args:
        model: to be filled.
        weights: by upstream's names.
        all_of_them: whether all that trains has to be there.
    """
    own = dict(model.named_parameters())
    for name, tensor in weights.items():
        if name.endswith("lm_head.weight"):
            assert torch.equal(tensor, model.language.get_output_embeddings().weight)
        else:
            own[own_name(name)].copy_(tensor)
    trained = {name for name, parameter in own.items() if parameter.requires_grad}
    assert not all_of_them or trained <= {own_name(name) for name in weights}
