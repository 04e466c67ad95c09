"""What variables and files of the user say of W&B: whether there is a key, where its server is, whose run this is."""

import configparser
import netrc
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

RunMode = Literal["online", "offline", "disabled"]

OF_AGENT = ("WANDB_RUN_ID", "WANDB_SWEEP_ID", "WANDB_SWEEP_PARAM_PATH")
"""Variables by which `wandb agent` names a training run; a sweep without server sets the first."""


def choose_mode() -> RunMode:
    """What `auto` means: not online where `WANDB_MODE` says so or no key is there."""
    asked = os.environ.get("WANDB_MODE")
    if asked == "disabled":
        return "disabled"
    return "offline" if asked in ("offline", "dryrun") or not has_key() else "online"


def has_key() -> bool:
    """Whether `WANDB_API_KEY` or a login for the server in the netrc file is there."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    path = Path(os.environ.get("NETRC", Path.home() / ".netrc"))
    try:
        login = netrc.netrc(path).authenticators(urlsplit(server()).netloc)
    except (OSError, netrc.NetrcParseError):
        return False
    return login is not None and bool(login[2])


def server() -> str:
    """URL of W&B: `WANDB_BASE_URL`, else what `wandb login --host` has written, else its makers'."""
    folder = Path(os.environ.get("WANDB_CONFIG_DIR", "~/.config/wandb")).expanduser()
    settings = configparser.ConfigParser(interpolation=None)
    with suppress(OSError, configparser.Error):
        settings.read(folder / "settings", encoding="utf-8")
    noted = settings.get("default", "base_url", fallback="https://api.wandb.ai")
    return os.environ.get("WANDB_BASE_URL") or noted


def choose_id(earlier: str | None) -> str:
    """The id of a training run: the agent's, which replaces ours; else that of the run that goes on; else new.

    Args:
        earlier: of the run that is continued.
    """
    return os.environ.get("WANDB_RUN_ID") or earlier or new_id()


def new_id() -> str:
    """An id that no run has."""
    from wandb.sdk.lib.runid import generate_id

    return generate_id()


@contextmanager
def outside_the_agent() -> Iterator[None]:
    """Inside, wandb starts a run of its own and does not go on with the agent's, whatever id it is told."""
    kept = {name: os.environ.pop(name) for name in OF_AGENT if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)
