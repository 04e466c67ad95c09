"""Many evaluations of one run, each in a folder of its own: what is finished is not done again."""

import gc
import json
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from omegaconf import DictConfig

from emolightning.config.check import check_config
from emolightning.config.composing import composed
from emolightning.config.places import program
from emolightning.config.sources import override_key
from emolightning.errors import UserError, override
from emolightning.files.writing import write_json
from emolightning.runs.assembly import evaluation
from emolightning.runs.assembly_of_models import plain
from emolightning.runs.evaluate import evaluate
from emolightning.runs.processes import Programs, alone_in, kept, last_lines, ranks_variable
from emolightning.runs.resume import step_size

METRICS = "metrics.json"

Carry = Callable[[Sequence[str], Path, bool], str]
"""Carries out one variant: its words, a log, whether it was begun before -> why it failed, or an empty text."""


@dataclass(frozen=True)
class Variant:
    """One evaluation among several."""

    name: str
    """Its folder."""
    words: tuple[str, ...] = ()
    """Its own settings, `key=value`."""


@dataclass(frozen=True)
class Outcome:
    """What became of a variant."""

    variant: Variant
    folder: Path
    failed: str = ""
    """Why there is no result."""


def evaluate_all(
    variants: Sequence[Variant],
    root: Path,
    words: Sequence[str],
    *,
    carry: Carry,
    parallel: int = 1,
    needs_first: bool = True,
    done: Callable[[Outcome], object] = lambda outcome: None,
) -> list[Outcome]:
    """Evaluate each variant in `<root>/<name>`, with its output in `<root>/<name>.log`.

    Args:
        variants: some, at least one.
        root: folder of all.
        words: settings of all, `key=value`.
        carry: carries one out.
        parallel: variants at the same time.
        needs_first: the first is the run as it is; where it fails, nothing else is worth its time.
        done: is told of each outcome.

    Raises:
        UserError: the first variant failed and is needed, or another command works in the folder.
    """

    def one(variant: Variant) -> Outcome:
        found = _evaluated(variant, root, words, carry)
        done(found)
        return found

    with alone_in(root):
        found = [one(variants[0])] if needs_first else []
        if found and found[0].failed:
            raise UserError(f"{variants[0].name}: {found[0].failed}; see {root / variants[0].name}.log")
        with ThreadPoolExecutor(parallel) as pool:
            return [*found, *pool.map(one, variants[len(found) :])]


def _evaluated(variant: Variant, root: Path, words: Sequence[str], carry: Carry) -> Outcome:
    """One variant, unless it is finished with the same words."""
    folder, log, note = root / variant.name, root / f"{variant.name}.log", root / f"{variant.name}.overrides.json"
    own = [*words, *variant.words]
    before = json.loads(note.read_text(encoding="utf-8")) if note.exists() else {}
    if before == {**kept(own), "is_finished": True} and (folder / METRICS).exists():
        print(f"{variant.name}: done before", flush=True)
        return Outcome(variant, folder)
    print(f"{variant.name}: running, output in {log}", flush=True)
    is_begun = before == {**kept(own), "is_finished": False}
    # Until it is finished: results of another evaluation may lie in the folder.
    write_json(note, {**kept(own), "is_finished": False})
    place = [override("output_dir", folder), override("run_name", f"{root.name}-{variant.name}")]
    failed = carry([*own, *place], log, is_begun)
    if failed:
        print(f"{variant.name}: failed: {failed}", flush=True)
    else:
        write_json(note, {**kept(own), "is_finished": True})
    return Outcome(variant, folder, failed)


def carrier(cfg: DictConfig, programs: Programs, *, parallel: int) -> Carry:
    """Evaluations in this process, which spares the start of one; in programs where they take several processes.

    Raises:
        UserError: this process is one of several.
    """
    if found := ranks_variable():
        raise UserError(
            f"{found}: this is one of several processes, but several evaluations are started once and start their own "
            "processes; start the command without torchrun or srun, and say trainer.devices and trainer.strategy"
        )
    is_one = parallel == 1 and step_size(plain(cfg)).processes <= 1
    return in_this_process if is_one else partial(in_program, programs)


def in_program(programs: Programs, words: Sequence[str], log: Path, is_begun: bool) -> str:
    """Start `eval`, which goes on by itself where it was begun."""
    return _ended(programs.call([*program("eval"), *words], log), log)


def trained_and_tested(programs: Programs, words: Sequence[str], log: Path, is_begun: bool) -> str:
    """Start `train`, which goes on where it was begun, and then `eval` of its folder, with what was shuffled."""
    code = programs.call([*program("train"), *words, f"resume={'auto' if is_begun else 'null'}"], log)
    test = [override("checkpoint", log.with_suffix("")), *(word for word in words if override_key(word) == "shuffle")]
    return _ended(code or programs.call([*program("eval"), *test], log), log)


def _ended(code: int, log: Path) -> str:
    return f"exit code {code}: {last_lines(log)}" if code else ""


def in_this_process(words: Sequence[str], log: Path, is_begun: bool) -> str:
    """Do what `eval` does, which goes on by itself where it was begun."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as output, redirect_stdout(output), redirect_stderr(output):
        try:
            with composed("eval", words) as cfg:
                check_config(cfg)
                evaluate(evaluation(cfg))
        except Exception as error:  # One that fails does not end the others.
            traceback.print_exc(file=output)
            return str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        finally:
            gc.collect()  # The next one builds the model anew.
    return ""
