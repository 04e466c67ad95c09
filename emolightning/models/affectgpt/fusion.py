"""Vectors of a clip -> tokens: pooled faces, frames and voice, and one token of both together.

No softmax and no activation anywhere, as in the released code; its names are kept, for its checkpoints hold them.
"""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from emolightning.models.affectgpt.inputs import VIDEO
from emolightning.models.affectgpt.qformer import QFormer, fresh_queries
from emolightning.models.affectgpt.settings import FusionSettings, Pooling

POSITIONS = {"video": 32, "audio": 8, "multi": 264}
"""Learned positions of each Q-Former: the most vectors that it can take."""

LAST = {
    "multi": "multi_llama_proj",
    "speech": "audio_llama_proj",
    "face": "affectgpt_proj",
    "frame": "affectgpt_proj",
    "picture": "image_llama_proj",
}
"""Stream -> its last layer."""


class Fusion(nn.Module):
    """All layers between the encoders and the language model.

    Args:
        streams: what it makes tokens of, of `STREAMS`.
        video: width of the vectors of faces, frames and pictures.
        audio: width of those of the voice.
        width: of the language model.
        settings: how.
    """

    def __init__(self, streams: Collection[str], *, video: int, audio: int, width: int, settings: FusionSettings):
        super().__init__()
        self.streams = tuple(streams)
        self.settings = settings
        if {*VIDEO} & {*streams}:
            self._add_pooling("video", settings.video, video)
            own = settings.qformer_width if settings.video == "qformer" else video
            self.affectgpt_proj = nn.Linear(own, width)
        if "speech" in streams:
            self._add_pooling("audio", settings.audio, audio)
            own = settings.qformer_width if settings.audio == "qformer" else audio
            self.audio_llama_proj = nn.Linear(own, width)
        if "picture" in streams:
            self.image_llama_proj = nn.Linear(video, width)
        if "multi" in streams:
            self._add_multi(video, audio, width)

    def _add_pooling(self, kind: str, how: Pooling, width: int) -> None:
        if how == "attention":
            self.add_module(f"{kind}_attention_mlp", nn.Linear(width, 1))
        elif how == "qformer":
            self._add_qformer(kind, width)

    def _add_qformer(self, kind: str, width: int) -> None:
        settings = self.settings
        self.add_module(f"{kind}_Qformer", QFormer(settings, width))
        self.register_parameter(
            f"{kind}_query_tokens", fresh_queries(getattr(settings, f"{kind}_tokens"), settings.qformer_width)
        )
        name = "video_frame_position_embedding" if kind == "video" else f"{kind}_position_embedding"
        self.add_module(name, nn.Embedding(POSITIONS[kind], width))

    def _add_multi(self, video: int, audio: int, width: int) -> None:
        both = max(video, audio)
        self.multi_video_embs = nn.Linear(video, both)
        self.multi_audio_embs = nn.Linear(audio, both)
        if self.settings.multi == "attention":
            self.attention_mlp = nn.Linear(2 * both, both)
            self.fc_att = nn.Linear(both, 2)
            self.multi_llama_proj = nn.Linear(both, width)
        else:
            self._add_qformer("multi", both)
            self.multi_llama_proj = nn.Linear(self.settings.qformer_width, width)

    def __len__(self) -> int:
        """Number of streams."""
        return len(self.streams)

    def items(self) -> list[tuple[str, nn.Module]]:
        """Each stream and the layer that brings it into the language model's width."""
        return [(name, self.get_submodule(LAST[name])) for name in self.streams]

    def forward(self, vectors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Input name -> (batch, steps, its width) to stream name -> (batch, tokens, language width)."""
        dtype = next(self.parameters()).dtype
        given = {name: stream.to(dtype) for name, stream in vectors.items()}
        tokens = {name: self.video(given[name]) for name in VIDEO if name in given and name in self.streams}
        if "speech" in given and "speech" in self.streams:
            tokens["speech"] = self.audio(given["speech"])
        if "picture" in given and "picture" in self.streams:
            mean = given["picture"].mean(dim=1, keepdim=True)
            tokens["picture"] = self._repeated(self.image_llama_proj(mean), self.settings.picture_tokens)
        video = next((given[name] for name in VIDEO if name in given), None)
        if "multi" in self.streams and video is not None and "speech" in given:
            tokens["multi"] = self.multi(video, given["speech"])
        return tokens

    def video(self, vectors: Tensor) -> Tensor:
        """Tokens of faces or frames, (batch, tokens, language width)."""
        pooled = self._pooled("video", self.settings.video, vectors)
        return self._repeated(self.affectgpt_proj(pooled), self.settings.video_tokens)

    def audio(self, vectors: Tensor) -> Tensor:
        """Tokens of the voice, (batch, tokens, language width)."""
        pooled = self._pooled("audio", self.settings.audio, vectors)
        return self._repeated(self.audio_llama_proj(pooled), self.settings.audio_tokens)

    def multi(self, video: Tensor, audio: Tensor) -> Tensor:
        """Tokens of both together, (batch, tokens, language width)."""
        return self._repeated(self.multi_llama_proj(self.multi_hidden(video, audio)), self.settings.multi_tokens)

    def multi_hidden(self, video: Tensor, audio: Tensor) -> Tensor:
        """What becomes of both before the last layer, (batch, 1 or queries, width)."""
        if self.settings.multi == "qformer":
            both = torch.cat([self.multi_video_embs(video), self.multi_audio_embs(audio)], dim=1)
            return self._asked("multi", both)
        seen, heard = self.multi_video_embs(video.mean(dim=1)), self.multi_audio_embs(audio.mean(dim=1))
        weights = self.fc_att(self.attention_mlp(torch.cat([seen, heard], dim=1)))
        return (torch.stack([seen, heard], dim=2) @ weights[..., None]).transpose(1, 2)

    def _pooled(self, kind: str, how: Pooling, vectors: Tensor) -> Tensor:
        """(batch, steps, width) -> (batch, 1 or queries, width)."""
        if how == "qformer":
            return self._asked(kind, vectors)
        if how == "mean":
            return vectors.mean(dim=1, keepdim=True)
        weights = self.get_submodule(f"{kind}_attention_mlp")(vectors)
        return weights.transpose(1, 2) @ vectors

    def _asked(self, kind: str, vectors: Tensor) -> Tensor:
        """What the queries of a Q-Former find, (batch, queries, width)."""
        name = "video_frame_position_embedding" if kind == "video" else f"{kind}_position_embedding"
        positions = torch.arange(vectors.shape[1], device=vectors.device)
        queries = self.get_parameter(f"{kind}_query_tokens").expand(len(vectors), -1, -1)
        return self.get_submodule(f"{kind}_Qformer")(queries, vectors + self.get_submodule(name)(positions))

    @staticmethod
    def _repeated(tokens: Tensor, number: int) -> Tensor:
        """One token as often as asked; queries are as many already."""
        return tokens.expand(-1, number, -1) if tokens.shape[1] == 1 else tokens
