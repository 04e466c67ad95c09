"""From a command line to a function that gets a configuration: the one way in to Hydra, with messages for mistakes."""

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import configure_log
from hydra.errors import HydraException, InstantiationException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError

from emolightning.commands.closed_pipes import outlive_readers
from emolightning.commands.multirun import JobFolders
from emolightning.config.check import ConfigError
from emolightning.config.composing import in_hydra, prepare
from emolightning.config.corpora import fill_corpora
from emolightning.config.hydra_internals import argument_parser, dashed_options
from emolightning.config.places import CONFIG_DIR
from emolightning.config.problems import suggestion
from emolightning.config.renamed import present_words
from emolightning.config.sources import option_files, option_name, override_key
from emolightning.errors import EndOfRun, UserError, printable
from emolightning.runs.processes import ranks_variable
from emolightning.training.stopping.told_to_stop import ending_when_told

if TYPE_CHECKING:
    from emolightning.config.errors import Launch

USER_ERROR, USAGE_ERROR, INTERRUPTED = 1, 2, 130


class _Failed(BaseException):
    """Carries an exception past Hydra, which would print `Error executing job` above our message."""

    def __init__(self, error: Exception):
        self.error = error


def run(
    main: Callable[[DictConfig], int | None],
    config_name: str,
    argv: Sequence[str] | None = None,
    *,
    config_dir: Path = CONFIG_DIR,
) -> int:
    """Compose the configuration of a command line and call `main` with it.

    Where the primary config has `saved_run` in its defaults list, the configuration of `checkpoint=...` is there.

    Args:
        main: the command; its module's docstring, or its own, is the head of `--help`.
        config_name: the primary config, `train` or `eval`.
        argv: the command line without program and command name; `sys.argv[1:]` if not given.
        config_dir: the folder of the configs.

    Returns:
        0. Everything else ends the process: 1 for a UserError, 2 for a wrong command line or configuration, 130 after
        Ctrl-C, 143 after SIGTERM or SIGUSR1, or what `main` returned. Other exceptions pass through with their
        traceback.
    """
    outlive_readers()
    words, notes = present_words(sys.argv[1:] if argv is None else argv)
    if os.environ.get("LOCAL_RANK", "0") == "0":
        print("".join(f"note: {printable(note)}\n" for note in notes), end="", file=sys.stderr)
    words.sort(key=lambda word: word.startswith("-") or "=" not in word)  # argparse wants overrides in one place
    if {"--help", "-h"} & set(words):
        return _help(main, config_name, words, config_dir)
    with ending_when_told():
        code = _exit_code(main, config_name, words, config_dir)
    if code:
        sys.exit(code)
    return 0


def _help(main: Callable[[DictConfig], int | None], config_name: str, words: list[str], config_dir: Path) -> int:
    """Print what `--help` says of this command and of the options that the words choose."""
    from emolightning.commands.cli_help import help_text
    from emolightning.config.errors import CONFIG_ERRORS

    given = [word for word in words if "=" in word or word.startswith("~")]
    try:
        _prepare(given, config_name, config_dir)
        cfg = _launch(config_name, given, config_dir).compose(given)
    except (*CONFIG_ERRORS, UserError) as error:
        code = _report(error, config_name, given, config_dir, is_started=False)
        sys.exit(code)
    print(help_text(main, config_name, config_dir, _command(), cfg), end="")
    return 0


def _prepare(words: Sequence[str], config_name: str, config_dir: Path) -> None:
    """What must be known before Hydra composes: our settings, and the run that an evaluation starts from."""
    _refuse_dashes(words)
    _refuse_no_option(words, config_dir)
    prepare(config_name, words, config_dir)


def _exit_code(main: Callable[[DictConfig], int | None], config_name: str, words: list[str], config_dir: Path) -> int:
    started: list[DictConfig] = []
    try:
        _prepare(words, config_name, config_dir)
        try:
            return _run_hydra(main, config_name, words, config_dir, started)
        except HydraException as error:
            from emolightning.config.dict_settings import new_keys

            new = set() if started else new_keys(error, _launch(config_name, words, config_dir))
            if not new:
                raise
            words[:] = [f"++{word}" if word in new else word for word in words]
            return _run_hydra(main, config_name, words, config_dir, started)
    except KeyboardInterrupt:
        return _interrupted()
    except SystemExit as error:
        # Lightning answers Ctrl-C with `exit(1)` after it has shut down.
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        return _interrupted()
    except Exception as error:
        code = _report(error, config_name, words, config_dir, is_started=bool(started))
        if code is None:
            raise
        return code


def orderly(command: Callable[[], int]) -> int:
    """The exit code of a command that is not one of Hydra's: 130 after Ctrl-C; SIGTERM and SIGUSR1 leave with 143."""
    outlive_readers()
    with ending_when_told():
        try:
            return command()
        except KeyboardInterrupt:
            return _interrupted()


def refuse_usage(message: str) -> NoReturn:
    """End the process because of words that are no command line of this command."""
    _print_error(message)
    sys.exit(USAGE_ERROR)


def _refuse_dashes(words: Sequence[str]) -> None:
    """`--seed=3` is the habit of other programs; argparse would only say `unrecognized arguments`."""
    known = dashed_options()
    if any(word.partition("=")[0] == "--experimental-rerun" for word in words):
        refuse_usage("--experimental-rerun reads a pickle, which can run any code; give the settings themselves")
    placed = [word for word in words if re.match(r"[+~]*[^=@]*@(_global_\.)?hydra\b", word)]
    if placed:
        refuse_usage(f"{placed[0]}: a file cannot be put into Hydra's own settings; say hydra.KEY=VALUE")
    wrong = [word for word in words if word.startswith("--") and word.partition("=")[0] not in known]
    if wrong:
        refuse_usage("\n".join(f"{word}: settings are written without dashes: {word.lstrip('-')}" for word in wrong))


def _refuse_no_option(words: Sequence[str], config_dir: Path) -> None:
    """`features=null` and `features=3` choose no file, where Hydra would end in a traceback; `data=_shared` a part."""
    for word in words:
        key, equals, value = word.partition("=")
        group = key.lstrip("+").partition("@")[0]
        if (
            equals
            and (value in ("", "null") or value.isdecimal() or value.startswith("_"))
            and group
            and (config_dir / group).is_dir()
        ):
            options = [option_name(config_dir, group, path) for path in option_files(config_dir, group)]
            refuse_usage(f"{word}: {suggestion(value, options, limit=30)}; or ~{key.lstrip('+')} for none of them")


def _run_hydra(
    main: Callable[[DictConfig], int | None],
    config_name: str,
    words: list[str],
    config_dir: Path,
    started: list[DictConfig],
) -> int:
    codes: list[int] = []
    failure: Exception | None = None
    real_argv, folders = sys.argv, JobFolders(words)

    def task(cfg: DictConfig) -> None:
        started.append(cfg)
        try:
            fill_corpora(cfg)  # Where Hydra has composed, it is not done yet.
            _refuse_multirun_on_ranks(cfg)
            folders.assign(cfg)
            with _argv(real_argv):  # Lightning starts other ranks with it, the command's name included
                codes.append(main(cfg) or 0)
        except Exception as error:
            raise _Failed(error) from None

    task.__module__ = main.__module__
    with _argv([real_argv[0], *words]), _full_errors():
        try:
            if _is_plain(words):
                _run_composed(task, config_name, words, config_dir)
            else:
                hydra.main(version_base="1.3", config_path=str(config_dir), config_name=config_name)(task)()
        except _Failed as failed:
            failure = failed.error
    if failure is not None:
        raise failure  # here, outside of `except`, with its own cause and nothing of Hydra's
    return max(codes, default=0)


def _is_plain(words: Sequence[str]) -> bool:
    """Whether a command line asks nothing of Hydra but a configuration: no option of its own, no setting of it."""
    return not any(word.startswith("-") or re.match(r"[+~]*hydra\b", word) for word in words)


def _run_composed(task: Callable[[DictConfig], None], config_name: str, words: Sequence[str], config_dir: Path) -> None:
    with in_hydra(config_name, words, config_dir) as cfg:
        settings: Any = HydraConfig.get()
        configure_log(settings.job_logging, settings.verbose)
        task(cfg)


def _refuse_multirun_on_ranks(cfg: DictConfig) -> None:
    """Each rank of a job repeats the whole sweep, and a random sweeper gives ranks different parameters."""
    if HydraConfig.get().mode != RunMode.MULTIRUN:
        return
    devices = OmegaConf.select(cfg, "trainer.devices", default=1)
    is_single = devices in (1, "1") or (devices == "auto" and OmegaConf.select(cfg, "trainer.accelerator") == "cpu")
    found = f"trainer.devices={devices}" if not is_single else ""
    nodes = OmegaConf.select(cfg, "trainer.num_nodes", default=1)
    found = f"trainer.num_nodes={nodes}" if nodes not in (1, "1") else found
    found = ranks_variable() or found
    if found:
        raise UserError(
            f"--multirun with {found}: each rank would run the whole sweep, with values of its own; use "
            "`python -m emolightning sweep file=sweeps/NAME.yaml` or `wandb agent`, which start a fresh process for "
            "each trial, whose ranks belong to it alone; or one device"
        )


def _report(error: Exception, config_name: str, words: list[str], config_dir: Path, *, is_started: bool) -> int | None:
    """Print a mistake that a user can mend, and give its exit code; None for all other exceptions."""
    rank = os.environ.get("LOCAL_RANK", os.environ.get("SLURM_LOCALID", "0"))
    mistake = _user_error(error)
    if mistake is not None:
        # What is not the same on all ranks may be this rank's alone.
        if rank == "0" or not isinstance(mistake, ConfigError | EndOfRun):
            _print_error(str(mistake) if rank == "0" else f"[local rank {rank}] {mistake}")
        return USER_ERROR
    from emolightning.config.errors import CONFIG_ERRORS, explain

    if is_started and (absent := _removed(error, words)):
        _print_error(absent)
        return USAGE_ERROR
    if is_started or not isinstance(error, CONFIG_ERRORS):
        return None
    if rank == "0":
        try:
            lines = explain(error, _launch(config_name, words, config_dir))
        except UserError as second:  # Without the first mistake, a file is read that is refused.
            lines = [str(second)]
        _print_error(lines[0] if len(lines) == 1 else str(ConfigError("configuration", lines)))
    return USAGE_ERROR


def _launch(config_name: str, words: list[str], config_dir: Path) -> "Launch":
    from emolightning.config.errors import Launch

    args, _ = argument_parser().parse_known_args(words)
    folder = Path(args.config_path).resolve() if args.config_path else config_dir
    return Launch(folder, args.config_name or config_name, args.overrides, args.multirun)


def _removed(error: Exception, words: Sequence[str]) -> str | None:
    """What to say of a setting that the command line takes out and that the program reads."""
    found = re.search(r"full_key: (\S+)", str(error)) if isinstance(error, ConfigAttributeError) else None
    for word in words:
        if found and word.startswith("~") and f"{found[1]}.".startswith(f"{override_key(word)}."):
            return f"{word}: {found[1]} is needed; leave it in, or give it a value"
    return None


def _user_error(error: BaseException | None) -> UserError | None:
    """The UserError inside of an exception: Hydra wraps what a constructor raises."""
    while error is not None and not isinstance(error, UserError):
        error = error.__cause__ if isinstance(error, InstantiationException) else None
    return error


def _print_error(message: str) -> None:
    print(f"error: {printable(message)}", file=sys.stderr)


def _interrupted() -> int:
    _print_error("interrupted")
    return INTERRUPTED


def _command() -> str:
    program = Path(sys.argv[0]).resolve()
    if program.name == "__main__.py":
        return f"python -m emolightning {' '.join(sys.argv[1:2])}"
    if program.name == "emolightning":
        return f"emolightning {' '.join(sys.argv[1:2])}"
    root = CONFIG_DIR.parent
    return f"python {program.relative_to(root) if program.is_relative_to(root) else program.name}"


@contextmanager
def _argv(words: list[str]) -> Iterator[None]:
    before, sys.argv = sys.argv, words
    try:
        yield
    finally:
        sys.argv = before


@contextmanager
def _full_errors() -> Iterator[None]:
    """Hydra re-raises exceptions only with HYDRA_FULL_ERROR set; else it prints its own and exits."""
    before = os.environ.get("HYDRA_FULL_ERROR")
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = before
