"""`python -m emolightning serve checkpoint=RUN [key=value ...]`: a page and an HTTP API for trained runs.

  serve checkpoint=outputs/demo
  serve checkpoint=[outputs/a,outputs/b] examples=clips
  serve checkpoint=outputs/mine features=live host=0.0.0.0 port=8000
  serve checkpoint=outputs/demo asr=weights/whisper-small language=en

The page is at http://localhost:7860, the schema of the API at /openapi.json, and OpenAI's clients find
/v1/chat/completions. One request is answered at a time; the others wait. Clips and transcripts are kept for the time of
their request, and logged nowhere. Where the environment variable EMOLIGHTNING_TOKEN is set, clients must show it as
`Authorization: Bearer TOKEN`. Ctrl-C and SIGTERM end the server when the requests that are inside are answered.

Settings of `predict` that say how a run sees clips (features, modalities, data.missing, model.llm, ...) are taken too.
"""

import importlib.util
import os
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from emolightning.commands.cli import run
from emolightning.config.check import check_config
from emolightning.config.command_settings import ServeConfig
from emolightning.config.problems import Problem
from emolightning.config.run_settings import PredictConfig
from emolightning.config.sources import override_key
from emolightning.errors import InputErrors, UserError, override

if TYPE_CHECKING:
    from emolightning.data.media.faces import FacePolicy
    from emolightning.models.encoders.recognizer import SpeechRecognizer
    from emolightning.records.clips import Clip
    from emolightning.serving.served import Served

NEEDED = ("fastapi", "multipart", "uvicorn")
"""Modules of the extra `serve`."""

POSITIVE = ("max_mib", "max_clip_seconds", "timeout_seconds", "max_clips")


def main(argv: list[str]) -> int:
    """Compose, check, load, serve."""
    return run(serve, "serve", full_words(argv))


def full_words(argv: Sequence[str]) -> list[str]:
    """The command line as Hydra takes it: settings of `predict` become `settings`.

    >>> full_words(["checkpoint=outputs/a", "features=live", "port=8000"])
    ['checkpoint=outputs/a', 'port=8000', "settings=['features=live']"]
    """
    own = {field.name for field in fields(ServeConfig)}
    theirs = {field.name for field in fields(PredictConfig)} | {"generation"}
    passed = [word for word in argv if "=" in word and override_key(word).partition(".")[0] in theirs - own]
    words = [word for word in argv if word not in passed]
    return [*words, override("settings", passed)] if passed else words


def serve(cfg: DictConfig) -> None:
    """Load each run, then answer until a signal comes."""
    check_config(cfg, _problems(cfg))
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"serve needs packages that are not installed; pip install 'emolightning[serve]' ({missing[0]})"
        )
    from emolightning.serving.app import create_app
    from emolightning.serving.gate import LOCAL_HOSTS
    from emolightning.serving.limits import Limits
    from emolightning.serving.running import serve as run_server
    from emolightning.serving.running import token

    limits = Limits(
        max_bytes=int(cfg.max_mib * 2**20),
        max_clip_seconds=cfg.max_clip_seconds,
        timeout_seconds=cfg.timeout_seconds,
        max_waiting=cfg.max_waiting,
        max_clips=cfg.max_clips,
    )
    secret, faces, examples = token(), _faces(cfg.faces), _examples(cfg.examples)
    recognizer = _recognizer(cfg)
    served = _served(cfg)
    hosts = LOCAL_HOSTS if cfg.host in LOCAL_HOSTS else None
    app = create_app(served, limits, faces=faces, examples=examples, recognizer=recognizer, token=secret, hosts=hosts)
    run_server(app, host=cfg.host, port=cfg.port, limits=limits, names=[each.name for each in served])


def _served(cfg: DictConfig) -> "list[Served]":
    """Each checkpoint, loaded."""
    from emolightning.runs.assembly_of_clips import open_predictor
    from emolightning.serving.served import names_of, served

    checkpoints = [Path(word) for word in _checkpoints(cfg.checkpoint)]
    return [
        served(name, open_predictor(path, *cfg.settings, device=cfg.device), path)
        for name, path in zip(names_of(checkpoints), checkpoints, strict=True)
    ]


def _checkpoints(value: Any) -> list[str]:
    return [str(word) for word in value] if isinstance(value, ListConfig) else [str(value)]


def _faces(setting: str | None) -> "FacePolicy":
    """Whose face is shown."""
    from emolightning.data.media.faces import FacePolicy

    if setting is None:
        setting = "none" if importlib.util.find_spec("cv2") is None else "detector"
    policy = FacePolicy.parse(setting)
    policy.require()
    return policy


def _recognizer(cfg: DictConfig) -> "SpeechRecognizer | None":
    """What writes down what is said."""
    if cfg.asr is None:
        return None
    from emolightning.models.encoders.recognizer import SpeechRecognizer
    from emolightning.runs.extract import device_of

    return SpeechRecognizer(weights=cfg.asr, device=device_of(cfg.device), language=cfg.language)


def _examples(place: str | None) -> "list[Clip]":
    """Clips that anyone may see.

    Raises:
        InputErrors: some cannot be shown.
    """
    from emolightning.data.readers.asked_media import items_of

    clips = [] if place is None else [item.clip for item in items_of(place)]
    pieces = [f"{clip.id}: is a piece of a clip; the page shows whole files" for clip in clips if clip.span is not None]
    absent = [f"{clip.video}: no such file" for clip in clips if not os.path.isfile(clip.video)]
    if pieces or absent:
        raise InputErrors(f"examples={place}", [*pieces, *absent])
    return clips


def _problems(cfg: DictConfig) -> list[Problem]:
    """Values that no server can have."""
    problems = [Problem(key, f"{cfg[key]} must be above 0") for key in POSITIVE if cfg[key] <= 0]
    if cfg.max_waiting < 0:
        problems.append(Problem("max_waiting", f"{cfg.max_waiting} must be 0 or more"))
    if not 0 <= cfg.port <= 65535:
        problems.append(Problem("port", f"{cfg.port} must be 0 to 65535"))
    if not OmegaConf.is_missing(cfg, "checkpoint") and not _checkpoints(cfg.checkpoint):
        problems.append(Problem("checkpoint", "is an empty list; name at least one run"))
    if cfg.language is not None and cfg.asr is None:
        problems.append(Problem("language", f"{cfg.language} is for a speech recogniser; say asr=FOLDER as well"))
    return problems
