"""Configurations against signatures that are read, not imported."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from emolightning.config.check import ConfigError, check_config
from emolightning.config.corpora import SEVERAL
from emolightning.config.definitions import MissingTarget
from emolightning.config.places import CONFIG_DIR
from emolightning.config.signatures import read_signature
from emolightning.config.sources import Sources

LIBRARY_TARGETS = [
    "pytorch_lightning.Trainer",
    "pytorch_lightning.callbacks.ModelCheckpoint",
    "pytorch_lightning.callbacks.EarlyStopping",
    "pytorch_lightning.callbacks.LearningRateMonitor",
    "pytorch_lightning.callbacks.RichProgressBar",
    "pytorch_lightning.loggers.CSVLogger",
    "pytorch_lightning.loggers.TensorBoardLogger",
    "pytorch_lightning.strategies.DDPStrategy",
    "pytorch_lightning.strategies.DeepSpeedStrategy",
    "torch.optim.AdamW",
]

PLANTED = """
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Optional

Policy = Literal["middle", "peak"]


class Parent:
    def __init__(self, *, name: str, batch_size: int = 1, secret: int = 0):
        pass

    @classmethod
    def from_pretrained(cls, folder: str, revision: str | None = None):
        pass


class Child(Parent):
    def __init__(self, *, policy: Policy = "middle", **rest: Any):
        super().__init__(secret=1, **rest)


class Grandchild(Child):
    pass


class Collector(Parent):
    def __init__(self, **rest: Any):
        self.rest = rest
        super().__init__(**rest)


@dataclass
class Settings:
    width: int
    rate: float = 0.1
    flag: bool = False
    folder: "Path | None" = None
    names: list[str] = field(default_factory=list)
    pair: tuple[int, int] = (1, 2)
    weights: Optional[dict[str, float]] = None
    steps: dict[str, int | list[int]] | None = None
    kind: Literal["a", "b"] | None = None
    count: ClassVar[int] = 0
    hidden: int = field(default=0, init=False)


@dataclass
class MoreSettings(Settings):
    depth: int = 1


def build(width: int, *parts: int, depth: int = 2):
    pass


wrapped = build


def anything(**rest: object):
    pass
"""


@pytest.fixture(autouse=True, scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory):
    """A package `planted` with a re-export; built for the tests below."""
    folder = tmp_path_factory.mktemp("planted_root")
    (folder / "planted_parts").mkdir()
    (folder / "planted_parts" / "__init__.py").write_text("from .inner import Child as Renamed, Settings\n")
    (folder / "planted_parts" / "inner.py").write_text(PLANTED)
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(str(folder))
    patch.setattr("emolightning.config.check.foreign_objects", lambda *_: [])  # Which classes: test_foreign_files.py
    yield folder
    patch.undo()


def problems_of(content: dict, sources: Sources | None = None) -> list[str]:
    try:
        check_config(OmegaConf.create(content), sources=sources)
    except ConfigError as error:
        return error.problems
    return []


def inner(name: str, /, **values: object) -> dict:
    return {"node": {"_target_": f"planted_parts.inner.{name}", **values}}


@pytest.mark.parametrize("target", LIBRARY_TARGETS)
def test_static_signatures_are_those_of_the_library(target: str) -> None:
    found = read_signature(target)
    module, _, name = target.rpartition(".")
    real = inspect.signature(getattr(pytest.importorskip(module), name)).parameters.values()
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    assert found is not None
    assert list(found.arguments) == [item.name for item in real if item.kind not in kinds]
    assert found.takes_any == any(item.kind is inspect.Parameter.VAR_KEYWORD for item in real)


def test_reading_signatures_imports_nothing() -> None:
    code = (
        "import sys\nfrom emolightning.config.signatures import read_signature\n"
        f"assert all(read_signature(target) for target in {LIBRARY_TARGETS})\n"
        "assert not {'torch', 'pytorch_lightning', 'lightning_fabric', 'numpy'} & set(sys.modules)\n"
    )
    root = Path(__file__).parent.parent
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)


@pytest.mark.parametrize(
    ("target", "arguments"),
    [
        ("planted_parts.Renamed", {"policy", "name", "batch_size"}),
        ("planted_parts.inner.Grandchild", {"policy", "name", "batch_size"}),
        ("planted_parts.inner.Grandchild.from_pretrained", {"folder", "revision"}),
        ("planted_parts.inner.build", {"width", "depth"}),
        ("planted_parts.inner.wrapped", {"width", "depth"}),
        (
            "planted_parts.inner.MoreSettings",
            {"width", "rate", "flag", "folder", "names", "pair", "weights", "steps", "kind", "depth"},
        ),
    ],
)
def test_forms_of_definitions(target: str, arguments: set[str]) -> None:
    found = read_signature(target)
    assert found is not None
    assert set(found.arguments) == arguments
    assert not found.takes_any


def test_kwargs_that_go_elsewhere_are_not_checked() -> None:
    assert read_signature("planted_parts.inner.Collector").takes_any
    assert problems_of(inner("anything", x=1)) == []


def test_an_unknown_argument_is_told_with_the_nearest() -> None:
    content = {
        "trainer": {"_target_": "pytorch_lightning.Trainer", "max_epoch": 3},
        "optimizer": {"_target_": "torch.optim.AdamW", "_partial_": True, "weight_decya": 0.1},
        "list": [inner("build", width=1, dephth=2)["node"]],
        **inner("build", _partal_=True),
    }
    assert problems_of(content) == [
        "trainer.max_epoch: pytorch_lightning.Trainer has no such argument; did you mean max_epochs?",
        "optimizer.weight_decya: torch.optim.AdamW has no such argument; did you mean weight_decay?",
        "list.0.dephth: planted_parts.inner.build has no such argument; did you mean depth?",
        "node._partal_: planted_parts.inner.build has no such argument; did you mean _partial_?",
    ]


def test_hydra_keys_are_no_arguments() -> None:
    assert problems_of(inner("build", _args_=[1], _partial_=True, _recursive_=False, _convert_="all")) == []


@pytest.mark.parametrize(
    "values",
    [
        {"width": 3},
        {"width": 3, "rate": 1, "flag": True, "folder": "x", "names": ["a"], "pair": [1, 2], "weights": {"a": 0.5}},
        {"width": 3, "folder": None, "kind": None, "weights": None},
        {"width": "${width}", "kind": "b"},
        {"width": {"_target_": "planted_parts.inner.anything"}},
    ],
)
def test_values_that_fit(values: dict) -> None:
    assert problems_of({"width": 5, **inner("Settings", **values)}) == []


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"width": "four"}, "node.width: must be int, not 'four'"),
        ({"width": True}, "node.width: must be int, not True"),
        ({"width": 1.5}, "node.width: must be int, not 1.5"),
        ({"width": "${size}"}, "node.width: must be int, not 'big'"),
        ({"rate": "high"}, "node.rate: must be float, not 'high'"),
        ({"flag": 1}, "node.flag: must be true or false, not 1"),
        ({"folder": 3}, "node.folder: must be Path or null, not 3; as text: 'node.folder=\"3\"'"),
        ({"names": "a"}, "node.names: must be list[str], not 'a'; as a list: 'node.names=[a]'"),
        ({"names": [1]}, "node.names: must be list[str], not [1]; as text: 'node.names=[\"1\"]'"),
        ({"weights": 1}, "node.weights: must be dict[str, float] or null, not 1"),
        ({"steps": 1}, "node.steps: must be dict[str, int | list[int]] or null, not 1"),
        ({"pair": [1, 2, 3]}, "node.pair: must be tuple[int, int], not [1, 2, 3]"),
        ({"kind": "c"}, "node.kind: 'c' is not one of a, b"),
    ],
)
def test_values_that_do_not_fit(values: dict, line: str) -> None:
    assert problems_of({"size": "big", **inner("Settings", **values)}) == [line]


def test_an_alias_of_a_literal_is_followed() -> None:
    lines = problems_of(inner("Child", policy="pek", name="x"))
    assert lines == ["node.policy: 'pek' is not one of middle, peak; did you mean peak?"]


def test_required_values_and_interpolations() -> None:
    content = {"name": "${dta.name}", "folder": "out/${name}", "data": {"name": "x", "annotations": "???"}}
    assert problems_of(content) == [
        "name: ${dta.name} cannot be resolved: Interpolation key 'dta.name' not found; did you mean data.name?",
        "data.annotations is required: say data.annotations=...",
    ]


def test_without_a_checkpoint_nothing_else_is_asked_for() -> None:
    assert problems_of({"checkpoint": "???", "data": "???"}) == ["checkpoint is required: say checkpoint=..."]


@pytest.mark.parametrize(
    ("target", "line"),
    [
        ("planted_parts.inner.Setings", "no Setings in planted_parts.inner; did you mean Settings?"),
        ("planted_parts.iner.Settings", "no iner in planted_parts; did you mean inner?"),
        ("pytorch_lightning.Trainr", "no Trainr in pytorch_lightning; did you mean Trainer?"),
        ("no_such_package.Thing", "no module 'no_such_package'"),
    ],
)
def test_a_target_that_is_not_there(target: str, line: str) -> None:
    (found,) = problems_of({"node": {"_target_": target}})
    assert found.startswith("node._target_: cannot")
    assert line in found


def test_where_the_source_does_not_tell_it_is_imported() -> None:
    assert read_signature("fractions.Fraction") is not None
    assert read_signature("math.isclose") is None
    assert problems_of({"node": {"_target_": "math.isclose", "a": 1, "b": 1, "rel_tol": 0.1}}) == []
    (line,) = problems_of({"node": {"_target_": "math.isclose", "a": 1, "b": 1, "rel_toll": 0.1}})
    assert line == "node.rel_toll: math.isclose has no such argument; did you mean rel_tol?"


@pytest.mark.parametrize(
    ("target", "name", "said"),
    [
        ("synthetic.reader.SyntheticData", "targets", "data=custom and data=msp_podcast have it"),
        ("meld.reader.MeldData", "num_train", "data=synthetic has it"),
        ("meld.reader.MeldData", "taget", "did you mean target?"),
    ],
)
def test_an_argument_of_other_data_names_these(target: str, name: str, said: str) -> None:
    place = f"emolightning.benchmarks.{target}"
    of_one, found = "data.corpora.NAME.", problems_of({"data": {"_target_": place, name: "soft"}})
    assert f"data.{name}: {place} has no such argument; {said}" in found
    several = {"_target_": SEVERAL, "corpora": {"a": {"_target_": place, name: "soft"}}}
    found = problems_of({"data": several}) + problems_of({"data": {**several, name: "soft"}})
    assert f"data.corpora.a.{name}: {place} has no such argument; {said}" in found
    if "did you mean" not in said:
        assert f"data.{name}: {SEVERAL} has no such argument; it is said of one of them: {of_one}{name}=..." in found


def test_missing_target_lists_what_there_is() -> None:
    with pytest.raises(MissingTarget) as found:
        read_signature("planted_parts.inner.buidl")
    assert "build" in found.value.options


@pytest.mark.parametrize(
    ("choices", "key", "place"),
    [
        ({"data": "dfew_zero_shot"}, "data.num_workers", "in configs/data/_shared.yaml"),
        ({"data": "dfew_zero_shot"}, "data.fold", "in configs/data/dfew.yaml"),
        ({"data": "dfew_zero_shot"}, "data.train", "in configs/data/dfew_zero_shot.yaml"),
        ({"data": "synthetic"}, "data.batch_size", "in configs/data/synthetic.yaml"),
        ({"data": "custom"}, "data.batch_size", "in configs/data/_shared.yaml"),
        ({"data@against": "mer2023"}, "against.seed", "in configs/data/_shared.yaml"),
        ({}, "hydra.output_subdir", "in configs/_hydra.yaml"),
    ],
)
def test_the_file_of_a_shared_key_is_named(choices: dict[str, str], key: str, place: str) -> None:
    assert Sources(CONFIG_DIR, "train", choices, []).locate(key) == place


def test_the_file_of_a_key_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "configs"
    files = {
        "train.yaml": "defaults: [{trainer: ddp}, {experiment: foo}]\nnotes: x\n",
        "trainer/ddp.yaml": "defaults: [cpu]\nstrategy: {find: 1}\n",
        "trainer/cpu.yaml": "devices: 1\nmax_epochs: 1\n",
        "experiment/foo.yaml": "# @package _global_\ntrainer: {max_epochs: 2, betas: [1, 2]}\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    choices = {"trainer": "ddp", "experiment": "foo", "logger": None}
    sources = Sources(folder, "train", choices, ["trainer=ddp", "+trainer.precision=16", "~seed"])
    assert sources.locate("trainer.max_epochs") == "in configs/experiment/foo.yaml"
    assert sources.locate("trainer.betas.1") == "in configs/experiment/foo.yaml"
    assert sources.locate("trainer.devices") == "in configs/trainer/cpu.yaml"
    assert sources.locate("trainer.strategy.find") == "in configs/trainer/ddp.yaml"
    assert sources.locate("notes") == "in configs/train.yaml"
    assert sources.locate("trainer.precision") == "on the command line"
    assert sources.locate("seed") == "on the command line"
    assert sources.locate("nowhere") == ""
    lines = problems_of({"trainer": {"max_epochs": "???"}}, sources)
    assert lines == ["trainer.max_epochs is required: say trainer.max_epochs=... (in configs/experiment/foo.yaml)"]
