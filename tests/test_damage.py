"""Damaged parts of a run, wherever they come from: one sentence that names the file, at once, and no traceback.

One small run is trained and evaluated in this process; each kind of damage gets a copy of it, and the function that a
command reads the part with.
"""

import copy
import json
import shutil
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import in_process
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig
from safetensors.torch import load_file, save_file

from emolightning.benchmarks.published.measured import read_run
from emolightning.config.places import CONFIG_DIR
from emolightning.config.saved_run import load_saved_run
from emolightning.config.schema import register_schemas
from emolightning.errors import UserError
from emolightning.models.emotion_llama.family import FAMILY
from emolightning.models.emotion_llama.upstream.describing import read_trained
from emolightning.models.inspecting import describe
from emolightning.runs.answers import set_aside_other
from emolightning.runs.assembly import build_learner
from emolightning.runs.assembly_of_data import read_corpus
from emolightning.runs.assembly_of_models import plain
from emolightning.runs.report.collect import write_report
from emolightning.runs.resume import is_finished, refuse_changes
from emolightning.runs.wandb_record import read_lineage
from emolightning.runs.weights import find_weights, load_weights, trained_sees
from emolightning.training.run_folder import RunFolder

SECONDS = 10
"""Of this process, so that a busy machine does not count; the slowest kind takes less than one."""

WORDS = ("trainer.enable_progress_bar=false", "~callbacks.progress")


def composed(name: str, *words: str) -> DictConfig:
    register_schemas()
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        return compose(name, overrides=[*words, *WORDS])


@pytest.fixture(scope="module")
def trained_once(smoke_clips: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """The run, and what commands hold when they read it."""
    place = tmp_path_factory.mktemp("damage")
    words = ["experiment=smoke", "logger=csv", *smoke_clips]
    cfg = composed("train", *words, f"output_dir={place}/run")
    in_process.fit(cfg)
    load_saved_run([f"checkpoint={place}/run"])
    evaluated = composed("eval", f"checkpoint={place}/run")
    in_process.evaluate(evaluated)
    corpus = read_corpus(evaluated)
    sees = trained_sees(find_weights("checkpoint", place / "run"), FAMILY, corpus.source.labels)
    learner = build_learner(evaluated, corpus, sees=sees)
    return SimpleNamespace(run=place / "run", cfg=cfg, corpus=corpus, learner=learner)


Door = Callable[[Path, SimpleNamespace], Any]


def evaluate(run: Path, base: SimpleNamespace) -> None:
    """What eval.py and init_from do with checkpoint files and adapter folders."""
    weights = find_weights("checkpoint", run)
    trained_sees(weights, FAMILY, ())
    load_weights(base.learner.model, weights)


def evaluate_adapter(run: Path, base: SimpleNamespace) -> None:
    evaluate(run / "adapter", base)


def resume(run: Path, base: SimpleNamespace) -> None:
    cfg = base.cfg.copy()
    cfg.resume = "auto"
    if not is_finished(RunFolder(run), plain(cfg)):
        refuse_changes(run / "checkpoints" / "last.ckpt", plain(cfg), base.corpus.summary())


def resume_other(run: Path, base: SimpleNamespace) -> None:
    """A run that is not finished."""
    refuse_changes(run / "checkpoints" / "last.ckpt", plain(base.cfg), base.corpus.summary())


def compose_eval(run: Path, base: SimpleNamespace) -> None:
    load_saved_run([f"checkpoint={run}"])


def compose_adapter(run: Path, base: SimpleNamespace) -> None:
    shutil.copytree(run / "adapter", run.with_name("run-adapter"))  # Inside its run it is the run's.
    load_saved_run([f"checkpoint={run}-adapter"])


def report(run: Path, base: SimpleNamespace) -> None:
    write_report(run, base.corpus.clips)


def reproduce(run: Path, base: SimpleNamespace) -> None:
    read_run(run)


def export(run: Path, base: SimpleNamespace) -> None:
    trained = read_trained(find_weights("checkpoint", run))
    for part in trained.parts.values():
        for stored in part.values():
            stored.load()


def export_adapter(run: Path, base: SimpleNamespace) -> None:
    export(run / "adapter", base)


def inspect(run: Path, base: SimpleNamespace) -> None:
    describe(run / "checkpoints" / "best.ckpt")


def inspect_adapter(run: Path, base: SimpleNamespace) -> None:
    describe(run / "adapter")


def inspect_weights(run: Path, base: SimpleNamespace) -> None:
    describe(run / "adapter" / "projections.safetensors")


def lineage(run: Path, base: SimpleNamespace) -> None:
    read_lineage(run)


def next_evaluation(run: Path, base: SimpleNamespace) -> None:
    set_aside_other(run, "0123456789abcdef")


BEST, LAST = "checkpoints/best.ckpt", "checkpoints/last.ckpt"
LORA, PROJECTIONS = "adapter/adapter_model.safetensors", "adapter/projections.safetensors"
DESCRIPTION, PEFT = "adapter/emolightning.json", "adapter/adapter_config.json"

Damage = Callable[[Path], Any]


def text(content: str | bytes) -> Damage:
    return lambda path: path.write_bytes(content.encode() if isinstance(content, str) else content)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def gone(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def torch_file(content: Any) -> Damage:
    return lambda path: torch.save(content, path)


def checkpoint(change: Callable[[dict[str, Any]], Any]) -> Damage:
    """One thing inside a checkpoint that is otherwise as it was."""

    def damage(path: Path) -> None:
        content = torch.load(path, weights_only=True)
        change(content)
        torch.save(content, path)

    return damage


def lacks(*names: str) -> Damage:
    return checkpoint(lambda content: [content.pop(name) for name in names])


def values(change: Callable[[torch.Tensor], Any]) -> Damage:
    """The first tensor of a checkpoint."""

    def changed(content: dict[str, Any]) -> None:
        name = next(iter(content["state_dict"]))
        content["state_dict"][name] = change(content["state_dict"][name])

    return checkpoint(changed)


def set_to(value: float) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda tensor: torch.cat([torch.full_like(tensor[:1], value), tensor[1:]])


def optimizer(change: Callable[[Any], Any]) -> Damage:
    return checkpoint(lambda content: content.update(optimizer=change(copy.deepcopy(content["optimizer"]))))


def moment(value: Any) -> Callable[[Any], Any]:
    def change(saved: Any) -> Any:
        entry = next(iter(saved["state"].values()))
        entry["exp_avg"] = value(entry["exp_avg"]) if callable(value) else value
        return saved

    return change


def packed(path: Path) -> None:
    """The same archive, compressed: a small file could unfold to any size."""
    with zipfile.ZipFile(path) as archive:
        content = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)


def pickled(path: Path) -> None:
    torch.save({"state_dict": {}, "base_fingerprints": {}, "x": Path("x")}, path)


def header(content: Any, data: bytes = b"\0" * 16, size: int | None = None) -> Damage:
    written = content if isinstance(content, bytes) else json.dumps(content).encode()
    return text(struct.pack("<Q", len(written) if size is None else size) + written + data)


def entry(*offsets: int, shape: tuple[int, ...] = (4,), dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def tensors(change: Callable[[torch.Tensor], Any]) -> Damage:
    """The first tensor of a safetensors file."""

    def damage(path: Path) -> None:
        state = load_file(path)
        name = sorted(state)[0]
        save_file({**state, name: change(state[name].clone()).contiguous()}, path)

    return damage


def twice(path: Path) -> None:
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    content = data[8 : 8 + size].rstrip()
    name = json.dumps(sorted(json.loads(content).keys() - {"__metadata__"})[0]).encode()
    more = content[:-1] + b"," + name + b":" + json.dumps(json.loads(content)[json.loads(name)]).encode() + b"}"
    path.write_bytes(struct.pack("<Q", len(more)) + more + data[8 + size :])


def key(name: str, value: Any) -> Damage:
    """One key of a JSON object; a callable changes what is there."""

    def damage(path: Path) -> None:
        content = json.loads(path.read_text())
        content[name] = value(content[name]) if callable(value) else value
        path.write_text(json.dumps(content))

    return damage


def without(name: str) -> Damage:
    def damage(path: Path) -> None:
        content = json.loads(path.read_text())
        del content[name]
        path.write_text(json.dumps(content))

    return damage


def answer(**changes: Any) -> Damage:
    """The first line of answers.jsonl; None takes a key away."""

    def damage(path: Path) -> None:
        first, *rest = path.read_text().splitlines()
        line = {**json.loads(first), **changes}
        line = {name: value for name, value in line.items() if value != "absent"}
        path.write_text("\n".join([json.dumps(line), *rest, ""]))

    return damage


def first_line(content: str) -> Damage:
    return lambda path: path.write_text("\n".join([content, *path.read_text().splitlines()[1:], ""]))


DEEP = "[" * 200_000
BINARY = b"\x00\xff\xfe\x80" * 50
BOMB = "a: &a [1,1,1,1,1,1,1,1,1]\n" + "\n".join(
    f"b{i}: &b{i} [{', '.join([f'*b{i - 1}' if i else '*a'] * 9)}]" for i in range(14)
)
PLAIN_TENSOR = {"a": entry(0, 16)}

KINDS: list[tuple[Door, str, str, Damage]] = [
    *((evaluate, BEST, name, damage) for name, damage in {
        "a list": torch_file([1, 2]),
        "a tensor": torch_file(torch.zeros(3)),
        "None": torch_file(None),
        "a folder": folder,
        "nothing": text(b""),
        "cut short": cut,
        "binary": text(BINARY),
        "text": text("hello"),
        "a pickle of more": pickled,
        "compressed": packed,
        "no weights": lacks("state_dict"),
        "weights in a list": checkpoint(lambda content: content.update(state_dict=[1])),
        "a weight that is None": values(lambda tensor: None),
        "a weight that is a number": values(lambda tensor: 3.0),
        "no base": lacks("base_fingerprints"),
        "base in a list": checkpoint(lambda content: content.update(base_fingerprints=[1])),
        "another base": checkpoint(lambda content: content["base_fingerprints"].update(language="x")),
        "NaN": values(set_to(float("nan"))),
        "infinite": values(set_to(float("inf"))),
        "integers": values(lambda tensor: tensor.int()),
        "complex": values(lambda tensor: tensor.to(torch.complex64)),
        "another shape": values(lambda tensor: tensor[:1].clone()),
        "sparse": values(lambda tensor: tensor.to_sparse()),
        "much of little": values(lambda tensor: torch.zeros(1).expand(2**40)),
        "names that are numbers": checkpoint(lambda content: content["state_dict"].update({3: torch.zeros(1)})),
    }.items()),
    *((resume_other, LAST, name, damage) for name, damage in {
        "a list": torch_file([1]),
        "weights only": lacks("optimizer", "optimizer_states"),
        "optimizer None": optimizer(lambda saved: None),
        "optimizer in a list": optimizer(lambda saved: [saved]),
        "groups None": optimizer(lambda saved: {**saved, "groups": None}),
        "groups without names": optimizer(lambda saved: {**saved, "groups": [{"lr": 1.0}]}),
        "a rate that is text": optimizer(lambda saved: {**saved, "groups": [{**saved["groups"][0], "lr": "x"}]}),
        "a NaN rate": optimizer(lambda saved: {**saved, "groups": [{**saved["groups"][0], "lr": float("nan")}]}),
        "moments of others": optimizer(lambda saved: {**saved, "state": {"x": {}}}),
        "moments of another shape": optimizer(moment(torch.zeros(7))),
        "moments that are NaN": optimizer(moment(lambda tensor: tensor * float("nan"))),
        "weights that are NaN": values(set_to(float("nan"))),
        "no length of an epoch": lacks("batches_per_epoch"),
        "step_size of text": checkpoint(lambda content: content.update(step_size={"clips": "x"})),
    }.items()),
    *((door, "config.yaml", name, damage) for door in (compose_eval, resume_other) for name, damage in {
        "a list": text("- 1\n"),
        "text": text("hello"),
        "nothing": text(""),
        "no YAML": text("a: [1"),
        "binary": text(BINARY),
        "deep": text(DEEP),
        "a bomb": text(BOMB),
        "large": text("a: " + "x" * 2**21),
        "a tag": text("a: !!python/object/apply:os.system [id]"),
        "itself": text("a: &a [*a]"),
        "twice the same key": text("a: 1\na: 2"),
    }.items()),
    (resume_other, "config.yaml", "other types", text("data: 3\ntrainer: [1]\n")),
    *((compose_adapter, DESCRIPTION, name, damage) for name, damage in {
        "a list": text("[]"),
        "deep": text(DEEP),
        "binary": text(BINARY),
        "nothing": text(""),
        "no model": without("model"),
        "inputs None": key("inputs", None),
    }.items()),
    *((evaluate_adapter, PROJECTIONS, name, damage) for name, damage in {
        "gone": gone,
        "nothing": text(b""),
        "a folder": folder,
        "cut short": cut,
        "header no JSON": header(b"hello"),
        "header cut short": text(struct.pack("<Q", 4000) + b'{"a":'),
        "giant header": header(PLAIN_TENSOR, size=2**60),
        "header deep": header(b'{"a":' * 50_000),
        "offsets that overlap": header({"a": entry(0, 16), "b": entry(8, 24)}, b"\0" * 24),
        "offsets outside": header({"a": entry(100, 116)}),
        "unknown type": header({"a": entry(0, 16, dtype="X9")}),
        "complex": header({"a": entry(0, 16, shape=(2,), dtype="C64")}),
        "huge shape": header({"a": entry(0, 16, shape=(2**40, 2**40))}),
        "a name twice": twice,
        "a name that steers": header({"\x1b[31m": entry(0, 16)}),
        "other tensors": header(PLAIN_TENSOR),
        "NaN": tensors(lambda tensor: tensor * float("nan")),
        "integers": tensors(lambda tensor: tensor.int()),
        "another shape": tensors(lambda tensor: tensor[:1]),
    }.items()),
    *((evaluate_adapter, LORA, name, damage) for name, damage in {
        "gone": gone,
        "cut short": cut,
        "binary": text(BINARY),
        "a name twice": twice,
        "infinite": tensors(lambda tensor: tensor + float("inf")),
        "integers": tensors(lambda tensor: tensor.int()),
    }.items()),
    *((evaluate_adapter, PEFT, name, damage) for name, damage in {
        "gone": gone,
        "a list": text("[]"),
        "no JSON": text("{"),
        "another scale": key("lora_alpha", 7),
        "rank of text": key("r", "x"),
    }.items()),
    (evaluate_adapter, DESCRIPTION, "no base", without("base_fingerprints")),
    (evaluate_adapter, DESCRIPTION, "base in a list", key("base_fingerprints", [1])),
    (export, BEST, "NaN", values(set_to(float("nan")))),
    (export, BEST, "integers", values(lambda tensor: tensor.int())),
    (export, BEST, "no base", lacks("base_fingerprints")),
    (export, "config.yaml", "no model", text("a: 1\n")),
    (export_adapter, PROJECTIONS, "NaN", tensors(lambda tensor: tensor * float("nan"))),
    (export_adapter, PEFT, "gone", gone),
    (export_adapter, PEFT, "rank of text", key("r", "x")),
    (export_adapter, DESCRIPTION, "deep", text(DEEP)),
    (inspect, BEST, "cut short", cut),
    (inspect, BEST, "compressed", packed),
    (inspect_adapter, PEFT, "deep", text(DEEP)),
    (inspect_adapter, DESCRIPTION, "a list", text("[]")),
    (inspect_weights, PROJECTIONS, "offsets outside", header({"a": entry(100, 116)})),
    *((report, "answers.jsonl", name, damage) for name, damage in {
        "a list": first_line("[1]"),
        "no JSON": first_line("{"),
        "binary": lambda path: path.write_bytes(b"\xff\xfe\n"),
        "deep": first_line(DEEP),
        "no key": answer(key="absent"),
        "no id": answer(id="absent"),
        "id a number": answer(id=3),
        "answer a list": answer(answer=["happy"]),
        "truth a number": answer(truth=3),
        "seconds of text": answer(seconds="x"),
        "no such clip": answer(id="../../etc/passwd"),
        "nothing": text(""),
    }.items()),
    (next_evaluation, "answers.jsonl", "a key that leads away", answer(key="../../../away")),
    *((door, "metrics.json", name, damage) for door in (report, reproduce) for name, damage in {
        "a list": text("[]"),
        "deep": text(DEEP),
        "binary": text(BINARY),
        "nothing": text(""),
        "metrics in a list": key("metrics", [1]),
        "a metric of text": key("metrics", {"war": {"value": "x", "ci95": [0, 1]}}),
        "a metric without interval": key("metrics", {"war": {"value": 0.5}}),
        "no benchmark": without("benchmark"),
        "per_class in a list": key("per_class", [1]),
        "support of text": key("per_class", {"happy": {"support": "x"}}),
    }.items()),
    (report, "metrics.json", "matrix of text", key("confusion_matrix", {"labels": ["a"], "counts": [["x"]]})),
    (report, "metrics.json", "matrix of other sizes", key("confusion_matrix", {"labels": ["a"], "counts": [[1, 2]]})),
    (report, "metrics.json", "no frame", key("evaluation", {})),
    (report, "metrics.json", "matrix None", key("confusion_matrix", None)),
    (report, "metrics.json", "no precision", key("per_class", {"happy": {"support": 1}})),
    (report, "metrics.json", "unscored in a list", key("unscored", [1])),
    (report, "metrics.csv", "binary", text(BINARY + b"\n")),
    (report, "metrics.csv", "words", text("epoch,step,val/weighted_f1,val/war,val/loss\n0,1,a,b,c\n")),
    (report, "metrics.csv", "more cells", text("epoch,step\n0,1,2,3\n")),
    *((door, "lineage.json", name, damage) for door in (resume_other, lineage) for name, damage in {
        "a list": text("[]"),
        "deep": text(DEEP),
        "binary": text(BINARY),
        "nothing": text(""),
    }.items()),
    (resume, "lineage.json", "a list", text("[]")),
    (resume, "lineage.json", "gone", gone),
    (resume_other, "lineage.json", "data None", key("data", None)),
    (resume_other, "lineage.json", "data a list", key("data", [1])),
    (lineage, "lineage.json", "sessions of text", key("sessions", "x")),
    (lineage, "lineage.json", "evaluations a list", key("evaluations", [1])),
    (lineage, "lineage.json", "an id that leads away", key("wandb_run_id", "../../away")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("door", "part", "damage"),
    [pytest.param(door, part, damage, id=f"{door.__name__}-{part}-{name}") for door, part, name, damage in KINDS],
)
def test_damage_is_told_in_a_sentence(
    trained_once: SimpleNamespace, tmp_path: Path, door: Door, part: str, damage: Damage
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained_once.run, run, copy_function=_link)
    _own(run / part)
    damage(run / part)
    started = time.process_time()
    with pytest.raises(UserError) as caught:
        door(run, trained_once)
    assert time.process_time() - started < SECONDS
    said = str(caught.value)
    assert str(run) in said, "names the file or its folder"
    assert all(len(line) < 700 and line.isprintable() for line in said.splitlines())


def _link(source: str, target: str) -> None:
    Path(target).hardlink_to(source)


def _own(path: Path) -> None:
    """A file of its own in place of the link, to be written over."""
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)


@pytest.mark.parametrize(
    "door", [evaluate, evaluate_adapter, resume, resume_other, compose_eval, compose_adapter, report, reproduce, export,
             export_adapter, inspect, inspect_adapter, inspect_weights, lineage, next_evaluation]
)  # fmt: skip
def test_a_sound_run_passes_each_door(trained_once: SimpleNamespace, tmp_path: Path, door: Door) -> None:
    """Else the table above would prove nothing."""
    shutil.copytree(trained_once.run, tmp_path / "run")
    door(tmp_path / "run", trained_once)


LIGHTNINGS = {
    "loops of text": lambda content: content.update(loops="x"),
    "no loops": lambda content: content.pop("loops"),
    "progress of text": lambda content: content["loops"]["fit_loop"].update({"epoch_progress": "x"}),
    "schedules None": lambda content: content.update(lr_schedulers=None),
    "callbacks in a list": lambda content: content.update(callbacks=[1]),
    "version a number": lambda content: content.update({"pytorch-lightning_version": 3}),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name not in ("loops of text", "schedules None") else [])
        for name in LIGHTNINGS
    ],
)
def test_what_lightning_puts_back_is_told_as_well(trained_once: SimpleNamespace, tmp_path: Path, name: str) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained_once.run, run)
    checkpoint(LIGHTNINGS[name])(run / LAST)
    cfg = trained_once.cfg.copy()
    cfg.update(output_dir=str(run), resume="auto")
    cfg.trainer.max_epochs = 2
    before = (run / "checkpoints" / "best.ckpt").read_bytes()
    with pytest.raises(UserError, match=r"last\.ckpt: cannot be read"):
        in_process.fit(cfg)
    assert (run / "checkpoints" / "best.ckpt").read_bytes() == before


def test_there_are_enough_kinds() -> None:
    assert len(KINDS) >= 50
    assert len({(door.__name__, part, name) for door, part, name, _ in KINDS}) == len(KINDS)
