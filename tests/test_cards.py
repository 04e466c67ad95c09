"""Benchmarks are their folders: cards, what reads them, and one that is added by a folder and a YAML file alone."""

import subprocess
import sys

import pytest
from hydra import compose, initialize_config_dir

from emolightning.benchmarks.published.table import read_published
from emolightning.benchmarks.registry import cards, family, official_benchmarks, published_files, reader_of
from emolightning.config.check import check_config
from emolightning.config.places import CONFIG_DIR
from emolightning.config.schema import register_schemas
from emolightning.runs.assembly import make_data

READ_BY = {
    **{words: name for name, official in official_benchmarks().items() for words in official.read_by},
    **{words: name for card in cards().values() for words, name in card.other_data.items()},
}
"""Words of a command line -> what results on these clips are filed under."""


@pytest.mark.parametrize(("words", "name"), READ_BY.items())
def test_what_a_card_says_reads_its_clips_does(words: str, name: str) -> None:
    register_schemas()
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        cfg = compose("train", overrides=[*words.split(), "inputs.transcript=false"])
    check_config(cfg)
    assert make_data(cfg).benchmark == name


def test_every_dataset_is_on_a_card() -> None:
    options = {path.stem for path in (CONFIG_DIR / "data").glob("[!_]*.yaml")}
    assert {words.split()[0].removeprefix("data=") for words in READ_BY} == options - {"custom"}


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
    known = [*official_benchmarks(), "ch_sims", "ch_sims_v2"]
    assert family(word, known) == names


def test_labels_of_an_official_set_are_read_by_the_folder_s_own_reader() -> None:
    for name, official in official_benchmarks().items():
        assert hasattr(reader_of(name), "read_truths") == (official.kind == "classification"), name


def test_cards_bring_nothing_heavy() -> None:
    code = (
        "import sys; from emolightning.benchmarks.published.table import read_published; read_published(); "
        "sys.exit(str({'torch', 'numpy', 'pytorch_lightning'} & set(sys.modules) or ''))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stderr == "\n"
