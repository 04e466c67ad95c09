"""Published checkpoints of AffectGPT and Light-MER: in, out, and their names at full size."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from affectgpt_factory import LORA, PUBLISHED, WIDTHS, make_model, make_published, save_checkpoint, upstream_state
from language_factory import make_qwen2
from runs import REPO
from safetensors.torch import save_file
from transformers import Qwen2Config, Qwen2ForCausalLM

from emolightning.errors import InputErrors, UserError
from emolightning.models.affectgpt.build import build_affectgpt
from emolightning.models.affectgpt.distillation import DistillationSettings, HiddenProjection
from emolightning.models.affectgpt.settings import FusionSettings
from emolightning.models.affectgpt.upstream import export_affectgpt, import_affectgpt
from emolightning.models.inspecting import argument_of, describe
from emolightning.models.parts.adapter import load_adapter
from emolightning.models.parts.language import LanguageSettings
from emolightning.models.parts.lora import LoraSettings
from emolightning.runs.weights import refuse_foreign

SMALL = {"qformer_width": 24, "qformer_heads": 2, "qformer_mlp_width": 32}


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    return make_qwen2(tmp_path_factory.mktemp("qwen") / "llm")


def imported(llama, files, out, *, fusion=FusionSettings(), r=4, **more):  # noqa: B008
    lora = LoraSettings(r=r, alpha=LORA.alpha, dropout=0.0, targets=LORA.targets)
    language = LanguageSettings(path=str(llama))
    return import_affectgpt(
        llama=llama, checkpoints=files, out=out, language=language, lora=lora, fusion=fusion, **more
    )


@pytest.mark.parametrize("kind", ["attention", pytest.param("qformer", marks=pytest.mark.slow)])
def test_a_checkpoint_comes_in_and_goes_out(llama, tmp_path, kind):
    fusion = FusionSettings(video=kind, audio=kind, multi=kind, **SMALL)
    trained = make_model(llama, fusion, seed=1)
    state = upstream_state(trained)
    report = imported(llama, [save_checkpoint(tmp_path / "ckpt.pth", state)], tmp_path / "out", fusion=fusion)
    assert report.is_complete
    left = {name for names in report.unused.values() for name in names}
    assert left == {"llama_model.base_model.model.lm_head.weight", "ot_hidden_proj.student_proj.0.weight"}
    fresh = make_model(llama, fusion, seed=2)
    assert load_adapter(fresh, tmp_path / "out" / "adapter") == ["language", "projections"]
    assert all(torch.equal(p, dict(trained.named_parameters())[name]) for name, p in fresh.named_parameters())
    about = json.loads((tmp_path / "out" / "adapter" / "emolightning.json").read_text())
    assert about["feature_widths"] == WIDTHS
    assert about["epoch"] == 7
    export_affectgpt(tmp_path / "out" / "adapter", tmp_path / "again.pth")
    again = torch.load(tmp_path / "again.pth", weights_only=True)
    assert again["epoch"] == 7
    assert {*again["model"]} == {*state} - left
    assert all(torch.equal(tensor, state[name]) for name, tensor in again["model"].items())
    with pytest.raises(UserError, match="there already"):
        export_affectgpt(tmp_path / "out" / "adapter", tmp_path / "again.pth")
    with pytest.raises(UserError, match="already; give another folder"):
        imported(llama, [tmp_path / "ckpt.pth"], tmp_path / "out", fusion=fusion)


@pytest.mark.parametrize(
    ("fusion", "video"), [(FusionSettings(), "attention"), (FusionSettings(video="mean", multi="none"), "mean")]
)
def test_a_checkpoint_is_known_for_what_it_is(llama, tmp_path, fusion, video):
    path = save_checkpoint(tmp_path / "c.pth", upstream_state(make_model(llama, fusion)))
    found = describe(path)
    assert found.kind == "AffectGPT checkpoint"
    assert (found.facts["LoRA rank"], found.facts["video"], found.facts["epoch"]) == (4, video, 7)
    assert found.facts["trained with Light-MER's distillation"]
    assert ("multi" in found.facts["streams"]) == (fusion.multi != "none")
    assert argument_of(found.kind) == "checkpoint"
    with pytest.raises(UserError, match=r"it is: AffectGPT checkpoint; convert it once, .* import-weights checkpoint="):
        refuse_foreign("checkpoint", path)


def test_later_files_replace_tensors_of_earlier_ones(llama, tmp_path):
    first, second = upstream_state(make_model(llama, seed=1)), upstream_state(make_model(llama, seed=2))
    some = {name: tensor for name, tensor in second.items() if name.startswith("affectgpt_proj.")}
    files = [save_checkpoint(tmp_path / "a.pth", first, 3), save_checkpoint(tmp_path / "b.pth", some, 5)]
    report = imported(llama, files, tmp_path / "out")
    assert report.unused[str(files[0])]["affectgpt_proj.weight"] == "replaced by b.pth"
    model = make_model(llama, seed=3)
    load_adapter(model, tmp_path / "out" / "adapter")
    assert torch.equal(model.projections.affectgpt_proj.weight, second["affectgpt_proj.weight"])
    assert torch.equal(model.projections.fc_att.weight, first["fc_att.weight"])


@pytest.mark.parametrize(
    ("change", "r", "expected"),
    [
        (lambda state: state.pop("fc_att.weight"), 4, r"no tensor for projections\.fc_att\.weight"),
        (lambda state: state.update({"resampler.weight": torch.zeros(2)}), 4, r"no place for resampler\.weight"),
        (
            lambda state: state.update({"affectgpt_proj.bias": torch.zeros(3)}),
            4,
            r"affectgpt_proj\.bias has shape \(3,\)",
        ),
        (lambda state: state["affectgpt_proj.bias"].fill_(torch.nan), 4, "NaN or infinite"),
        (lambda state: None, 3, r"model\.lora\.r=3: say model\.lora\.r=4"),
    ],
)
def test_what_does_not_fit_is_told_and_nothing_is_written(llama, tmp_path, change, r, expected):
    state = upstream_state(make_model(llama))
    change(state)
    with pytest.raises(InputErrors, match=expected):
        imported(llama, [save_checkpoint(tmp_path / "c.pth", state)], tmp_path / "out", r=r)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name != "student")) for name in PUBLISHED]
)
def test_names_and_shapes_at_full_size(shared, tmp_path, llama, name):
    path = shared / "golden_affectgpt" / "keys_fullsize.json"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    recorded, (kind, sizes, video, audio) = json.loads(path.read_text())[name], PUBLISHED[name]
    folder = make_published(tmp_path / "llm", kind, sizes)
    with torch.device("meta"):
        model = build_affectgpt(
            language=LanguageSettings(path=str(folder), tokenizer=str(llama), dtype="float16"),
            lora=LoraSettings(r=16, alpha=32, dropout=0.05, targets="all-linear"),
            fusion=FusionSettings(),
            inputs=[*WIDTHS, "transcript"],
            feature_widths={"face": video, "frame": video, "picture": video, "speech": audio},
        )
    theirs = {
        key.replace("{i}", str(layer)): (shape, dtype)
        for key, (shape, dtype) in recorded["entries"].items()
        for layer in range(sizes["num_hidden_layers"] if "{i}" in key else 1)
    }
    state = {key.replace("language.", "llama_model.", 1).replace("projections.", "", 1): p
             for key, p in model.named_parameters() if p.requires_grad}  # fmt: skip
    ours = {key: ([*p.shape], str(p.dtype).removeprefix("torch.")) for key, p in state.items()}
    theirs.pop("llama_model.base_model.model.lm_head.weight", None)  # Of tied models: the base's embeddings again.
    assert ours == theirs
    counts = recorded["counts"]
    base = sum(p.numel() for key, p in model.language.named_parameters() if "lora_" not in key)
    assert base == counts["llm_base"]
    assert sum(p.numel() for p in state.values()) == counts["trainable_parameters"] == counts["lora"] + counts["others"]
    assert len(state) == counts["tensors"]


def test_what_distillation_adds_at_full_size(shared):
    path = shared / "golden_affectgpt" / "keys_fullsize.json"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    everything = json.loads(path.read_text())
    recorded, alone = everything["student with SWD projector"], everything["student"]
    with torch.device("meta"):
        hidden = HiddenProjection(1024, DistillationSettings())
        fixed = torch.nn.Linear(4096, 1024, bias=False)
    trained = {
        f"ot_hidden_proj.{name}": [[*p.shape], "float32"] for name, p in hidden.named_parameters() if p.requires_grad
    }
    assert trained == recorded["entries"]
    more = recorded["counts"]["all_parameters"] - alone["counts"]["all_parameters"]
    assert sum(p.numel() for part in (hidden, fixed) for p in part.parameters()) == more


SCRIPT = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from affectgpt_factory import LORA
from emolightning.models.affectgpt.settings import FusionSettings
from emolightning.models.affectgpt.upstream import export_affectgpt, import_affectgpt
from emolightning.models.parts.language import LanguageSettings

def peak():
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))

def measured(work):
    Path("/proc/self/clear_refs").write_text("5")
    work()
    return peak()

folder = Path(sys.argv[2])
llama, peaks = folder / "llm", {"baseline": peak()}
peaks["import"] = measured(lambda: import_affectgpt(
    llama=llama, checkpoints=[folder / "ckpt.pth"], out=folder / "out", lora=LORA, fusion=FusionSettings(),
    language=LanguageSettings(path=str(llama))))
peaks["export"] = measured(lambda: export_affectgpt(folder / "out" / "adapter", folder / "again.pth"))
print(json.dumps(peaks))
"""


@pytest.mark.slow  # It writes and reads a gigabyte.
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak is read where Linux keeps it")
def test_a_full_width_passes_through_in_pieces(tmp_path, llama):
    folder = tmp_path / "llm"
    shutil.copytree(llama, folder)
    sizes = {**PUBLISHED["AffectGPT Qwen2.5-7B, CLIP-L/14, HuBERT-large"][1], "num_hidden_layers": 2}
    vocabulary = json.loads((llama / "config.json").read_text())["vocab_size"]
    config = Qwen2Config(**{**sizes, "vocab_size": vocabulary}, dtype="float16")
    config.save_pretrained(folder)
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in Qwen2ForCausalLM(config).state_dict().items()}
    base = {name: torch.zeros(shape, dtype=torch.float16) for name, shape in shapes.items()}
    save_file(base, folder / "model.safetensors", metadata={"format": "pt"})
    widths = {"face": 768, "frame": 768, "picture": 768, "speech": 1024}
    with torch.device("meta"):
        model = build_affectgpt(language=LanguageSettings(path=str(folder)), lora=LORA, fusion=FusionSettings(),
                                inputs=[*widths], feature_widths=widths)  # fmt: skip
    shapes = {name: p.shape for name, p in model.named_parameters() if p.requires_grad}
    state = {name.replace("language.", "llama_model.", 1).replace("projections.", "", 1): torch.rand(shape)
             for name, shape in shapes.items()}  # fmt: skip
    save_checkpoint(tmp_path / "ckpt.pth", state)
    largest = max(path.stat().st_size for path in (folder / "model.safetensors", tmp_path / "ckpt.pth"))
    command = [sys.executable, "-c", SCRIPT, str(Path(__file__).parent), str(tmp_path)]
    result = subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=250, check=False)
    assert result.returncode == 0, result.stderr
    peaks = json.loads(result.stdout.splitlines()[-1])
    print("largest file:", largest, "peaks:", peaks)
    assert max(peaks["import"], peaks["export"]) - peaks["baseline"] < 1.5 * largest
    again = torch.load(tmp_path / "again.pth", weights_only=True, mmap=True)["model"]
    assert all(torch.equal(tensor, state[name]) for name, tensor in again.items())
    assert {*again} == {*state}
