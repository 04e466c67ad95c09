"""`--help`: every command shows its own settings, and every argument of the objects that are chosen."""

import ast

import pytest

from emolightning.__main__ import COMMANDS
from emolightning.__main__ import main as command
from emolightning.commands import cli
from emolightning.commands.object_help import shown
from emolightning.config.documentation import argument_docs, first_sentence
from emolightning.config.signatures import read_signature

OWN = {
    "train": "resume=null",
    "eval": "checkpoint=???",
    "predict": "overwrite=false",
    "chat": "question=null",
    "ablate": "parallel   evaluations",
    "robustness": "corruptions=null",
    "sweep": "count       trials",
    "doctor": "probe=32",
    "merbench": "repeats=6",
    "estimate": "price_per_gpu_hour=null",
    "import-weights": "llama=???",
    "export-weights": "format=???",
    "convert-features": "source=???",
    "prepare": "num_folds=null",
    "extract": "shard=null",
    "serve": "max_clip_seconds=60",
    "inspect": "file=???",
    "score": "columns.truth_id=null",
    "combine": "how=mean",
    "pseudo-label": "min_confidence=0.9",
    "compare": "only_shared=false",
    "reproduce": "benchmark=null",
    "report": "checkpoint=???",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_tells_its_settings(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command([name, "--help"]) == 0
    output = capsys.readouterr().out
    assert OWN[name] in output
    assert f"python -m emolightning {name}" in output or f"python {name}.py" in output
    assert "override hydra" not in output


def help_of(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    from emolightning.commands import train

    assert cli.run(train.train, "train", [*words, "--help"]) == 0
    return [line.strip() for line in capsys.readouterr().out.splitlines()]


def line_of(lines: list[str], setting: str) -> str:
    (line,) = [line for line in lines if line.startswith(setting)]
    return " ".join(line.split())


def test_the_arguments_of_the_chosen_objects(capsys: pytest.CaptureFixture[str]) -> None:
    lines = help_of(capsys)
    assert "data: emolightning.benchmarks.synthetic.reader.SyntheticData" in lines
    assert line_of(lines, "optimizer.lr=") == "optimizer.lr=0.002 (float) learning rate (default: 1e-3)."
    assert line_of(lines, "model.lora.r=") == "model.lora.r=16 (int) Rank."
    assert line_of(lines, "model.train.vision=").startswith("model.train.vision=frozen (frozen | lora | full)")
    assert line_of(lines, "trainer.precision=").startswith("trainer.precision=32-true (32-true | bf16-mixed | 16-mixed")
    assert line_of(lines, "+trainer.limit_val_batches=").startswith(
        "+trainer.limit_val_batches=null (int | float | None) How much of validation dataset"
    )
    assert not [line for line in lines if line.startswith(("+trainer.logger", "+data.", "hydra."))]


def test_options_and_values_of_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = help_of(capsys, "data=custom", "data.batch_size=3", "trainer=fsdp", "scoring=open_vocabulary_judge")
    assert "data: emolightning.data.readers.custom.CustomData" in lines
    assert line_of(lines, "data.annotations=").startswith("data.annotations=??? (str) ")
    assert line_of(lines, "data.batch_size=") == "data.batch_size=3 (int) Clips per process and step."
    assert line_of(lines, "trainer.strategy.timeout_s=").endswith("waits for the others before the run ends.")
    assert line_of(lines, "scoring.synonym_groups.parameters.temperature=").startswith(
        "scoring.synonym_groups.parameters.temperature=0 (dict[str, Any]"
    )
    assert "scoring.synonym_groups.parameters.max_tokens=1024" in lines


def test_a_wrong_choice_is_told_by_help_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    from emolightning.commands import train

    with pytest.raises(SystemExit) as caught:
        cli.run(train.train, "train", ["data=costum", "--help"])
    assert caught.value.code == cli.USAGE_ERROR
    assert "data=costum: no such option; did you mean custom?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("target", "name", "text"),
    [
        ("torch.optim.AdamW", "eps", "term added to the denominator to improve numerical stability"),
        ("pytorch_lightning.callbacks.EarlyStopping", "monitor", "quantity to be monitored."),
        ("emolightning.data.readers.custom.CustomData", "private", "whether transcripts"),  # of its base
        ("emolightning.models.parts.lora.LoraSettings", "alpha", "Updates are scaled by alpha / r."),  # below a field
        (
            "emolightning.training.engines.deepspeed_zero.deepspeed_zero",
            "stage",
            "1 shards the optimizer's state",
        ),  # a function
    ],
)
def test_descriptions_are_read_from_the_source(target: str, name: str, text: str) -> None:
    assert argument_docs(target)[name].startswith(text)


def test_what_has_no_source_has_no_descriptions() -> None:
    assert argument_docs("builtins.dict") == argument_docs("no.such.thing") == {}


def test_one_line_of_a_description() -> None:
    assert first_sentence("the Thing, e.g. x or none. Default: 3.") == "the Thing, e.g. x or none."
    assert shown({"a": [1, None, True], "b": 0.5}) == "{a: [1,null,true],b: 0.5}"


def test_defaults_are_read_with_the_signature() -> None:
    arguments = read_signature("torch.optim.AdamW").arguments  # type: ignore[union-attr]
    assert {name: ast.unparse(item.default) for name, item in arguments.items() if item.default}["eps"] == "1e-08"
