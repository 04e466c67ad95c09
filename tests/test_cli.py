"""The command line, as a user types it: messages that name file, key and nearest valid one, and no heavy import."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from warm import WarmStarts

ROOT = Path(__file__).parent.parent

SCRIPT = """
import os, signal, sys
from pathlib import Path
from emolightning.commands.cli import run
from emolightning.config.check import check_config
from emolightning.errors import UserError


class Picky:
    def __init__(self, x: int = 0):
        raise UserError("picky: x must not be given")


def main(cfg):
    \"\"\"Do something.\"\"\"
    check_config(cfg)
    if cfg.notes == "interrupt":
        os.kill(os.getpid(), signal.SIGINT)
    if cfg.notes == "lightning interrupt":
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            sys.exit(1)
    if cfg.notes == "bug":
        raise ZeroDivisionError("ours")
    if cfg.notes == "picky":
        from hydra.utils import instantiate
        instantiate({"_target_": "__main__.Picky"})
    print("ran", cfg.seed, cfg.trainer.max_epochs, sys.argv[1:])
    return 3 if cfg.notes == "finding" else None


try:
    sys.exit(run(main, sys.argv[1], sys.argv[2:], config_dir=Path(__file__).parent / "configs"))
finally:
    heavy = {"torch", "pytorch_lightning", "transformers", "numpy"} & set(sys.modules)
    assert not heavy, heavy
"""


FILES = {
    "train.yaml": "defaults: [run_schema, {data: synthetic}, {model: tiny}, {optimizer: adamw}, {schedule: flat}, "
    "{trainer: cpu}, {experiment: null}, _self_, {override hydra/job_logging: stdout}]\n"
    "hydra: {run: {dir: .}, output_subdir: null, sweep: {dir: sweep}}\n",
    "eval.yaml": "defaults: [eval_schema, saved_run, {data: null}, {trainer: null}, _self_, "
    "{override hydra/job_logging: stdout}]\nhydra: {run: {dir: .}, output_subdir: null}\n",
    "data/_shared.yaml": "batch_size: 4\n",
    "data/synthetic.yaml": "# Rendered clips.\ndefaults: [_shared, _self_]\nname: synthetic\n",
    "data/custom.yaml": "# Your own clips.\ndefaults: [_shared, _self_]\nname: custom\nannotations: ???\n",
    "model/tiny.yaml": "rank: 4\n",
    "optimizer/adamw.yaml": "_target_: torch.optim.AdamW\n_partial_: true\nlr: 0.1\n",
    "schedule/flat.yaml": "warmup: 0\n",
    "trainer/cpu.yaml": "# One process.\n_target_: pytorch_lightning.Trainer\nmax_epochs: 1\ndevices: 1\n",
    "experiment/good.yaml": "# @package _global_\n# All is well.\nseed: 7\n",
    "experiment/bad_key.yaml": "# @package _global_\nsead: 7\nevaluation: {max_new_token: 3, num_beams: many}\n",
    "experiment/bad_argument.yaml": "# @package _global_\ntrainer: {max_epoch: 7}\noptimizer: {weight_decya: 1}\n",
    "experiment/bad_group.yaml": "# @package _global_\ndefaults: [{override /dta: custom}]\n",
    "experiment/bad_option.yaml": "# @package _global_\ndefaults: [{override /data: custon}]\n",
    "experiment/bad_yaml.yaml": "# @package _global_\nseed: [1\nx: 3\n",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "script.py").write_text(SCRIPT)
    for name, text in FILES.items():
        path = folder / "configs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


ENVIRONMENT = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}


class Calls:
    """Starts programs in the project, each a fork of a process that has imported what is imported before `run`."""

    def __init__(self, project: Path, logs: Path):
        self.project = project
        self.logs = logs
        self.starts = WarmStarts.begin(ENVIRONMENT, logs / "warm.log", "hydra", "emolightning.commands.cli")

    def __call__(self, *words: str, config: str = "train", **environment: str) -> subprocess.CompletedProcess[str]:
        """`python script.py CONFIG WORD ...`."""
        paths = (self.logs / "out.txt", self.logs / "err.txt")
        with open(os.devnull) as given, paths[0].open("wb") as out, paths[1].open("wb") as err:
            process = self.starts.start(
                [str(self.project / "script.py"), config, *words],
                cwd=self.project,
                environment=ENVIRONMENT | environment,
                files=[file.fileno() for file in (given, out, err)],
            )
        code = process.wait(60)
        return subprocess.CompletedProcess(process.args, code, *(path.read_text() for path in paths))


@pytest.fixture(scope="module")
def call(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Calls]:
    calls = Calls(project, tmp_path_factory.mktemp("calls"))
    yield calls
    calls.starts.close()


def test_a_correct_call_runs_and_writes_no_files(project: Path) -> None:
    """As it is typed."""
    before = sorted(project.iterdir())
    command = [sys.executable, str(project / "script.py"), "train", "experiment=good", "trainer.max_epochs=5"]
    result = subprocess.run(command, cwd=project, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    assert result.stdout == "ran 7 5 ['train', 'experiment=good', 'trainer.max_epochs=5']\n"
    assert (result.returncode, result.stderr) == (0, "")
    assert sorted(project.iterdir()) == before


def test_the_overrides_that_lightning_adds_for_other_ranks_work(call: Calls) -> None:
    words = ('hydra.run.dir="."', "hydra.job.name=train_ddp_process_1", "hydra.output_subdir=null")
    assert call(*words, LOCAL_RANK="1").returncode == 0


@pytest.mark.parametrize(
    ("word", "line"),
    [
        pytest.param("seeed=1", "seeed: no such setting; did you mean seed?", marks=pytest.mark.slow),
        ("evaluation.max_new_token=1", "evaluation.max_new_token: no such setting; did you mean max_new_tokens?"),
        pytest.param(
            "data.batch_siz=1", "data.batch_siz: no such setting; did you mean batch_size?", marks=pytest.mark.slow
        ),
        pytest.param(
            "batch_size=1", "batch_size: no such setting; did you mean data.batch_size?", marks=pytest.mark.slow
        ),
        ("epochs=3", "epochs: no such setting; did you mean trainer.max_epochs?"),
        ("optimizer.lr=0,001", "optimizer.lr: a number is written with a point, optimizer.lr=0.001"),
        (
            "optimizer.learning_rate=1",
            "optimizer.learning_rate: torch.optim.AdamW has no such argument; did you mean lr?",
        ),
        (
            "trainer.max_epoch=1",
            "trainer.max_epoch: pytorch_lightning.Trainer has no such argument; did you mean max_ep",
        ),
        ("trainer.min_epoch=1", "did you mean +trainer.min_epochs=...?"),
        (
            "trainer.precision=16",
            "trainer.precision is not set in this configuration; to pass it to pytorch_lightning.T",
        ),
        ("data=custon", "data=custon: no such option; did you mean custom?"),
        ("trainer=gpu", "trainer=gpu: no such option; choose from cpu (on"),
        pytest.param("dta=custom", "dta: no such setting; did you mean data?", marks=pytest.mark.slow),
        ("seed=abc", "seed: must be int, not 'abc'"),
        ("modalities=audio", "modalities: must be a list, e.g. 'modalities=[audio]'"),
        ("seed=1,2", "a sweep needs --multirun"),
        ("seed", "seed: settings are written key=value"),
        ("resume=a/epoch=3.ckpt", """'resume="a/epoch=3.ckpt"'"""),
        ("+seed=1", "seed: is in the configuration already"),
        pytest.param("~sead", "sead: no such setting; did you mean seed?", marks=pytest.mark.slow),
        ("data.name.x=1", "data.name has no keys"),
        ("data=null", "data=null: choose from custom, synthetic; or ~data for none of them"),
        ("data=_shared", "data=_shared: choose from custom, synthetic; or ~data for none of them"),
        ("trainer=3", "trainer=3: choose from cpu; or ~trainer for none of them"),
        ("~trainer.max_epochs", "~trainer.max_epochs: trainer.max_epochs is needed; leave it in, or give it a value"),
    ],
)
def test_a_wrong_word_of_the_command_line(call: Calls, word: str, line: str) -> None:
    result = call(word)
    assert result.returncode == 2, result.stderr
    assert result.stderr.startswith("error: ")
    assert line in result.stderr
    assert "(on the command line)" in result.stderr or result.stderr.startswith(f"error: {word}: ")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("experiment", "code", "parts"),
    [
        ("bad_key", 2, ["sead: no such setting; did you mean seed?", "max_new_token: no", "num_beams: must be int"]),
        ("bad_argument", 1, ["max_epoch: pytorch_lightning.Trainer has no", "did you mean weight_decay?"]),
        ("bad_group", 2, ["dta: no such group in the defaults list; did you mean data?"]),
        ("bad_option", 2, ["data=custon: no such option; did you mean custom?"]),
        ("bad_yaml", 2, ["line 3: not valid YAML"]),
    ],
)
def test_a_wrong_file_is_named(call: Calls, experiment: str, code: int, parts: list[str]) -> None:
    result = call(f"experiment={experiment}")
    assert result.returncode == code, result.stderr
    for part in parts:
        (line,) = [line for line in result.stderr.splitlines() if part in line]
        assert line.endswith(f"(in configs/experiment/{experiment}.yaml)")
    assert "Traceback" not in result.stderr


def test_all_problems_are_listed_at_once(call: Calls) -> None:
    words = ("seeed=1", "seed=abc", "trainer.max_epoch=2", "prompt.layout=trian", "experiment=bad_key", "foo")
    result = call(*words)
    assert result.returncode == 2
    for key in ("seeed", "seed", "trainer.max_epoch", "prompt.layout", "sead", "evaluation.max_new_token", "foo"):
        assert f"  - {key}: " in result.stderr, key


def test_problems_that_only_the_checker_sees(call: Calls) -> None:
    result = call("data=custom", "+seeed=1", "+trainer.max_epoch=1")
    assert result.returncode == 1
    assert "data.annotations is required: say data.annotations=... (in configs/data/custom.yaml)" in result.stderr
    assert "seeed: no such setting; did you mean seed? (on the command line)" in result.stderr
    assert (
        "trainer.max_epoch: pytorch_lightning.Trainer has no such argument; did you mean max_epochs?" in result.stderr
    )


def test_hydra_s_own_switch_for_tracebacks_changes_nothing(call: Calls) -> None:
    for word, code in (("data=custon", 2), ("+seeed=1", 1)):
        plain, full = call(word), call(word, HYDRA_FULL_ERROR="1")
        assert (full.returncode, full.stderr) == (code, plain.stderr)
        assert "did you mean" in full.stderr


def test_dashes(call: Calls) -> None:
    result = call("--seed=3")
    assert (result.returncode, result.stderr) == (2, "error: --seed=3: settings are written without dashes: seed=3\n")


def test_what_main_returns_and_raises(call: Calls) -> None:
    assert call("notes=finding").returncode == 3
    picky = call("notes=picky")
    assert (picky.returncode, picky.stderr) == (1, "error: picky: x must not be given\n")
    assert call("notes=picky", LOCAL_RANK="2").stderr.startswith("error: [local rank 2] picky")
    bug = call("notes=bug")
    assert bug.returncode == 1
    assert "Traceback" in bug.stderr
    assert "ZeroDivisionError: ours" in bug.stderr


@pytest.mark.parametrize("notes", ["interrupt", "lightning interrupt"])
def test_ctrl_c(call: Calls, notes: str) -> None:
    result = call(f"notes={notes}")
    assert (result.returncode, result.stderr) == (130, "error: interrupted\n")


def test_only_the_first_rank_speaks_of_a_wrong_configuration(call: Calls) -> None:
    for word, code in (("seeed=1", 2), ("+seeed=1", 1)):
        result = call(word, LOCAL_RANK="1")
        assert (result.returncode, result.stderr) == (code, "")


def test_multirun_is_refused_with_several_ranks(call: Calls) -> None:
    result = call("trainer.devices=2", "-m", "seed=1,2")
    assert result.returncode == 1
    assert "each rank would run the whole sweep" in result.stderr
    assert "python -m emolightning sweep file=sweeps/NAME.yaml" in result.stderr
    for variable in ("WORLD_SIZE", "SLURM_NTASKS"):
        launched = call("-m", "seed=1,2", **{variable: "2"})
        assert (launched.returncode, f"--multirun with {variable}=2" in launched.stderr) == (1, True)
    single = call("-m", "seed=1,2")
    assert single.returncode == 0, single.stderr
    assert single.stdout.count("ran ") == 2


def test_help_says_what_there_is(call: Calls) -> None:
    result = call("--help")
    assert (result.returncode, result.stderr) == (0, "")
    for text in ("seed=42", "evaluation.max_new_tokens=16", "* data=synthetic", "Rendered clips.", "All is well."):
        assert text in result.stdout, text
    assert "checkpoint=" not in result.stdout
    assert "checkpoint=???" in call("--help", config="eval").stdout


def test_evaluation_starts_from_the_saved_run(call: Calls, tmp_path: Path) -> None:
    run = tmp_path / "first"
    run.mkdir()
    config = "data: {name: a}\nmodel: {}\noptimizer: {}\nschedule: {}\ntrainer: {max_epochs: 9}\nseed: 5\n"
    (run / "config.yaml").write_text(config)
    result = call(f"checkpoint={run}", config="eval")
    assert result.stdout.startswith("ran 5 9"), result.stderr
    wrong = call(f"checkpoint={run}x", config="eval")
    assert (wrong.returncode, wrong.stderr) == (
        1, f"error: checkpoint={run}x: no such file or folder; did you mean {run}?\n",
    )  # fmt: skip
    unknown = call(f"checkpoint={run}", "model=tiny", config="eval")
    assert "model: this command has no such choice" in unknown.stderr
    (run / "config.yaml").write_text(config + "sead: 3\n")
    old = call(f"checkpoint={run}", config="eval")
    assert old.returncode == 2
    assert f"sead: no such setting; did you mean seed? (in {run}/config.yaml)" in old.stderr


def test_evaluation_needs_a_checkpoint(call: Calls) -> None:
    result = call(config="eval")
    assert result.returncode == 1
    assert "checkpoint is required: say checkpoint=..." in result.stderr


def module(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "emolightning", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_commands_are_listed() -> None:
    for words in ((), ("--help",)):
        result = module(*words)
        assert result.returncode == 0
        assert "ablate" in result.stdout
        assert "import-weights" in result.stdout


HEAVY = {"torch", "pytorch_lightning", "transformers", "peft", "scipy", "numpy", "wandb", "av"}


def test_an_unknown_command_is_told_with_the_nearest() -> None:
    result = module("abblate")
    assert (result.returncode, result.stderr) == (2, "error: no command 'abblate'; did you mean ablate?\n")


@pytest.mark.parametrize("script", ["train.py", "eval.py"])
def test_the_entry_scripts_help_without_importing_torch(script: str) -> None:
    code = f"import runpy, sys\nsys.argv = ['{script}', '--help']\n" + (
        f"try:\n    runpy.run_path('{script}', run_name='__main__')\n"
        f"finally:\n    assert not {HEAVY} & set(sys.modules)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert "Settings" in result.stdout


def test_a_command_shows_its_own_help_and_messages() -> None:
    helped = module("ablate", "--help").stdout
    assert "python -m emolightning ablate" in helped.splitlines()[0]
    assert "functools" not in helped
    wrong = module("ablate", "sets=XYZ")
    assert (wrong.returncode, wrong.stderr[:7]) == (1, "error: ")
