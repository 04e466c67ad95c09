"""`parity`: the recorded tensors of the released code, folders of other sizes, and folders with one wrong value."""

import copy
import json
import random
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from parity.check import GROUPS, NO_RECORD, check, compare_group
from parity.comparison import AnyOrder, Comparison, Each, Near, Same, Unchecked
from parity.golden import CONFIG, INPUTS, SAMPLES, GoldenFolder
from parity.report import lines
from parity.samples import text_of
from parity.subject import build_subject
from safetensors.torch import load_file, save_file
from weights_factory import Sizes, make_checkpoint, make_eva, make_llama, plain_encode_img

from emolightning.errors import InputErrors, UserError

SIZES = Sizes(seed=5)
TEXT = "<video><VideoHere></video> <feature><FeatureHere></feature> The person in video says: {}.  [{}] {} "
REQUIRED = [CONFIG, SAMPLES, INPUTS, "llama_tiny", "eva_vit_tiny.pth", "checkpoint_tiny.pth"]


@pytest.fixture(scope="module")
def golden(request: pytest.FixtureRequest) -> Path:
    """The folder of `--golden=DIR`, which must be one; else the recorded one beside the checkout, where it is."""
    given = request.config.getoption("--golden")
    if given is None:
        return request.getfixturevalue("shared") / "golden"
    folder = Path(given).resolve()
    missing = [name for name in REQUIRED if not (folder / name).exists()]
    if missing:
        pytest.fail(f"--golden={given}: has no {', '.join(missing)}")
    return folder


@pytest.fixture(scope="module")
def compared(golden: Path) -> Comparison:
    """Everything that is recorded in the folder, recomputed from its weights."""
    return check(GoldenFolder(golden), progress=lambda name: print(f"recomputing {name}", flush=True))


def test_the_released_code_s_numbers_are_ours(compared: Comparison) -> None:
    """`-s` shows a line a quantity: number of values, largest deviation, tolerance."""
    report = lines(compared)
    print("\n".join(report))
    assert compared.is_ok, "\n".join(line for line in report if not line.endswith("ok"))
    assert report[-1].endswith("all agree")


def test_the_kinds_of_quantities_and_no_file_left_out(compared: Comparison, request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--golden") is not None:
        pytest.skip("another folder may hold less")
    report = lines(compared)
    for quantity in ("encode_img", "s*.logits", "plain.steps[].lr", "output_ids", "beam3_ids", "items[].answer"):
        assert any(quantity in line and line.endswith("ok") for line in report), quantity
    assert not any("not checked: absent" in line for line in report)


def copy_required(golden: Path, folder: Path, *more: str) -> Path:
    """A folder with the inputs and some of the recorded files, without the list of checksums."""
    folder.mkdir()
    for name in [*REQUIRED, *more]:
        (folder / name).parent.mkdir(exist_ok=True)
        source = golden / name
        shutil.copytree(source, folder / name) if source.is_dir() else shutil.copy(source, folder / name)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


def test_a_folder_may_hold_only_some_of_the_files(golden, tmp_path):
    comparison = check(GoldenFolder(copy_required(golden, tmp_path / "some", "vision.json")))
    assert comparison.is_ok
    assert {name.partition(":")[0] for name in comparison.rows} - {*NO_RECORD} == {"vision.json"}
    assert {"vision.safetensors", "train.json", "lr_schedule.json", "MANIFEST.json"} <= set(comparison.absent)
    assert "not checked: absent: train.json" in lines(comparison)


def change_tensor(path: Path, name: str, add: float) -> None:
    tensors = load_file(path)
    tensors[name].view(-1)[tensors[name].numel() // 2] += add
    save_file(tensors, path)


@pytest.mark.parametrize(
    ("file", "name", "add"),
    [
        ("vision.safetensors", "pos_embed_interpolated", 1e-3),
        pytest.param("vision.safetensors", "encode_img_atts", 1, marks=pytest.mark.slow),
        ("train.safetensors", "s2.logits", 1e-3),
        pytest.param("train.safetensors", "batch.labels", 1, marks=pytest.mark.slow),
        ("grads_batch.safetensors", "llama_proj.weight", 1.0),
        ("eval.safetensors", "batch.inputs_embeds", 1e-3),
        ("chat.safetensors", "encode_img", 1e-3),
        ("dataset.safetensors", "1.image", 1e-6),
    ],
)
def test_one_changed_number_of_a_tensor_fails(golden, tmp_path, file, name, add):
    more = [file, *(["chat.json"] if file.startswith("chat") else [])]
    more += ["dataset.json", "fake_mer"] if file.startswith("dataset") else []
    folder = copy_required(golden, tmp_path / "wrong", *more)
    change_tensor(folder / file, name, add)
    comparison = check(GoldenFolder(folder))
    failed = [row.name for row in comparison.rows.values() if not row.is_ok]
    assert len(failed) == 1
    assert failed[0].startswith(f"{file}: ")


@pytest.mark.parametrize(
    ("file", "place", "value"),
    [
        ("train.json", ("samples", 1, "loss"), 4.0),
        pytest.param("train.json", ("samples", 0, "layout", 1, "ids", 2), 7, marks=pytest.mark.slow),
        pytest.param("train.json", ("grads_for", "llama_proj.weight"), 0.78, marks=pytest.mark.slow),
        ("eval.json", ("samples", 2, "beam3_ids", 3), 7),
        pytest.param("eval.json", ("samples", 2, "kwargs", "top_p"), 0.8, marks=pytest.mark.slow),
        ("train_vs_eval.json", (3, "loss_behind_eval_context"), 1.0),
        ("chat.json", ("ids_of_s_in_sequence",), 2),
        ("lr_schedule.json", ("stage1_yaml init 1e-5 min 1e-6 warmup 1e-6/1000 iters 1000 x 30", 5, 2), 9.9e-6),
        ("text.json", ("encode", 3, "ids", 1), 270),
        ("llama2_real_token_ids.json", ("train_segments", 1, "ids", 0), 1534),
        pytest.param("llama2_real_token_ids.json", ("eval_context_len",), 341, marks=pytest.mark.slow),
        pytest.param("text.json", ("label_postprocess", 2, "out"), "sad", marks=pytest.mark.slow),
        ("dataset.json", ("items", 4, "instruction_input"), "other"),
        ("checkpoint_keys.json", ("config", "run", "init_lr"), 1e-3),
        ("keys_fullsize.json", ("keys", "llama_proj.weight", "shape"), [4096, 1408]),
        ("metrics_mer2023.json", ("weighted_f1",), 0.9036),
        ("edge_cases.json", ("empty_answer", "loss"), 7.6086),
    ],
)
def test_one_changed_value_of_a_json_file_fails(golden, tmp_path, file, place, value):
    more = [file, *(["chat.safetensors"] if file.startswith("chat") else [])]
    more += ["dataset.safetensors", "fake_mer"] if file.startswith("dataset") else []
    folder = copy_required(golden, tmp_path / "wrong", *more)
    content = json.loads((folder / file).read_text())
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    assert inner[place[-1]] != value
    inner[place[-1]] = value
    (folder / file).write_text(json.dumps(content))
    failed = [row for row in check(GoldenFolder(folder)).rows.values() if not row.is_ok]
    assert failed
    assert all(row.name.startswith(f"{file}: ") for row in failed)
    assert all(row.worst for row in failed)


def test_changed_weights_fail(golden, tmp_path):
    folder = copy_required(golden, tmp_path / "wrong", "train.json")
    content = torch.load(folder / "checkpoint_tiny.pth", weights_only=True)
    content["model"]["feats_llama_proj2.bias"][3] += 0.1
    torch.save(content, folder / "checkpoint_tiny.pth")
    assert not check(GoldenFolder(folder)).is_ok


def test_a_changed_file_of_the_manifest_fails(golden, tmp_path):
    folder = copy_required(golden, tmp_path / "wrong", "MANIFEST.json", "image/preprocess.json")
    with (folder / "image" / "preprocess.json").open("a") as file:
        file.write(" ")
    report = lines(check(GoldenFolder(folder)))
    assert any("files.{}.sha256" in line for line in report)
    assert report[-1].endswith("2 FAILED")


def test_a_file_in_another_form_fails_by_name(golden, tmp_path):
    folder = copy_required(golden, tmp_path / "wrong", "train_loop.json")
    content = json.loads((folder / "train_loop.json").read_text())
    del content["plain"]["run"]["iters_per_epoch"]
    (folder / "train_loop.json").write_text(json.dumps(content))
    (row,) = [row for row in check(GoldenFolder(folder)).rows.values() if not row.is_ok]
    assert "iters_per_epoch" in row.worst


@pytest.mark.parametrize("name", [SAMPLES, INPUTS, "eva_vit_tiny.pth"])
def test_what_is_required_is_named(golden, tmp_path, name):
    folder = copy_required(golden, tmp_path / "some")
    (folder / name).unlink()
    with pytest.raises(InputErrors, match=name):
        GoldenFolder(folder)


def test_no_name_leads_out_of_the_folder(golden, tmp_path):
    folder = copy_required(golden, tmp_path / "some")
    content = json.loads((folder / CONFIG).read_text())
    content["eva"]["file"] = "../outside.pth"
    (tmp_path / "outside.pth").write_bytes(b"")
    (folder / CONFIG).write_text(json.dumps(content))
    with pytest.raises(InputErrors, match="leads out"):
        GoldenFolder(folder)


def make_golden(folder: Path, sizes: Sizes, *, num_samples: int = 3) -> Path:
    """Inputs of a golden folder of another size, with texts that golden's own do not have."""
    folder.mkdir()
    make_llama(folder / "llama", sizes)
    make_eva(folder / "eva.pth", sizes)
    make_checkpoint(folder / "trained.pth", sizes)
    config = {
        "model": {"llama_model": "llama", "ckpt": "trained.pth"},
        "eva": {"file": "eva.pth", "img_size": sizes.image_size, "patch_size": 14, "embed_dim": sizes.vision_width,
                "depth": sizes.blocks, "num_heads": sizes.vision_heads, "mlp_hidden": sizes.vision_mlp},
        "lora": {"r": sizes.rank, "alpha": sizes.alpha, "targets": ["q_proj", "v_proj"], "dropout": 0.05},
    }  # fmt: skip
    (folder / CONFIG).write_text(json.dumps(config))
    rows = [
        {"instruction_input": TEXT.format("word " * (3 * number + 1), "emotion", "Which <s> label?"),
         "answer": "happy" if number else "", "emotion": 2, "image_id": f"made_{number}"}
        for number in range(num_samples)
    ]  # fmt: skip
    (folder / SAMPLES).write_text(json.dumps(rows))
    generator = torch.Generator().manual_seed(sizes.seed)
    inputs = {
        "image": torch.randn(num_samples, 3, sizes.image_size, sizes.image_size, generator=generator),
        "video_features": torch.randn(num_samples, 3, sizes.features, generator=generator),
    }
    save_file(inputs, folder / INPUTS)
    return folder


def plain(value):
    """A recomputed value as it would have been recorded."""
    if isinstance(value, Near):
        return plain(value.value)
    if isinstance(value, Same):
        return plain(value.value)
    if isinstance(value, AnyOrder):
        return value.names
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if not isinstance(item, Unchecked)}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def record(folder: Path) -> None:
    """Write what this model computes, for the files that need no inputs of their own."""
    golden = GoldenFolder(folder)
    subject = build_subject(golden)
    for recompute, files in GROUPS:
        if not set(files) & {"vision.json", "train.json", "train_vs_eval.json", "checkpoint_keys.json"}:
            continue
        for name, content in recompute(golden, subject).items():
            if name.endswith(".json"):
                (folder / name).write_text(json.dumps(plain(content)))
            else:
                tensors = {key: value.detach().clone().contiguous() for key, value in plain(content).items()}
                save_file(tensors, folder / name)


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param(SIZES, marks=pytest.mark.slow),
        replace(SIZES, seed=9, layers=1, blocks=3, rank=2, image_size=112, grid=5),
    ],
)
def test_other_sizes_and_seeds(tmp_path, sizes):
    folder = make_golden(tmp_path / "other", sizes)
    record(folder)
    # One quantity from somewhere else: the vision side, written down plainly.
    inputs, vision = load_file(folder / INPUTS), load_file(folder / "vision.safetensors")
    args = (folder / "eva.pth", folder / "trained.pth", sizes, inputs["image"], inputs["video_features"])
    save_file({**vision, "encode_img": plain_encode_img(*args)}, folder / "vision.safetensors")
    comparison = check(GoldenFolder(folder))
    assert comparison.is_ok, "\n".join(lines(comparison))
    assert comparison.rows["vision.safetensors: encode_img"].deviation < 1e-5
    assert sum(row.num_values for row in comparison.rows.values()) > 10_000
    change_tensor(folder / "train.safetensors", "s1.inputs_embeds", 0.01)
    failed = [row.name for row in check(GoldenFolder(folder)).rows.values() if not row.is_ok]
    assert failed == ["train.safetensors: s*.inputs_embeds"]


def test_samples_that_are_not_upstream_s_are_refused(tmp_path):
    folder = make_golden(tmp_path / "other", SIZES)
    rows = json.loads((folder / SAMPLES).read_text())
    rows[1]["instruction_input"] = "Hello"
    (folder / SAMPLES).write_text(json.dumps(rows))
    with pytest.raises(InputErrors, match="made_1.*'Hello'"):
        build_subject(GoldenFolder(folder))
    (folder / SAMPLES).write_text(json.dumps(rows[:1]))
    with pytest.raises(UserError, match="1 samples"):
        build_subject(GoldenFolder(folder))


def test_a_text_is_taken_apart_and_put_together(golden):
    subject = build_subject(GoldenFolder(golden))
    assert all(text_of(sample.example) == sample.instruction_input for sample in subject.samples)


def test_nothing_recorded_goes_unnoticed():
    comparison = Comparison()
    recorded = {"a": 1.0, "new": 3, "list": [1, 2], "names": {"x": 1, "y": 2}, "flag": True, "nan": 1.0}
    computed = {"a": Near(1.0 + 1e-7, 1e-6), "list": [1], "names": Each({"x": 1}), "flag": 1, "gone": 2,
                "nan": Near(float("nan"), 1.0)}  # fmt: skip
    comparison.compare("f.json", recorded, computed)
    assert {name for name, row in comparison.rows.items() if row.is_ok} == {"f.json: a", "f.json: names.{}"} - {
        "f.json: names.{}"
    }
    assert {name for name, row in comparison.rows.items() if not row.is_ok} == {
        "f.json: list", "f.json: names.{}", "f.json: flag", "f.json: nan",
    }  # fmt: skip
    assert [name for name, _ in comparison.unchecked] == ["f.json: new"]
    assert comparison.absent == ["f.json: gone"]


class Changed(GoldenFolder):
    """A folder without its list of checksums, one JSON file of which says something else."""

    def __init__(self, folder: Path, file: str, content):
        self._file, self._content = file, content
        super().__init__(folder)

    def has(self, name: str) -> bool:
        return name != "MANIFEST.json" and super().has(name)

    def json(self, name: str):
        return self._content if name == self._file else super().json(name)


def leaves(value, place=()):
    """Places of all numbers, texts and booleans."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*place, key))
    elif value is not None:
        yield place


def changed_leaf(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return f"{value}x"
    return value + 7 if isinstance(value, int) else value * 1.01 + 1e-4


def with_changed_leaf(content, place):
    content = copy.deepcopy(content)
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = changed_leaf(inner[place[-1]])
    return content


SAYS_NOTHING = {
    # How the folder was made, and sentences.
    "bench_threads1.json": ".*",
    "bench_threads2.json": ".*",
    "MANIFEST.json": ".*",
    "train_loop.json": r"note",
    "model_config.json": r"ln_vision\.source|oracle_dtype",
    "checkpoint_keys.json": r"note|bytes_.*",
    "image/preprocess.json": r"torchvision|pillow|opencv|video|"
    r"\w+\.(eval_equals_train_processor|pil_emulation_bit_equal)",
    # Upstream's own interface and containers.
    "train.json": r"batch\.reduction_none_is|emos_loss_is_loss|forward_output_keys\..*",
    "dataset.json": r"collated_types\.(answer|image_id|instruction_input)",
    # Upstream's errors and classes, and losses behind texts that are not recorded.
    "edge_cases.json": r".*\.(error|message|raises)|dtypes_as_upstream_builds_it.*|RunnerBase.*|rotary.*|"
    r"(no_FeatureHere|FeatureHere_before|two_VideoHere).*\.loss",
    # Ids of pieces that only Llama-2's own tokenizer file has.
    "llama2_real_token_ids.json": r"source|pad_token\..*|bracket\.\[|answers_plus_eos\.disgust\..*",
    # Texts that are read leniently: another text can have the same, true, outcome.
    "text.json": r"empty_segment_dtype|(blip_caption|label_postprocess)\.\d+\.in",
    # A constant rate is the same at any other step.
    "lr_schedule.json": r"stage2_yaml init=min=warmup.*\.[01]",
}  # fmt: skip
"""File -> leaves whose change is no error: notes, and inputs that nothing recorded depends on."""


def all_leaves(golden: Path) -> dict[str, list[tuple[str, tuple]]]:
    """Quantity -> (file, place) of its leaves; positions in lists and names of weights are no quantities."""
    found = {}
    for path in sorted([*golden.glob("*.json"), *golden.glob("image/*.json")]):
        file = path.relative_to(golden).as_posix()
        for place in leaves(json.loads(path.read_text())):
            name = ".".join(map(str, place))
            if re.fullmatch(SAYS_NOTHING.get(file, "(?!)"), name):
                continue
            quantity = re.sub(r"(?<=\bkeys\.).*(?=\.\w+)|\d+", "*", name)
            found.setdefault(f"{file}: {quantity}", []).append((file, place))
    return found


def passes(golden: Path, file: str, place: tuple, subject) -> bool:
    """Whether a change of this leaf goes unnoticed. An input's change is looked for in all that depends on it."""
    content = with_changed_leaf(json.loads((golden / file).read_text()), place)
    groups = [group for group in GROUPS if file in group[1]]
    if file in (CONFIG, SAMPLES):
        groups = [*groups, *(group for group in GROUPS if group not in groups)]
        try:
            subject = build_subject(Changed(golden, file, content))
        except UserError:
            return False
    folder = Changed(golden, file, content)
    for recompute, files in groups:
        present = [name for name in files if folder.has(name)]
        comparison = Comparison()
        if present:
            compare_group(comparison, folder, subject, recompute, present)
        if not all(row.is_ok for row in comparison.rows.values()):
            return False
    return True


def unnoticed(golden: Path, chosen: list[tuple[str, tuple]]) -> list[str]:
    subject = build_subject(GoldenFolder(golden))
    return [f"{file}: {place}" for file, place in chosen if passes(golden, file, place, subject)]


def test_no_changed_leaf_goes_unnoticed_some(golden):
    draw = random.Random(11)
    quantities = sorted(all_leaves(golden).items())
    assert unnoticed(golden, [draw.choice(places) for _, places in draw.sample(quantities, 4)]) == []


@pytest.mark.slow
def test_no_changed_leaf_goes_unnoticed(golden):
    draw = random.Random(12)
    assert unnoticed(golden, [draw.choice(places) for _, places in sorted(all_leaves(golden).items())]) == []


def test_a_folder_with_nothing_recorded_fails(golden, tmp_path):
    comparison = check(GoldenFolder(copy_required(golden, tmp_path / "some")))
    assert not comparison.is_ok
    assert any("nothing recorded was found to compare" in line for line in lines(comparison))


def test_a_tensor_of_an_unknown_name_fails(golden, tmp_path):
    folder = copy_required(golden, tmp_path / "some", "vision.safetensors")
    save_file({**load_file(folder / "vision.safetensors"), "more": torch.zeros(1)}, folder / "vision.safetensors")
    (row,) = [row for row in check(GoldenFolder(folder)).rows.values() if not row.is_ok]
    assert row.name == "vision.safetensors: more"
