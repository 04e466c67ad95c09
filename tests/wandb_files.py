"""What an offline W&B run holds, read with `wandb leet inspect`."""

import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

WANDB = Path(sys.executable).parent / "wandb"


def offline_runs(run: Path) -> list[Path]:
    """The W&B folders of a run folder, oldest first."""
    return sorted((run / "wandb").glob("offline-run-*"))


def summary(folder: Path) -> dict[str, Any]:
    """Id, state, configuration and last values."""
    return json.loads(_inspect("--summary", "--json", folder))


def records(folder: Path, kind: str) -> list[dict[str, Any]]:
    """The records of one type in the order in which they were written."""
    lines = [json.loads(line) for line in _inspect("--json", folder).splitlines()]
    return [line[kind] for line in lines if line["type"] == kind]


def kinds(folder: Path) -> list[str]:
    """The types of all records in the order in which they were written."""
    return [json.loads(line)["type"] for line in _inspect("--json", folder).splitlines()]


def history(folder: Path, name: str) -> list[tuple[int, float]]:
    """Step and value of each time a number was logged."""
    items = [record["item"] for record in records(folder, "history")]
    return [(item["trainer/global_step"], item[name]) for item in items if name in item]


def table(folder: Path, name: str) -> list[dict[str, Any]]:
    """Rows of a logged table."""
    content = json.loads((folder / "files" / summary(folder)["summary"][name]["path"]).read_text())
    return [dict(zip(content["columns"], row, strict=True)) for row in content["data"]]


def artifacts(folder: Path, kind: str) -> list[dict[str, Any]]:
    """Logged artifacts of a type."""
    return [record for record in records(folder, "artifact") if record["type"] == kind]


def staged(folder: Path) -> dict[str, bytes]:
    """Content of the files of all artifacts, by their names there, as they would be sent."""
    contents = [item for record in records(folder, "artifact") for item in record["manifest"]["contents"]]
    return {item["path"]: Path(item["local_path"]).read_bytes() for item in contents if "local_path" in item}


@functools.cache
def _inspect(*words: object) -> str:
    command = [str(WANDB), "leet", "inspect", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
