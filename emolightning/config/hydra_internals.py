"""Everything that this project uses of Hydra and that Hydra does not promise; `pyproject.toml` bounds its version."""

import argparse
from collections.abc import Collection
from typing import Any

from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra._internal.core_plugins.importlib_resources_config_source import ImportlibResourcesConfigSource
from hydra._internal.sources_registry import SourcesRegistry
from hydra._internal.utils import get_args_parser

__all__ = ["FileConfigSource", "ImportlibResourcesConfigSource", "argument_parser", "dashed_options", "read_with"]


def read_with(source: Any) -> None:
    """Let a class of ours read configuration files in place of Hydra's for the same kind of place."""
    SourcesRegistry.instance().types[source.scheme()] = source


def argument_parser() -> argparse.ArgumentParser:
    """What Hydra reads a command line with."""
    return get_args_parser()


def dashed_options() -> Collection[str]:
    """Hydra's own options, e.g. `--multirun`."""
    return get_args_parser()._option_string_actions.keys()
