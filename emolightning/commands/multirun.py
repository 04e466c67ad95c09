"""`train.py --multirun seed=1,2`: a folder for each job, where one would be written by all."""

from collections.abc import Sequence

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from emolightning.config.run_settings import RunConfig
from emolightning.config.sources import override_key
from emolightning.errors import UserError

FOLDER_KEYS = ("output_dir", "run_name")


class JobFolders:
    """Hands out the folders of one command's jobs.

    Args:
        words: the command line.
    """

    def __init__(self, words: Sequence[str]):
        self._overrides = [word for word in words if "=" in word and not word.startswith("-")]
        self._given = {override_key(word): word for word in self._overrides if override_key(word) in FOLDER_KEYS}
        self._taken: set[str] = set()

    def assign(self, cfg: DictConfig) -> None:
        """Give a training job of a multirun a run name of its own, from which its folder follows.

        Raises:
            UserError: the command line names one folder for several jobs.
        """
        if HydraConfig.get().mode != RunMode.MULTIRUN or OmegaConf.get_type(cfg) is not RunConfig:
            return
        number = HydraConfig.get().job.num
        if not self._is_told_apart():
            if "output_dir" in self._given:
                raise self._shared(cfg.output_dir)
            cfg.run_name = f"{cfg.run_name}-{number}"
        if cfg.output_dir in self._taken:
            raise self._shared(cfg.output_dir)
        self._taken.add(cfg.output_dir)
        print(f"job {number}: {' '.join(HydraConfig.get().overrides.task)}; folder {cfg.output_dir}", flush=True)

    def _is_told_apart(self) -> bool:
        """Whether the command line has a folder, or a name, for each job."""
        if any("${hydra" in word for word in self._given.values()):
            return True
        overrides = OverridesParser.create().parse_overrides(self._overrides)
        swept = [override.key_or_group for override in overrides if override.is_sweep_override()]
        return bool(swept) and all(key in FOLDER_KEYS for key in swept)

    def _shared(self, folder: str) -> UserError:
        return UserError(
            f"output_dir={folder}: all jobs of this multirun would train in this one folder; say "
            f"'output_dir={folder}/${{hydra:job.num}}', or leave it out: jobs then train in NAME-0, NAME-1, ... with "
            "run_name=NAME"
        )
