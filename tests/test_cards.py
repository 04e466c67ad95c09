"""Benchmarks are their folders: cards, what reads them, and one that is added by a folder and a YAML file alone."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from runs import REPO, read_json
from score_factory import write_csv
from toy_benchmark import add_toy, make_clips

from emolightning.benchmarks.published.table import read_published
from emolightning.benchmarks.registry import cards, family, official_benchmarks, published_files, reader_of
from emolightning.config.check import check_config
from emolightning.config.places import CONFIG_DIR
from emolightning.config.schema import register_schemas
from emolightning.runs.assembly_of_data import make_corpus

READ_BY = {
    **{words: name for name, official in official_benchmarks().items() for words in official.read_by},
    **{words: name for card in cards().values() for words, name in card.other_data.items()},
}
"""Words of a command line -> what results on these clips are filed under."""


LIKE_ANOTHER = re.compile(r".*_(fold|session)[2-6]|msp_face4?|msp_podcast4|mmeverse_(?!mer2023$).*")
"""Clips that are read as others are: further folds, and further sets of one corpus."""


@pytest.mark.parametrize(
    ("words", "name"),
    [
        pytest.param(words, name, marks=pytest.mark.slow if LIKE_ANOTHER.fullmatch(name) else ())
        for words, name in READ_BY.items()
    ],
)
def test_what_a_card_says_reads_its_clips_does(words: str, name: str) -> None:
    register_schemas()
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        cfg = compose("train", overrides=[*words.split(), "inputs.transcript=false"])
    check_config(cfg)
    assert make_corpus(cfg).source.benchmark == name


def test_every_dataset_is_on_a_card() -> None:
    options = {path.stem for path in (CONFIG_DIR / "data").glob("[!_]*.yaml")}
    no_dataset = {"custom", "named", "several"}  # Anybody's clips, and several datasets at once.
    assert {words.split()[0].removeprefix("data=") for words in READ_BY} == options - no_dataset


def test_cards_agree_with_the_tables_beside_them() -> None:
    assert set(published_files()) < set(cards())
    folders = {official.name: folder for folder, card in cards().items() for official in card.benchmarks}
    for card in cards().values():
        assert card.title
        assert card.about.endswith(".")
        assert {protocol.benchmark for protocol in card.protocols} <= {official.name for official in card.benchmarks}
    assert all(folders.get(score.protocol.benchmark, "") in ("", *published_files()) for score in read_published())
    assert all(set(official.folds) <= set(folders) for official in official_benchmarks().values())


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("mer2023", ["mer2023_semi", "mer2023_multi", "mer2023_noise"]),
        ("mer2024", ["mer2024_semi", "mer2024_noise", "mer2024_ov"]),
        ("mer2024_ov", ["mer2024_ov"]),
        ("dfew", ["dfew", *(f"dfew_fold{fold}" for fold in range(1, 6))]),
        ("emer", ["emer_v1", "emer_v2"]),
        ("ch_sims", ["ch_sims", "ch_sims_v2"]),
        ("mer", []),
    ],
)
def test_the_word_of_a_family_stands_for_all_of_it(word: str, names: list[str]) -> None:
    assert family(word, official_benchmarks()) == names


def test_labels_of_an_official_set_are_read_by_the_folder_s_own_reader() -> None:
    for card in cards().values():
        is_any = any(official.kind == "classification" for official in card.benchmarks)
        for official in card.benchmarks:
            assert hasattr(reader_of(official.name), "read_truths") == is_any, official.name


def test_cards_bring_nothing_heavy() -> None:
    code = (
        "import sys; from emolightning.benchmarks.published.table import read_published; read_published(); "
        "sys.exit(str({'torch', 'numpy', 'pytorch_lightning'} & set(sys.modules) or ''))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stderr == "\n"


ALL_AT_ONCE = """
import sys
from emolightning.__main__ import main

for line in {lines!r}:
    sys.argv = ["emolightning", *line]
    print("$", *line, flush=True)
    assert main(line) == 0
"""
"""One process for all commands: a start costs seconds."""


@pytest.fixture
def toy_project(tmp_path: Path) -> Path:
    """A checkout to which somebody has added a benchmark, whose files are beside it in `toy`."""
    project = tmp_path / "project"
    for name in ("emolightning", "configs", "callbacks"):
        shutil.copytree(REPO / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPO / "train.py", project)
    touched = add_toy(project)
    assert {path.parent for path in touched} == {project / "emolightning/benchmarks/toy", project / "configs/data"}
    make_clips(tmp_path / "toy")
    return project


def said_by(project: Path, *lines: str) -> str:
    """What commands print in that checkout; they must succeed."""
    done = subprocess.run(
        [sys.executable, "-c", ALL_AT_ONCE.format(lines=[line.split() for line in lines])],
        cwd=project.parent,
        env={**os.environ, "PYTHONPATH": str(project), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


DATA = "data=toy data.root=toy data.cache=cache inputs.transcript=false"


def test_a_benchmark_is_added_by_its_folder_and_a_yaml_file(toy_project: Path, tmp_path: Path) -> None:
    write_csv(tmp_path / "theirs.csv", ("id", "answer"), [(f"c{number}", "sad") for number in range(8, 12)])
    said = said_by(
        toy_project,
        "score answers=theirs.csv truth=toy/toy.csv benchmark=toy output_dir=out",
        "reproduce benchmark=toy run=out",
        "reproduce --help",
    )
    assert "within interval" in said
    assert re.search(r"^  benchmark=toy +data=toy$", said, flags=re.MULTILINE)
    scores = read_json(tmp_path / "out" / "metrics.json")
    assert (scores["benchmark"], scores["evaluation"]["differences_from_official"]) == ("toy", [])
    assert scores["metrics"]["war"]["value"] == 0.5


@pytest.mark.slow
def test_an_added_benchmark_is_looked_at_trained_and_evaluated_on(toy_project: Path, tmp_path: Path) -> None:
    said = said_by(
        toy_project,
        f"doctor {DATA}",
        f"train {DATA} trainer.max_epochs=1 logger=csv output_dir=run",
        "eval checkpoint=run",
        "reproduce benchmark=toy run=run",
    )
    assert "official test" in said.partition("$ train")[0]
    report = read_json(tmp_path / "run" / "metrics.json")
    assert (report["benchmark"], report["num_clips"], report["data"]["official_differences"]) == ("toy", 4, [])
    assert [row["benchmark"] for row in read_json(tmp_path / "run" / "reproduce.json")["rows"]] == ["toy"]
