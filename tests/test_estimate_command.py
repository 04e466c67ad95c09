"""`estimate`: what it prints of the published sizes, of other trainers, and of mistakes."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from language_factory import make_qwen2

from emolightning.__main__ import main
from emolightning.commands.estimate import _answers, _assumptions, _estimator
from emolightning.config.places import CONFIG_DIR
from emolightning.config.schema import register_schemas
from emolightning.models.parts.language import LanguageSettings


def asked(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The command's exit code."""
    monkeypatch.setattr(sys, "argv", ["emolightning", "estimate", *words])
    try:
        return main(["estimate", *words])
    except SystemExit as error:
        return int(error.code or 0)


@pytest.fixture(scope="module")
def seven(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """What the command says of the published sizes: its JSON, and what it printed."""
    file = tmp_path_factory.mktemp("estimate") / "seven.json"
    words = (
        *("model=emotion_llama_7b", "trainer=one_gpu", "data.batch_size=4", "trainer.accumulate_grad_batches=2"),
        *("trainer.max_epochs=3", "num_clips=1001", "device_peak_tflops=100", "utilisation=0.5"),
        *("price_per_gpu_hour=2", "text_tokens=100", f"output={file}"),
    )
    with pytest.MonkeyPatch.context() as patch, _captured() as said:
        assert asked(patch, *words) == 0
    return json.loads(file.read_text()), said.getvalue()


def _captured() -> Any:
    from contextlib import redirect_stdout
    from io import StringIO

    return redirect_stdout(StringIO())


def test_the_published_sizes(seven: tuple[dict[str, Any], str]) -> None:
    """6,771,970,048 - 33,554,432 frozen of Llama and the tower's, in float16; what trains in float32."""
    result, said = seven
    trained = 33_554_432 + 23_072_768 + 12_595_200 + 5_771_264
    items = result["device_bytes"]
    assert items["frozen weights"] == pytest.approx(2 * (6_738_415_616 + 0.987e9), rel=1e-3)
    assert items["trained weights"] == items["gradients"] == 4 * trained
    assert items["Adam's moments"] == 8 * trained
    assert items["autocast's copies of weights"] == pytest.approx(2 * (6_738_415_616 - 131e6 + trained), rel=1e-3)
    assert result["device_gb"] == pytest.approx(sum(items.values()) / 1e9)
    assert result["effective_batch_size"] == 8
    assert "effective batch size 8 = data.batch_size 4 x 1 process(es) x 2 accumulated" in said
    assert "model.language.dtype=bfloat16 (now float16" in said
    assert "sizes from settings of model.language" in said


def test_time_and_cost_follow_from_operations(seven: tuple[dict[str, Any], str]) -> None:
    time = seven[0]["time"]
    assert time["steps_per_epoch"] == 126, "1001 clips, 8 a step"
    assert time["tflop_per_step"] == pytest.approx(8 * time["gflop_per_clip"] / 1e3)
    assert time["seconds_per_step"] == pytest.approx(time["tflop_per_step"] / 50)
    assert time["hours"] == pytest.approx(3 * 1001 / 8 * time["seconds_per_step"] / 3600)
    assert time["cost"] == pytest.approx(2 * time["hours"])


def test_all_trainers_beside_each_other(seven: tuple[dict[str, Any], str]) -> None:
    result, said = seven
    rows = {row["trainer"]: row for row in result["engines"]}
    expected = {path.stem for path in (CONFIG_DIR / "trainer").glob("*.yaml")} - {"cpu"}
    assert set(rows) == expected
    assert rows["one_gpu"]["device_gb"] == pytest.approx(result["device_gb"])
    assert rows["one_gpu"]["accumulated"] == 2, "the command line's own settings hold for all"
    line = next(line for line in said.splitlines() if line.startswith("one_gpu "))
    marks = line.split()[-4:]
    sizes = (16, 24, 40, 80)
    assert marks == ["fits" if result["device_gb"] <= size else "-" for size in sizes]


def test_an_engines_own_settings_are_not_asked_of_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "result.json"
    words = ("trainer=deepspeed_zero2", "trainer.strategy.bucket_mb=1", "trainer.accelerator=cpu", f"output={file}")
    assert asked(monkeypatch, "model=tiny", *words) == 0
    rows = json.loads(file.read_text())["engines"]
    buffers = {row["trainer"]: row["device_bytes"]["buffers of gradients"] for row in rows}
    assert 200 * buffers["deepspeed_zero2"] == buffers["deepspeed_zero1"] > 0
    assert buffers["single"] == 0


def test_a_folder_that_is_there_is_asked_for_its_sizes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from emolightning.models.parts.language import load_language_model

    folder, file = make_qwen2(tmp_path / "qwen2"), tmp_path / "result.json"
    words = ("model=tiny", f"model.llm={folder}", "compare=false", "modalities=[text]", f"output={file}")
    assert asked(monkeypatch, *words) == 0
    loaded = load_language_model(LanguageSettings(path=str(folder)), 0)
    result = json.loads(file.read_text())
    assert result["device_bytes"]["frozen weights"] == sum(p.nbytes for p in loaded.parameters())
    assert f"sizes from {folder}" in capsys.readouterr().out
    assert result["engines"] == []


def test_soft_targets_have_the_memory_of_all_answers_of_a_batch() -> None:
    register_schemas()
    words = ["data=custom", "data.annotations=a.csv", "data.batch_size=4", "data.annotators=[a,b,c]"]
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        soft = compose("estimate", [*words, "data.targets=soft"])
    hard, few = soft.copy(), soft.copy()
    hard.data.targets, few.data.labels = "majority", ["calm", "tense"]
    assert [_answers(cfg) for cfg in (hard, soft, few)] == [1, 3, 2]
    assert _estimator(soft)[0].rows == 12
    assert "each clip has 3 answers" in _assumptions(soft, answers=3)[0]
    assert _assumptions(hard, answers=1) == _assumptions(soft, answers=3)[1:]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("gpu=A10",), "'A10' is not one of"),
        (("trainer=one_gpu", "trainer.devices=-1"), "say how many, trainer.devices=N"),
        (("utilisation=2",), "utilisation: must be 0.001 to 1, not 2"),
        (("text_token=2",), "did you mean text_tokens?"),
    ],
)
def test_mistakes(
    words: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(monkeypatch, *words) in (1, 2)
    assert message in capsys.readouterr().err
