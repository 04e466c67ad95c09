"""The benchmarks that there are: one folder each, whose `card.py` says what is in it.

`score`, `reproduce`, `doctor`, the data modules and the documentation read the official sets here. Cards are read
without torch; data that differ from the official ones are reported, not refused.
"""

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType

import emolightning.benchmarks as room
from emolightning.errors import UserError
from emolightning.records.benchmark import Benchmark, Card


@cache
def cards() -> Mapping[str, Card]:
    """Name of a folder -> its card, by name; a folder without `card.py` is no benchmark."""
    folders = [found.name for found in pkgutil.iter_modules(room.__path__) if found.ispkg]
    return {name: _module(name, "card").CARD for name in sorted(folders) if _file(name, "card.py")}


@cache
def official_benchmarks() -> Mapping[str, Benchmark]:
    """Name -> official set, in the order of the cards."""
    return {official.name: official for card in cards().values() for official in card.benchmarks}


def official_benchmark(name: str) -> Benchmark:
    """A benchmark by its name.

    Raises:
        UserError: none of that name.
    """
    found = official_benchmarks()
    if name not in found:
        raise UserError(f"benchmark {name!r} is not one of {list(found)}")
    return found[name]


def family(word: str, names: Iterable[str]) -> list[str]:
    """The benchmark of that name and those of its family, as far as they are among `names`.

    >>> family("mer2024", ["emer_v1", "mer2024_semi", "mer2024_ov"]), family("dfew_fold1", ["dfew", "dfew_fold1"])
    (['mer2024_semi', 'mer2024_ov'], ['dfew_fold1'])
    """
    of_cards = {each.name: card.family or folder for folder, card in cards().items() for each in card.benchmarks}
    return [name for name in names if word in (name, of_cards.get(name))]


def scale_of(name: str) -> tuple[float, float] | None:
    """Lowest and highest number of the clips of some data, or of a benchmark; None where no card says it."""
    for folder, card in cards().items():
        words = {word for each in card.benchmarks for line in each.read_by for word in line.split()}
        if (
            name in (folder, *(each.name for each in card.benchmarks), *card.other_data.values())
            or f"data={name}" in words
        ):
            return card.scale
    return None


def reader_of(benchmark: str) -> ModuleType:
    """The module that reads the files of an official set; it brings torch."""
    return _module(_folder_of(benchmark), "reader")


def published_files() -> Mapping[str, Path]:
    """Name of a folder -> its table of published scores, where it has one."""
    found = {name: _file(name, "published.csv") for name in cards()}
    return {name: path for name, path in found.items() if path}


def described() -> str:
    """The official sets with the words that read them, for `--help`."""
    lines = ["Benchmarks (benchmark=NAME, and what reads its clips)"]
    for name, official in official_benchmarks().items():
        lines.append(
            f"  {f'benchmark={name}':<44} {official.read_by[0] if official.read_by else 'its folds, one by one'}"
        )
    return "\n".join(lines)


def _folder_of(benchmark: str) -> str:
    return next(name for name, card in cards().items() if any(each.name == benchmark for each in card.benchmarks))


def _module(folder: str, name: str) -> ModuleType:
    return importlib.import_module(f"{room.__name__}.{folder}.{name}")


def _file(folder: str, name: str) -> Path | None:
    """A file of a benchmark's folder, if it is there."""
    return next((path for place in room.__path__ if (path := Path(place) / folder / name).is_file()), None)
