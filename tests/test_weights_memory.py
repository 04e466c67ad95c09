"""Memory of import and export at the published widths, with few layers: more than a gigabyte of files."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from runs import REPO
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM
from weights_factory import Sizes, make_checkpoint, make_checkpoint_v2, make_eva, make_sentencepiece

SIZES = Sizes(
    vision_width=1408, blocks=15, vision_heads=16, vision_mlp=6144, grid=16, image_size=448, hidden=4096, layers=1,
    heads=32, llama_mlp=11008, features=1024, rank=64, alpha=16,
)  # fmt: skip

SCRIPT = """
import json, sys
from pathlib import Path
from emolightning.models.parts.lora import LoraSettings
from emolightning.models.parts.vision import VisionSettings
from emolightning.models.emotion_llama.upstream.describing import read_trained
from emolightning.models.emotion_llama.upstream.exporting import export_upstream
from emolightning.models.emotion_llama.upstream.format import FORMAT
from emolightning.models.emotion_llama.upstream.importing import import_weights
from emolightning.models.emotion_llama_v2.fusion import FusionSettings
from emolightning.models.emotion_llama_v2.upstream import checkpoint_format
from emolightning.models.inspecting import describe
from emolightning.models.emotion_llama.upstream.merging import export_merged

def peak():
    # Resident pages, those of mapped files included; of this process alone, unlike what getrusage inherits.
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))

def measured(work):
    Path("/proc/self/clear_refs").write_text("5")
    work()
    return peak()

folder, peaks = Path(sys.argv[1]), {}
llama, eva, checkpoint, out = folder / "llama", folder / "eva.pth", folder / "trained.pth", folder / "out"
format = checkpoint_format(FusionSettings()) if sys.argv[2] == "v2" else FORMAT
target = "emolightning.models.emotion_llama_v2.build" if sys.argv[2] == "v2" else "emolightning.models.emotion_llama"
model = {"_target_": target, "language": {"path": str(llama), "dtype": "float16"}, "vision": {}, "lora": {}}
peaks["baseline"] = peak()
peaks["inspect"] = measured(lambda: [describe(path) for path in (llama, eva, checkpoint)])
peaks["import"] = measured(lambda: import_weights(
    llama=llama, eva=eva, checkpoint=checkpoint, out=out, vision=VisionSettings(num_layers=15), lora=LoraSettings(),
    format=format, description={"model": model}))
trained = read_trained(out / "adapter")
peaks["merged"] = measured(lambda: export_merged(trained, folder / "merged"))
peaks["upstream"] = measured(lambda: export_upstream(trained, folder / "exported.pth"))
print(json.dumps(peaks))
"""


def make_large_llama(folder: Path) -> Path:
    """Mostly zeros, so that it is quickly made."""
    folder.mkdir()
    vocabulary = make_sentencepiece(folder)
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=SIZES.hidden, intermediate_size=SIZES.llama_mlp, dtype="float16",
        num_hidden_layers=SIZES.layers, num_attention_heads=SIZES.heads,
    )  # fmt: skip
    config.save_pretrained(folder)
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in LlamaForCausalLM(config).state_dict().items()}
    state = {name: torch.zeros(shape, dtype=torch.float16) for name, shape in shapes.items()}
    for tensor in state.values():
        tensor.view(-1)[:50] = torch.randn(50)
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.mark.slow  # It writes and reads 1.39 GB.
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak is read where Linux keeps it")
@pytest.mark.parametrize("family", ["v1", "v2"])
def test_a_gigabyte_passes_through_in_pieces(tmp_path, family):
    make_large_llama(tmp_path / "llama")
    make_eva(tmp_path / "eva.pth", SIZES, few=True)
    make = {"v1": make_checkpoint, "v2": make_checkpoint_v2}[family]
    make(tmp_path / "trained.pth", SIZES)
    inputs = [tmp_path / "llama" / "model.safetensors", tmp_path / "eva.pth", tmp_path / "trained.pth"]
    sizes = [path.stat().st_size for path in inputs]
    assert sum(sizes) > 10**9
    command = [sys.executable, "-c", SCRIPT, str(tmp_path), family]
    result = subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=250, check=False)
    assert result.returncode == 0, result.stderr
    peaks = json.loads(result.stdout.splitlines()[-1])
    print("bytes:", dict(zip(("llama", "eva", "checkpoint"), sizes, strict=True)), "peaks:", peaks)
    # Beside the interpreter and all libraries, which are 0.5 GB, and 1 GB with CUDA's.
    assert max(peaks["import"], peaks["merged"], peaks["upstream"]) - peaks["baseline"] < 0.75 * max(sizes)
    assert peaks["inspect"] - peaks["baseline"] < 0.1 * max(sizes)
    eva, tower = torch.load(inputs[1], mmap=True), load_file(tmp_path / "out" / "eva_clip_g" / "model.safetensors")
    assert torch.equal(eva["blocks.14.mlp.fc1.weight"], tower["encoder.layers.14.mlp.fc1.weight"])
    assert torch.equal(eva["blocks.0.attn.qkv.weight"], tower["encoder.layers.0.self_attn.qkv.weight"])
    state = torch.load(inputs[2], mmap=True)["model"]
    layer = "model.layers.0.self_attn.v_proj"
    a, b = (state[f"llama_model.base_model.model.{layer}.lora_{matrix}.weight"] for matrix in "AB")
    base = load_file(inputs[0])[f"{layer}.weight"]
    merged = load_file(tmp_path / "merged" / "language" / "model.safetensors")[f"{layer}.weight"]
    assert torch.equal(merged, (base.float() + 16 / 64 * (b @ a)).half())
    exported = torch.load(tmp_path / "exported.pth", weights_only=True)["model"]
    assert all(torch.equal(tensor, state[name]) for name, tensor in exported.items() if "inv_freq" not in name)
