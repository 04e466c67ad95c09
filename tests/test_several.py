"""Several corpora in one training: shares of the draws, one validation, and a run that goes on across its phases."""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from in_process import broken_at
from kills import wait_for_step
from media_factory import make_media
from runs import REPO, Workplace, answers, kill_session, read_json
from vector_factory import WIDTHS, write_clips

import emolightning as el
from emolightning.config.check import check_config
from emolightning.config.composing import composed
from emolightning.config.known_targets import foreign_objects, known_classes
from emolightning.config.places import CONFIG_DIR
from emolightning.data.loading.draws import CorpusDraws
from emolightning.data.loading.lengths import sequence_lengths
from emolightning.data.loading.sampler import TrainSampler
from emolightning.data.loading.several import Corpora
from emolightning.errors import InputErrors, UserError
from emolightning.records.clips import Clip
from emolightning.runs.assembly_of_data import make_corpus
from emolightning.runs.assembly_of_models import build_processor
from emolightning.training.loggers.logged_rows import read_rows

LABELS = {"calm": ("happy", "sad", "neutral"), "tense": ("angry", "fear", "happy")}
NUMBERS = {"train": 24, "val": 6, "test": 6}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two corpora with clips of the same names and other labels; `mine` validates on a file that `calm` trains on."""
    root, rng = tmp_path_factory.mktemp("several"), np.random.default_rng(3)
    for name, labels in LABELS.items():
        rows = [
            {
                "video_name": f"{split}-{number}",
                "emotion_label": labels[number % 3],
                "split": split,
                "transcription": f"{name} {number}",
                "reason": f"because of {name} {number}" if name == "tense" else "",
                "subject": f"{split}{number}",
            }
            for split, number_of in NUMBERS.items()
            for number in range(number_of)
        ]

        def vectors(row: Mapping[str, object], of_input: str) -> np.ndarray:
            said = ("happy", "sad", "neutral", "angry", "fear").index(str(row["emotion_label"]))
            return np.eye(6)[[said], : WIDTHS[of_input]] + rng.normal(0, 0.3, size=(1, WIDTHS[of_input]))

        write_clips(root / name, rows, vectors)
    with (root / "mine.csv").open("w", newline="") as file:
        rows_of_mine = [["train-3", "happy", "train", "mine"], ["train-0", "happy", "val", "mine"]]
        csv.writer(file).writerows([["video_name", "emotion_label", "split", "transcription"], *rows_of_mine])
    return root


def one(place: Path, name: str, weight: str = "1", *more: str) -> str:
    about = [f"data: custom, weight: {weight}, annotations: {place}/{name}/clips.csv, media: {place}/{name}/media"]
    about += [f"labels: [{', '.join(LABELS[name])}], features: {{root: {place}/{name}}}", *more]
    return f"{name}: {{{', '.join(about)}}}"


def words_of(place: Path, *corpora: str, more: tuple[str, ...] = (), run: str = "run") -> list[str]:
    features = [f"+features.{name}={name}" if name == "words" else f"features.{name}={name}" for name in WIDTHS]
    return [
        *("data=several", f"data.corpora={{{', '.join(corpora)}}}", f"data.cache={place}/cache", "data.batch_size=8"),
        *("features=folders", f"features.root={place}", *features, "inputs.motion=false", "model=fusion/lf_dnn"),
        *("callbacks=eval", "trainer.enable_progress_bar=false", f"run_name={run}", f"output_dir={place}/{run}"),
        *("logger=csv", "optimizer.lr=5e-3", "early_stopping.enabled=false", *more),
    ]


def read(place: Path, *corpora: str, more: tuple[str, ...] = (), trains: bool = True) -> Corpora:
    with composed("train", words_of(place, *corpora, more=more)) as cfg:
        check_config(cfg)
        corpus = make_corpus(cfg)
    corpus.read(trains=trains)
    assert isinstance(corpus, Corpora)
    return corpus


def test_draws_have_the_asked_shares_and_every_clip_its_turn() -> None:
    corpora = ["small"] * 10 + ["large"] * 90 + ["late"] * 20
    weights = {"small": {0: 1.0, 2: 3.0}, "large": {0: 2.0}, "late": {2: 1.0}}
    draws = CorpusDraws(corpora, weights, size=120, seed=7)
    assert draws.phases() == [0, 2]
    passes = [draws.of_pass(epoch) for epoch in range(6)]
    drawn = [Counter(corpora[place] for place in of_pass) for of_pass in passes]
    assert drawn == [{"small": 40, "large": 80}] * 2 + [{"small": 60, "large": 40, "late": 20}] * 4
    turns = Counter(place for of_pass in passes for place in of_pass)
    for name in weights:
        own = [turns[place] for place, of in enumerate(corpora) if of == name]
        assert max(own) - min(own) <= 1
    # In any order of asking; and no corpus is drawn in another order because others are there.
    assert CorpusDraws(corpora, weights, size=120, seed=7).of_pass(4) == passes[4] != passes[5]
    without = CorpusDraws(corpora[:100], {"small": {0: 1.0}, "large": {0: 2.0}}, size=120, seed=7)
    assert without.of_pass(1) == passes[1]
    with pytest.raises(UserError, match=r"data\.corpora\.none: it has no clips to train on"):
        CorpusDraws(corpora, {**weights, "none": {0: 1.0}}, size=120, seed=7)


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_ranks_share_a_step_and_go_on_anywhere(world_size: int) -> None:
    draws = CorpusDraws(["a"] * 9 + ["b"] * 30, {"a": {0: 1, 1: 0}, "b": {0: 1}}, size=36, seed=1)

    def steps(done: int) -> list[list[int]]:
        common: dict[str, Any] = {"batch_size": 12 // world_size, "seed": 1, "world_size": world_size, "draws": draws}
        found = [TrainSampler(36, **common, rank=rank, progress=lambda: (done, 3)) for rank in range(world_size)]
        assert [len(sampler) for sampler in found] == [3] * world_size
        ranks: Iterator[Any] = zip(*found, strict=True)
        return [[key.position for batch in step for key in batch] for step in ranks]

    alone = TrainSampler(36, batch_size=12, seed=1, draws=draws)
    assert steps(0) == [[key.position for key in batch] for batch in alone]
    assert steps(4) == steps(3)[1:]
    assert all(place >= 9 for step in steps(3) for place in step)  # The second phase.


def test_clips_questions_and_vectors_are_those_of_each_corpus(place: Path) -> None:
    more = ("model=tiny", "inputs.words=false", "~features.words", "inputs.image=false")
    tasks = "tasks: {emotion: 1, reason: 1}"
    corpus = read(place, one(place, "calm"), one(place, "tense", "2", tasks), more=more)
    assert Counter((clip.corpus, clip.split) for clip in corpus.clips) == {
        (name, split): number for name in LABELS for split, number in NUMBERS.items()
    }
    assert corpus.source.labels == ("happy", "sad", "neutral", "angry", "fear")
    calm, tense = (next(clip for clip in corpus.clips if clip.id == f"{name}/train-3") for name in LABELS)
    assert (calm.subject, tense.transcript) == ("calm/train3", "tense 3")
    for clip in (calm, tense):
        stored = np.load(place / clip.corpus / "face" / "train-3.npy")
        assert np.array_equal(corpus.features.vectors["face"][clip.id], stored)
        asked = {corpus.questions.ask(clip, epoch=epoch, training=True).task for epoch in range(20)}
        assert asked == ({"emotion"} if clip is calm else {"emotion", "reason"})
        text = corpus.questions.ask(clip, epoch=0, training=False).instruction
        assert all((label in text) == (label in LABELS[clip.corpus]) for label in corpus.source.labels)
    with composed("train", words_of(place, one(place, "calm"), one(place, "tense", "2", tasks), more=more)) as cfg:
        lengths = {
            each.clip.id: each for each in sequence_lengths(corpus, build_processor(cfg), "train", max_new_tokens=0)
        }
    assert lengths["tense/train-3"].answer > lengths["calm/train-3"].answer  # Reasons are longer than labels.


def test_validated_are_the_same_clips_whatever_is_trained(place: Path) -> None:
    def validated(*corpora: str, val_on: str = "[calm]") -> tuple[str, list[Clip]]:
        corpus = read(place, *corpora, more=(f"data.val_on={val_on}",))
        assert corpus.summary()["validation_sha256"] == corpus.validation_hash()
        return corpus.validation_hash(), corpus.clips_of("val")

    found, clips = validated(one(place, "calm"), one(place, "tense"))
    assert [clip.id for clip in clips] == [f"calm/val-{number}" for number in range(6)]
    assert validated(one(place, "tense", "5"), one(place, "calm", "{1: 0.25}"))[0] == found
    only = read(place, one(place, "calm", "0"), one(place, "tense"), more=("data.val_on=[calm]",))
    assert only.validation_hash() == found
    assert {clip.corpus for clip in only.clips_of("train")} == {"tense"}
    assert "tense: 6 clips of val are left out, as data.val_on=['calm']" in only.source.remarks
    both = validated(one(place, "calm"), one(place, "tense"), val_on="null")
    assert both[0] != found
    assert len(both[1]) == 12


def test_what_is_validated_on_is_not_trained_on_elsewhere(place: Path) -> None:
    mine = f"mine: {{data: custom, annotations: {place}/mine.csv, media: {place}/calm/media, labels: [happy, sad]}}"
    with composed("train", words_of(place, one(place, "calm"), mine)) as cfg:
        clips = make_corpus(cfg).source.read_clips()
    assert "mine/train-0" in {clip.id for clip in clips if clip.split == "val"}
    assert {"calm/train-0", "calm/train-1"} & {clip.id for clip in clips} == {"calm/train-1"}


MISTAKES = {
    "no corpora": ([], ["1 problem(s)", "data.corpora is required: name the corpora, each with its weight"]),
    "no names": (["data.corpora=meld"], ["1 problem(s)", "data.corpora: must name the corpora, each with its weight"]),
    "each by itself": (
        [
            "data.corpora={mled: 1, unibench: 1, meld: -1, savee: {weight: {-1: 2}}, dfew: {frame: first},"
            "afew: {tasks: {raeson: 1}}, iemocap: {rot: x}, mafw: {features: {rot: x}}, mine: {data: custom},"
            "crema_d: {tasks: [emotion]}, ravdess: {tasks: {emotion: x}}, mer2023: {labels: 3},"
            "ferv39k: {labels: dfew}, enterface05: {sampling: sqrt}}"
        ],
        [
            *("14 problem(s)", "data.corpora.mled.data: 'mled' is not one of", "did you mean meld?"),
            "data.corpora.unibench.data: 'unibench' is several datasets itself",
            "data.corpora.meld.weight: must be a number of 0 or more",
            "data.corpora.savee.weight: must be a number of 0 or more",
            "data.corpora.dfew.frame is one for all corpora: say data.frame=first",
            "data.corpora.afew.tasks: 'raeson' is not one of",
            *("data.corpora.iemocap.rot: ", "did you mean root?"),
            "data.corpora.mafw.features: 'rot' is not one of",
            "data.corpora.mine.annotations is required",
            "data.corpora.crema_d.tasks: must be dict[str, float], not ['emotion']",
            "data.corpora.ravdess.tasks: must be dict[str, float], not {'emotion': 'x'}",
            "data.corpora.mer2023.labels: must be str or list[str], not 3",
            "data.corpora.ferv39k.labels: no vocabulary 'dfew'; choose from ['mer6',",
            "data.corpora.enterface05.sampling: goes by the labels of all clips",
        ],
    ),
    "of another kind": (
        [
            "data.corpora={mine: {data: custom, annotations: x, media: y, labels: mer6, columns: [a]},"
            "meld: {labels: {a: 1}}, synthetic: {seed: '${nosuch}', train: 3}, 1: {data: savee, frame: nan}, 2: null}",
        ],
        [
            "6 problem(s)",
            "data.corpora.synthetic.seed: ${nosuch} cannot be resolved: Interpolation key 'nosuch' not found",
            "data.corpora.mine.columns: must be Mapping[str, str | None] or null, not ['a']",
            "data.corpora.meld.labels: must be str or list[str], not {'a': 1}",
            "data.corpora.1.frame is one for all corpora: say data.frame=nan",
            *("data.corpora.synthetic.train: ", "SyntheticData has no such argument; data="),
        ],
    ),
    "in a word": (
        ["data.corpora={synthetic: 1}", "data.labels=iemocap4", "data.val_on=synthetic"],
        [
            *("2 problem(s)", "data.labels: must have all labels of the corpora; it lacks worried, surprise"),
            "data.val_on: must be list[str] or null, not 'synthetic'; as a list: 'data.val_on=[synthetic]'",
        ],
    ),
    "all together": (
        [
            "data.corpora={meld: {weight: {1: 1, 10: 2}}, too: {data: meld, weight: {1: 1}}, savee: 0}",
            *("trainer.max_epochs=10", "data.labels=[happy]", "data.sampling=sqrt", "data.val_on=[mer]", "folds=3"),
        ],
        [
            *("8 problem(s)", "data.val_on: 'mer' is not one of meld", "data.val_on: says which val clips"),
            *("data.corpora.savee.weight: must be above 0", "data.val_on=[savee]"),
            "data.corpora.too is the same corpus as data.corpora.meld",
            *("data.labels: must have all labels", "lacks angry, sad"),
            "data.corpora.meld.weight: epoch 10 never comes: trainer.max_epochs=10, the first is 0",
            "data.corpora: nothing is drawn in epoch 0: all weights are 0",
            "data.sampling: goes by the labels of all clips",
        ],
    ),
}


@pytest.mark.parametrize(("words", "told"), MISTAKES.values(), ids=list(MISTAKES))
def test_settings_that_no_run_can_have(words: list[str], told: list[str]) -> None:
    with composed("train", ["data=several", *words]) as cfg, pytest.raises(UserError) as refused:
        check_config(cfg)
    assert [text for text in told if text not in str(refused.value)] == [], refused.value


def test_a_corpus_is_of_a_class_that_data_may_be() -> None:
    known = [known_classes(CONFIG_DIR)]
    targets = {"meld": "emolightning.benchmarks.meld.reader.MeldData", "mine": "os.system"}
    corpora = {name: {"_target_": target} for name, target in targets.items()}
    (problem,) = foreign_objects({"data": {"corpora": corpora}}, "", known)
    assert str(problem).startswith("data.corpora.mine._target_: 'os.system' is no class that configs/ names")


def test_what_is_missing_of_any_corpus_is_told_in_one_message(tmp_path: Path) -> None:
    mine = f"mine: {{data: custom, annotations: {tmp_path}/x.csv, media: {tmp_path}}}"
    words = ["data=several", f"data.corpora={{meld: 1, {mine}}}", f"paths.data={tmp_path}"]
    with composed("train", words) as cfg:
        corpus = make_corpus(cfg)
        with pytest.raises(InputErrors) as refused:
            corpus.read(trains=True)
    assert refused.value.problems == [
        f"meld: {tmp_path}/MELD: no such folder; say data.corpora.meld.root=FOLDER",
        f"mine: {tmp_path}/x.csv: no such file; say data.corpora.mine.annotations=FILE",
    ]
    with composed("extract", ["data=several", "data.corpora={savee: 1}", "recipe=egemaps"]) as cfg:
        from emolightning.runs.assembly_of_clips import source_of_dataset

        with pytest.raises(UserError, match="one corpus at a time"):
            source_of_dataset(cfg, transcripts=False)


PHASES = ("{0: 1, 2: 0.5}", "{1: 1}")


def test_a_run_says_what_it_draws_and_is_evaluated_by_corpus(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpora = [one(place, name, weight) for name, weight in zip(LABELS, PHASES, strict=True)]
    run = el.train(*words_of(place, *corpora, more=("trainer.max_epochs=3",), run="said"))
    said = capsys.readouterr().out
    for line in (
        "calm: 24 train, 6 val, 6 test; 3 labels; asks emotion",
        "epochs 0 to 0: an epoch draws calm 48, tense 0",
        "epochs 1 to 1: an epoch draws calm 24, tense 24",
        "from epoch 2 on: an epoch draws calm 16, tense 32",
        "all epochs are validated on the same 12 clips",
    ):
        assert line in said
    assert read_json(run / "lineage.json")["data"]["corpora"]["tense"]["weight"] == {"1": 1}
    accuracy = el.evaluate(run, "slices=[corpus]", "logger=none")["war"].value
    assert accuracy is not None
    assert accuracy > 0.5
    assert {row["id"] for row in answers(run)} == {f"{name}/test-{number}" for name in LABELS for number in range(6)}
    assert [each["name"] for each in read_json(run / "metrics.json")["slices"]["columns"]["corpus"]["slices"]] == [
        *LABELS
    ]


@pytest.mark.slow
def test_a_run_goes_on_across_phases(place: Path) -> None:
    corpora = [one(place, name, weight) for name, weight in zip(LABELS, PHASES, strict=True)]
    more = ("trainer.max_epochs=4", "checkpoints.every_num_steps=1")
    whole = el.train(*words_of(place, *corpora, more=more, run="whole"))
    with broken_at(9):  # Of six steps an epoch.
        el.train(*words_of(place, *corpora, more=more, run="parts"))
    other = (*more, "resume=auto", "data.corpora.tense.weight=2")
    with pytest.raises(UserError, match=r"data\.corpora\.tense\.weight"):
        el.train(*words_of(place, *corpora, more=other, run="parts"))
    parts = el.train(*words_of(place, *corpora, more=(*more, "resume=auto"), run="parts"))
    states = [torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"] for run in (whole, parts)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.multi_process
def test_two_ranks_killed_in_each_phase_end_with_the_same_bits(workplace: Workplace, tmp_path: Path) -> None:
    corpora = ["rendered: {data: synthetic, weight: {2: 1}, num_train: 24, num_val: 12, num_test: 12}"]
    for (name, labels), weight in zip(LABELS.items(), PHASES, strict=True):
        (tmp_path / name).mkdir()
        rows = [["video_name", "emotion_label", "transcription", "split"]]
        for number in range(12):
            clip = make_media(tmp_path / name / f"{number}.mp4", loudness=(number / 20, 0.1))
            rows.append([clip.name, labels[number % 3], f"{name} {number}", "val" if number > 8 else "train"])
        (tmp_path / f"{name}.csv").write_text("\n".join(map(", ".join, rows)))
        about = f"annotations: {tmp_path}/{name}.csv, media: {tmp_path}/{name}, labels: [{', '.join(labels)}]"
        corpora.append(f"{name}: {{data: custom, weight: {weight}, {about}}}")
    words = [
        *("data=several", f"data.corpora={{{', '.join(corpora)}}}", f"paths.data={tmp_path}", "data.batch_size=4"),
        *("trainer=ddp", "trainer.devices=2", "trainer.accelerator=cpu", "trainer.max_epochs=4", "logger=csv"),
        "checkpoints.every_num_steps=1",
    ]
    runs = [tmp_path / "whole", tmp_path / "killed"]
    workplace.call(REPO / "train.py", *words, f"output_dir={runs[0]}")
    for step in (3, 8, 14):  # Of six steps an epoch.
        program = workplace.start(REPO / "train.py", *words, f"output_dir={runs[1]}", "resume=auto")
        wait_for_step(program, runs[1], step)
        kill_session(program.process)
        program.wait()
    workplace.call(REPO / "train.py", *words, f"output_dir={runs[1]}", "resume=auto")
    states = [torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"] for run in runs]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    logged = [[(row["step"], row["train/loss"]) for row in read_rows(run) if row.get("train/loss")] for run in runs]
    assert logged[0] == logged[1]
    assert read_json(runs[1] / "lineage.json")["status"] == "finished"
