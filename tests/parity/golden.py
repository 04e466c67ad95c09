"""A golden folder: weights, inputs and what the released code made of them, read without running anything in it."""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from emolightning.errors import InputErrors, UserError

CONFIG, SAMPLES, INPUTS = "model_config.json", "samples.json", "inputs.safetensors"
WEIGHTS = (("model", "llama_model"), ("eva", "file"), ("model", "ckpt"))
"""Where model_config.json names the language model's folder, the vision tower and the checkpoint."""


class GoldenFolder:
    """Files by their names inside the folder; no name leads out of it.

    Args:
        folder: with at least `model_config.json`, the weights that it names, `samples.json` and `inputs.safetensors`.

    Raises:
        UserError: there is no such folder.
        InputErrors: required files that are missing, all at once.
    """

    def __init__(self, folder: Path):
        if not folder.is_dir():
            raise UserError(f"golden={folder}: no such folder; give the folder that holds {CONFIG}")
        self.folder = folder
        missing = [f"{name} is missing" for name in (CONFIG, SAMPLES, INPUTS) if not self.has(name)]
        if self.has(CONFIG):
            missing += [f"{'.'.join(keys)}: {problem}" for keys in WEIGHTS if (problem := self._weights_problem(keys))]
        if missing:
            raise InputErrors(f"golden={folder}", missing)

    def _weights_problem(self, keys: tuple[str, str]) -> str | None:
        name = self.config.get(keys[0], {}).get(keys[1])
        if not isinstance(name, str):
            return f"{CONFIG} does not say it"
        try:
            return None if self.place(name).exists() else f"{name} is missing"
        except UserError as error:
            return str(error)

    @cached_property
    def config(self) -> dict[str, Any]:
        """Content of model_config.json."""
        content = self.json(CONFIG)
        if not isinstance(content, dict) or not all(isinstance(value, dict | str | int) for value in content.values()):
            raise UserError(f"{self.folder / CONFIG}: is not an object of sections")
        return content

    def weights(self, section: str, key: str) -> Path:
        """The file or folder that model_config.json names."""
        return self.place(self.config[section][key])

    def has(self, name: str) -> bool:
        """Whether the folder has a file or folder of that name."""
        return self.place(name).exists()

    def place(self, name: str) -> Path:
        """The path of a name inside the folder.

        Raises:
            UserError: it leads out of the folder.
        """
        path = self.folder / name
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise UserError(f"{self.folder}: {name!r} leads out of the folder")
        return path

    def names(self) -> list[str]:
        """All files, with `/` between folders."""
        return sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())

    def json(self, name: str) -> Any:
        """Content of a JSON file.

        Raises:
            UserError: it is not there or is not JSON.
        """
        path = self.place(name)
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: cannot be read as JSON: {error}") from error

    def tensors(self, name: str) -> dict[str, Tensor]:
        """Content of a safetensors file.

        Raises:
            UserError: it is not there or cut short.
        """
        path = self.place(name)
        try:
            return load_file(path)
        except (OSError, SafetensorError) as error:
            raise UserError(f"{path}: cannot be read as safetensors: {error}") from error

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """Content of an npz file.

        Raises:
            UserError: it is not there, damaged, or holds Python objects.
        """
        path = self.place(name)
        try:
            with np.load(path, allow_pickle=False) as content:
                return {key: content[key] for key in content.files}
        except (OSError, ValueError, EOFError, AttributeError) as error:
            raise UserError(f"{path}: cannot be read as npz: {error}") from error
